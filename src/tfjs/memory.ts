import { backend, engine, type Tensor, type TensorInfo } from '@tensorflow/tfjs-core';

/** The memory of the wasm backend, where tensors can be filled without a copy beside it. */
interface BackendMemory {
  makeOutput(shape: number[], dtype: 'float32'): TensorInfo;
  typedArrayFromHeap(tensor: TensorInfo): Float32Array;
  wasm?: { asm: { memory?: WebAssembly.Memory } };
}

/** The current backend's memory, or undefined where it is out of reach (a GPU's). */
function heap(): BackendMemory | undefined {
  const current = backend() as Partial<BackendMemory>;
  return current.makeOutput && current.typedArrayFromHeap ? (current as BackendMemory) : undefined;
}

/** A new tensor with whatever its memory held, or undefined where the backend's memory is out of reach. */
export function unfilledTensor(shape: readonly number[]): Tensor | undefined {
  const info = heap()?.makeOutput([...shape], 'float32');
  return info && engine().makeTensorFromTensorInfo(info);
}

/**
 * The numbers of a tensor where the backend keeps them, or undefined where its memory is out of reach. The view holds
 * until the backend allocates anything, which may move its memory.
 */
export function heapView(tensor: TensorInfo): Float32Array | undefined {
  return heap()?.typedArrayFromHeap(tensor);
}

/** The backend's memory itself, where it is one thread's: what other WebAssembly can work on. */
export function heapMemory(): WebAssembly.Memory | undefined {
  return heap()?.wasm?.asm.memory;
}
