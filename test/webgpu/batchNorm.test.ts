import { dispose, ones, type Tensor, tensor, zeros } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import { type Pooling, runOwnKernel } from '../../src/tfjs/kernels.js';
import { fixtureJson, noiseImages } from '../support/fixtures.js';
import { available, error, numbers, on, random } from './compare.js';

interface Attrs {
  epsilon: number;
  relu: boolean;
  pool?: Pooling;
}

const NAMES = ['y', 'mean', 'variance', 'nextMean', 'nextVariance', 'dScale', 'dOffset', 'dx'] as const;

type Results = Record<(typeof NAMES)[number], ArrayLike<number>>;

interface Given {
  shape: number[];
  x: Float32Array;
  scale: Float32Array;
  offset: Float32Array;
  dy: Float32Array;
}

const MOMENTUM = 0.75;

/** All outputs of both kernels on WebGPU. */
async function normalize({ shape, x, scale, offset, dy }: Given, attrs: Attrs): Promise<Results> {
  const channels = [shape.at(-1)!];
  const values = await on('webgpu', () => {
    const weights = { scale: tensor(scale, channels), offset: tensor(offset, channels) };
    const running = { runningMean: zeros(channels), runningVariance: ones(channels) };
    const images = tensor(x, shape);
    const outputs = runOwnKernel(
      'BatchNorm',
      { x: images, ...weights, ...running },
      { ...attrs, momentum: MOMENTUM },
    );
    const [y, mean, variance, nextMean, nextVariance, choices] = outputs as [Tensor, ...Tensor[]];
    const gradients = runOwnKernel(
      'BatchNormGrad',
      {
        ...{ dy: tensor(dy, y.shape), x: images.clone(), mean: mean!, variance: variance!, ...weights },
        ...(choices && { choices }),
      },
      { ...attrs, wantsX: true },
    );
    return [y, mean!, variance!, nextMean!, nextVariance!, ...gradients];
  });
  return Object.fromEntries(NAMES.map((name, i) => [name, values[i]!])) as unknown as Results;
}

/** The same by the definition, in float64. */
function reference({ shape, x, scale, offset, dy }: Given, { epsilon, relu, pool }: Attrs): Results {
  const channels = shape.at(-1)!;
  const rows = x.length / channels;
  const each = <T>(of: (c: number) => T) => Array.from({ length: channels }, (_, c) => of(c));
  const sum = (of: (row: number) => number) => {
    let total = 0;
    for (let row = 0; row < rows; row++) total += of(row);
    return total;
  };
  const mean = each((c) => sum((row) => x[row * channels + c]!) / rows);
  const variance = each((c) => sum((row) => (x[row * channels + c]! - mean[c]!) ** 2) / rows);
  const deviation = variance.map((value) => Math.sqrt(value + epsilon));
  const hat = Float64Array.from(x, (value, i) => (value - mean[i % channels]!) / deviation[i % channels]!);
  const map = hat.map((value, i) => {
    const number = value * scale[i % channels]! + offset[i % channels]!;
    return relu ? Math.max(0, number) : number;
  });
  const pooled = pool ? poolings(map, shape, pool) : map.map((_, i) => i);
  const y = Array.from(pooled, (from) => map[from]!);
  const g = new Float64Array(x.length);
  for (const [out, from] of pooled.entries()) if (!relu || map[from]! > 0) g[from]! += dy[out]!;
  const dOffset = each((c) => sum((row) => g[row * channels + c]!));
  const dScale = each((c) => sum((row) => g[row * channels + c]! * hat[row * channels + c]!));
  const dx = hat.map((value, i) => {
    const c = i % channels;
    return (scale[c]! / deviation[c]!) * (g[i]! - dOffset[c]! / rows - (value * dScale[c]!) / rows);
  });
  return {
    ...{ y, mean, variance, dScale, dOffset, dx },
    nextMean: mean.map((value) => (1 - MOMENTUM) * value),
    nextVariance: variance.map((value) => MOMENTUM + (1 - MOMENTUM) * value),
  };
}

