import { getKernel } from '@tensorflow/tfjs-core';
import type { OwnKernels } from '../tfjs/kernels.js';
import { markOf, replaceKernels } from '../tfjs/replaceKernels.js';
import { conv2d, conv2dBackpropInput, fusedConv2d } from './conv2d.js';
import { conv2dBackpropFilter } from './conv2dBackpropFilter.js';
import { batchMatMul, fusedMatMul } from './matMul.js';
import { maxPoolGrad } from './maxPoolGrad.js';
import { reluGrad } from './reluGrad.js';
import type { OwnCall } from './run.js';
import { sum } from './sum.js';
import { Tuner } from './tuner.js';
import { adamUpdate, momentumUpdate, sgdUpdate } from './update.js';

/** Kernels that tfjs does not have; `vgg-blocks/train` uses them if it finds them. */
const OWN: { [N in keyof OwnKernels]?: (call: OwnCall<N>) => OwnKernels[N]['output'] } = {
  ReluGrad: reluGrad,
  SgdUpdate: sgdUpdate,
  MomentumUpdate: momentumUpdate,
  AdamUpdate: adamUpdate,
};

/** All kernels: our own, and those that replace the backend's. */
const KERNELS = {
  ...OWN,
  Conv2D: conv2d,
  FusedConv2D: fusedConv2d,
  Conv2DBackpropInput: conv2dBackpropInput,
  Conv2DBackpropFilter: conv2dBackpropFilter,
  BatchMatMul: batchMatMul,
  _FusedMatMul: fusedMatMul,
  MaxPoolGrad: maxPoolGrad,
  Sum: sum,
};

/** Options of {@link installWebgpuKernels}. */
export interface WebgpuKernelOptions {
  /**
   * Whether to time the variants of a kernel on the device when it first meets a shape, and compute with the fastest from then on.
   * They give the same bits. Default true, unless the environment variable `VGG_BLOCKS_TUNE` is 0; with `false`, or on a device
   * without timestamps or emulated on the CPU, a table chooses by the shape.
   */
  tune?: boolean;
}

/** Installed kernels, looked up in tfjs's registry. */
interface Installation {
  tune: boolean;
  uninstall: () => void;
}

const INSTALLATION = Symbol.for('vgg-blocks/webgpu');

const installation = () => markOf<Installation>(INSTALLATION, 'webgpu');

/**
 * Makes convolutional networks train faster on `@tensorflow/tfjs-backend-webgpu`, in browsers and, through `webgpuBackend` of
 * `vgg-blocks/node`, in Node. It replaces kernels of the backend by the library's own, which compute in tiles that fit WebGPU's
 * default limits: the gradient of a convolution's filter is a sum over all pixels of the batch, which the backend gives to one
 * invocation for each weight. Whatever the kernels do not cover, such as strides or channels-first images, the backend's own
 * still compute.
 *
 * Results equal those of the cpu backend except for rounding, and are the same in every run on a device.
 *
 * Import the backend first. Call this before or after `setBackend('webgpu')`; calling it again has no effect.
 *
 * @returns a function that uninstalls the kernels and restores the backend's own; calling it again has no effect.
 * @throws Error when the webgpu backend was not imported, or the kernels are installed with other options.
 * @example
 * import '@tensorflow/tfjs-backend-webgpu';
 * installWebgpuKernels();
 * await tf.setBackend('webgpu');
 */
export function installWebgpuKernels(options: WebgpuKernelOptions = {}): () => void {
  const { tune = globalThis.process?.env?.VGG_BLOCKS_TUNE !== '0' } = options;
  const present = installation();
  if (present) {
    if (options.tune !== undefined && tune !== present.tune) {
      throw new Error(
        `installWebgpuKernels: tune is ${tune}, but the kernels are installed with ${present.tune}; uninstall them first with the function that installWebgpuKernels returned.`,
      );
    }
    return present.uninstall;
  }
  if (!getKernel('Conv2D', 'webgpu')) {
    throw new Error(
      "installWebgpuKernels: the webgpu backend is not registered; import '@tensorflow/tfjs-backend-webgpu' first, in Node with webgpuBackend of vgg-blocks/node.",
    );
  }
  const tuner = new Tuner(tune);
  const installed: Installation = {
    tune,
    uninstall() {
      if (installation() === installed) restore();
    },
  };
  const restore = replaceKernels({
    ...{ backend: 'webgpu', kernels: KERNELS, mark: INSTALLATION, installation: installed },
    toolsOf: (backend) => ({ backend, tuner }),
  });
  return installed.uninstall;
}
