import { describe, expect, test } from 'vitest';
import {
  drawBits,
  epochSeed,
  fillNormal,
  fillUniform,
  mix,
  seededRandom,
  sfc32,
  shuffled,
} from '../../src/base/random.js';
import { correlation, moments } from '../support/statistics.js';

const draw = (seed: number, stream: number, count: number) => {
  const random = seededRandom(seed, stream);
  return Float64Array.from({ length: count }, () => random.next());
};

describe('seededRandom', () => {
  test('gives the numbers it has always given', () => {
    expect([...draw(1, 0, 3)]).toMatchInlineSnapshot(`
      [
        0.4362499874550849,
        0.688132113777101,
        0.303814644459635,
      ]
    `);
  });

  test('gives unrelated numbers for neighboring seeds and streams', () => {
    const count = 20_000;
    const around = (seed: number, stream: number) => draw(seed, stream, count).map((value) => value - 0.5);
    const base = around(5, 7);
    for (const [seed, stream] of [
      [6, 7],
      [5, 8],
      [6, 6],
      [7, 5],
    ] as const) {
      expect(Math.abs(correlation(base, around(seed, stream)))).toBeLessThan(4 / Math.sqrt(count));
    }
  });

  test('begins evenly over many seeds', () => {
    const firsts = Array.from({ length: 10_000 }, (_, seed) => draw(seed, 0, 1)[0]!);
    const bins = new Array<number>(10).fill(0);
    for (const value of firsts) bins[Math.floor(value * 10)]!++;
    const chiSquare = bins.reduce((sum, bin) => sum + (bin - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(27.9); // 9 degrees of freedom, p = 0.001
  });
});

describe('shuffled', () => {
  test('holds every number once', () => {
    for (const count of [0, 1, 2, 1000]) {
      const order = shuffled(count, seededRandom(3));
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
    }
  });

  test('gives all six orders of three equally often', () => {
    const seen = new Map<string, number>();
    for (let seed = 0; seed < 6000; seed++) {
      const order = shuffled(3, seededRandom(seed)).join('');
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    const chiSquare = [...seen.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(20.6); // 5 degrees of freedom, p = 0.001
  });
});

const N = 1_000_000;

function filled(fill: typeof fillUniform, scale: number, seed = 0, stream = 0, length = N): Float32Array {
  const values = new Float32Array(length);
  fill(values, scale, seed, stream);
  return values;
}

// Bounds are 5 standard errors of a million draws: a correct generator passes, and a fixed seed makes it repeatable.
const SIGMA = 5 / Math.sqrt(N);

describe('uniform numbers', () => {
  test('have the mean, variance and bounds of their distribution', () => {
    const values = filled(fillUniform, 1);
    const { mean, variance } = moments(values);
    expect(Math.abs(mean)).toBeLessThan(SIGMA * Math.sqrt(1 / 3));
    expect(Math.abs(variance - 1 / 3)).toBeLessThan(SIGMA * Math.sqrt(4 / 45));
    expect(values.every((value) => value >= -1 && value <= 1)).toBe(true);
    expect(Math.max(...values.subarray(0, 100_000))).toBeGreaterThan(0.999);
  });

  test('fall evenly into 256 bins (chi-squared)', () => {
    const bins = new Float64Array(256);
    for (const value of filled(fillUniform, 1)) bins[Math.min(255, Math.floor((value + 1) * 128))]!++;
    const expected = N / 256;
    const chi = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 255 degrees of freedom: mean 255, standard deviation 22.6.
    expect(chi).toBeGreaterThan(255 - 5 * 22.6);
    expect(chi).toBeLessThan(255 + 5 * 22.6);
  });

  test('of other seeds and streams, and neighbors in one stream, are not correlated', () => {
    const first = filled(fillUniform, 1);
    for (const [seed, stream] of [
      [0, 1],
      [1, 0],
      [1, 1],
      [0, 2],
      [0xffffffff, 0],
    ] as const) {
      expect(Math.abs(correlation(first, filled(fillUniform, 1, seed, stream)))).toBeLessThan(SIGMA);
    }
    for (const lag of [1, 2, 3, 4, 64]) {
      expect(Math.abs(correlation(first.subarray(0, -lag), first.subarray(lag)))).toBeLessThan(1.01 * SIGMA);
    }
  });

  test('are the words of the same generator as those of seededRandom', () => {
    const a = mix(7 + 0x9e3779b9);
    const b = mix(3 ^ a);
    const word = sfc32(a, b, mix(a + b), 0);
    expect(filled(fillUniform, 2 ** 31, 7, 3, 1000)).toEqual(Float32Array.from({ length: 1000 }, word));
    const later = sfc32(7, 3, 0x2545f491, 1);
    for (let i = 0; i < 12; i++) later();
    expect(draw(7, 3, 1000)).toEqual(Float64Array.from({ length: 1000 }, () => (later() >>> 0) / 2 ** 32));
  });

  test('do not depend on how many are drawn', () => {
    expect(filled(fillUniform, 1, 7, 3, 10)).toEqual(filled(fillUniform, 1, 7, 3, 20).subarray(0, 10));
  });
});

describe('normal numbers', () => {
  test('have the moments of their distribution', () => {
    const { mean, variance, fourth } = moments(filled(fillNormal, 2));
    expect(Math.abs(mean / 2)).toBeLessThan(SIGMA);
    expect(Math.abs(variance / 4 - 1)).toBeLessThan(SIGMA * Math.sqrt(2));
    expect(Math.abs(fourth / 16 - 3)).toBeLessThan(SIGMA * Math.sqrt(96));
  });

  test('reach into both tails as often as they should', () => {
    const far = filled(fillNormal, 1).reduce((count, value) => count + Number(Math.abs(value) > 3), 0);
    expect(Math.abs(far - 2700)).toBeLessThan(5 * Math.sqrt(2700));
  });

  test('are finite where a uniform draw is rounded up to the end of its range, as a few of a VGG-16 are', () => {
    expect(filled(fillUniform, 0.5, 2197, 7, 4096)).toContain(0.5);
    expect(filled(fillNormal, 1, 2197, 7, 4096).every(Number.isFinite)).toBe(true);
  });

  test('come in odd numbers too', () => {
    expect(filled(fillNormal, 1, 0, 0, 9)).toHaveLength(9);
    expect(filled(fillNormal, 1, 0, 0, 9).every(Number.isFinite)).toBe(true);
  });
});

test('every epoch of every seed has a seed of its own, a 32-bit whole number', () => {
  expect(epochSeed(7, 0)).toBe(7);
  const seeds = [0, 1, 2, 0xffffffff].flatMap((seed) =>
    Array.from({ length: 500 }, (_, epoch) => epochSeed(seed, epoch)),
  );
  expect(new Set(seeds).size).toBe(seeds.length);
  expect(seeds.every((seed) => seed === seed >>> 0)).toBe(true);
});

test('drawBits says which numbers of fillUniform are large, from any number on', () => {
  const numbers = new Float32Array(5000);
  fillUniform(numbers, 0.5, 3, 0x80000007);
  for (const least of [-0.5, -0.4, 0, numbers[77]!, 0.1 - 1e-9, 0.4999]) {
    for (const [skipped, count] of [
      [0, 5000],
      [40, 333],
      [4999, 1],
      [0, 0],
    ] as const) {
      const words = drawBits(least, [skipped, count], 3, 0x80000007);
      const expected = new Int32Array(Math.ceil(count / 32));
      numbers.subarray(skipped, skipped + count).forEach((number, i) => {
        expected[i >> 5]! |= Number(number >= least) << (i & 31);
      });
      expect(words).toEqual(expected);
    }
  }
});
