import {
  conv2d,
  conv2dTranspose,
  engine,
  fused,
  grads,
  matMul,
  ones,
  setBackend,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tensor,
  tidy,
} from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import { runOwnKernel } from '../../src/tfjs/kernels.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { expectSame, numbers, on, random, rounding } from './compare.js';

beforeAll(() => void installWasmKernels());

const side = (min: number, max: number) => fc.integer({ min, max });

describe('convolutions and their gradients', () => {
  const cases = fc.record({
    image: fc.tuple(side(0, 2), side(1, 9), side(1, 9), fc.constantFrom(1, 3, 8)),
    filter: fc.tuple(side(1, 4), side(1, 4), fc.constantFrom(1, 5, 8)),
    strides: fc.tuple(side(1, 6), side(1, 6)),
    pad: fc.oneof(
      fc.constantFrom<'same' | 'valid'>('same', 'valid'),
      fc
        .tuple(side(0, 5), side(0, 5), side(0, 5), side(0, 5))
        .map(([top, bottom, left, right]): [number, number][] => [
          [0, 0],
          [top, bottom],
          [left, right],
          [0, 0],
        ]),
    ),
    seed: fc.nat(),
  });

  test('are those of the cpu backend for any stride, also above the filter, and any padding, also beyond it', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ image, filter: [rows, columns, outs], strides, pad, seed }) => {
        const [height, width] = [1, 2].map(
          (axis) => image[axis]! + (typeof pad === 'string' ? 0 : pad[axis]![0] + pad[axis]![1]),
        );
        fc.pre(pad === 'same' || (height! >= rows && width! >= columns));
        const filter = [rows, columns, image[3], outs];
        const forward = (x: Tensor, w: Tensor) =>
          conv2d(x as Tensor4D, w as Tensor4D, strides, pad as 'same');
        const compute = () => {
          const [x, w] = [random(image, seed), random(filter, seed + 1)] as const;
          const y = forward(x, w);
          return [y, ...grads(forward)([x, w], random(y.shape, seed + 2))];
        };
        await expectSame(compute, rounding(rows * columns * 8 * 16 + 2 * 81));
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  test('of an output that is larger than the convolution has are those of the cpu backend', async () => {
    for (const stride of [1, 2]) {
      for (const filter of [3, 8]) {
        const compute = () => {
          const [dy, w] = [random([2, 8, 7, 8], 1), random([filter, filter, 8, 8], 2)] as const;
          // The gradient of the transposed convolution's filter.
          const gradient = engine().runKernel(
            'Conv2DBackpropFilter',
            { x: random([2, 4, 3, 8], 3), dy },
            { strides: [stride, stride], pad: 'same', dataFormat: 'NHWC', filterShape: w.shape },
          ) as Tensor;
          return [conv2dTranspose(dy as Tensor4D, w as Tensor4D, [2, 4, 3, 8], stride, 'same'), gradient];
        };
        await expectSame(compute, rounding(filter * filter * 8));
      }
    }
  });

  test('of an output that is smaller than the convolution has are refused', async () => {
    await setBackend('wasm');
    tidy(() => {
      const attrs = { strides: [1, 1], pad: 'same', dataFormat: 'NHWC' };
      const dy = ones([1, 2, 4, 8]);
      const run = (kernel: string, inputs: Record<string, Tensor>, more: object) => () =>
        engine().runKernel(kernel, inputs, { ...attrs, ...more });
      const message =
        "the output's gradient is 2x4, but a convolution of this input has 4x4 outputs; check outputShape, strides and padding.";
      expect(
        run('Conv2DBackpropInput', { dy, filter: ones([3, 3, 8, 8]) }, { inputShape: [1, 4, 4, 8] }),
      ).toThrow(`Conv2DBackpropInput: ${message}`);
      expect(
        run('Conv2DBackpropFilter', { dy, x: ones([1, 4, 4, 8]) }, { filterShape: [3, 3, 8, 8] }),
      ).toThrow(`Conv2DBackpropFilter: ${message}`);
    });
  });

  test('of channels first are refused', async () => {
    await setBackend('wasm');
    tidy(() => {
      const [x, filter] = [ones([1, 3, 4, 4]) as Tensor4D, ones([3, 3, 3, 2]) as Tensor4D];
      expect(() => conv2d(x, filter, 1, 'same', 'NCHW')).toThrow(
        "does not support dataFormat:'channelsFirst'",
      );
      expect(() =>
        fused.conv2d({ x, filter, strides: 1, pad: 'same', dataFormat: 'NCHW', activation: 'relu' }),
      ).toThrow('does not support dataFormat');
    });
  });
});

