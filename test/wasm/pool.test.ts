import {
  avgPool,
  conv2d,
  engine,
  fused,
  grad,
  maxPool,
  ones,
  setBackend,
  type Tensor,
  type Tensor4D,
  tensor,
  tidy,
} from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { expectSame, numbers, on, random, rounding, wasm } from './compare.js';

beforeAll(() => void installWasmKernels());

type Padding = Parameters<typeof maxPool>[3];

const side = (min: number, max: number) => fc.integer({ min, max });

/** Any window, stride and padding, and images of any size, also smaller than the window; 0 rows where the rest allows it. */
const pools = fc.record({
  shape: fc.tuple(side(0, 3), side(0, 9), side(0, 9), fc.constantFrom(0, 1, 3, 4, 8, 11)),
  filter: fc.tuple(side(1, 4), side(1, 4)),
  strides: fc.tuple(side(1, 5), side(1, 5)),
  pad: fc.oneof(
    fc.constantFrom<Padding>('same', 'valid', 0, 1, 4),
    fc.tuple(side(0, 3), side(0, 3), side(0, 3), side(0, 3)).map(
      ([top, bottom, left, right]): Padding => [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ],
    ),
  ),
  seed: fc.nat(),
});

test('pools and convolves by whole pixels alone', async () => {
  const x = () => random([1, 5, 5, 4], 1) as Tensor4D;
  const refused = (compute: () => Tensor) => expect(on('wasm', () => [compute()])).rejects;
  await refused(() => maxPool(x(), 2, 1.5, 'valid')).toThrow('the stride is 1.5, 1.5; it must be of whole');
  await refused(() => avgPool(x(), 2.5, 1, 'valid')).toThrow('the size of a window is 2.5, 2.5; it must be');
  await refused(() => conv2d(x(), random([3, 3, 4, 4], 2) as Tensor4D, 1, 0.5)).toThrow(
    'the padding is 0.5, 0.5, 0.5, 0.5; it must be of whole numbers.',
  );
});

