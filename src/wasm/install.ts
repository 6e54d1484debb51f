import {
  getKernel,
  type KernelConfig,
  type KernelFunc,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  registerKernel,
  unregisterKernel,
} from '@tensorflow/tfjs-core';
import { batchMatMul } from './batchMatMul.js';
import { conv2dBackpropFilter } from './conv2dBackpropFilter.js';
import { conv2dBackpropInput } from './conv2dBackpropInput.js';
import { fusedMatMul } from './fusedMatMul.js';
import { maxPoolGrad } from './maxPoolGrad.js';
import type { Call, WasmBackend } from './run.js';
import { tile } from './tile.js';

/** What tfjs 4.22's wasm backend lacks for training (tensorflow/tfjs#8474), and what it does by plain loops. */
const KERNELS = {
  Conv2DBackpropFilter: conv2dBackpropFilter,
  Conv2DBackpropInput: conv2dBackpropInput,
  BatchMatMul: batchMatMul,
  _FusedMatMul: fusedMatMul,
  MaxPoolGrad: maxPoolGrad,
  Tile: tile,
};

let uninstall: (() => void) | undefined;

/**
 * Makes `@tensorflow/tfjs-backend-wasm` train convolutional networks: registers the kernel that it lacks, the gradient
 * of a convolution with respect to its filter, and replaces those that are plain loops or search in vain: the other
 * gradients of convolutions, matrix products and max pooling, and the repetition that batch normalization's needs. Large
 * dense layers answer for a few examples at once, where the backend would copy their weights to another order before.
 *
 * Results are those of the cpu backend but for rounding, and but for a NaN or an infinity, which may spoil more of a
 * convolution's gradient than there, since padding multiplies it by zero. Images are channels last.
 *
 * Import the backend first. May be called before or after `setBackend('wasm')`, and again: that changes nothing.
 *
 * @returns a function that puts everything back as it was.
 * @throws Error when the wasm backend was not imported.
 * @example
 * import '@tensorflow/tfjs-backend-wasm';
 * installWasmKernels();
 * await tf.setBackend('wasm');
 */
export function installWasmKernels(): () => void {
  if (uninstall) return uninstall;
  if (!getKernel('Conv2D', 'wasm')) {
    throw new Error(
      "installWasmKernels: there are no kernels of the wasm backend; import '@tensorflow/tfjs-backend-wasm' before the call.",
    );
  }
  const stock = Object.keys(KERNELS).map(
    (name) => [name, getKernel(name, 'wasm') as KernelConfig | undefined] as const,
  );
  for (const [name, config] of stock) {
    const kernel = KERNELS[name as keyof typeof KERNELS] as (
      call: Call<object, object>,
    ) => ReturnType<KernelFunc>;
    const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) =>
      kernel({
        backend: backend as WasmBackend,
        inputs,
        attrs: attrs ?? {},
        stock: (inputs, attrs) =>
          config!.kernelFunc({ inputs: inputs as NamedTensorInfoMap, attrs: attrs as NamedAttrMap, backend }),
      });
    replace(name, { kernelName: name, backendName: 'wasm', ...config, kernelFunc });
  }
  uninstall = () => {
    for (const [name, config] of stock) replace(name, config);
    uninstall = undefined;
  };
  return uninstall;
}

/** Registers a kernel in the place of the one there is, which tfjs would warn of, or of none. */
function replace(name: string, config: KernelConfig | undefined): void {
  if (getKernel(name, 'wasm')) unregisterKernel(name, 'wasm');
  if (config) registerKernel(config);
}
