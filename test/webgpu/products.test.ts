import { fused, matMul, type Tensor2D } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { layoutFor } from '../../src/webgpu/multiply.js';
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

  test('many rows, with bias and ReLU', async () => {
    await expectSame(() =>
      fused.matMul({
        a: random([1024, 8], 1) as Tensor2D,
        b: random([8, 40], 2) as Tensor2D,
        bias: random([40], 3),
        activation: 'relu',
      }),
    );
  });

  test('few rows and many columns, with bias and ReLU, in lanes of a workgroup', async () => {
    const { tiles, parts } = layoutFor({ rows: 3, columns: 1540, terms: 520 });
    expect([tiles[0]!.lanes, parts]).toEqual([4, 1]);
    await expectSame(() =>
      fused.matMul({
        a: random([3, 520], 1) as Tensor2D,
        b: random([520, 1540], 2) as Tensor2D,
        bias: random([1540], 3),
        activation: 'relu',
      }),
    );
  });

  test('few outputs of many terms, with bias', async () => {
    await expectSame(() =>
      fused.matMul({
        a: random([2, 2052], 1) as Tensor2D,
        b: random([2052, 10], 2) as Tensor2D,
        bias: random([10], 3),
      }),
    );
  });

  test('batches of matrices are left to the backend', async () => {
    await expectSame(() => matMul(random([2, 3, 4], 1), random([2, 4, 5], 2)));
  });
});
