import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Eigen, symmetricEigen } from '../../src/compress/eigen.js';

/** The matrix that eigenvalues and eigenvectors stand for. */
function composed({ values, vectors }: Eigen): number[] {
  const n = values.length;
  return Array.from({ length: n * n }, (_, at) =>
    values.reduce(
      (sum, value, i) => sum + value * vectors[i * n + Math.floor(at / n)]! * vectors[i * n + (at % n)]!,
      0,
    ),
  );
}

test('a symmetric matrix is the sum of its eigenvectors, which are orthonormal, the largest eigenvalue first', async () => {
  const numbers = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 64 });
  await fc.assert(
    fc.asyncProperty(numbers, async (drawn) => {
      const n = Math.floor(Math.sqrt(drawn.length));
      const matrix = Float64Array.from(
        { length: n * n },
        (_, at) => drawn[Math.floor(at / n) * n + (at % n)]! + drawn[(at % n) * n + Math.floor(at / n)]!,
      );
      const eigen = await symmetricEigen(matrix.slice(), n);
      const size = Math.hypot(...matrix);
      for (const [at, value] of composed(eigen).entries()) {
        expect(Math.abs(value - matrix[at]!)).toBeLessThanOrEqual(1e-13 * size + 1e-138);
      }
      const unit = composed({ ...eigen, values: new Float64Array(n).fill(1) });
      for (const [at, value] of unit.entries()) expect(value).toBeCloseTo(at % (n + 1) === 0 ? 1 : 0, 12);
      expect([...eigen.values]).toEqual([...eigen.values].sort((a, b) => b - a));
    }),
    { seed: 1 },
  );
});

test.each([
  ['of zeros', [0, 0, 0, 0], [0, 0]],
  ['of one', [7], [7]],
  ['with a double eigenvalue', [2, 0, 0, 0, 2, 0, 0, 0, -1], [2, 2, -1]],
  ['of rank one', [1, 1, 1, 1, 1, 1, 1, 1, 1], [3, 0, 0]],
])('a matrix %s', async (_, matrix, values) => {
  const found = (await symmetricEigen(Float64Array.from(matrix), values.length)).values;
  for (const [i, value] of values.entries()) expect(found[i]).toBeCloseTo(value, 14);
});
