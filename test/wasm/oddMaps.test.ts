import {
  avgPool,
  batchNorm,
  clone,
  grad,
  maxPool,
  slice,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tensor,
} from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import { runOwnKernel } from '../../src/tfjs/kernels.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { numbers, on, random } from './compare.js';
import { floats, NANS, OTHERS } from './oddBits.js';

beforeAll(() => void installWasmKernels());

/** `values` with one of them replaced, bit for bit. */
function spoiled(shape: number[], seed: number, at: number, bits: number): Tensor {
  const values = numbers(size(shape), seed);
  new Uint32Array(values.buffer)[at] = bits;
  return tensor(values, shape);
}

test('copies have the bits of what they copy', async () => {
  const bits = [...NANS, ...OTHERS];
  const copies = await on('wasm', () => {
    const x = tensor(floats([...bits, ...bits]), [2, bits.length]) as Tensor2D;
    return [clone(x), slice(x, [1, 0], [1, bits.length]), slice(x, [0, 3], [2, bits.length - 3])];
  });
  const written = copies.map(({ buffer, byteOffset, length }) => [
    ...new Uint32Array(buffer, byteOffset, length),
  ]);
  // JavaScript may make a signaling NaN quiet; nothing else changes.
  const quiet = (bits: number) => (NANS.includes(bits) ? (bits | 0x400000) >>> 0 : bits);
  expect(written.map((line) => line.map(quiet))).toEqual(
    [[...bits, ...bits], bits, [...bits.slice(3), ...bits.slice(3)]].map((line) => line.map(quiet)),
  );
});

/** Each NaN and infinity. */
const ODD = [...NANS, ...OTHERS.slice(0, 2)];

