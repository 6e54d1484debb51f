import type { backend_util, DataType, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import type { Filters } from './filters.js';
import type { Helper } from './helper.js';
import type { Kernels } from './kernels.js';
import type { Place } from './operands.js';

/** What is used of tfjs's wasm backend. */
export interface WasmBackend {
  disposeData(dataId: TensorInfo['dataId'], force?: boolean): boolean;
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  typedArrayFromHeap(info: TensorInfo): Float32Array | Int32Array | Uint8Array;
  /** Where a tensor's numbers lie, in bytes. */
  getMemoryOffset(dataId: TensorInfo['dataId']): number;
  /** Says that one more tensor has these numbers. */
  incRef(dataId: TensorInfo['dataId']): void;
  /** How many tensors share some numbers; 0 when they are disposed. */
  refCount(dataId: TensorInfo['dataId']): number;
  /** The backend's own module; null once the backend is disposed. */
  wasm: {
    _malloc(bytes: number): number;
    _free(address: number): void;
    asm: { memory?: WebAssembly.Memory };
    wasmMemory?: WebAssembly.Memory;
  } | null;
}

/** A backend, and what the kernels have there. */
export interface Tools {
  backend: WasmBackend;
  /** The library's WebAssembly on the backend's memory. */
  kernels: Kernels;
  /** What is kept of filters that are used again. */
  filters: Filters;
  /** The backend's memory, as a place where `kernels` compute. */
  place: Place;
  /** Other threads, if there are any. */
  helpers: Helper[];
}

/** What a kernel of ours gets: its inputs and attributes, and the backend's own kernel where it has one. */
export interface Call<Inputs, Attrs> extends Tools {
  inputs: Inputs;
  attrs: Attrs;
  /** The backend's own kernel on the same or on other inputs and attributes. */
  stock: (inputs: Inputs, attrs: Attrs) => ReturnType<KernelFunc>;
}

export type ConvInfo = backend_util.Conv2DInfo;

/** Where a tensor's numbers lie; 0 for none. */
export function addressOf(backend: WasmBackend, info: TensorInfo | undefined): number {
  return info ? backend.getMemoryOffset(info.dataId) : 0;
}

/** Memory of the backend, which may move for it: older views are dead afterwards. */
export function allocate(backend: WasmBackend, bytes: number): number {
  // The address is an int32 for the caller, negative above 2 GB.
  const address = backend.wasm!._malloc(bytes) >>> 0;
  if (address === 0) {
    throw new RangeError(
      `installWasmKernels: the wasm backend's memory, 4 GB at most, has no ${bytes} bytes left to work in; use a smaller batch.`,
    );
  }
  return address;
}

/** Runs `use` with working memory that is given back afterwards. */
export function withMemory<T>(backend: WasmBackend, bytes: number, use: (address: number) => T): T {
  const address = allocate(backend, bytes);
  try {
    return use(address);
  } finally {
    backend.wasm!._free(address);
  }
}

/**
 * A tensor of `from`'s type and its numbers. Its own numbers are whatever lay there before. Making a tensor may move the
 * backend's memory, after which older views of it are dead: so both are looked up afterwards.
 */
export function output(backend: WasmBackend, from: TensorInfo, shape: number[]) {
  const info = backend.makeOutput(shape, from.dtype);
  return { info, target: backend.typedArrayFromHeap(info), source: backend.typedArrayFromHeap(from) };
}

/** Throws unless the images are channels last, the only layout that the backend's convolutions know. */
export function channelsLast(kernel: string, dataFormat: string): void {
  if (dataFormat !== 'NHWC') {
    throw new RangeError(
      `${kernel}: dataFormat is '${dataFormat}', but the wasm backend knows 'NHWC' alone; transpose the images.`,
    );
  }
}
