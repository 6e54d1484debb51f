import { fused, matMul, type Tensor2D } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { isFasterInStock } from '../../src/webgpu/matMul.js';
import { available, expectSame, random } from './compare.js';

const TRANSPOSES = [false, true].flatMap((a) => [false, true].map((b) => [a, b] as const));

describe.skipIf(!available)('products of matrices on WebGPU', () => {
  const sizes = [
    { rows: 3, terms: 705, columns: 10 },
    { rows: 68, terms: 132, columns: 72 },
  ];
  test.each(sizes)(
    '$rows rows, $terms terms, $columns columns: as on cpu, transposed or not',
    async (size) => {
      const { rows, terms, columns } = size;
      for (const [transposeA, transposeB] of TRANSPOSES) {
        await expectSame(() =>
          matMul(
            random(transposeA ? [terms, rows] : [rows, terms], 1),
            random(transposeB ? [columns, terms] : [terms, columns], 2),
            transposeA,
            transposeB,
          ),
        );
      }
    },
  );

  test('with bias and ReLU, behind sums in parts and in one', async () => {
    for (const terms of [20, 700]) {
      await expectSame(() =>
        fused.matMul({
          a: random([5, terms], 1) as Tensor2D,
          b: random([terms, 12], 2) as Tensor2D,
          bias: random([12], 3),
          activation: 'relu',
        }),
      );
    }
  });

  test('a large product, by the backend, with bias and ReLU', async () => {
    await expectSame(() =>
      fused.matMul({
        a: random([1024, 8], 1) as Tensor2D,
        b: random([8, 40], 2) as Tensor2D,
        bias: random([40], 3),
        activation: 'relu',
      }),
    );
  });

  test('batches of matrices are left to the backend', async () => {
    await expectSame(() => matMul(random([2, 3, 4], 1), random([2, 4, 5], 2)));
  });
});

test.each([
  ['4096 outputs for 128 images', [128, 4096, 4096], true],
  ['the gradient of its weights', [4096, 4096, 128], true],
  ['the gradient of its inputs', [128, 6272, 4096], true],
  ['sums of more than 4096 terms', [128, 4096, 6272], false],
  ['few outputs, which the backend adds in no fixed order', [128, 10, 4096], false],
  ['few images', [8, 4096, 4096], false],
  ['more rows than the backend has workgroups for', [32 * 65535 + 1, 64, 64], false],
] as const)('a product is left to the backend where that is faster: %s, %j', (_, sides, expected) => {
  const [rows, columns, terms] = sides;
  expect(isFasterInStock({ rows, columns, terms }, 65535)).toBe(expected);
});