// The cpu backend computes only as many as the larger batch has.
test('products of batches that broadcast are those of their matrices', async () => {
  for (const [batchesA, batchesB, pairs] of [
    [
      [2, 1],
      [1, 3],
      [
        [0, 0],
        [0, 1],
        [0, 2],
        [1, 0],
        [1, 1],
        [1, 2],
      ],
    ],
    [
      [1, 3],
      [2, 1],
      [
        [0, 0],
        [1, 0],
        [2, 0],
        [0, 1],
        [1, 1],
        [2, 1],
      ],
    ],
    [
      [3],
      [2, 3],
      [
        [0, 0],
        [1, 1],
        [2, 2],
        [0, 3],
        [1, 4],
        [2, 5],
      ],
    ],
    [
      [2, 1],
      [2, 3],
      [
        [0, 0],
        [0, 1],
        [0, 2],
        [1, 3],
        [1, 4],
        [1, 5],
      ],
    ],
    [
      [],
      [2],
      [
        [0, 0],
        [0, 1],
      ],
    ],
    [[0], [1], []],
  ] as [number[], number[], [number, number][]][]) {
    const [a, b] = [numbers(size(batchesA) * 10, 1), numbers(size(batchesB) * 20, 2)];
    const [values] = await on('wasm', () =>
      matMul(tensor(a, [...batchesA, 2, 5]), tensor(b, [...batchesB, 5, 4])),
    );
    const expected = pairs.flatMap(([i, j]) =>
      [0, 1].flatMap((row) =>
        [0, 1, 2, 3].map((column) =>
          [0, 1, 2, 3, 4].reduce((sum, k) => sum + a[10 * i + 5 * row + k]! * b[20 * j + 4 * k + column]!, 0),
        ),
      ),
    );
    expect(values).toHaveLength(expected.length);
    for (const [i, value] of expected.entries())
      expect(Math.abs(values![i]! - value)).toBeLessThan(rounding(5));
  }
});

test('convolutions of images without channels are their bias', async () => {
  for (const side of [1, 3]) {
    for (const activation of ['linear', 'relu'] as const) {
      const compute = () => {
        const [x, filter] = [ones([2, 5, 4, 0]) as Tensor4D, ones([side, side, 0, 9]) as Tensor4D];
        const bias = random([9], 1) as Tensor1D;
        return [
          conv2d(x, filter, side, 'same'),
          fused.conv2d({ x, filter, bias, strides: 1, pad: 'same', activation }),
        ];
      };
      await expectSame(compute, 0);
    }
  }
});

test('the gradients of dense layers without examples or units are zeros', async () => {
  for (const [rows, columns] of [
    [0, 4],
    [3, 0],
  ] as const) {
    const gradients = await on('wasm', () => {
      const inputs = { x: ones([rows, 5]), dy: ones([rows, columns]), weights: ones([5, columns]) };
      return runOwnKernel('DenseGrad', inputs, { behindRelu: false, wantsX: true });
    });
    expect(gradients).toEqual([new Float32Array(5 * columns), new Float32Array(rows * 5)]);
  }
});

test('products of no terms are zeros, and those of no rows or columns are empty', async () => {
  const product = (m: number, k: number, n: number) => () =>
    matMul(ones([m, k]) as Tensor2D, ones([k, n]) as Tensor2D);
  expect(await on('wasm', product(2, 0, 3))).toEqual([new Float32Array(6)]);
  expect(await on('wasm', product(0, 4, 3))).toEqual([new Float32Array(0)]);
  expect(await on('wasm', product(2, 4, 0))).toEqual([new Float32Array(0)]);
});
