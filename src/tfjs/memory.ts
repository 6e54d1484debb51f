import { backend, engine, type Tensor, type TensorInfo } from '@tensorflow/tfjs-core';

/** The parts of the wasm backend that give access to its memory, so that tensors can be filled without a copy. */
interface BackendMemory {
  makeOutput(shape: number[], dtype: 'float32'): TensorInfo;
  typedArrayFromHeap(tensor: TensorInfo): Float32Array;
  wasm?: { asm: { memory?: WebAssembly.Memory } };
}

/** The current backend, or undefined where its memory is out of reach (a GPU's). */
function reachable(): BackendMemory | undefined {
  const current = backend() as Partial<BackendMemory>;
  return current.makeOutput && current.typedArrayFromHeap ? (current as BackendMemory) : undefined;
}

/** A new uninitialized tensor, or undefined where the backend's memory is out of reach. */
export function unfilledTensor(shape: readonly number[]): Tensor | undefined {
  const info = reachable()?.makeOutput([...shape], 'float32');
  return info && engine().makeTensorFromTensorInfo(info);
}

/**
 * A view of a tensor's numbers in the backend's memory, or undefined where that is out of reach. The view is valid until the
 * backend next allocates, which may move its memory.
 */
export function memoryView(tensor: TensorInfo): Float32Array | undefined {
  return reachable()?.typedArrayFromHeap(tensor);
}

/** The memory of a single-threaded wasm backend, for other WebAssembly modules to use. */
export function wasmMemory(): WebAssembly.Memory | undefined {
  return reachable()?.wasm?.asm.memory;
}
