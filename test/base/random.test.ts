import { describe, expect, test } from 'vitest';
import { seededRandom, shuffled } from '../../src/base/random.js';

const draw = (seed: number, stream: number, count: number) => {
  const random = seededRandom(seed, stream);
  return Array.from({ length: count }, () => random.next());
};

/** Of two lists of numbers from 0 to 1. */
const correlation = (a: number[], b: number[]) =>
  (12 * a.reduce((sum, value, i) => sum + (value - 0.5) * (b[i]! - 0.5), 0)) / a.length;

describe('seededRandom', () => {
  test('gives the numbers it has always given', () => {
    expect(draw(1, 0, 3)).toMatchInlineSnapshot(`
      [
        0.4362499874550849,
        0.688132113777101,
        0.303814644459635,
      ]
    `);
  });

  test('gives unrelated numbers for neighbouring seeds and streams', () => {
    const count = 20_000;
    const base = draw(5, 7, count);
    for (const [seed, stream] of [
      [6, 7],
      [5, 8],
      [6, 6],
      [7, 5],
    ] as const) {
      expect(Math.abs(correlation(base, draw(seed, stream, count)))).toBeLessThan(4 / Math.sqrt(count));
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
