import { fill, memory } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { fillNormal, fillUniform } from '../../src/base/fill.js';
import { type Initializer, type VggOptions, vgg } from '../../src/index.js';
import { concat } from '../../src/io/read.js';
import { backends, useAnyBackend, useBackend } from '../support/backends.js';
import { sha256 } from '../support/bytes.js';

const N = 1_000_000;

function draw(fill: typeof fillUniform, scale: number, seed = 0, stream = 0, length = N): Float32Array {
  const values = new Float32Array(length);
  fill(values, scale, seed, stream);
  return values;
}

function moments(values: ArrayLike<number>) {
  let [sum, squares, fourth] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
    squares += values[i]! ** 2;
    fourth += values[i]! ** 4;
  }
  return { mean: sum / values.length, variance: squares / values.length, fourth: fourth / values.length };
}

function correlation(a: Float32Array, b: Float32Array): number {
  const sum = a.reduce((total, value, i) => total + value * b[i]!, 0);
  return sum / Math.sqrt(moments(a).variance * moments(b).variance) / a.length;
}

// Bounds are 5 standard errors of a million draws: a right generator passes them, and a fixed seed always does.
const SIGMA = 5 / Math.sqrt(N);

describe('uniform numbers', () => {
  test('have the mean, variance and bounds of their distribution', () => {
    const values = draw(fillUniform, 1);
    const { mean, variance } = moments(values);
    expect(Math.abs(mean)).toBeLessThan(SIGMA * Math.sqrt(1 / 3));
    expect(Math.abs(variance - 1 / 3)).toBeLessThan(SIGMA * Math.sqrt(4 / 45));
    expect(values.every((value) => value >= -1 && value <= 1)).toBe(true);
    expect(Math.max(...values.subarray(0, 100_000))).toBeGreaterThan(0.999);
  });

  test('fall evenly into 256 bins (chi-squared)', () => {
    const bins = new Float64Array(256);
    for (const value of draw(fillUniform, 1)) bins[Math.min(255, Math.floor((value + 1) * 128))]!++;
    const expected = N / 256;
    const chi = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 255 degrees of freedom: mean 255, standard deviation 22.6.
    expect(chi).toBeGreaterThan(255 - 5 * 22.6);
    expect(chi).toBeLessThan(255 + 5 * 22.6);
  });

  test('of other seeds and streams, and neighbours in one stream, are not correlated', () => {
    const first = draw(fillUniform, 1);
    for (const [seed, stream] of [
      [0, 1],
      [1, 0],
      [1, 1],
      [0, 2],
      [0xffffffff, 0],
    ] as const) {
      expect(Math.abs(correlation(first, draw(fillUniform, 1, seed, stream)))).toBeLessThan(SIGMA);
    }
    for (const lag of [1, 2, 3, 4, 64]) {
      expect(Math.abs(correlation(first.subarray(0, -lag), first.subarray(lag)))).toBeLessThan(1.01 * SIGMA);
    }
  });

  test('do not depend on how many are drawn', () => {
    expect(draw(fillUniform, 1, 7, 3, 10)).toEqual(draw(fillUniform, 1, 7, 3, 20).subarray(0, 10));
  });
});

describe('normal numbers', () => {
  test('have the moments of their distribution', () => {
    const { mean, variance, fourth } = moments(draw(fillNormal, 2));
    expect(Math.abs(mean / 2)).toBeLessThan(SIGMA);
    expect(Math.abs(variance / 4 - 1)).toBeLessThan(SIGMA * Math.sqrt(2));
    expect(Math.abs(fourth / 16 - 3)).toBeLessThan(SIGMA * Math.sqrt(96));
  });

  test('reach into both tails as often as they should', () => {
    const far = draw(fillNormal, 1).reduce((count, value) => count + Number(Math.abs(value) > 3), 0);
    expect(Math.abs(far - 2700)).toBeLessThan(5 * Math.sqrt(2700));
  });

  test('come in odd numbers too', () => {
    expect(draw(fillNormal, 1, 0, 0, 9)).toHaveLength(9);
    expect(draw(fillNormal, 1, 0, 0, 9).every(Number.isFinite)).toBe(true);
  });
});