/** Which number of the map each output of a pooling is: the first of the largest. */
function poolings(map: Float64Array, shape: number[], { size, strides, pad }: Pooling): number[] {
  const [batch, height, width, channels] = shape as [number, number, number, number];
  const along = (length: number, axis: 0 | 1) => {
    const count =
      pad === 'valid'
        ? Math.floor((length - size[axis]) / strides[axis]) + 1
        : Math.ceil(length / strides[axis]);
    const missing = pad === 'valid' ? 0 : Math.max(0, (count - 1) * strides[axis] + size[axis] - length);
    return Array.from({ length: count }, (_, i) => i * strides[axis] - Math.floor(missing / 2));
  };
  const chosen: number[] = [];
  for (let image = 0; image < batch; image++) {
    for (const fromRow of along(height, 0)) {
      for (const fromColumn of along(width, 1)) {
        for (let c = 0; c < channels; c++) {
          let best = -1;
          for (let row = Math.max(0, fromRow); row < Math.min(height, fromRow + size[0]); row++) {
            for (let col = Math.max(0, fromColumn); col < Math.min(width, fromColumn + size[1]); col++) {
              const at = ((image * height + row) * width + col) * channels + c;
              if (best < 0 || map[at]! > map[best]!) best = at;
            }
          }
          chosen.push(best);
        }
      }
    }
  }
  return chosen;
}

function given(shape: number[], pool?: Pooling): Given {
  const channels = shape.at(-1)!;
  const x = numbers(size(shape), 1).map((value, i) => 3 * value + ((i % channels) % 5) - 2);
  const scale = numbers(channels, 2).map((value) => value + Math.sign(value) / 2);
  const outputs = pool ? poolings(Float64Array.from(x), shape, pool).length : x.length;
  return { ...{ shape, x, scale }, offset: numbers(channels, 3), dy: numbers(outputs, 4) };
}

const window = (size: number, strides: number, pad: Pooling['pad']): Pooling => ({
  ...{ size: [size, size], strides: [strides, strides], pad },
});

