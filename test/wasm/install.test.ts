import '@tensorflow/tfjs-layers';
import {
  conv2d,
  getKernel,
  getKernelsForBackend,
  grad,
  ones,
  setBackend,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import { describe, expect, test, vi } from 'vitest';
import { installWasmKernels } from '../../src/wasm/index.js';

const NAMES = [
  'Conv2DBackpropFilter',
  'Conv2DBackpropInput',
  'BatchMatMul',
  '_FusedMatMul',
  'MaxPoolGrad',
  'Conv2D',
  'FusedConv2D',
  'Sum',
  'Identity',
  'Tile',
  'ReluGrad',
  'SgdUpdate',
  'MomentumUpdate',
  'AdamUpdate',
];
const kernels = () => NAMES.map((name) => getKernel(name, 'wasm'));

/** The gradient of the sum of a 2x2 convolution of a 3x3 image of ones with respect to its filter. */
const filterGradient = () =>
  tidy(() => [
    ...grad((filter) => conv2d(ones([1, 3, 3, 1]) as Tensor4D, filter as Tensor4D, 1, 'valid'))(
      ones([2, 2, 1, 1]),
    ).dataSync(),
  ]);

describe('installWasmKernels', () => {
  // First of all, since a backend's import cannot be taken back.
  test('says which import is missing', async () => {
    expect(() => installWasmKernels()).toThrow(
      "installWasmKernels: there are no kernels of the wasm backend; import '@tensorflow/tfjs-backend-wasm' before the call.",
    );
    expect(getKernelsForBackend('wasm')).toEqual([]);
    await import('@tensorflow/tfjs-backend-wasm');
  });

  test('makes the filter gradient work, and what it returns puts every kernel back', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const stock = kernels();
    expect(stock[0]).toBeUndefined();
    const uninstall = installWasmKernels();
    for (const [i, kernel] of kernels().entries()) expect(kernel, NAMES[i]).not.toBe(stock[i]);
    await setBackend('wasm');
    expect(filterGradient()).toEqual([4, 4, 4, 4]);
    uninstall();
    for (const [i, kernel] of kernels().entries()) expect(kernel, NAMES[i]).toBe(stock[i]);
    expect(filterGradient).toThrow("Kernel 'Conv2DBackpropFilter' not registered for backend 'wasm'");
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  test('may be called again, and so may what it returns', () => {
    const stock = kernels();
    const uninstall = installWasmKernels();
    const installed = kernels();
    expect(installWasmKernels()).toBe(uninstall);
    expect(kernels()).toEqual(installed);
    uninstall();
    uninstall();
    expect(kernels()).toEqual(stock);
    const again = installWasmKernels();
    expect(filterGradient()).toEqual([4, 4, 4, 4]);
    again();
  });
});
