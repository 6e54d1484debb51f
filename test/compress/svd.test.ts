import { matMul, memory, type Tensor2D, tensor2d, tidy } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { outputPower } from '../../src/compress/factors.js';
import { largestDirections, orthonormal } from '../../src/compress/svd.js';
import { useAnyBackend } from '../support/backends.js';
import { fixtureJson } from '../support/fixtures.js';
import { leavingNothing } from '../support/leavingNothing.js';
import { shrinking } from './layers.js';

beforeAll(() => useAnyBackend('wasm'));

test('the singular values of a large matrix are those of numpy in float64', () =>
  leavingNothing(async () => {
    const { large } = await fixtureJson<{ large: number[] }>('svd.json');
    const kernel = shrinking([640, 600], 3, 0.98);
    const { operator, total, dispose } = await outputPower(kernel, undefined);
    const { values, vectors } = await largestDirections(operator, large.length);
    expect(vectors.shape).toEqual([600, large.length]);
    // The last ones are not far above those left out.
    for (const [i, sigma] of large.entries())
      expect(Math.abs(Math.sqrt(values[i]!) / sigma - 1)).toBeLessThan(i < 32 ? 1e-3 : 1e-2);
    const numbers = await kernel.data<'float32'>();
    expect(total / numbers.reduce((sum, one) => sum + one ** 2, 0)).toBeCloseTo(1, 5);
    dispose();
    for (const one of [kernel, vectors]) one.dispose();
  }));

/** The largest difference of `Q^T Q` from the identity; columns of zeros do not count. */
async function skew(columns: Tensor2D): Promise<number> {
  const product = tidy(() => matMul(columns, columns, true));
  const numbers = await product.data<'float32'>();
  const [n] = product.shape;
  product.dispose();
  return numbers.reduce((most, value, at) => {
    const isDiagonal = at % (n + 1) === 0;
    return Math.max(most, Math.abs(value - (isDiagonal && value !== 0 ? 1 : 0)));
  }, 0);
}

test('columns of any kind become orthonormal, and those that depend on others zero', async () => {
  const shapes = fc.record({
    rows: fc.integer({ min: 1, max: 20 }),
    columns: fc.integer({ min: 1, max: 20 }),
    factor: fc.constantFrom(0, 1e-3, 0.5, 1),
    seed: fc.integer({ min: 1, max: 1000 }),
  });
  const before = memory().numTensors;
  await fc.assert(
    fc.asyncProperty(shapes, async ({ rows, columns, factor, seed }) => {
      const given = shrinking([rows, columns], seed, factor);
      const basis = await orthonormal(given);
      expect(await skew(basis)).toBeLessThan(1e-5);
      for (const one of [given, basis]) one.dispose();
    }),
    { numRuns: 20, seed: 1 },
  );
  expect(memory().numTensors).toBe(before);
});

test('nearly parallel columns in several groups are orthonormal to float32', () =>
  leavingNothing(async () => {
    const drawn = shrinking([300, 150], 5, 1);
    const noise = await drawn.array();
    const given = tensor2d(noise.map((row) => row.map((value) => row[0]! + 1e-4 * value)));
    const basis = await orthonormal(given);
    expect(await skew(basis)).toBeLessThan(2e-6);
    for (const one of [drawn, basis, given]) one.dispose();
  }));
