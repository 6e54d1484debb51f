import { engine, getKernel } from '@tensorflow/tfjs-core';
import { BOOLEAN, optionsOf } from '../base/arguments.js';
import { shown } from '../base/check.js';
import { INSTALLATION, type OwnKernels, type WasmInstallation, wasmInstallation } from '../tfjs/kernels.js';
import { replaceKernels } from '../tfjs/replaceKernels.js';
import type { WasmBackend } from './backend.js';
import { batchNorm, batchNormGrad, fusedBatchNorm } from './batchNorm.js';
import { clipByValue, relu, relu6 } from './clamp.js';
import { conv2d, depthwiseConv2d, fusedConv2d, fusedDepthwiseConv2d } from './conv2d.js';
import { conv2dBackpropFilter } from './conv2dBackpropFilter.js';
import { conv2dBackpropInput } from './conv2dBackpropInput.js';
import { convPool, convPoolGrad } from './convPool.js';
import { denseGrad } from './denseGrad.js';
import { checkSimd, hasRelaxedSimd, kernelsId } from './kernels.js';
import { Machines } from './machines.js';
import { batchMatMul, fusedMatMul } from './matMul.js';
import { maxPoolGrad } from './maxPoolGrad.js';
import { avgPool, avgPoolGrad, maxPool } from './pool.js';
import type { OwnCall } from './run.js';
import { shareBackendMemory } from './sharedMemory.js';
import { identity, prelu, reluGrad, slice, tile } from './smallKernels.js';
import { mean, sum } from './sums.js';
import { checkThreads } from './thread.js';
import { adamUpdate, momentumUpdate, sgdUpdate } from './update.js';

/** Kernels that tfjs does not have; `vgg-blocks/train` uses them if it finds them. */
const OWN: { [N in keyof OwnKernels]?: (call: OwnCall<N>) => OwnKernels[N]['output'] } = {
  ReluGrad: reluGrad,
  ConvPool: convPool,
  ConvPoolGrad: convPoolGrad,
  BatchNorm: batchNorm,
  BatchNormGrad: batchNormGrad,
  DenseGrad: denseGrad,
  SgdUpdate: sgdUpdate,
  MomentumUpdate: momentumUpdate,
  AdamUpdate: adamUpdate,
};

/** All kernels: our own, the one that tfjs 4.22's wasm backend lacks for training (tensorflow/tfjs#8474), and faster ones. */
const KERNELS = {
  ...OWN,
  Conv2D: conv2d,
  FusedConv2D: fusedConv2d,
  DepthwiseConv2dNative: depthwiseConv2d,
  FusedDepthwiseConv2D: fusedDepthwiseConv2d,
  Conv2DBackpropFilter: conv2dBackpropFilter,
  Conv2DBackpropInput: conv2dBackpropInput,
  BatchMatMul: batchMatMul,
  _FusedMatMul: fusedMatMul,
  MaxPool: maxPool,
  MaxPoolGrad: maxPoolGrad,
  AvgPool: avgPool,
  AvgPoolGrad: avgPoolGrad,
  Relu: relu,
  Relu6: relu6,
  ClipByValue: clipByValue,
  Prelu: prelu,
  FusedBatchNorm: fusedBatchNorm,
  Sum: sum,
  Mean: mean,
  Tile: tile,
  Identity: identity,
  Slice: slice,
};

/** Options of {@link installWasmKernels}. */
export interface WasmKernelOptions {
  /**
   * The number of threads, including this one, for prediction and training: 1 to 128. Default 1. Each thread computes some images of the
   * batch, some rows of a single image, or some numbers of a tensor. Results equal those of one thread, except that the gradient
   * of a convolution's filter and the sums of batch normalization in training, which are sums of the threads' sums, round
   * differently; they are the same in every run.
   *
   * Several threads share the backend's memory. In Node that memory is created for it while the backend starts, so call this
   * before `setBackend('wasm')`. In a page they need cross-origin isolation and a content security policy that allows
   * `worker-src blob:`. They sleep when idle, do not keep the process alive, and end when the kernels are uninstalled.
   */
  threads?: number;
  /**
   * Whether to use relaxed SIMD, which multiplies and adds in one instruction with one rounding. Default: wherever the engine
   * has it (Node 22, Chrome 114 and later). It is faster and rounds less, but numbers then differ in their last
   * bits from those of engines without it, such as Node 20, and of processors without that instruction. With `false` the
   * kernels compute the same bits on every engine and processor.
   */
  relaxedSimd?: boolean;
}

