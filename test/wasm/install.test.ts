import '@tensorflow/tfjs-layers';
import { runInNewContext } from 'node:vm';
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
import { instantiate } from '../../src/wasm/kernels.js';

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
  'BatchNorm',
  'BatchNormGrad',
  'DenseGrad',
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
  // First, because a backend's import cannot be undone.
  test('names the import that is missing', async () => {
    expect(() => installWasmKernels()).toThrow(
      "installWasmKernels: the wasm backend is not registered; import '@tensorflow/tfjs-backend-wasm' first.",
    );
    expect(getKernelsForBackend('wasm')).toEqual([]);
    await import('@tensorflow/tfjs-backend-wasm');
  });

  test('adds the filter gradient, and returns a function that restores every kernel', async () => {
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

  test('refuses what is neither true nor false as relaxedSimd', () => {
    expect(() => installWasmKernels({ relaxedSimd: 'no' as never })).toThrow(
      'installWasmKernels: relaxedSimd is "no"; it must be true or false.',
    );
  });

  test('may be called again, and so may the function it returns', () => {
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

  test('is not undone by a function of an earlier installation', () => {
    const stale = installWasmKernels();
    stale();
    const uninstall = installWasmKernels();
    const installed = kernels();
    stale();
    expect(kernels()).toEqual(installed);
    expect(filterGradient()).toEqual([4, 4, 4, 4]);
    uninstall();
  });

  test('finds what another copy of the library has installed', async () => {
    const stock = kernels();
    vi.resetModules();
    const other = await import('../../src/wasm/index.js');
    expect(other.installWasmKernels).not.toBe(installWasmKernels);
    const uninstall = installWasmKernels();
    const installed = kernels();
    expect(other.installWasmKernels()).toBe(uninstall);
    expect(kernels()).toEqual(installed);
    expect(() => other.installWasmKernels({ threads: 2 })).toThrow(
      'installWasmKernels: threads is 2, but the kernels are installed with 1; uninstall them first with the function that installWasmKernels returned.',
    );
    other.installWasmKernels()();
    uninstall();
    expect(kernels()).toEqual(stock);
  });
});

test('the kernels start on a memory of another realm, as all are under Jest', () => {
  const memory = runInNewContext('new WebAssembly.Memory({ initial: 1, maximum: 65536 })');
  expect(memory.buffer).not.toBeInstanceOf(ArrayBuffer);
  expect(instantiate(memory, false).productBytes(4, 8, 8, 4)).toBeGreaterThan(0);
});
