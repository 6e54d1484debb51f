import '@tensorflow/tfjs-backend-wasm';
import {
  add,
  batchNorm,
  dispose,
  engine,
  memory,
  type NamedAttrMap,
  type NamedTensorMap,
  ones,
  setBackend,
  square,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tensor,
  tidy,
  zeros,
} from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Pooling, runOwnKernel } from '../../src/tfjs/kernels.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { fixtureJson, noiseImages } from '../support/fixtures.js';
import { expectSame, random, wasm } from './compare.js';

beforeAll(async () => {
  installWasmKernels();
  await setBackend('wasm');
});

interface Case {
  shape: number[];
  center: number;
  spread: number;
  relu: boolean;
  y: number[];
  mean: number[];
  variance: number[];
  dx: number[];
  dScale: number[];
  dOffset: number[];
}

/** What fixtures/make_norms.py calls `drawn`. */
const drawn = (shape: number[], seed: number) => tensor(noiseImages(shape, seed).data, shape);

/** All outputs of both kernels, for numbers of any shape and the gradient of the output. */
function normalize(
  x: Tensor,
  scale: Tensor,
  offset: Tensor,
  dy: Tensor,
  attrs: { epsilon: number; relu: boolean },
) {
  const channels = [x.shape.at(-1)!];
  const running = { runningMean: zeros(channels), runningVariance: ones(channels) };
  const [y, mean, variance, nextMean, nextVariance] = runOwnKernel(
    'BatchNorm',
    { x, scale, offset, ...running },
    { ...attrs, momentum: 0.75 },
  ) as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const [dScale, dOffset, dx] = runOwnKernel(
    'BatchNormGrad',
    { dy: dy.clone(), x, mean, variance, scale, offset },
    { ...attrs, wantsX: true },
  ) as [Tensor, Tensor, Tensor];
  return { y, mean, variance, nextMean, nextVariance, dScale, dOffset, dx };
}

type Result = keyof ReturnType<typeof normalize>;

/** The numbers of all outputs; nothing is left behind. */
function numbersOf(compute: () => Record<Result, Tensor>): Record<Result, Float32Array> {
  const before = [memory().numTensors, wasm().numDataIds()];
  const results = tidy(compute);
  const entries = Object.entries(results).map(([name, value]) => [name, value.dataSync() as Float32Array]);
  dispose(results);
  expect([memory().numTensors, wasm().numDataIds()]).toEqual(before);
  return Object.fromEntries(entries);
}

test('outputs and gradients are those of PyTorch in float64', async () => {
  const { epsilon, cases } = await fixtureJson<{ epsilon: number; cases: Case[] }>('norms.json');
  for (const { shape, center, spread, relu, ...expected } of cases) {
    const channels = shape.slice(-1);
    const noise = noiseImages(shape, 1).data;
    const actual = numbersOf(() =>
      normalize(
        tensor(
          noise.map((value) => value * spread + center),
          shape,
        ),
        ...([drawn(channels, 2), drawn(channels, 3), drawn(shape, 4)] as const),
        { epsilon, relu },
      ),
    );
    // The mean is rounded to float32, which is off by 2^-24 of it, in deviations; numbers go up to 2 of those.
    const rounding = 2 ** -24 * (8 + Math.abs(center) / spread);
    for (const [name, values] of Object.entries(expected) as [keyof typeof expected, number[]][]) {
      const largest = Math.max(...values.map(Math.abs));
      const error = values.reduce((most, value, i) => Math.max(most, Math.abs(actual[name][i]! - value)), 0);
      expect(error / largest, `${name} of ${shape}`).toBeLessThan(name === 'variance' ? 2 ** -22 : rounding);
    }
    for (const [c, value] of expected.mean.entries()) {
      expect(actual.nextMean[c]! / (0.25 * value)).toBeCloseTo(1, 6);
      expect(actual.nextVariance[c]! / (0.75 + 0.25 * expected.variance[c]!)).toBeCloseTo(1, 6);
    }
  }
});

test('statistics of many rows are exact however large the mean', () => {
  const [rows, channels] = [40_000, 4];
  const values = random([rows, channels], 1).dataSync() as Float32Array;
  // The first rows are unlike the others.
  const x = values.map((value, i) => value + (i < 400 ? 30 : 20));
  const { mean, variance } = numbersOf(() =>
    normalize(tensor(x, [rows, channels]), ones([channels]), zeros([channels]), zeros([rows, channels]), {
      epsilon: 0,
      relu: false,
    }),
  );
  for (let c = 0; c < channels; c++) {
    const column = Array.from({ length: rows }, (_, i) => x[i * channels + c]!);
    const average = column.reduce((sum, value) => sum + value, 0) / rows;
    const spread = column.reduce((sum, value) => sum + (value - average) ** 2, 0) / rows;
    expect(Math.abs(mean[c]! / average - 1)).toBeLessThan(1e-7);
    expect(Math.abs(variance[c]! / spread - 1)).toBeLessThan(2e-7);
  }
});

describe.each([3, 8])('NaN and infinity, in one of %i channels,', (channels) => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('%d passes', (odd) => {
    for (const row of [0, 40]) {
      const x = new Float32Array(50 * channels).map((_, i) => i % 7);
      x[row * channels + 1] = odd;
      const results = numbersOf(() =>
        normalize(tensor(x, [50, channels]), ones([channels]), zeros([channels]), ones([50, channels]), {
          epsilon: 1e-3,
          relu: true,
        }),
      );
      // An infinite mean is one; everything else of the channel is NaN.
      const { mean, nextMean, ...others } = results;
      for (const values of [mean, nextMean]) expect(values[1]).toBe(odd);
      for (const [name, values] of Object.entries(others)) {
        const isBad = Array.from(values, (value, i) => Number.isNaN(value) === (i % channels === 1));
        expect(isBad.every(Boolean), name).toBe(true);
      }
    }
  });
});

