import {
  backend,
  engine,
  fused,
  setBackend,
  type Tensor,
  type Tensor2D,
  tensor,
  valueAndGrad,
} from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { installWebgpuKernels } from '../../src/webgpu/index.js';
import { available, error, numbers } from './compare.js';

const [ROWS, TERMS, COLUMNS] = [5, 300, 12];

/** A dense layer's outputs in float64. */
function expected(a: Float32Array, b: Float32Array): number[] {
  return Array.from({ length: ROWS * COLUMNS }, (_, i) => {
    const [row, column] = [Math.floor(i / COLUMNS), i % COLUMNS];
    return Array.from({ length: TERMS }, (_, k) => a[row * TERMS + k]! * b[k * COLUMNS + column]!).reduce(
      (sum, term) => sum + term,
      0,
    );
  });
}

/** Runs work with weights in half precision. */
async function inHalf(work: () => Promise<void>): Promise<void> {
  await setBackend('webgpu');
  const uninstall = installWebgpuKernels({ tune: false, precision: 'float16' });
  try {
    await work();
  } finally {
    uninstall();
  }
}

const buffers = () =>
  (
    backend() as unknown as { bufferManager: { getNumUsedBuffers(): number } }
  ).bufferManager.getNumUsedBuffers();

describe.skipIf(!available)('weights in half precision on WebGPU', () => {
  test('give outputs within 1e-3 of float64, whose copy lives as long as the weights', async () => {
    const [a, b] = [numbers(ROWS * TERMS, 1), numbers(TERMS * COLUMNS, 2)];
    await inHalf(async () => {
      const x = tensor(a, [ROWS, TERMS]) as Tensor2D;
      const before = buffers();
      const weights = tensor(b, [TERMS, COLUMNS]) as Tensor2D;
      for (const _ of [1, 2]) {
        const y = fused.matMul({ a: x, b: weights });
        const difference = error(await y.data(), expected(a, b));
        y.dispose();
        expect(difference).toBeLessThan(1e-3);
        // It is of half precision.
        expect(difference).toBeGreaterThan(1e-5);
        // The images, the weights and their copy.
        expect(buffers() - before).toBe(3);
      }
      weights.dispose();
      expect(buffers() - before).toBe(1);
      x.dispose();
    });
  });

  test('are NaN where half precision does not hold them', async () => {
    await inHalf(async () => {
      const one = tensor([1], [1, 1]) as Tensor2D;
      const weights = tensor([65504, -65505, Number.POSITIVE_INFINITY, 6e-8], [1, 4]) as Tensor2D;
      const y = fused.matMul({ a: one, b: weights });
      const [most, beyond, infinite, least] = await y.data();
      expect([most, beyond, infinite]).toEqual([65504, Number.NaN, Number.NaN]);
      expect(least).toBeCloseTo(6e-8, 9);
      for (const tensor of [one, weights, y]) tensor.dispose();
    });
  });

  test('do not compute under a gradient', async () => {
    const [a, b] = [numbers(ROWS * TERMS, 1), numbers(TERMS * COLUMNS, 2)];
    await inHalf(async () => {
      const [x, weights] = [tensor(a, [ROWS, TERMS]), tensor(b, [TERMS, COLUMNS])] as Tensor2D[];
      const { value, grad } = valueAndGrad((w) => fused.matMul({ a: x!, b: w as Tensor2D }))(weights!);
      expect(error(await value.data(), expected(a, b))).toBeLessThan(2e-6);
      for (const tensor of [x!, weights!, value, grad]) tensor.dispose();
    });
  });

  test('are not trained', async () => {
    await inHalf(async () => {
      const x = tensor(numbers(9, 1), [1, 3, 3, 1]);
      expect(
        () =>
          engine().runKernel(
            'Conv2DBackpropFilter',
            { x, dy: x },
            { strides: 1, pad: 'same', dataFormat: 'NHWC', filterShape: [3, 3, 1, 1] },
          ) as Tensor,
      ).toThrow(/with precision 'float16' the kernels only predict/);
      x.dispose();
    });
  });
});
