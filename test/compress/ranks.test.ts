import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bytesAt,
  type Candidate,
  errorAt,
  largestSaving,
  leastBytes,
  leastLeft,
  mayPay,
  ranksWithin,
  rankWithin,
} from '../../src/compress/ranks.js';

/** Layers with shares that shrink and add up to 1. */
const layer = fc
  .record({
    inputs: fc.integer({ min: 2, max: 12 }),
    outputs: fc.integer({ min: 2, max: 12 }),
    decay: fc.double({ min: 0.1, max: 1, noNaN: true }),
    each: fc.constantFrom(1, 2, 4),
    more: fc.integer({ min: 0, max: 30 }),
  })
  .map(({ decay, ...cost }): Candidate => {
    const { inputs, outputs } = cost;
    const powers = Array.from({ length: Math.min(inputs, outputs) }, (_, i) => decay ** i);
    const sum = powers.reduce((a, b) => a + b);
    return { ...cost, shares: Float64Array.from(powers, (power) => power / sum) };
  })
  .filter((one) => one.inputs > 2 || one.outputs > 2);

const loss = (layers: readonly Candidate[], ranks: readonly (number | null)[]) =>
  layers.reduce((sum, one, i) => sum + errorAt(one.shares, ranks[i]!) ** 2, 0);
const total = (layers: readonly Candidate[], ranks: readonly (number | null)[]) =>
  layers.reduce((sum, one, i) => sum + bytesAt(one, ranks[i]!), 0);

/** All choices of ranks. */
function choices(layers: readonly Candidate[]): (number | null)[][] {
  return layers.reduce<(number | null)[][]>(
    (found, one) =>
      found.flatMap((before) =>
        [null, ...Array.from({ length: largestSaving(one) }, (_, i) => i + 1)].map((rank) => [
          ...before,
          rank,
        ]),
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
          const least = leastBytes(layers);
          const most = total(
            layers,
            layers.map(() => null),
          );
          const budget = Math.floor(least + part * (most - least));
          const { ranks } = ranksWithin(layers, budget);
          expect(total(layers, ranks)).toBeLessThanOrEqual(budget);
          const best = Math.min(
            ...choices(layers)
              .filter((one) => total(layers, one) <= budget)
              .map((one) => loss(layers, one)),
          );
          // A step of the largest layer may not fit where several small ones would.
          const step = Math.max(...layers.map(({ shares }) => shares[0]!));
          expect(loss(layers, ranks)).toBeLessThanOrEqual(best + 2 * step);
          // Nothing more would fit that gains anything.
          const left = budget - total(layers, ranks);
          for (const [i, one] of layers.entries()) {
            const rank = ranks[i]!;
            for (const next of rank === null ? [] : [rank + 1, null]) {
              if (next !== null && next > largestSaving(one)) continue;
              const gains = errorAt(one.shares, next) < errorAt(one.shares, rank) - 1e-9;
              if (gains) expect(bytesAt(one, next) - bytesAt(one, rank)).toBeGreaterThan(left);
            }
          }
        },
      ),
      { seed: 1 },
    );
  });

  /** Layers in which nothing but kernels counts. */
  const plain = { each: 1, more: 0 };

  test('are all whole where the whole layers fit, and the least where nothing else does', () => {
    const layers = [8, 12].map((inputs) => ({
      ...plain,
      inputs,
      outputs: 10,
      shares: Float64Array.of(0.5, 0.3, 0.2),
    }));
    expect(ranksWithin(layers, 200).ranks).toEqual([null, null]);
    expect(ranksWithin(layers, 40).ranks).toEqual([1, 1]);
    // The first would have 18 bytes, and the 70 of the description of another layer.
    expect(ranksWithin([{ ...layers[0]!, more: 70 }, layers[1]!], 80 + 22).ranks).toEqual([null, 1]);
  });

  test('go where an equal number of bytes gains more', () => {
    const flat = { ...plain, inputs: 100, outputs: 100, shares: new Float64Array(100).fill(0.01) };
    const steep = { ...flat, shares: Float64Array.from({ length: 100 }, (_, i) => 0.5 ** (i + 1)) };
    expect(ranksWithin([flat, steep], 200 * 8).ranks).toEqual([2, 6]);
  });
});

