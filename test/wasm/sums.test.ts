import { mean, sum, type Tensor, tensor } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { numbers, on } from './compare.js';

beforeAll(() => void installWasmKernels());

/** The sums over some axes, in float64. */
function sums(values: Float32Array, shape: number[], axes: number[]): Float64Array {
  const kept = shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
  const totals = new Float64Array(size(kept));
  for (const [i, value] of values.entries()) {
    let [rest, place, step] = [i, 0, 1];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const at = rest % shape[axis]!;
      rest = (rest - at) / shape[axis]!;
      if (axes.includes(axis)) continue;
      place += at * step;
      step *= shape[axis]!;
    }
    totals[place]! += value;
  }
  return totals;
}

const side = (min: number, max: number) => fc.integer({ min, max });

const reductions = fc.array(side(0, 20), { minLength: 1, maxLength: 4 }).chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    axes: fc.subarray([...shape.keys()], { minLength: 1 }),
    keepDims: fc.boolean(),
    seed: fc.nat(),
  }),
);

/** Half of the last place, which a single rounding is off by at most, and what float64 may add to it. */
const ROUNDED_ONCE = 2 ** -24 * 1.001;

describe('sums and means', () => {
  test('over any axes are those of float64, and of nothing zero or NaN', async () => {
    await fc.assert(
      fc.asyncProperty(reductions, async ({ shape, axes, keepDims, seed }) => {
        const values = numbers(size(shape), seed);
        const exact = sums(values, shape, axes);
        const count = size(axes.map((axis) => shape[axis]!));
        const areNeighbors = axes.every((axis, i) => axis === axes[0]! + i);
        const shapes: number[][] = [];
        const [total, average] = await on('wasm', () => {
          const results = [sum, mean].map((reduce) =>
            reduce(tensor(values, shape) as Tensor, axes, keepDims),
          );
          shapes.push(...results.map((result) => result.shape));
          return results;
        });
        const expected = shape.flatMap((length, axis) =>
          !axes.includes(axis) ? [length] : keepDims ? [1] : [],
        );
        expect(shapes).toEqual([expected, expected]);
        for (const [i, value] of exact.entries()) {
          const tolerance = areNeighbors ? ROUNDED_ONCE * Math.abs(value) : count * 2 ** -22;
          expect(Math.abs(total![i]! - value)).toBeLessThanOrEqual(tolerance);
          if (count === 0) expect(average![i]).toBeNaN();
          else expect(Math.abs(average![i]! - value / count)).toBeLessThanOrEqual(tolerance / count);
        }
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  test('of no whole numbers are zero', async () => {
    for (const axes of [[0], [0, 1], [0, 2], [1]]) {
      const compute = () => sum(tensor([], [0, 2, 3], 'int32'), axes);
      expect(await on('wasm', compute)).toEqual(await on('cpu', compute));
    }
  });

  test.each([
    ['first', [100_003, 21], [0]],
    ['middle', [2, 317, 311, 17], [1, 2]],
    ['middle of many', [503, 101, 19], [1]],
    ['last', [3, 500_009], [1]],
    ['all', [1_000_003], [0]],
  ])('of a million numbers over the %s axes are rounded once', async (_, shape, axes) => {
    // All positive, so that partial sums grow.
    const values = numbers(size(shape), 1).map((value) => value * value);
    const exact = sums(values, shape, axes);
    const count = size(axes.map((axis) => shape[axis]!));
    const [total, average] = await on('wasm', () => [
      sum(tensor(values, shape), axes),
      mean(tensor(values, shape), axes),
    ]);
    for (const [i, value] of exact.entries()) {
      expect(Math.abs(total![i]! / value - 1)).toBeLessThanOrEqual(ROUNDED_ONCE);
      expect(Math.abs((average![i]! * count) / value - 1)).toBeLessThanOrEqual(ROUNDED_ONCE);
    }
  });
});