/**
 * Enables `@tensorflow/tfjs-backend-wasm` to train convolutional networks, and makes it faster. It registers the kernel that
 * the backend lacks, the gradient of a convolution with respect to its filter, and replaces others with the library's own
 * WebAssembly: 3x3 convolutions of stride 1, gradients of convolutions and max pooling, matrix products. The backend's own
 * kernels still compute everything else. Tensors saved for a gradient share their numbers instead of being copied.
 *
 * Results equal those of the cpu backend except for rounding: 3x3 convolutions of 8 channels or more are computed in tiles of
 * 4x4 outputs (Winograd's minimal filtering), within about 5e-6 of the largest output. A NaN or an infinity spreads to every
 * output of each tile that reads it, up to 5 pixels away. A max pooling ignores a window's NaNs, as there, but of
 * a window of NaN alone it gives NaN, not minus infinity. Images are channels last.
 *
 * A filter's transform, two to four times the filter's size, is kept from its second use until the filter is disposed.
 *
 * The WebAssembly is compiled synchronously when a kernel first runs. Chrome allows that on the main thread since version 114,
 * and a content security policy must allow 'wasm-unsafe-eval', as for the backend itself.
 *
 * Import the backend first. Call this before or, with one thread, after `setBackend('wasm')`; calling it again has no effect.
 *
 * @returns a function that uninstalls the kernels and restores the backend's own; calling it again has no effect.
 * @throws Error when the wasm backend was not imported, the engine has no SIMD, or what the options ask for is not available.
 * @example
 * import '@tensorflow/tfjs-backend-wasm';
 * installWasmKernels();
 * await tf.setBackend('wasm');
 * @example
 * // With two idle cores, full-width networks predict up to 1.8 times as fast.
 * const uninstall = installWasmKernels({ threads: 2 });
 * @example
 * // The same weights after training in Node 20, Node 22 and Chrome.
 * installWasmKernels({ relaxedSimd: false });
 */
export function installWasmKernels(options: WasmKernelOptions = {}): () => void {
  optionsOf('installWasmKernels', options, { threads: 1, relaxedSimd: BOOLEAN });
  const { threads = 1, relaxedSimd = hasRelaxedSimd() } = options;
  checkThreads(threads);
  const present = wasmInstallation('wasm');
  if (present) {
    for (const name of ['threads', 'relaxedSimd'] as const) {
      if (options[name] === undefined || options[name] === present[name]) continue;
      throw new Error(
        `installWasmKernels: ${name} is ${shown(options[name])}, but the kernels are installed with ${present[name]}; uninstall them first with the function that installWasmKernels returned.`,
      );
    }
    return present.uninstall;
  }
  if (!getKernel('Conv2D', 'wasm')) {
    throw new Error(
      "installWasmKernels: the wasm backend is not registered; import '@tensorflow/tfjs-backend-wasm' first.",
    );
  }
  checkSimd(relaxedSimd);
  if (threads > 1) shareBackendMemory();
  const machines = new Machines({ threads, relaxedSimd });
  const installation: WasmInstallation = {
    threads,
    relaxedSimd,
    kernels: kernelsId(),
    uninstall() {
      if (wasmInstallation('wasm') !== installation) return;
      restore();
      machines.close();
    },
  };
  const restore = replaceKernels({
    ...{ backend: 'wasm', kernels: KERNELS, mark: INSTALLATION, installation },
    toolsOf: (backend) => machines.of(backend as WasmBackend),
    setUp: (backend) => machines.guard(backend as WasmBackend),
  });
  const { wasm } = engine().registry;
  if (wasm) machines.guard(wasm as unknown as WasmBackend);
  return installation.uninstall;
}
