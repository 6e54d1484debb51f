import {
  type DataType,
  getKernel,
  type KernelFunc,
  type NamedAttrMap,
  type TensorInfo,
} from '@tensorflow/tfjs-core';

/** What is used of tfjs's wasm backend. */
export interface WasmBackend {
  disposeData(dataId: TensorInfo['dataId']): boolean;
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  typedArrayFromHeap(info: TensorInfo): Float32Array | Int32Array | Uint8Array;
}

/** What a kernel of ours gets: its inputs and attributes, and the backend's own kernel where it has one. */
export interface Call<Inputs, Attrs> {
  backend: WasmBackend;
  inputs: Inputs;
  attrs: Attrs;
  /** The backend's own kernel on the same or on other inputs and attributes. */
  stock: (inputs: Inputs, attrs: Attrs) => ReturnType<KernelFunc>;
}

/** Runs a kernel of the wasm backend. No scope of the engine knows the result: whoever calls releases or returns it. */
export function run(
  backend: WasmBackend,
  name: string,
  inputs: Record<string, TensorInfo>,
  attrs: NamedAttrMap = {},
): TensorInfo {
  return getKernel(name, 'wasm').kernelFunc({ inputs, attrs, backend }) as TensorInfo;
}

/** Disposes what kernels made on the way. */
export function release(backend: WasmBackend, ...infos: TensorInfo[]): void {
  for (const { dataId } of infos) backend.disposeData(dataId);
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