describe.each([3, 8])('NaN and infinity, bit for bit, in one of %i channels', (channels) => {
  const image = [2, 6, 6, channels];
  const at = 14 * channels + 1;
  const isOdd = (bits: number) =>
    NANS.includes(bits) ? Number.isNaN : (value: number) => !Number.isFinite(value);

  /** Expects odd numbers in exactly the places where `isThere` says, of the last axis. */
  const expectOdd = (values: Float32Array, bits: number, isThere: (i: number) => boolean) =>
    expect(values.findIndex((value, i) => isOdd(bits)(value) !== isThere(i))).toBe(-1);

  test('are in poolings and their gradients as on the cpu backend', async () => {
    for (const bits of ODD) {
      const compute = () => [
        avgPool(spoiled(image, 1, at, bits) as Tensor4D, 2, 2, 'same'),
        grad((x) => avgPool(x as Tensor4D, 2, 2, 'same'))(
          random(image, 1),
          spoiled([2, 3, 3, channels], 2, at, bits),
        ),
        maxPool(spoiled(image, 1, at, bits) as Tensor4D, 2, 2, 'same'),
        // A window of one pixel: NaN, where the cpu backend has minus infinity.
        maxPool(spoiled(image, 1, at, bits) as Tensor4D, 1, 1, 'same'),
      ];
      const [expected, actual] = [await on('cpu', compute), await on('wasm', compute)];
      for (const i of [0, 1, 2]) expect(actual[i]!.map((x) => x + 0)).toEqual(expected[i]!.map((x) => x + 0));
      expectOdd(actual[3]!, bits, (i) => i === at);
    }
  });

  test('stay in their place in a normalization with known statistics', async () => {
    for (const bits of ODD) {
      const [y] = await on('wasm', () => {
        const [mean, offset, scale] = [1, 2, 3].map((seed) => random([channels], seed) as Tensor1D);
        return batchNorm(
          ...([spoiled(image, 1, at, bits), mean, tensor(Array(channels).fill(1)), offset, scale] as [
            Tensor4D,
            Tensor1D,
            Tensor1D,
            Tensor1D,
            Tensor1D,
          ]),
        );
      });
      expectOdd(y!, bits, (i) => i === at);
    }
  });

  test("fill their channel in a training step's normalization and its gradients", async () => {
    for (const bits of ODD) {
      for (const place of ['x', 'dy'] as const) {
        const [y, ofScale, ofOffset, ofX] = await on('wasm', () => {
          const x = place === 'x' ? spoiled(image, 1, at, bits) : random(image, 1);
          const dy = place === 'dy' ? spoiled(image, 2, at, bits) : random(image, 2);
          const [scale, offset, running] = [3, 4, 5].map((seed) => random([channels], seed)) as [
            Tensor,
            Tensor,
            Tensor,
          ];
          const [y, mean, variance] = runOwnKernel(
            'BatchNorm',
            { x, scale, offset, runningMean: running, runningVariance: running },
            { epsilon: 1e-3, relu: false, momentum: 0.9 },
          );
          const of = { dy, x, mean: mean!, variance: variance!, scale, offset };
          return [y!, ...runOwnKernel('BatchNormGrad', of, { epsilon: 1e-3, relu: false, wantsX: true })];
        });
        const isThere = (i: number) => i % channels === 1;
        // Infinity minus an infinite mean is NaN.
        expectOdd(y!, place === 'x' ? NANS[0]! : bits, (i) => place === 'x' && isThere(i));
        for (const values of [ofScale!, ofOffset!, ofX!]) {
          const bad = values.map((value, i) => Number(!Number.isFinite(value) && isThere(i)));
          const count = values === ofOffset && place === 'x' ? 0 : values.length / channels;
          expect(bad.reduce((sum, one) => sum + one)).toBe(count);
          expect(values.filter((value, i) => !isThere(i) && !Number.isFinite(value))).toHaveLength(0);
        }
      }
    }
  });

  test('reach what depends on them through a convolution and its pooling', async () => {
    const [wide, weights] = [
      [1, 16, 16, channels],
      [3, 3, channels, channels],
    ];
    const pool = {
      size: [2, 2] as [number, number],
      strides: [2, 2] as [number, number],
      pad: 'same' as const,
    };
    for (const bits of NANS) {
      for (const relu of [false, true]) {
        const attrs = { pad: 'same' as const, relu, pool };
        const [y, ofFilter, ofBias, ofX] = await on('wasm', () => {
          const [x, filter] = [spoiled(wide, 1, 17 * channels, bits), random(weights, 2)];
          const [y] = runOwnKernel('ConvPool', { x, filter, bias: random([channels], 3) }, attrs);
          const clean = random(wide, 4);
          const [, choices] = runOwnKernel('ConvPool', { x: clean, filter }, attrs);
          return [
            y!,
            ...runOwnKernel(
              'ConvPoolGrad',
              { dy: spoiled([1, 8, 8, channels], 5, 1, bits), choices: choices!, x: clean, filter },
              { ...attrs, relu: false, wanted: ['filter', 'bias', 'x'] },
            ),
          ];
        });
        const pixel = (row: number, column: number, width: number) =>
          y!.subarray((row * width + column) * channels, (row * width + column + 1) * channels);
        // The pixel (1, 1) is under the filters of the first 3x3 pixels; a tile of 4x4 is spoiled as a whole.
        for (const [row, column] of [
          [0, 0],
          [0, 1],
          [1, 0],
          [1, 1],
        ] as const) {
          expect([...pixel(row, column, 8)].every(Number.isNaN)).toBe(true);
        }
        expect(y!.filter((_, i) => i >= 4 * 8 * channels).every(Number.isFinite)).toBe(true);
        // The output that has it chose a pixel, or none if the ReLU blocked it.
        if (!relu) {
          expect(ofBias![1]).toBeNaN();
          expect(ofX!.some(Number.isNaN)).toBe(true);
          expect(ofFilter!.some((value, i) => i % channels === 1 && Number.isNaN(value))).toBe(true);
        }
        const others = (value: number, i: number) => i % channels !== 1 && !Number.isFinite(value);
        expect(ofBias!.some(others)).toBe(false);
        expect(ofX!.filter((_, i) => i >= 10 * 16 * channels).every(Number.isFinite)).toBe(true);
      }
    }
  });
});

test('NaN in a dense layer reaches the gradients of its row or column, whatever its bits', async () => {
  for (const bits of NANS) {
    for (const rows of [3, 40]) {
      const compute = (place: 'x' | 'dy' | 'weights') => () => {
        const operand = (name: typeof place, shape: number[], seed: number) =>
          place === name ? spoiled(shape, seed, 9, bits) : random(shape, seed);
        return runOwnKernel(
          'DenseGrad',
          {
            x: operand('x', [rows, 8], 1),
            dy: operand('dy', [rows, 12], 2),
            weights: operand('weights', [8, 12], 3),
          },
          { behindRelu: false, wantsX: true },
        );
      };
      // Number 9 is [1, 1] of x, [0, 9] of dy and of the weights.
      const odd = (values: Float32Array) => [...values.keys()].filter((i) => Number.isNaN(values[i]));
      const range = (count: number, of: (i: number) => number) =>
        Array.from({ length: count }, (_, i) => of(i));
      const ofX = await on('wasm', compute('x'));
      expect(ofX.map(odd)).toEqual([range(12, (i) => 12 + i), []]);
      const ofDy = await on('wasm', compute('dy'));
      expect(ofDy.map(odd)).toEqual([range(8, (i) => 12 * i + 9), range(8, (i) => i)]);
      const ofWeights = await on('wasm', compute('weights'));
      expect(ofWeights.map(odd)).toEqual([[], range(rows, (i) => 8 * i)]);
    }
  }
});
