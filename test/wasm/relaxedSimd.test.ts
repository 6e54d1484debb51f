import '@tensorflow/tfjs-backend-wasm';
import { setFlagsFromString } from 'node:v8';
import {
  conv2d,
  fused,
  grads,
  matMul,
  setBackend,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tensor1d,
} from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { wasmInstallation } from '../../src/tfjs/kernels.js';
import { type Examples, train } from '../../src/train/index.js';
import { installWasmKernels, type WasmKernelOptions } from '../../src/wasm/index.js';
import { hasRelaxedSimd } from '../../src/wasm/kernels.js';
import { on, random } from './compare.js';
import { error } from './float64.js';

// Threads need the memory to be shared, which it becomes while the backend starts.
beforeAll(() => installWasmKernels({ threads: 2 })());
afterEach(() => installWasmKernels()());

const EIGHT: Examples = {
  length: 8,
  shape: [12, 12, 3],
  classNames: ['a', 'b', 'c', 'd'],
  *batches() {
    yield { xs: random([8, 12, 12, 3], 1), ys: tensor1d([0, 1, 2, 3, 0, 1, 2, 3], 'int32') };
  },
};

/** The weights after ten steps, and the kernels that computed them. */
async function trained(options: WasmKernelOptions) {
  const uninstall = installWasmKernels(options);
  await setBackend('wasm');
  const kernels = wasmInstallation();
  const model = vgg([[2, 16]], { inputShape: [12, 12, 3], classes: 4, hiddenUnits: 32, batchNorm: true });
  await train(model, { trainSet: EIGHT }, { epochs: 10, optimizer: 'adam', learningRate: 0.01 });
  const weights = model.getWeights().map((weight) => [...weight.dataSync()]);
  model.dispose();
  uninstall();
  return { kernels, weights };
}

test('relaxedSimd: false computes the bits of an engine without relaxed SIMD', async () => {
  const isPlain = !hasRelaxedSimd();
  if (isPlain) {
    expect(() => installWasmKernels({ relaxedSimd: true })).toThrow(
      "installWasmKernels: relaxedSimd is true, but this engine's WebAssembly has no relaxed SIMD; use a newer one (Node 22, Chrome 114), or omit the option.",
    );
  }
  const plainOptions = isPlain ? {} : { relaxedSimd: false };
  const plain = await trained(plainOptions);
  expect(plain.kernels).toMatchObject({ threads: 1, relaxedSimd: false });
  const plainOfTwo = await trained({ ...plainOptions, threads: 2 });
  // Node 20 has it behind a flag, which can be set at any time.
  if (isPlain) setFlagsFromString('--experimental-wasm-relaxed-simd');
  expect(await trained({ relaxedSimd: false })).toMatchObject({ weights: plain.weights });
  expect(await trained({ relaxedSimd: false, threads: 2 })).toMatchObject({
    kernels: { threads: 2, relaxedSimd: false },
    weights: plainOfTwo.weights,
  });
  const relaxed = await trained({});
  expect(relaxed.kernels).toMatchObject({ threads: 1, relaxedSimd: true });
  expect(relaxed.weights).not.toEqual(plain.weights);
  expect(wasmInstallation()).toBeUndefined();

  installWasmKernels();
  expect(() => installWasmKernels({ relaxedSimd: false })).toThrow(
    'installWasmKernels: relaxedSimd is false, but the kernels are installed with true; uninstall them first with the function that installWasmKernels returned.',
  );
});

test('with relaxed SIMD, sums of any number of rows and terms are those of the cpu backend', async () => {
  if (!hasRelaxedSimd()) setFlagsFromString('--experimental-wasm-relaxed-simd');
  installWasmKernels({ relaxedSimd: true });
  for (let rows = 33; rows <= 46; rows++) {
    const [terms, columns] = [rows % 3 === 0 ? 300 : rows - 20, rows % 2 === 0 ? 24 : 29];
    const products = (turned: boolean) => () => {
      const a = random(turned ? [terms, rows] : [rows, terms], rows);
      const b = random([terms, columns], rows + 1);
      const bias = random([columns], rows + 2) as Tensor1D;
      return [matMul(a, b, turned), fused.matMul({ a, b, transposeA: turned, bias, activation: 'relu' })];
    };
    const convolution = () => {
      // As many tiles as rows; the gradient of the filter sums over them, its rows are the channels.
      const x = random([rows, 4, 4, 20], rows);
      const [filter, dy] = [random([3, 3, 20, 12], rows + 1), random([rows, 4, 4, 12], rows + 2)];
      const f = (x: Tensor, filter: Tensor) => conv2d(x as Tensor4D, filter as Tensor4D, 1, 'same');
      return [f(x, filter), ...grads(f)([x, filter], dy)];
    };
    for (const compute of [products(false), products(true), convolution]) {
      const expected = await on('cpu', compute);
      for (const [i, values] of (await on('wasm', compute)).entries()) {
        expect({ rows, i, error: error(values, Float64Array.from(expected[i]!)) }).toEqual({
          ...{ rows, i },
          error: expect.toSatisfy((one: number) => one < 1e-5),
        });
      }
    }
  }
});
