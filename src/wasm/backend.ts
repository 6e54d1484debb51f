import { type backend_util, type DataType, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { wholePixels } from '../tfjs/wholePixels.js';

/** The parts of tfjs's wasm backend that the kernels use. */
export interface WasmBackend {
  disposeData(dataId: TensorInfo['dataId'], force?: boolean): boolean;
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  typedArrayFromHeap(info: TensorInfo): Float32Array | Int32Array | Uint8Array;
  /** The address of a tensor's numbers, in bytes. */
  getMemoryOffset(dataId: TensorInfo['dataId']): number;
  /** Counts one more tensor with these numbers. */
  incRef(dataId: TensorInfo['dataId']): void;
  /** How many tensors share these numbers; 0 once they are disposed. */
  refCount(dataId: TensorInfo['dataId']): number;
  /** Where tensors are, and the numbers by which the backend's own kernels know them. */
  dataIdMap: { get(dataId: TensorInfo['dataId']): { id: number; memoryOffset: number } };
  /** The backend's own module; null once the backend is disposed. */
  wasm: {
    _malloc(bytes: number): number;
    _free(address: number): void;
    tfjs: {
      registerTensor(id: number, size: number, address: number): void;
      disposeData(id: number): void;
    };
    asm: { memory?: WebAssembly.Memory };
    wasmMemory?: WebAssembly.Memory;
  } | null;
}

export type ConvInfo = backend_util.Conv2DInfo;

/** The memory of a backend, in its single-threaded or threaded build. */
export function memoryOf({ wasm }: WasmBackend): WebAssembly.Memory {
  const memory = wasm!.asm.memory ?? wasm!.wasmMemory;
  if (!memory) {
    throw new Error(
      'installWasmKernels: the memory of this @tensorflow/tfjs-backend-wasm cannot be accessed; use version 4.22.',
    );
  }
  return memory;
}

/** The address of a tensor's numbers; 0 for no tensor. */
export function addressOf(backend: WasmBackend, info: TensorInfo | undefined): number {
  return info ? backend.getMemoryOffset(info.dataId) : 0;
}

/**
 * Makes the backend throw where its memory cannot grow. It would go on with a tensor at the address 0, and write over its own
 * data there.
 *
 * @returns a function that restores the backend.
 */
export function guardMemory({ wasm }: WasmBackend): () => void {
  // Emscripten replaces the functions at their first call.
  wasm!._free(wasm!._malloc(8));
  const malloc = wasm!._malloc;
  wasm!._malloc = (bytes) => {
    // Larger sizes would be passed on modulo 4 GB.
    const address = bytes < 2 ** 32 ? malloc(bytes) : 0;
    if (address === 0 && bytes > 0) {
      throw new RangeError(
        `installWasmKernels: the wasm backend's memory (at most 4 GB) has no room for ${bytes} more bytes; use a smaller batch, or dispose of tensors.`,
      );
    }
    return address;
  };
  return () => {
    wasm!._malloc = malloc;
  };
}

/** Allocates memory of the backend. The memory may move, which detaches older views of it. */
export function allocate(backend: WasmBackend, bytes: number): number {
  // The address is returned as an int32, which is negative above 2 GB.
  return backend.wasm!._malloc(bytes) >>> 0;
}

/** Runs `use` with working memory that is freed afterwards. */
export function withMemory<T>(backend: WasmBackend, bytes: number, use: (address: number) => T): T {
  const address = allocate(backend, bytes);
  try {
    return use(address);
  } finally {
    backend.wasm!._free(address);
  }
}

/** Numbers in the backend's memory, as long as that does not move. */
export function floats(backend: WasmBackend, address: number, count: number): Float32Array {
  return new Float32Array(memoryOf(backend).buffer, address, count);
}

/** A tensor in the memory of one that the caller gives up, or in new memory if other tensors share those numbers. */
export function inPlaceOf(backend: WasmBackend, given: TensorInfo): TensorInfo {
  if (backend.refCount(given.dataId) > 1) return backend.makeOutput(given.shape, given.dtype);
  return sharing(backend, given);
}

/** A tensor with the numbers of another, not a copy. */
export function sharing(backend: WasmBackend, { dataId, shape, dtype }: TensorInfo): TensorInfo {
  backend.incRef(dataId);
  return { dataId, shape, dtype };
}

/**
 * A tensor for numbers that replace those of `old`, where the caller gives up `old` and `given`. It takes `old`'s memory, so that
 * what is kept stays where it is and all that a training step frees is one piece again; and `given`'s identity, because filters'
 * transforms are kept by it. If other tensors share `old`'s numbers it takes `given`'s memory, or new memory if they share both.
 */
export function replacementOf(backend: WasmBackend, old: TensorInfo, given: TensorInfo): TensorInfo {
  const to = inPlaceOf(backend, given);
  if (to.dataId !== given.dataId || backend.refCount(old.dataId) > 1) return to;
  const [left, right] = [old, given].map(({ dataId }) => backend.dataIdMap.get(dataId));
  [left!.memoryOffset, right!.memoryOffset] = [right!.memoryOffset, left!.memoryOffset];
  for (const { id, memoryOffset } of [left!, right!]) {
    backend.wasm!.tfjs.disposeData(id);
    backend.wasm!.tfjs.registerTensor(id, util.sizeFromShape(old.shape), memoryOffset);
  }
  return to;
}

/**
 * Creates a tensor of `from`'s type, uninitialized, and returns the numbers of both. Creating a tensor may move the backend's
 * memory, which detaches older views of it, so both views are created afterwards.
 */
export function output(backend: WasmBackend, from: TensorInfo, shape: number[]) {
  const info = backend.makeOutput(shape, from.dtype);
  return { info, target: backend.typedArrayFromHeap(info), source: backend.typedArrayFromHeap(from) };
}

/** The first rows and columns of images, as many as a convolution puts out. */
export function cropped(backend: WasmBackend, y: TensorInfo, { outHeight, outWidth }: ConvInfo): TensorInfo {
  const [batch, height, width, channels] = y.shape as [number, number, number, number];
  const { info, target, source } = output(backend, y, [batch, outHeight, outWidth, channels]);
  const row = outWidth * channels;
  for (let i = 0; i < batch * outHeight; i++) {
    const from = (Math.floor(i / outHeight) * height + (i % outHeight)) * width * channels;
    target.set(source.subarray(from, from + row), i * row);
  }
  return info;
}

/** Creates a tensor of one value. */
export function filled(backend: WasmBackend, shape: number[], dtype: DataType, value: number): TensorInfo {
  const info = backend.makeOutput(shape, dtype);
  backend.typedArrayFromHeap(info).fill(value);
  return info;
}

/** Creates a tensor of zeros. */
export function zeros(backend: WasmBackend, shape: number[]): TensorInfo {
  return filled(backend, shape, 'float32', 0);
}

/** Throws unless the images are channels last, the only layout that the backend's convolutions support. */
export function channelsLast(kernel: string, dataFormat: string): void {
  if (dataFormat !== 'NHWC') {
    throw new RangeError(
      `${kernel}: dataFormat is '${dataFormat}', but the wasm backend supports only 'NHWC'; transpose the images.`,
    );
  }
}

/** Throws unless a filter or window goes by whole pixels, and images are large enough for it; of those that leave nothing, the output is empty. */
export function checkFits(kernel: string, info: ConvInfo): void {
  wholePixels(kernel, info);
  const { inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth } = info;
  if (outHeight < 0 || outWidth < 0) {
    throw new RangeError(
      `${kernel}: images of ${inHeight}x${inWidth} are too small for ${filterHeight}x${filterWidth} windows; use larger images, or padding 'same'.`,
    );
  }
}
