import {
  concat,
  dispose,
  eye,
  keep,
  slice,
  square,
  sub,
  sum,
  type Tensor2D,
  tensor2d,
  tidy,
  transpose,
} from '@tensorflow/tfjs-core';
import { owning } from '../base/owning.js';
import { fillNormal } from '../base/random.js';
import { held } from '../tfjs/held.js';
import { product } from '../tfjs/product.js';
import { costOfEigen, dot, symmetricEigen } from './eigen.js';
import { HOST, UNSEEN, type Work } from './work.js';

/** A symmetric matrix with no negative eigenvalue, `[n, n]`, as what it makes of the columns of another. */
export interface Operator {
  size: number;
  apply(columns: Tensor2D): Tensor2D;
}

/** The largest eigenvalues of an operator, and their eigenvectors. */
export interface Directions {
  /** From the largest on, none below 0. */
  values: Float64Array;
  /** Orthonormal columns, `[n, values.length]`; the caller disposes them. */
  vectors: Tensor2D;
}

/** The largest matrix whose eigenvalues are all computed, which takes its cube of multiplications on one thread. */
const EXACT = 512;
/** Columns that are orthonormalized on the host at once. */
const PANEL = 64;
/** A column of which less is left, once the others are taken out of it, is rounding. */
const DEPENDENT = 1e-6;
/** Multiplications with the operator before the last one. Each squares how far the wanted directions stand out. */
const POWERS = 3;

/**
 * The `count` largest eigenvalues of an operator and their eigenvectors. Of small ones all are computed, of large ones a random
 * subspace is multiplied with the operator until it holds the wanted directions, and the small matrix that the operator is on it is
 * taken apart (Halko, Martinsson & Tropp 2011, algorithm 4.4). With the operator `W^T W`, these are the singular values of W, squared, and
 * the right singular vectors.
 */
export function largestDirections(
  operator: Operator,
  count: number,
  work: Work = UNSEEN,
): Promise<Directions> {
  const { size: n } = operator;
  const width = widthFor(n, count);
  return owning(async (own) => {
    const kept = <T extends Tensor2D>(tensor: T) => own(tensor, (one) => one.dispose());
    if (width === n) return within(operator, kept(eye(n) as Tensor2D), count, work);
    let columns = kept(randomMatrix(n, width, 0));
    for (let power = 0; power < POWERS; power++) {
      columns = replaced(columns, operator.apply(columns));
      await work.spend(n * n * width);
      columns = replaced(columns, await orthonormal(columns, work));
    }
    return within(operator, columns, count, work);

    function replaced(old: Tensor2D, by: Tensor2D): Tensor2D {
      old.dispose();
      return kept(by);
    }
  });
}

/** The columns that are multiplied for some directions: more than those, or all. */
function widthFor(n: number, count: number): number {
  const width = Math.min(n, count + Math.max(16, Math.ceil(count / 10)));
  return n <= EXACT || width > (3 / 4) * n ? n : width;
}

/** The work of {@link largestDirections}. */
export function costOfDirections(n: number, count: number): number {
  const width = widthFor(n, count);
  const powers = width === n ? 0 : POWERS;
  return (powers + 1) * n * n * width + powers * costOfOrthonormal(n, width) + HOST * costOfEigen(width);
}

/** The directions within the space of orthonormal columns (Rayleigh & Ritz). */
async function within(operator: Operator, columns: Tensor2D, count: number, work: Work): Promise<Directions> {
  const [n, width] = columns.shape;
  const small = tidy(() => product(columns, operator.apply(columns), true));
  const numbers = await small.data().finally(() => small.dispose());
  await work.spend(n * n * width);
  const symmetric = new Float64Array(width * width);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j < width; j++)
      symmetric[i * width + j] = (numbers[i * width + j]! + numbers[j * width + i]!) / 2;
  }
  const { values, vectors } = await symmetricEigen(symmetric, width, (part) =>
    work.spend(part * HOST * costOfEigen(width)),
  );
  const wanted = Math.min(count, width);
  const rows = Float32Array.from(vectors.subarray(0, wanted * width));
  return {
    values: values.subarray(0, wanted).map((value) => Math.max(0, value)),
    vectors: held(() => product(columns, tensor2d(rows, [wanted, width]), false, true)),
  };
}

/** Normal random numbers. */
export function randomMatrix(rows: number, columns: number, seed: number): Tensor2D {
  const numbers = new Float32Array(rows * columns);
  fillNormal(numbers, 1, seed, 0);
  return tensor2d(numbers, [rows, columns]);
}

/**
 * An orthonormal basis of what columns span. Columns that depend on those before them become zero.
 *
 * The backend takes out of each group of columns what the groups before it span, the host makes the group itself orthonormal in
 * float64, and both are done twice, because once leaves the rounding of what was taken out (Giraud et al. 2005).
 */
export async function orthonormal(columns: Tensor2D, work: Work = UNSEEN): Promise<Tensor2D> {
  const [rows, width] = columns.shape;
  const done: Tensor2D[] = [];
  try {
    for (let first = 0; first < width; first += PANEL) {
      let panel = slice(columns, [0, first], [-1, Math.min(PANEL, width - first)]);
      for (let round = 0; round < 2; round++) panel = await orthonormalPanel(panel, done);
      done.push(panel);
      await work.spend((panel.shape[1] / width) * costOfOrthonormal(rows, width));
    }
    return keep(concat(done, 1));
  } finally {
    dispose(done);
  }
}

function costOfOrthonormal(rows: number, width: number): number {
  return 2 * rows * width * (width + HOST * Math.min(PANEL, width));
}

/** The columns without what those of `others` span, orthonormal; disposes the given ones. */
async function orthonormalPanel(panel: Tensor2D, others: readonly Tensor2D[]): Promise<Tensor2D> {
  const [rows, count] = panel.shape;
  const [left, squares] = tidy(() => [
    transpose(others.reduce((rest, one) => sub(rest, product(one, product(one, rest, true))), panel)),
    sum(square(panel), 0),
  ]);
  panel.dispose();
  const [numbers, given] = await Promise.all([left!.data(), squares!.data()]).finally(() =>
    dispose([left!, squares!]),
  );
  const vectors = Array.from({ length: count }, (_, i) =>
    Float64Array.from(numbers.subarray(i * rows, (i + 1) * rows)),
  );
  for (const [i, vector] of vectors.entries()) {
    for (const other of vectors.slice(0, i)) {
      const along = dot(other, vector);
      for (let at = 0; at < rows; at++) vector[at]! -= along * other[at]!;
    }
    const norm = Math.sqrt(dot(vector, vector));
    const scale = norm > DEPENDENT * Math.sqrt(given[i]!) ? 1 / norm : 0;
    for (let at = 0; at < rows; at++) vector[at]! *= scale;
  }
  const transposed = new Float32Array(rows * count);
  for (const [i, vector] of vectors.entries()) transposed.set(vector, i * rows);
  return held(() => transpose(tensor2d(transposed, [count, rows])));
}