describe.each([
  ['max', maxPool],
  ['avg', avgPool],
] as const)('pooling by %s', (_, pool) => {
  test('and its gradient are those of the cpu backend for any window, stride, padding and image', async () => {
    await fc.assert(
      fc.asyncProperty(pools, async ({ shape, filter, strides, pad, seed }) => {
        // Whole numbers from -2 to 1, so that most windows have more than one maximum.
        const values = numbers(size(shape), seed).map((value) => Math.floor(2 * value));
        const forward = (x: Tensor) => pool(x as Tensor4D, filter, strides, pad);
        const outputs = () => [forward(tensor(values, shape))];
        const fits = await on('cpu', outputs).catch(() => undefined);
        if (!fits) {
          await expect(on('wasm', outputs)).rejects.toThrow('are too small for');
          return;
        }
        await expectSame(outputs, rounding(16));
        await expectSame(() => {
          const x = tensor(values, shape);
          return grad(forward)(x, random(forward(x).shape, seed + 1));
        }, rounding(16));
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  test('touches nothing but its output', async () => {
    await setBackend('wasm');
    const { _malloc, _free, HEAPU8 } = wasm().wasm;
    expect(HEAPU8.length).toBeGreaterThan(0);
    // Blocks of all sizes around the tensors, which writes beyond one would change.
    const blocks = Array.from({ length: 200 }, (_, i) => ({ bytes: 16 + 8 * (i % 40), address: 0 }));
    for (const block of blocks) block.address = _malloc(block.bytes) >>> 0;
    for (const { address, bytes } of blocks) wasm().wasm.HEAPU8.fill(0xa5, address, address + bytes);
    for (const { address } of blocks.filter((_, i) => i % 2)) _free(address);
    for (const [height, filter, pad] of [
      [1, 2, 'same'],
      [1, 4, 3],
      [2, 3, 'valid'],
      [3, 4, 'valid'],
    ] as const) {
      tidy(() => {
        const x = random([2, height, height, 5], 1) as Tensor4D;
        const y = pool(x, filter, 2, pad);
        return grad((x) => pool(x as Tensor4D, filter, 2, pad))(x, ones(y.shape));
      }).dispose();
    }
    const kept = blocks.filter((_, i) => i % 2 === 0);
    for (const { address, bytes } of kept) {
      expect(
        wasm()
          .wasm.HEAPU8.subarray(address, address + bytes)
          .every((byte) => byte === 0xa5),
      ).toBe(true);
      _free(address);
    }
  });

  test('refuses images that leave less than nothing, and other types of numbers', async () => {
    await setBackend('wasm');
    tidy(() => {
      const x = ones([1, 1, 2, 3]) as Tensor4D;
      expect(() => pool(x, 4, 2, 'valid')).toThrow(
        /Pool: images of 1x2 are too small for 4x4 windows; use larger images, or padding 'same'\.$/,
      );
      const attrs = { filterSize: 1, strides: 1, pad: 'valid' };
      const kernel = pool === maxPool ? 'MaxPool' : 'AvgPool';
      expect(() => engine().runKernel(kernel, { x: ones([1, 2, 2, 3], 'int32') }, attrs)).toThrow(
        /Pool: the input is int32, but the wasm backend pools only float32; cast it\.$/,
      );
    });
  });

  test('has the gradient of outputs whose number was rounded up', async () => {
    // Rows of 4 in windows of 3, 2 apart: the last window has half a row outside.
    const values = await on('wasm', () => {
      const x = random([1, 4, 4, 5], 1) as Tensor4D;
      const forward = (x: Tensor) => pool(x as Tensor4D, 2, 3, 0, 'ceil');
      return [forward(x), grad(forward)(x, ones([1, 2, 2, 5]))];
    });
    const sums = values[1]!.reduce((a, b) => a + b);
    // Four windows of five channels; in the last ones average pooling divides by the window's size, as tfjs does.
    expect(values[0]).toHaveLength(20);
    expect(sums).toBeCloseTo(pool === maxPool ? 20 : 5 * (1 + 0.5 + 0.5 + 0.25), 5);
  });
});

describe('NaN', () => {
  const odd = [Number.NaN, Number.NEGATIVE_INFINITY];
  const image = (channels: number) =>
    Float32Array.from({ length: 36 * channels }, (_, i) => (i % 7 < 3 ? odd[i % 2]! : (i % 5) - 2));

  test.each([1, 5, 8])('is ignored by max pooling next to a number, in %i channels', async (channels) => {
    const pool = () => maxPool(tensor(image(channels), [1, 6, 6, channels]) as Tensor4D, 2, 1, 'valid');
    const [[expected], [actual]] = [await on('cpu', pool), await on('wasm', pool)];
    expect(actual!.some((value) => value > 0)).toBe(true);
    expect(actual!.map((value) => (Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value))).toEqual(
      expected,
    );
  });

  test.each([1, 8])(
    'is what max pooling gives where there is nothing else, in %i channels',
    async (channels) => {
      const [negative] = new Float32Array(Uint32Array.of(0xffc00001).buffer);
      const x = new Float32Array(16 * channels).fill(negative!);
      x[15 * channels] = Number.NEGATIVE_INFINITY;
      const [values] = await on('wasm', () =>
        maxPool(tensor(x, [1, 4, 4, channels]) as Tensor4D, 2, 2, 'valid'),
      );
      const last = Array(channels).fill(Number.NaN);
      last[0] = Number.NEGATIVE_INFINITY;
      expect([...values!]).toEqual([...Array(3 * channels).fill(Number.NaN), ...last]);
    },
  );

  test('passes through average pooling', async () => {
    const pool = () => avgPool(tensor(image(5), [1, 6, 6, 5]) as Tensor4D, 2, 1, 'valid');
    const [[expected], [actual]] = [await on('cpu', pool), await on('wasm', pool)];
    expect(actual!.some(Number.isNaN)).toBe(true);
    expect(actual).toEqual(expected);
  });
});

test('convolutions of images smaller than the filter are empty or refused', async () => {
  for (const [rows, columns] of [[3, 3] as const, [5, 2] as const]) {
    const filter = [rows, columns, 8, 8] as [number, number, number, number];
    const run = (height: number, width: number, stride: number) => () => {
      const x = random([2, height, width, 8], 1) as Tensor4D;
      return [
        conv2d(x, ones(filter) as Tensor4D, stride, 'valid'),
        fused.conv2d({
          x,
          filter: ones(filter) as Tensor4D,
          strides: stride,
          pad: 'valid',
          activation: 'relu',
        }),
      ];
    };
    for (const stride of [1, 2]) {
      await expectSame(run(rows - 1, columns, stride), 0);
      await expectSame(run(rows, columns - 1, stride), 0);
      await expect(on('wasm', run(0, columns, stride))).rejects.toThrow(
        `conv2d: images of 0x${columns} are too small for ${rows}x${columns} windows`,
      );
    }
  }
});
