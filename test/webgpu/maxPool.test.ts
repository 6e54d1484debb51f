import { conv2d, maxPool, sub, type Tensor, type Tensor4D, tensor } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { available, expectSame, on, random } from './compare.js';

describe.skipIf(!available)('max pooling on WebGPU', () => {
  test.each([
    { image: [2, 6, 8, 4], size: 2, strides: 2, pad: 'valid' },
    { image: [2, 7, 5, 3], size: 2, strides: 2, pad: 'same' },
    { image: [1, 9, 8, 8], size: 3, strides: 2, pad: 'same' },
    { image: [1, 9, 8, 5], size: 3, strides: 1, pad: 'valid' },
    { image: [1, 9, 8, 4], size: 2, strides: 3, pad: 'valid' },
    { image: [1, 5, 6, 2], size: [1, 3], strides: [2, 1], pad: 'same' },
  ] as const)('as on cpu: $image, $size by $strides, $pad', async ({ image, size, strides, pad }) => {
    // Negative numbers, so that zeros of the padding would show.
    await expectSame(
      () =>
        maxPool(
          sub(random([...image], 1), 2) as Tensor4D,
          size as [number, number],
          strides as [number, number],
          pad,
        ),
      0,
    );
  });

  test('whole pixels are asked for, and padding may be negative', async () => {
    const x = () => random([1, 5, 5, 4], 1) as Tensor4D;
    const filter = () => random([3, 3, 4, 4], 2) as Tensor4D;
    const refused = (compute: () => Tensor) => expect(on('webgpu', compute)).rejects;
    const message = 'it must be of whole numbers';
    await refused(() => maxPool(x(), 2, 1.5, 'valid')).toThrow(`MaxPool: the stride is 1.5, 1.5; ${message}`);
    await refused(() => maxPool(x(), 2.5, 1, 'valid')).toThrow(
      `the size of a window is 2.5, 2.5; ${message}`,
    );
    await refused(() => maxPool(x(), 2, 1, 0.5)).toThrow(`the padding is 0.5, 0.5, 0.5, 0.5; ${message}`);
    await refused(() => conv2d(x(), filter(), 1, 0.5)).toThrow(`Conv2D: the padding is 0.5, 0.5, 0.5, 0.5;`);
    await refused(() => conv2d(x(), filter(), 1.5, 'valid')).toThrow(`Conv2D: the stride is 1.5, 1.5;`);
    await expectSame(() => [maxPool(x(), 2, 1, -1), conv2d(x(), filter(), 1, -1)]);
  });

  test('a window of padding alone is minus infinity', async () => {
    for (const channels of [1, 4]) {
      await expectSame(() => maxPool(random([1, 2, 2, channels], 1) as Tensor4D, 1, 1, 1), 0);
      await expectSame(() => maxPool(random([1, 2, 3, channels], 1) as Tensor4D, 2, 3, 3), 0);
    }
  });

  test('a window ignores NaN beside a number, and is NaN of NaN alone', async () => {
    const { NaN: nan, NEGATIVE_INFINITY: low } = Number;
    for (const channels of [1, 4]) {
      const columns = [nan, 2, 3, nan, nan, nan, low, low];
      const [y] = await on('webgpu', () =>
        maxPool(
          tensor(
            columns.flatMap((number) => Array(channels).fill(number) as number[]),
            [1, 1, 8, channels],
          ) as Tensor4D,
          [1, 2],
          [1, 2],
          'valid',
        ),
      );
      expect([0, 1, 2, 3].map((i) => y![i * channels])).toEqual([2, 3, nan, low]);
    }
  });
});