const SMALL = { inputShape: [32, 32, 3], hiddenUnits: 64 } as const;
const build = (options: VggOptions = {}) =>
  vgg(
    [
      [1, 16],
      [2, 32],
    ],
    { ...SMALL, ...options },
  );
const kernel = (model: LayersModel, layer: string) =>
  model.getLayer(layer).getWeights()[0]!.data<'float32'>();

async function digest(model: LayersModel): Promise<string> {
  const values = await Promise.all(model.getWeights().map((weight) => weight.data()));
  return sha256(concat(values.map((weights) => new Uint8Array(weights.slice().buffer))));
}

describe('the weights of a model', () => {
  test.each<[Initializer, number, number]>([
    ['glorotUniform', 2 / (2048 + 64), Math.sqrt(6 / (2048 + 64))],
    ['glorotNormal', 2 / (2048 + 64), Number.POSITIVE_INFINITY],
    ['heUniform', 2 / 2048, Math.sqrt(6 / 2048)],
    ['heNormal', 2 / 2048, Number.POSITIVE_INFINITY],
  ])('%s has the variance and bound of its paper', async (initializer, variance, bound) => {
    await useAnyBackend();
    const model = build({ initializer });
    const weights = await kernel(model, 'fc1'); // 8 * 8 * 32 = 2048 inputs, 64 outputs
    expect(weights).toHaveLength(2048 * 64);
    const found = moments(weights);
    expect(Math.abs(found.variance / variance - 1)).toBeLessThan(5 * Math.sqrt(2 / weights.length));
    expect(Math.abs(found.mean)).toBeLessThan(5 * Math.sqrt(variance / weights.length));
    expect(weights.every((weight) => Math.abs(weight) <= bound * (1 + 1e-6))).toBe(true);
    model.dispose();
  });

  test('a convolution counts its window in the fans', async () => {
    await useAnyBackend();
    const model = build();
    const bound = Math.sqrt(6 / (9 * (32 + 32)));
    const weights = (await kernel(model, 'block2_conv2')).map(Math.abs);
    expect(Math.max(...weights)).toBeLessThanOrEqual(bound * (1 + 1e-6));
    expect(Math.max(...weights)).toBeGreaterThan(0.999 * bound);
    model.dispose();
  });

  test('layers of one shape do not share their draw', async () => {
    await useAnyBackend();
    const model = vgg([[3, 16]], SMALL);
    const [a, b] = [await kernel(model, 'block1_conv2'), await kernel(model, 'block1_conv3')];
    expect(Math.abs(correlation(a, b))).toBeLessThan(5 / Math.sqrt(a.length));
    model.dispose();
  });

  test('are the same bits on every backend and in every process, and others for another seed', async () => {
    const digests: string[] = [];
    for (const backend of backends) {
      await useBackend(backend);
      const before = memory().numTensors;
      const model = build();
      digests.push(await digest(model));
      model.dispose();
      expect(memory().numTensors).toBe(before);
    }
    // Held since the generator was chosen, so that a run can be repeated with a later version.
    const held = '0444fee8eaa052f88b0c35679e789fbbe7fc1a56916b117446c1ebd98889ab22';
    expect(digests).toEqual(backends.map(() => held));
    const other = build({ seed: 1 });
    expect(await digest(other)).not.toBe(digests[0]);
    other.dispose();
  });

  test('hold no second copy', async () => {
    for (const backend of backends) {
      await useBackend(backend);
      const before = memory().numBytes;
      const model = build();
      expect(memory().numBytes - before).toBe(4 * model.countParams());
      model.dispose();
      expect(memory().numBytes).toBe(before);
    }
  });

  test("'none' has the same weights to load into; 'zeros' are zero whatever the memory held", async () => {
    await useAnyBackend('wasm');
    const model = build({ initializer: 'none' });
    expect(model.countParams()).toBe(build({ initializer: 'zeros' }).countParams());
    model.setWeights(model.getWeights().map((weight) => fill(weight.shape, 7)));
    model.dispose();
    const zeros = build({ initializer: 'zeros' }).getWeights();
    for (const weight of zeros) expect(new Set(await weight.data())).toEqual(new Set([0]));
  });

  test("'zeros' draws nothing", async () => {
    await useAnyBackend();
    const model = build({ initializer: 'zeros' });
    expect((await kernel(model, 'fc1')).every((weight) => weight === 0)).toBe(true);
    model.dispose();
  });
});