test('the rank for an error is the smallest that keeps it, or the whole layer', () => {
  const one = { each: 1, more: 0, inputs: 10, outputs: 10, shares: Float64Array.of(0.75, 0.2, 0.04, 0.01) };
  expect(errorAt(one.shares, 1)).toBeCloseTo(0.5, 12);
  expect(rankWithin(one, 0.5001)).toBe(1);
  expect(rankWithin(one, 0.4999)).toBe(2);
  expect(rankWithin(one, 0.01)).toBe(4);
  expect(rankWithin({ ...one, shares: new Float64Array(10).fill(0.1) }, 0.5)).toBeNull();
  // 80 bytes, and 20 for another layer, are not less than 100.
  expect(rankWithin({ ...one, more: 20 }, 0.01)).toBeNull();
  expect(rankWithin({ ...one, more: 19 }, 0.01)).toBe(4);
});

describe('directions that have not been found', () => {
  const large = layer.filter((one) => largestSaving(one) > 1);
  const known = fc.tuple(large, fc.nat()).chain(([one, at]) => {
    const shares = one.shares.slice(0, 1 + (at % (largestSaving(one) - 1)));
    const squares = one.shares.reduce((sum, share) => sum + share ** 2, 0);
    return fc.record({
      one: fc.constant(one),
      some: fc.constantFrom<Candidate>({ ...one, shares }, { ...one, shares, squares }),
    });
  });

  test('leave no less error than is said', () => {
    fc.assert(
      fc.property(known, ({ one, some }) => {
        for (let rank = some.shares.length; rank <= one.shares.length; rank++) {
          const least = leastLeft(some, rank - some.shares.length);
          expect(errorAt(one.shares, rank) ** 2).toBeGreaterThanOrEqual(least - 1e-9);
        }
      }),
      { seed: 1 },
    );
  });

  test('are looked for if the layer may be better with them than whole', () => {
    fc.assert(
      fc.property(known, fc.double({ min: -12, max: 0, noNaN: true }), ({ one, some }, exponent) => {
        const price = 10 ** exponent;
        const limit = largestSaving(one);
        if (mayPay(some, price, limit)) return;
        for (let rank = some.shares.length + 1; rank <= limit; rank++) {
          const cost = errorAt(one.shares, rank) ** 2 + price * bytesAt(one, rank);
          expect(cost).toBeGreaterThanOrEqual(price * bytesAt(one, null) - 1e-9);
        }
      }),
      { seed: 1 },
    );
  });

  test('are not looked for in noise that costs little: 128 of 4096 show that', () => {
    // The singular values of square random matrices lie like a quarter of a circle.
    const angle = (fraction: number) => {
      let [low, high] = [0, Math.PI / 2];
      for (let step = 0; step < 40; step++) {
        const middle = (low + high) / 2;
        if ((2 * middle + Math.sin(2 * middle)) / Math.PI < fraction) low = middle;
        else high = middle;
      }
      return low;
    };
    const values = Float64Array.from(
      { length: 4096 },
      (_, i) => 4 * Math.sin(angle(1 - (i + 0.5) / 4096)) ** 2,
    );
    const sum = values.reduce((a, b) => a + b);
    const all = values.map((value) => value / sum);
    const some = { each: 1, more: 0, inputs: 4096, outputs: 4096, shares: all.slice(0, 128) };
    const squares = all.reduce((total, share) => total + share ** 2, 0);
    const price = 0.5 / 4096 / 8192;
    expect(mayPay(some, price, 2047)).toBe(true);
    expect(mayPay({ ...some, squares }, price, 2047)).toBe(false);
    expect(mayPay({ ...some, squares }, 4 * price, 2047)).toBe(true);
  });
});
