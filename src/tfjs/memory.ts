import { backend, engine, env, getBackend, type Tensor, type TensorInfo } from '@tensorflow/tfjs-core';

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

/** As {@link memoryView}, also where the caller has changed the current backend since the tensor was made. */
export function viewWhereHeld(tensor: TensorInfo): Float32Array | undefined {
  const { backend } = engine().state.tensorInfo.get(tensor.dataId) ?? {};
  return (backend as Partial<BackendMemory> | undefined)?.typedArrayFromHeap?.(tensor);
}

/** The memory of a single-threaded wasm backend, for other WebAssembly modules to use. */
export function wasmMemory(): WebAssembly.Memory | undefined {
  return reachable()?.wasm?.asm.memory;
}

/** What a backend can hold, in bytes, as far as that can be known before it is tried. */
export interface MemoryLimits {
  /** All tensors together. */
  total?: number;
  /** One tensor. */
  tensor?: number;
}

/** The memory of WebAssembly: 4 GiB without a page. */
const WASM_BYTES = 0xffff_0000;

/** The limits of the current backend. How much memory a GPU or the machine has, it does not say. */
export function memoryLimits(): MemoryLimits {
  switch (getBackend()) {
    case 'wasm':
      return { total: WASM_BYTES };
    case 'webgpu': {
      const { limits } = (backend() as unknown as { device: GpuDevice }).device;
      return { tensor: Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize) };
    }
    case 'webgl':
      // A texel for each number, four bytes.
      return { tensor: 4 * env().getNumber('WEBGL_MAX_TEXTURE_SIZE') ** 2 };
    default:
      return {};
  }
}

/** What is used of a `GPUDevice`, whose types need a package. */
interface GpuDevice {
  limits: { maxBufferSize: number; maxStorageBufferBindingSize: number };
}
