import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Candidate,
  errorAt,
  largestRank,
  ranksWithin,
  rankWithin,
  sizeAt,
} from '../../src/compress/ranks.js';

/** Layers with shares that shrink and add up to 1. */
const layer = fc
  .record({
    inputs: fc.integer({ min: 2, max: 12 }),
    outputs: fc.integer({ min: 2, max: 12 }),
    decay: fc.double({ min: 0.1, max: 1, noNaN: true }),
  })
  .map(({ inputs, outputs, decay }): Candidate => {
    const powers = Array.from({ length: Math.min(inputs, outputs) }, (_, i) => decay ** i);
    const sum = powers.reduce((a, b) => a + b);
    return { inputs, outputs, shares: Float64Array.from(powers, (power) => power / sum) };
  })
  .filter((one) => largestRank(one) >= 1);

const loss = (layers: readonly Candidate[], ranks: readonly (number | null)[]) =>
  layers.reduce((sum, one, i) => sum + errorAt(one, ranks[i]!) ** 2, 0);
const total = (layers: readonly Candidate[], ranks: readonly (number | null)[]) =>
  layers.reduce((sum, one, i) => sum + sizeAt(one, ranks[i]!), 0);

/** All choices of ranks. */
function choices(layers: readonly Candidate[]): (number | null)[][] {
  return layers.reduce<(number | null)[][]>(
    (found, one) =>
      found.flatMap((before) =>
        [null, ...Array.from({ length: largestRank(one) }, (_, i) => i + 1)].map((rank) => [...before, rank]),
      ),
    [[]],
  );
}

describe('ranks for a budget', () => {
  test('fit it, and lose little more than the best choice of all', () => {
    fc.assert(
      fc.property(
        fc.array(layer, { minLength: 1, maxLength: 3 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (layers, part) => {
          const least = layers.reduce((sum, one) => sum + sizeAt(one, 1), 0);
          const most = total(
            layers,
            layers.map(() => null),
          );
          const budget = Math.floor(least + part * (most - least));
          const ranks = ranksWithin(layers, budget);
          expect(total(layers, ranks)).toBeLessThanOrEqual(budget);
          const best = Math.min(
            ...choices(layers)
              .filter((one) => total(layers, one) <= budget)
              .map((one) => loss(layers, one)),
          );
          // A step of the largest layer may not fit where several small ones would.
          const step = Math.max(...layers.map(({ shares }) => shares[0]!));
          expect(loss(layers, ranks)).toBeLessThanOrEqual(best + 2 * step);
        },
      ),
    );
  });

  test('are all whole where the whole layers fit, and all 1 where nothing else does', () => {
    const layers = [8, 12].map((inputs) => ({ inputs, outputs: 10, shares: Float64Array.of(0.5, 0.3, 0.2) }));
    expect(ranksWithin(layers, 200)).toEqual([null, null]);
    expect(ranksWithin(layers, 40)).toEqual([1, 1]);
  });

  test('go where an equal number of bytes gains more', () => {
    const flat = { inputs: 100, outputs: 100, shares: new Float64Array(100).fill(0.01) };
    const steep = {
      inputs: 100,
      outputs: 100,
      shares: Float64Array.from({ length: 100 }, (_, i) => 0.5 ** (i + 1)),
    };
    expect(ranksWithin([flat, steep], 200 * 8)).toEqual([2, 6]);
  });
});

test('the rank for an error is the smallest that keeps it, or the whole layer', () => {
  const one = { inputs: 10, outputs: 10, shares: Float64Array.of(0.75, 0.2, 0.04, 0.01) };
  expect(errorAt(one, 1)).toBeCloseTo(0.5, 12);
  expect(rankWithin(one, 0.5001)).toBe(1);
  expect(rankWithin(one, 0.4999)).toBe(2);
  expect(rankWithin(one, 0.01)).toBe(4);
  expect(rankWithin({ ...one, shares: new Float64Array(10).fill(0.1) }, 0.5)).toBeNull();
});
