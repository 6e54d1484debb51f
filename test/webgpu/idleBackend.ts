import { env } from '@tensorflow/tfjs-core';
import { size } from '../../src/base/shapes.js';
import type { WebgpuBackend } from '../../src/webgpu/backend.js';

interface Watched {
  /** Called when WGSL is compiled. */
  onCode?: (key: string, code: string) => void;
  /** Called when a program is recorded, with its invocations. */
  onProgram?: (label: string, invocations: number) => void;
  /** How many tensors share the numbers of one. */
  refCount?: () => number;
}

/** A WebGPU backend that computes nothing. */
export function idleBackend({ onCode, onProgram, refCount = () => 1 }: Watched): WebgpuBackend {
  env().registerFlag('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', () => 15);
  let current = { label: '', group: [0] };
  const pass = {
    setPipeline(pipeline: object) {
      current = pipeline as typeof current;
    },
    setBindGroup() {},
    dispatchWorkgroups: (...sides: number[]) => onProgram?.(current.label, size(sides) * size(current.group)),
  };
  return {
    device: {
      limits: {
        ...{ maxStorageBufferBindingSize: 2 ** 40, maxBufferSize: 2 ** 40 },
        maxComputeWorkgroupsPerDimension: 65535,
      },
      createShaderModule({ code, label }) {
        onCode?.(label, code);
        return { group: /@workgroup_size\((.*)\)/.exec(code)![1]!.split(',').map(Number) };
      },
      createComputePipeline: ({ label, compute }) => ({
        ...{ label, ...compute.module },
        getBindGroupLayout: () => ({}),
      }),
      createBindGroup: () => ({}),
      createBuffer: () => ({}),
      createQuerySet: () => ({}),
      lost: new Promise<never>(() => {}),
      addEventListener() {},
    },
    queue: { writeBuffer() {} },
    bufferManager: { acquireBuffer: () => ({}) },
    supportTimestampQuery: false,
    tensorMap: { get: () => ({}) },
    uploadToGPU() {},
    tensorToBinding: () => ({ buffer: {} }),
    commandQueueOwnedIds: { add() {} },
    ensureCommandEncoderReady() {},
    commandEncoder: { beginComputePass: () => pass },
    computePassEncoder: null,
    endComputePassEncoder() {},
    dispatchCountInPass: 0,
    submitQueue() {},
    querySet: null,
    querySetCount: 2,
    getQueryTime: async () => 0,
    refCount,
    incRef() {},
    makeTensorInfo: (shape, dtype) => ({ dataId: {}, shape, dtype }),
    disposeData: () => true,
    time: () => Promise.reject(new Error('has no timestamps')),
  };
}
