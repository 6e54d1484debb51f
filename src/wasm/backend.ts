import type { backend_util, DataType, TensorInfo } from '@tensorflow/tfjs-core';

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
  /** The backend's own module; null once the backend is disposed. */
  wasm: {
    _malloc(bytes: number): number;
    _free(address: number): void;
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

/** Allocates memory of the backend. The memory may move, which detaches older views of it. */
export function allocate(backend: WasmBackend, bytes: number): number {
  // The address is returned as an int32, which is negative above 2 GB.
  const address = backend.wasm!._malloc(bytes) >>> 0;
  if (address === 0) {
    throw new RangeError(
      `installWasmKernels: the wasm backend's memory (at most 4 GB) has no room for ${bytes} more bytes; use a smaller batch.`,
    );
  }
  return address;
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

/** A tensor in the memory of one that the caller gives up, or in new memory if other tensors share those numbers. */
export function inPlaceOf(backend: WasmBackend, given: TensorInfo): TensorInfo {
  if (backend.refCount(given.dataId) > 1) return backend.makeOutput(given.shape, given.dtype);
  backend.incRef(given.dataId);
  return { dataId: given.dataId, shape: given.shape, dtype: given.dtype };
}

/**
 * Creates a tensor of `from`'s type, uninitialized, and returns the numbers of both. Creating a tensor may move the backend's
 * memory, which detaches older views of it, so both views are created afterwards.
 */
export function output(backend: WasmBackend, from: TensorInfo, shape: number[]) {
  const info = backend.makeOutput(shape, from.dtype);
  return { info, target: backend.typedArrayFromHeap(info), source: backend.typedArrayFromHeap(from) };
}

/** Creates a tensor of zeros. */
export function zeros(backend: WasmBackend, shape: number[]): TensorInfo {
  const info = backend.makeOutput(shape, 'float32');
  backend.typedArrayFromHeap(info).fill(0);
  return info;
}

/** Throws unless the images are channels last, the only layout that the backend's convolutions support. */
export function channelsLast(kernel: string, dataFormat: string): void {
  if (dataFormat !== 'NHWC') {
    throw new RangeError(
      `${kernel}: dataFormat is '${dataFormat}', but the wasm backend supports only 'NHWC'; transpose the images.`,
    );
  }
}

/** Throws unless images are large enough for a filter or window; of those that leave nothing, the output is empty. */
export function checkFits(kernel: string, info: ConvInfo): void {
  const { inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth } = info;
  if (outHeight < 0 || outWidth < 0) {
    throw new RangeError(
      `${kernel}: images of ${inHeight}x${inWidth} are too small for ${filterHeight}x${filterWidth} windows; use larger images, or padding 'same'.`,
    );
  }
}
