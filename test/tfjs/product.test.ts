import {
  add,
  customGrad,
  dispose,
  exp,
  grad,
  memory,
  profile,
  squeeze,
  type Tensor,
  type Tensor1D,
  tidy,
  zeros,
} from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { affine, product } from '../../src/tfjs/product.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

/** Ones that were computed; on WebGL they are beside the last column, too, and where there are few numbers they are not computed. */
const ones = (rows: number, columns: number) => tidy(() => exp(zeros([rows, columns])));

const numbersOf = async (y: Tensor) => [...new Set(await y.data())];

test('products of matrices with odd sides count what is in the matrices', async () => {
  const before = memory().numTensors;
  for (const [rows, inner, columns] of [
    [31, 9, 33],
    [32, 9, 32],
    [31, 10, 33],
  ] as const) {
    const forms = [
      [ones(rows, inner), ones(inner, columns), false, false],
      [ones(rows, inner), ones(columns, inner), false, true],
      [ones(inner, rows), ones(inner, columns), true, false],
    ] as const;
    for (const [a, b, ...transposed] of forms) {
      const y = product(a, b, ...transposed);
      expect(y.shape).toEqual([rows, columns]);
      expect(await numbersOf(y)).toEqual([inner]);
      // What is beside the product is not counted by the next one.
      const next = product(y, y, false, true);
      expect(await numbersOf(next)).toEqual([columns * inner ** 2]);
      dispose([a, b, y, next]);
    }
  }
  expect(memory().numTensors).toBe(before);
});

test('dense layers with odd sides add their bias, then do their ReLU', async () => {
  const before = memory().numTensors;
  const [x, weights, start] = [ones(31, 9), ones(9, 33), zeros([33])];
  const bias = add(start, -10) as Tensor1D;
  const results = [affine(x, weights, bias, false), affine(x, weights, bias, true)];
  expect(await Promise.all(results.map(numbersOf))).toEqual([[-1], [0]]);
  const plain = affine(x, weights, undefined, false);
  expect(await numbersOf(plain)).toEqual([9]);
  dispose([x, weights, start, bias, plain, ...results]);
  expect(memory().numTensors).toBe(before);
});

test('bias and ReLU are in the product also where gradients are computed', async () => {
  const [x, weights, bias] = [ones(4, 6), ones(6, 8), squeeze(ones(1, 8), [0])];
  const layer = customGrad((input) => ({
    value: affine(input as Tensor, weights, bias, true),
    gradFunc: (dy: Tensor) => affine(dy, ones(8, 6), undefined, false),
  }));
  const kernelsOf = async (compute: () => unknown) => {
    const { kernelNames } = await profile(() => {
      compute();
      return [];
    });
    return kernelNames.filter((name) => /MatMul|^Add$|^Relu$/.test(name)).sort();
  };
  const kernels = await kernelsOf(() => grad(layer as (x: Tensor) => Tensor)(x));
  expect(kernels).toContain('_FusedMatMul');
  // TensorFlow's own fused kernel runs the others; nobody else does.
  const apart = await kernelsOf(() => [
    affine(x, weights, bias, true),
    affine(ones(4, 8), ones(8, 6), undefined, false),
  ]);
  expect(kernels).toEqual(apart);
});
