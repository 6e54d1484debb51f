import { getKernel } from '@tensorflow/tfjs-core';
import { BOOLEAN, oneFrom, optionsOf } from '../base/arguments.js';
import { type OwnKernels, WEBGPU_INSTALLATION } from '../tfjs/kernels.js';
import { markOf, replaceKernels } from '../tfjs/replaceKernels.js';
import { addMeans } from './addMeans.js';
import type { WebgpuBackend } from './backend.js';
import { batchNorm, batchNormGrad } from './batchNorm.js';
import { conv2d, conv2dBackpropInput, fusedConv2d } from './conv2d.js';
import { conv2dBackpropFilter } from './conv2dBackpropFilter.js';
import { crossEntropy } from './crossEntropy.js';
import { dropout } from './dropout.js';
import { fromBytes } from './fromBytes.js';
import { KeptForms } from './keptForms.js';
import { batchMatMul, fusedMatMul } from './matMul.js';
import { maxPool } from './maxPool.js';
import { maxPoolGrad, poolBiasGrad } from './maxPoolGrad.js';
import { reluBiasGrad, reluGrad } from './reluGrad.js';
import type { OwnCall } from './run.js';
import { slice } from './slice.js';
import { sum } from './sum.js';
import { Tuner } from './tuner.js';
import { adamUpdate, momentumUpdate, sgdUpdate } from './update.js';

/** Kernels that tfjs does not have; `vgg-blocks/train` uses them if it finds them. */
const OWN: { [N in keyof OwnKernels]?: (call: OwnCall<N>) => OwnKernels[N]['output'] } = {
  ReluGrad: reluGrad,
  ReluBiasGrad: reluBiasGrad,
  PoolBiasGrad: poolBiasGrad,
  BatchNorm: batchNorm,
  BatchNormGrad: batchNormGrad,
  CrossEntropy: crossEntropy,
  AddMeans: addMeans,
  FromBytes: fromBytes,
  Dropout: dropout,
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
  MaxPool: maxPool,
  MaxPoolGrad: maxPoolGrad,
  Sum: sum,
  Slice: slice,
};

/** Refuses to train with weights in half precision. */
function refuse(): never {
  throw new Error(
    "installWebgpuKernels: with precision 'float16' the kernels only predict; uninstall them and install them without it to train.",
  );
}

/** What only training computes. */
const TRAINING = ['Conv2DBackpropFilter', 'SgdUpdate', 'MomentumUpdate', 'AdamUpdate'];

/** Options of {@link installWebgpuKernels}. */
export interface WebgpuKernelOptions {
  /**
   * Whether to time the variants of a kernel on the device when it first meets a shape, and compute with the fastest from then on.
   * They give the same bits. Default true, unless the environment variable `VGG_BLOCKS_TUNE` is 0; with `false`, or on a device
   * without timestamps or emulated on the CPU, a table chooses by the shape.
   */
  tune?: boolean;
  /**
   * Whether 3x3 convolutions may be computed by Winograd's minimal filtering, in tiles of 2x2 or 4x4 outputs, where a trial on the
   * device shows it to be faster; without trials, for 64 channels or more on both sides and 4096 pixels or more in the batch. Default false: it rounds more, within
   * about 1e-5 of the largest output, a NaN or an infinity spreads to every output of the tiles that read it, and results depend on
   * what a trial chose, and when. A filter's transform, up to four times its size, is kept from its second use until the filter is
   * disposed.
   */
  winograd?: boolean;
  /**
   * How the weights of dense layers are stored for products of up to 32 rows, which take as long as reading the weights: with
   * `'float16'` a copy in half precision is kept until the weights are disposed, and sums are still of float32. For prediction: each
   * weight is rounded, by up to 1 part in 1000, those below 6e-5 by up to 3e-8. What updates weights by the library's own kernels, and the
   * gradients of filters, throw; under other gradients the weights themselves compute. Default `'float32'`.
   */
  precision?: 'float32' | 'float16';
}

/** Installed kernels, looked up in tfjs's registry. */
interface Installation extends Required<WebgpuKernelOptions> {
  uninstall: () => void;
}

const installation = () => markOf<Installation>(WEBGPU_INSTALLATION, 'webgpu');

/**
 * Makes convolutional networks train faster on `@tensorflow/tfjs-backend-webgpu`, in browsers and, through `webgpuBackend` of
 * `vgg-blocks/node`, in Node. It replaces kernels of the backend by the library's own, which compute in tiles that fit WebGPU's
 * default limits: the gradient of a convolution's filter is a sum over all pixels of the batch, which the backend gives to one
 * invocation for each weight. Whatever the kernels do not cover, such as strides or channels-first images, the backend's own
 * still compute.
 *
 * Results equal those of the cpu backend except for rounding, and are the same in every run on a device. A max pooling ignores a
 * window's NaNs likewise, but of a window of NaN alone it gives NaN, not minus infinity.
 *
 * Import the backend first. Call this before or after `setBackend('webgpu')`; calling it again has no effect.
 *
 * @returns a function that uninstalls the kernels and restores the backend's own; calling it again has no effect.
 * @throws RangeError when an option is not of its kind.
 * @throws Error when the webgpu backend was not imported, or the kernels are installed with other options.
 * @example
 * import '@tensorflow/tfjs-backend-webgpu';
 * installWebgpuKernels();
 * await tf.setBackend('webgpu');
 */
export function installWebgpuKernels(options: WebgpuKernelOptions = {}): () => void {
  const {
    tune = globalThis.process?.env?.VGG_BLOCKS_TUNE !== '0',
    winograd = false,
    precision = 'float32',
  } = optionsOf('installWebgpuKernels', options, {
    ...{ tune: BOOLEAN, winograd: BOOLEAN },
    precision: oneFrom(['float32', 'float16']),
  });
  const present = installation();
  if (present) {
    for (const name of ['tune', 'winograd', 'precision'] as const) {
      if (options[name] === undefined || options[name] === present[name]) continue;
      throw new Error(
        `installWebgpuKernels: ${name} is ${options[name]}, but the kernels are installed with ${present[name]}; uninstall them first with the function that installWebgpuKernels returned.`,
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
  const forms = new Map<WebgpuBackend, KeptForms>();
  const formsOn = (backend: WebgpuBackend) => {
    const known = forms.get(backend) ?? new KeptForms(backend);
    forms.set(backend, known);
    return known;
  };
  const installed: Installation = {
    ...{ tune, winograd, precision },
    uninstall() {
      if (installation() !== installed) return;
      restore();
      for (const kept of forms.values()) kept.close();
    },
  };
  const restore = replaceKernels({
    kernels: {
      ...KERNELS,
      ...(precision === 'float16' && Object.fromEntries(TRAINING.map((name) => [name, refuse]))),
    },
    ...{ backend: 'webgpu', mark: WEBGPU_INSTALLATION, installation: installed },
    toolsOf: (backend) => ({
      ...{ backend, tuner, forms: formsOn(backend as WebgpuBackend) },
      ...{ allowsWinograd: winograd, halfWeights: precision === 'float16' },
    }),
  });
  return installed.uninstall;
}