describe.skipIf(!available)('batch normalization in training on WebGPU', () => {
  // Rows for one workgroup and for many, channels in fours and not, more channels than a workgroup has invocations.
  const SHAPES = [
    [2, 5, 7, 4],
    [2, 30, 31, 16],
    [9, 1028],
    [40, 259],
    [7000, 1],
  ];
  test.each(SHAPES.flatMap((shape) => [true, false].map((relu) => ({ shape, relu }))))(
    'is as in float64, and the same in every run: $shape, ReLU $relu',
    async ({ shape, relu }) => {
      const [data, attrs] = [given(shape), { epsilon: 1e-3, relu }];
      const [actual, expected] = [await normalize(data, attrs), reference(data, attrs)];
      for (const name of NAMES) expect(error(actual[name], expected[name]), name).toBeLessThan(2e-6);
      expect(await normalize(data, attrs)).toEqual(actual);
    },
  );

  const POOLINGS = [
    { shape: [2, 6, 8, 4], pool: window(2, 2, 'valid') },
    { shape: [3, 7, 5, 3], pool: window(2, 2, 'same') },
    { shape: [2, 9, 8, 8], pool: window(3, 2, 'same') },
    { shape: [2, 9, 8, 5], pool: window(3, 1, 'valid') },
    { shape: [3, 9, 8, 4], pool: window(2, 3, 'valid') },
  ];
  test.each(POOLINGS.flatMap((one) => [true, false].map((relu) => ({ ...one, relu }))))(
    'with the pooling behind it is as in float64: $shape, $pool, ReLU $relu',
    async ({ shape, pool, relu }) => {
      const [data, attrs] = [given(shape, pool), { epsilon: 1e-3, relu, pool }];
      const [actual, expected] = [await normalize(data, attrs), reference(data, attrs)];
      for (const name of NAMES) expect(error(actual[name], expected[name]), name).toBeLessThan(2e-6);
      expect(await normalize(data, attrs)).toEqual(actual);
    },
  );

  test('outputs and gradients are those of PyTorch in float64', async () => {
    interface Case extends Results {
      shape: number[];
      center: number;
      spread: number;
      relu: boolean;
    }
    const { epsilon, cases } = await fixtureJson<{ epsilon: number; cases: Case[] }>('norms.json');
    for (const { shape, center, spread, relu, ...expected } of cases) {
      const channels = shape.slice(-1);
      const drawn = (shape: number[], seed: number) => noiseImages(shape, seed).data;
      const actual = await normalize(
        {
          shape,
          x: drawn(shape, 1).map((value) => value * spread + center),
          ...{ scale: drawn(channels, 2), offset: drawn(channels, 3), dy: drawn(shape, 4) },
        },
        { epsilon, relu },
      );
      // The mean is rounded to float32, which is off by 2^-24 of it, in deviations; numbers go up to 2 of those.
      const rounding = 2 ** -24 * (16 + (2 * Math.abs(center)) / spread);
      for (const name of ['y', 'mean', 'variance', 'dx', 'dScale', 'dOffset'] as const) {
        expect(error(actual[name], expected[name]), `${name} of ${shape}`).toBeLessThan(rounding);
      }
    }
  });

  test('statistics of many rows are exact however large the mean', async () => {
    const [rows, channels] = [40_000, 4];
    const data = given([rows, channels]);
    // The first rows are unlike the others.
    data.x = data.x.map((_, i) => Math.fround(Math.sin(i * i) + (i < 400 ? 3000 : 2000)));
    const attrs = { epsilon: 1e-3, relu: false };
    const [actual, expected] = [await normalize(data, attrs), reference(data, attrs)];
    expect(error(actual.mean, expected.mean)).toBeLessThan(1e-7);
    expect(error(actual.variance, expected.variance)).toBeLessThan(1e-6);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%d in one channel passes to all of it, and to no other',
    async (odd) => {
      for (const channels of [3, 8]) {
        for (const row of [0, 40]) {
          const data = given([50, channels]);
          data.x[row * channels + 1] = odd;
          const { mean, nextMean, ...others } = await normalize(data, { epsilon: 1e-3, relu: true });
          for (const values of [mean, nextMean]) {
            expect(Array.from(values, Number.isFinite)).toEqual(Array.from(values, (_, c) => c !== 1));
          }
          for (const [name, values] of Object.entries(others)) {
            const isBad = Array.from(values, (value, i) => Number.isNaN(value) === (i % channels === 1));
            expect(isBad.every(Boolean), name).toBe(true);
          }
        }
      }
    },
  );

  test.each([undefined, window(2, 2, 'valid')])(
    'its gradient takes memory that no other tensor shares, and leaves the numbers of others alone; pooling %j',
    async (pool) => {
      const shape = [2, 4, 6, 4];
      const data = given(shape, pool);
      const attrs = { epsilon: 1e-3, relu: true, pool };
      const run = (shares: boolean) =>
        on('webgpu', () => {
          const [scale, offset] = [tensor(data.scale), tensor(data.offset)];
          const x = tensor(data.x, shape);
          const running = { runningMean: zeros([4]), runningVariance: ones([4]) };
          const [y, mean, variance, , , choices] = runOwnKernel(
            'BatchNorm',
            { x, scale, offset, ...running },
            { ...attrs, momentum: 0.9 },
          ) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor?];
          const dy = tensor(data.dy, y.shape);
          const given = pool ? x : dy;
          const kept = shares ? [given.clone()] : [];
          const all = runOwnKernel(
            'BatchNormGrad',
            { dy, x, mean, variance, scale, offset, ...(choices && { choices }) },
            { ...attrs, wantsX: true },
          );
          const [, , dx] = all as [Tensor, Tensor, Tensor];
          expect(dx.dataId === given.dataId).toBe(!shares);
          dispose(all.slice(0, 2));
          return [dx, ...kept];
        });
      const [[alone], [shared, kept]] = [await run(false), await run(true)];
      expect(shared).toEqual(alone);
      expect(kept).toEqual(pool ? data.x : data.dy);
    },
  );

  test('without the gradient of x, those of scale and offset are the same', async () => {
    const data = given([3, 5, 5, 6]);
    const of = (wantsX: boolean) =>
      on('webgpu', () => {
        const each = (values: Float32Array, shape: number[]) => tensor(values, shape);
        return runOwnKernel(
          'BatchNormGrad',
          {
            ...{ dy: each(data.dy, data.shape), x: each(data.x, data.shape) },
            ...{ mean: random([6], 5), variance: ones([6]) },
            ...{ scale: each(data.scale, [6]), offset: each(data.offset, [6]) },
          },
          { epsilon: 1e-3, relu: true, wantsX },
        );
      });
    const [all, some] = [await of(true), await of(false)];
    expect(some).toEqual(all.slice(0, 2));
  });
});
