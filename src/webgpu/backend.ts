import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';

/** What a shader binds: a buffer, or a view of a texture. */
export type Binding = { readonly buffer: object } | object;

/** Records the programs of a pass. */
interface Pass {
  setPipeline(pipeline: object): void;
  setBindGroup(index: number, group: object): void;
  dispatchWorkgroups(x: number, y: number, z: number): void;
}

/** An error that nobody caught, as an event. */
export interface DeviceError {
  readonly error: { readonly message: string };
  /** Whether a listener deals with the error. */
  readonly defaultPrevented: boolean;
}

/** The part of tfjs's `WebGPUBackend` that the kernels use. */
export interface WebgpuBackend {
  readonly device: {
    readonly limits: {
      readonly maxStorageBufferBindingSize: number;
      readonly maxBufferSize: number;
      readonly maxComputeWorkgroupsPerDimension: number;
    };
    createShaderModule(descriptor: { code: string; label: string }): object;
    createComputePipeline(descriptor: {
      compute: { module: object; entryPoint: string };
      label: string;
      layout: 'auto';
    }): { getBindGroupLayout(index: number): object };
    createBindGroup(descriptor: {
      layout: object;
      entries: { binding: number; resource: Binding }[];
    }): object;
    createBuffer(descriptor: { size: number; usage: number }): object;
    createQuerySet(descriptor: { type: 'timestamp'; count: number }): object;
    /** Absent from older browsers. */
    readonly adapterInfo?: { readonly isFallbackAdapter?: boolean };
    readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
    addEventListener(type: 'uncapturederror', listener: (event: DeviceError) => void): void;
  };
  readonly supportTimestampQuery: boolean;
  /** The buffers of tensors, and their numbers on the host where they are known. */
  readonly tensorMap: {
    get(dataId: object): { dtype?: DataType; resource?: object | null; values?: unknown };
  };
  /** Gives a tensor a buffer of the device, if it has none yet. */
  uploadToGPU(dataId: object): void;
  tensorToBinding(tensor: TensorInfo): Binding;
  readonly queue: {
    writeBuffer(buffer: object, offset: number, bytes: ArrayBuffer | Float32Array | Int32Array): void;
  };
  /** The pool of buffers, those of tensors among them. */
  readonly bufferManager: { acquireBuffer(size: number, usage: number): object };
  /** Tensors that commands use which are not submitted yet. */
  readonly commandQueueOwnedIds: { add(dataId: object): void };
  ensureCommandEncoderReady(): void;
  readonly commandEncoder: { beginComputePass(descriptor: object): Pass } | null;
  computePassEncoder: Pass | null;
  endComputePassEncoder(): void;
  /** Programs that were recorded and not submitted yet. */
  dispatchCountInPass: number;
  submitQueue(): void;
  /** The timers of programs while `time` runs a function. */
  activeTimers?: { name: string; query: Promise<number> }[];
  querySet: object | null;
  readonly querySetCount: number;
  /** The device's time for the pass that was timed, which it submits. */
  getQueryTime(): Promise<number>;
  /** The number of tensors that share numbers. */
  refCount(dataId: object): number;
  incRef(dataId: object): void;
  makeTensorInfo(shape: number[], dtype: DataType): TensorInfo;
  /** Returns the buffer to tfjs's pool once the recorded commands that use it were submitted. */
  disposeData(dataId: object, force?: boolean): boolean;
  /** Runs `f`, and measures the GPU's time for its programs if the device supports timestamps. */
  time(f: () => void): Promise<{ kernelMs: number | { error: string } }>;
}

/** Whether a tensor of floats has the numbers of the integers that tfjs cast it from, which share their buffer. */
export function isCast({ tensorMap }: WebgpuBackend, { dataId, dtype }: TensorInfo): boolean {
  return dtype === 'float32' && (tensorMap.get(dataId).dtype ?? dtype) !== dtype;
}

/** The largest tensors that are written to the device by its queue. */
const WRITTEN = 2 ** 20;

/** `GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST`, as tfjs's tensors have it. */
const USAGE = 0x8c;

/**
 * Gives a tensor a buffer of the device, if it has none yet. Numbers that are on the host go there as a write of the queue; tfjs
 * creates, maps and destroys a buffer for them, which takes the host a tenth of a millisecond each time. The write comes before
 * what is recorded and not submitted yet, but that uses no buffer of the pool.
 */
export function upload(backend: WebgpuBackend, { dataId, dtype, shape }: TensorInfo): void {
  const data = backend.tensorMap.get(dataId);
  const { values } = data;
  const bytes = 4 * size(shape);
  const isArray = values instanceof (dtype === 'float32' ? Float32Array : Int32Array);
  if (data.resource || !isArray || bytes === 0 || bytes > WRITTEN) {
    backend.uploadToGPU(dataId);
    return;
  }
  const buffer = backend.bufferManager.acquireBuffer(bytes, USAGE);
  backend.queue.writeBuffer(buffer, 0, values);
  // As in tfjs, the device alone has them from now on.
  data.values = null;
  data.resource = buffer;
}

/**
 * Computes a tensor in the memory of one that the caller gives up, or in new memory if other tensors share those numbers. Keeps
 * neither if that throws.
 */
export function inPlaceOf(
  backend: WebgpuBackend,
  { dataId, shape, dtype }: TensorInfo,
  compute: (to: TensorInfo) => void,
): TensorInfo {
  const isShared = backend.refCount(dataId) > 1 || isCast(backend, { dataId, shape, dtype });
  if (!isShared) backend.incRef(dataId);
  return computed(
    backend,
    isShared ? backend.makeTensorInfo(shape, dtype) : { dataId, shape, dtype },
    compute,
  );
}

/** Computes the numbers of a tensor, which is disposed if that throws. */
export function computed(
  backend: WebgpuBackend,
  tensor: TensorInfo,
  compute: (tensor: TensorInfo) => void,
): TensorInfo {
  return allComputed(backend, [tensor], () => compute(tensor))[0]!;
}

/** The same of several tensors. */
export function allComputed(
  backend: WebgpuBackend,
  tensors: TensorInfo[],
  compute: () => void,
): TensorInfo[] {
  try {
    compute();
    return tensors;
  } catch (error) {
    for (const { dataId } of tensors) backend.disposeData(dataId);
    throw error;
  }
}

/** Drops the copy that tfjs keeps of a tensor's numbers once they were read. */
export function forgetCopy({ tensorMap }: WebgpuBackend, { dataId }: TensorInfo): void {
  const data = tensorMap.get(dataId);
  if (data.resource) data.values = null;
}
