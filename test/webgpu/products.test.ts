import { fused, matMul, mul, type Tensor2D, type Tensor4D } from '@tensorflow/tfjs-core';
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

  // Sums in parts and in one, of fours and not; a convolution and one whose parts are added; numbers on all sides of the bends. Sums
  // go up to 100, where outputs end at 6 or 1.
  test.each(['relu6', 'elu', 'sigmoid', 'leakyrelu'] as const)(
    'with bias and %s, as convolutions',
    async (activation) => {
      const follows = (columns: number) => ({
        ...{ bias: random([columns], 3), activation, leakyreluAlpha: 0.3 },
      });
      const scaled = (shape: number[]) => mul(random(shape, 1), 4);
      await expectSame(
        () => [
          ...[
            [5, 20, 12],
            [40, 700, 7],
          ].map(([rows, terms, columns]) =>
            fused.matMul({
              a: scaled([rows!, terms!]) as Tensor2D,
              b: random([terms!, columns!], 2) as Tensor2D,
              ...follows(columns!),
            }),
          ),
          ...[4, 3].map((columns) =>
            fused.conv2d({
              ...{ x: scaled([2, 5, 6, 8]) as Tensor4D, filter: random([3, 3, 8, columns], 2) as Tensor4D },
              ...{ strides: 1, pad: 'same', ...follows(columns) },
            }),
          ),
        ],
        1e-5,
      );
    },
  );

  // Slopes that WGSL has no literal for, and one whose digits are no whole number of 64 bits.
  test.each([Number.POSITIVE_INFINITY, Number.NaN, 1e40, 1e20, -3e-7])(
    'with a leaky ReLU of slope %d, as convolutions',
    async (leakyreluAlpha) => {
      const follows = { activation: 'leakyrelu', leakyreluAlpha } as const;
      await expectSame(
        () => [
          fused.matMul({
            a: random([5, 20], 1) as Tensor2D,
            b: random([20, 12], 2) as Tensor2D,
            ...follows,
          }),
          fused.conv2d({
            ...{ x: random([1, 4, 4, 4], 1) as Tensor4D, filter: random([3, 3, 4, 4], 2) as Tensor4D },
            ...{ strides: 1, pad: 'same', ...follows },
          }),
        ],
        1e-5,
      );
    },
  );

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
