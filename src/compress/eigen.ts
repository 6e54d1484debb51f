/** Eigenvalues of a symmetric matrix, the largest first, and the eigenvector of each as a row of `vectors`. */
export interface Eigen {
  values: Float64Array;
  /** Row-major `[n, n]`. */
  vectors: Float64Array;
}

/** Squares of smaller numbers underflow: they count as zero. */
const NOTHING = 1e-140;

/**
 * The eigenvalues and eigenvectors of a symmetric matrix, in float64: Householder's reduction to three diagonals, then QL steps with
 * implicit shifts (Wilkinson & Reinsch 1971; Golub & Van Loan, Matrix Computations, 8.3). Takes 2 n^3 multiplications for the first,
 * about 6 n^3 for the second: a quarter of a second for n = 256, ten for 1024.
 *
 * @param matrix row-major `[n, n]` of finite numbers; it is overwritten.
 * @param spend called some times n times, with the part of the work that was done since; what it throws ends the work.
 */
export async function symmetricEigen(
  matrix: Float64Array,
  n: number,
  spend: (part: number) => Promise<void> = async () => {},
): Promise<Eigen> {
  const breathe = () => spend(1 / (3 * n));
  const { diagonal, beside } = await tridiagonal(matrix, n, breathe);
  const vectors = await reflections(matrix, n, breathe);
  await diagonalize(diagonal, beside, vectors, n, breathe);
  const order = Array.from(diagonal.keys()).sort((a, b) => diagonal[b]! - diagonal[a]!);
  const sorted = new Float64Array(n * n);
  for (const [i, row] of order.entries()) sorted.set(vectors.subarray(row * n, (row + 1) * n), i * n);
  return { values: Float64Array.from(order, (row) => diagonal[row]!), vectors: sorted };
}

/** The multiplications of {@link symmetricEigen}. */
export function costOfEigen(n: number): number {
  return 8 * n ** 3;
}

/** The matrix as `Q T Q^T` with T tridiagonal; what Q reflects by is left in the matrix. */
async function tridiagonal(a: Float64Array, n: number, breathe: () => Promise<void>) {
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n);
  const product = new Float64Array(n);
  // The reflection of step k, I - v v^T, is kept in row k, behind the diagonal.
  for (let k = 0; k < n - 1; k++) {
    await breathe();
    const v = a.subarray(k * n + k + 1, (k + 1) * n);
    const rest = v.length;
    diagonal[k] = a[k * n + k]!;
    const norm = Math.sqrt(dot(v, v));
    if (norm < NOTHING) {
      v.fill(0);
      continue;
    }
    beside[k] = v[0]! > 0 ? -norm : norm;
    v[0]! -= beside[k]!;
    const scale = Math.sqrt(2 / dot(v, v));
    for (let i = 0; i < rest; i++) v[i]! *= scale;
    const rowOf = (i: number) => a.subarray((k + 1 + i) * n + k + 1, (k + 2 + i) * n);
    for (let i = 0; i < rest; i++) product[i] = dot(rowOf(i), v);
    const half = dot(v, product) / 2;
    for (let i = 0; i < rest; i++) product[i]! -= half * v[i]!;
    for (let i = 0; i < rest; i++) {
      const row = rowOf(i);
      const [vi, pi] = [v[i]!, product[i]!];
      for (let j = 0; j < rest; j++) row[j]! -= vi * product[j]! + pi * v[j]!;
    }
  }
  diagonal[n - 1] = a[n * n - 1]!;
  return { diagonal, beside };
}

/** Q, transposed. */
async function reflections(a: Float64Array, n: number, breathe: () => Promise<void>): Promise<Float64Array> {
  const q = new Float64Array(n * n);
  for (let i = 0; i < n; i++) q[i * n + i] = 1;
  for (let k = n - 2; k >= 0; k--) {
    await breathe();
    const v = a.subarray(k * n + k + 1, (k + 1) * n);
    for (let i = k + 1; i < n; i++) {
      const row = q.subarray(i * n + k + 1, (i + 1) * n);
      const along = dot(row, v);
      for (let j = 0; j < v.length; j++) row[j]! -= along * v[j]!;
    }
  }
  return q;
}

export function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}

/** Makes a tridiagonal matrix diagonal, by rotations that the rows of `vectors` follow. */
async function diagonalize(
  d: Float64Array,
  e: Float64Array,
  vectors: Float64Array,
  n: number,
  breathe: () => Promise<void>,
): Promise<void> {
  let size = 0;
  for (let i = 0; i < n; i++) size = Math.max(size, Math.abs(d[i]!), Math.abs(e[i]!));
  const least = Math.max(size * Number.EPSILON ** 2, NOTHING);
  const isSmall = (i: number) =>
    Math.abs(e[i]!) <= Math.max(least, Number.EPSILON * (Math.abs(d[i]!) + Math.abs(d[i + 1]!)));
  for (let first = 0; first < n; first++) {
    await breathe();
    for (;;) {
      let last = first;
      while (last < n - 1 && !isSmall(last)) last++;
      if (last === first) break;
      // Wilkinson's shift.
      const slope = (d[first + 1]! - d[first]!) / (2 * e[first]!);
      const root = Math.hypot(slope, 1);
      let g = d[last]! - d[first]! + e[first]! / (slope + (slope < 0 ? -root : root));
      let [sine, cosine, moved] = [1, 1, 0];
      let i = last - 1;
      for (; i >= first; i--) {
        const f = sine * e[i]!;
        const b = cosine * e[i]!;
        const r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1]! -= moved;
          break;
        }
        sine = f / r;
        cosine = g / r;
        g = d[i + 1]! - moved;
        const t = (d[i]! - g) * sine + 2 * cosine * b;
        moved = sine * t;
        d[i + 1] = g + moved;
        g = cosine * t - b;
        rotate(vectors, n, i, sine, cosine);
      }
      e[last] = 0;
      if (i >= first) continue;
      d[first]! -= moved;
      e[first] = g;
    }
  }
}

/** Rotates rows i and i + 1. */
function rotate(vectors: Float64Array, n: number, i: number, sine: number, cosine: number): void {
  const upper = vectors.subarray(i * n, (i + 1) * n);
  const lower = vectors.subarray((i + 1) * n, (i + 2) * n);
  for (let j = 0; j < n; j++) {
    const [x, y] = [upper[j]!, lower[j]!];
    lower[j] = sine * x + cosine * y;
    upper[j] = cosine * x - sine * y;
  }
}