test('running statistics of channels that are always 0 become 0, not subnormal numbers', () => {
  const next = tidy(() => {
    const small = tensor([2 ** -100, 1, -(2 ** -100)]);
    const inputs = {
      x: zeros([4, 3]),
      scale: ones([3]),
      offset: zeros([3]),
      runningMean: small,
      runningVariance: small,
    };
    const results = runOwnKernel('BatchNorm', inputs, { epsilon: 1e-5, relu: false, momentum: 0.9 });
    return results.slice(3).map((value) => Array.from(value.dataSync()));
  });
  for (const values of next) expect(values).toEqual([0, Math.fround(0.9), -0].map((value) => value + 0));
});

test('the gradient of x takes the memory of that of y unless another tensor shares it', () => {
  tidy(() => {
    const of = (shape: number[]) => random(shape, 1);
    const [mean, variance, scale, offset] = [zeros([3]), ones([3]), ones([3]), zeros([3])];
    const dy = of([4, 3]);
    const run = () =>
      runOwnKernel(
        'BatchNormGrad',
        { dy, x: of([4, 3]), mean, variance, scale, offset },
        { epsilon: 0, relu: false, wantsX: true },
      )[2]!;
    const copy = dy.clone();
    const values = dy.dataSync();
    expect(run().dataId).not.toBe(dy.dataId);
    expect(copy.dataSync()).toEqual(values);
    copy.dispose();
    expect(run().dataId).toBe(dy.dataId);
  });
});

test('with a pooling, perhaps some images at a time, is what it is by itself and then pooled', () => {
  const shape = [5, 6, 7, 5];
  const pool: Pooling = { size: [2, 2], strides: [2, 2], pad: 'valid' };
  const poolAttrs = { filterSize: pool.size, strides: pool.strides, pad: pool.pad };
  const attrs = { epsilon: 1e-3, relu: true };
  const run = (name: string, inputs: object, attrs: object) =>
    engine().runKernel(name, inputs as NamedTensorMap, attrs as NamedAttrMap) as unknown as Tensor;
  const { pooled, apart } = tidy(() => {
    const weights = { scale: random([5], 1), offset: random([5], 2) };
    const running = { runningMean: zeros([5]), runningVariance: ones([5]) };
    const dy = random([5, 3, 3, 5], 3);
    const forward = (pool?: Pooling) =>
      runOwnKernel(
        'BatchNorm',
        { x: random(shape, 4), ...weights, ...running },
        { ...attrs, momentum: 0.9, pool },
      );
    const backward = (dy: Tensor, [, mean, variance]: Tensor[], choices?: Tensor) =>
      runOwnKernel(
        'BatchNormGrad',
        {
          dy,
          x: random(shape, 4),
          mean: mean!,
          variance: variance!,
          ...weights,
          ...(choices && { choices }),
        },
        { ...attrs, wantsX: true, pool: choices && pool },
      );
    const [ofPooled, ofApart] = [forward(pool), forward()];
    const y = run('MaxPool', { x: ofApart[0]! }, poolAttrs);
    const spread = run('MaxPoolGrad', { dy, input: ofApart[0]!, output: y }, poolAttrs);
    const numbers = (tensors: Tensor[]) => tensors.map((one) => one.dataSync() as Float32Array);
    return {
      pooled: numbers([...ofPooled.slice(0, 5), ...backward(dy.clone(), ofPooled, ofPooled[5])]),
      apart: numbers([y, ...ofApart.slice(1), ...backward(spread, ofApart)]),
    };
  });
  for (const [i, expected] of apart.entries()) {
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const worst = expected.reduce((most, value, k) => Math.max(most, Math.abs(value - pooled[i]![k]!)), 0);
    expect(worst / largest, `output ${i}`).toBeLessThan(1e-6);
  }
});

describe('with known statistics', () => {
  const of = (shape: number[], seed: number) => random(shape, seed) as Tensor1D;

  test.each([
    [[2, 5, 7, 3], [3]],
    [[3, 9, 8, 24], [24]],
    [[1, 1, 1, 5], [5]],
    [[40, 21], [21]],
    [
      [2, 3, 4, 5],
      [2, 3, 4, 5],
    ],
    [[0, 3, 3, 4], [4]],
  ])('images of %j are normalized by statistics of %j as on the cpu backend', async (shape, each) => {
    for (const wanted of [{ offset: true, scale: true }, { offset: true }, { scale: true }]) {
      const given = (name: 'offset' | 'scale', seed: number) => (name in wanted ? of(each, seed) : undefined);
      await expectSame(
        () =>
          batchNorm(
            of(shape, 1) as Tensor,
            of(each, 2),
            add(square(of(each, 3)), 0.1),
            given('offset', 4),
            given('scale', 5),
            1e-3,
          ),
        2e-6,
      );
    }
  });

  test('NaN and infinity stay in their place', () => {
    const [x, values] = [
      new Float32Array(16).fill(1).map((_, i) => [1, Number.NaN, Number.POSITIVE_INFINITY][i % 3]!),
      [zeros([8]), ones([8])] as Tensor1D[],
    ];
    const y = tidy(() => batchNorm(tensor(x, [1, 1, 2, 8]) as Tensor4D, values[0]!, values[1]!).dataSync());
    expect(Array.from(y, (value) => Math.round(value * 100) / 100)).toEqual(Array.from(x));
    dispose(values);
  });
});
