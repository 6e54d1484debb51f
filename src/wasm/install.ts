import {
  getKernel,
  type KernelConfig,
  type KernelFunc,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  registerKernel,
  unregisterKernel,
} from '@tensorflow/tfjs-core';
import { conv2d, fusedConv2d } from './conv2d.js';
import { conv2dBackpropFilter } from './conv2dBackpropFilter.js';
import { conv2dBackpropInput } from './conv2dBackpropInput.js';
import { identity } from './identity.js';
import { checkSimd } from './kernels.js';
import { Machines } from './machines.js';
import { batchMatMul, fusedMatMul } from './matMul.js';
import { maxPoolGrad } from './maxPoolGrad.js';
import { reluGrad } from './reluGrad.js';
import type { Call, WasmBackend } from './run.js';
import { sum } from './sum.js';
import { checkThreads } from './thread.js';
import { tile } from './tile.js';
import { adamUpdate, momentumUpdate, sgdUpdate } from './update.js';

/** What tfjs 4.22's wasm backend lacks for training (tensorflow/tfjs#8474), and what is faster here. */
const KERNELS = {
  Conv2D: conv2d,
  FusedConv2D: fusedConv2d,
  Conv2DBackpropFilter: conv2dBackpropFilter,
  Conv2DBackpropInput: conv2dBackpropInput,
  BatchMatMul: batchMatMul,
  _FusedMatMul: fusedMatMul,
  MaxPoolGrad: maxPoolGrad,
  Sum: sum,
  Tile: tile,
  Identity: identity,
  // What tfjs has not: ReLU's gradient and optimizers' steps at once, which `vgg-blocks/train` takes where it finds them.
  ReluGrad: reluGrad,
  SgdUpdate: sgdUpdate,
  MomentumUpdate: momentumUpdate,
  AdamUpdate: adamUpdate,
};

/** How the kernels compute. */
export interface WasmKernelOptions {
  /**
   * Threads that share out a convolution, a gradient of one, or a dense layer that predicts, this one among them; default 1.
   * Each takes some images of the batch, or rows of a single image; of a dense layer some terms of the sums. Results are
   * those of one thread; only a filter's gradient and a dense layer, sums of the threads' sums, round otherwise, and the same
   * in every run.
   *
   * More than one needs Node, whose other threads have memories of their own, to which what they work on is copied, and
   * which keep copies of the filters' transforms and of their share of dense weights; or a cross-origin isolated page, whose
   * content security policy allows workers by worker-src blob:, and where nothing is copied. The other threads sleep when
   * there is nothing to do, keep no process alive, and end when the kernels are removed.
   */
  threads?: number;
}

let installed: { threads: number; uninstall: () => void } | undefined;

/**
 * Makes `@tensorflow/tfjs-backend-wasm` train convolutional networks, and compute them faster: registers the kernel that
 * it lacks, the gradient of a convolution with respect to its filter, and replaces others by the library's own
 * WebAssembly: 3x3 convolutions of stride 1, gradients of convolutions and max pooling, matrix products. What these do
 * not cover the backend's own kernels compute as before. What is kept for a gradient shares its numbers, which the backend
 * copies.
 *
 * Results are those of the cpu backend but for rounding: 3x3 convolutions of 8 channels or more are computed by tiles of
 * 4x4 outputs (Winograd's minimal filtering), within some 5e-6 of the largest output. A NaN or an infinity spoils the whole
 * tiles that it touches, up to 5 pixels around. Images are channels last.
 *
 * A filter's transform is kept from its second use on, as long as the filter is: two to four times its size.
 *
 * It is compiled when a kernel first runs, at once, which browsers allow on the main thread since Chrome 114, and which a
 * content security policy has to allow by 'wasm-unsafe-eval', as for the backend itself.
 *
 * Import the backend first. May be called before or after `setBackend('wasm')`, and again: that changes nothing.
 *
 * @returns a function that puts everything back as it was.
 * @throws Error when the wasm backend was not imported, the engine has no SIMD, or there can be no such threads here.
 * @example
 * import '@tensorflow/tfjs-backend-wasm';
 * installWasmKernels();
 * await tf.setBackend('wasm');
 * @example
 * // On two free cores full-width networks predict up to 1.7 times as fast.
 * const uninstall = installWasmKernels({ threads: 2 });
 */
export function installWasmKernels({ threads }: WasmKernelOptions = {}): () => void {
  if (threads !== undefined) checkThreads(threads);
  if (installed) {
    if (threads !== undefined && threads !== installed.threads) {
      throw new Error(
        `installWasmKernels: threads is ${threads}, but the kernels are installed with ${installed.threads}; remove them first by the function that this returned.`,
      );
    }
    return installed.uninstall;
  }
  if (!getKernel('Conv2D', 'wasm')) {
    throw new Error(
      "installWasmKernels: there are no kernels of the wasm backend; import '@tensorflow/tfjs-backend-wasm' before the call.",
    );
  }
  checkSimd();
  const machines = new Machines(threads ?? 1);
  const stock = Object.keys(KERNELS).map(
    (name) => [name, getKernel(name, 'wasm') as KernelConfig | undefined] as const,
  );
  for (const [name, config] of stock) {
    const kernel = KERNELS[name as keyof typeof KERNELS] as (
      call: Call<object, object>,
    ) => ReturnType<KernelFunc>;
    const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) =>
      kernel({
        ...machines.of(backend as WasmBackend),
        inputs,
        attrs: attrs ?? {},
        stock: (inputs, attrs) =>
          config!.kernelFunc({ inputs: inputs as NamedTensorInfoMap, attrs: attrs as NamedAttrMap, backend }),
      });
    replace(name, { kernelName: name, backendName: 'wasm', ...config, kernelFunc });
  }
  const uninstall = () => {
    for (const [name, config] of stock) replace(name, config);
    machines.close();
    installed = undefined;
  };
  installed = { threads: threads ?? 1, uninstall };
  return uninstall;
}

/** Registers a kernel in the place of the one there is, which tfjs would warn of, or of none. */
function replace(name: string, config: KernelConfig | undefined): void {
  if (getKernel(name, 'wasm')) unregisterKernel(name, 'wasm');
  if (config) registerKernel(config);
}
