/**
 * The gradients of a dense layer and its optimizer's step in one pass over the weights: Y = X W with X `[m, k]` and W `[k, n]`,
 * so dX = dY W' and dW = X' dY.
 *
 * Row i of dW sums the rows of dY where X's column i is not zero, and where X is the output of a ReLU, dX is needed there alone.
 * So both need the same rows, and each number of dY is loaded once for both, as is each weight, while dW's row stays in
 * the first-level cache until the weights have been updated.
 */
import { multiplyAdd } from './gemm';
import { adamUpdate, momentumUpdate, sgdUpdate } from './update';

/** Columns at a time: a row's weights and gradient stay in the first-level cache for all rows of dY. */
const COLUMNS: usize = 1024;

/** Optimizers, by their kernels; `NONE` writes the gradient. */
const NONE: i32 = 0;
const SGD: i32 = 1;
const MOMENTUM: i32 = 2;

/** Bytes from one row of the copied dY to the next: rows must not all map to the same cache lines. */
// @ts-ignore: decorator
@inline
function rowBytes(n: i32): usize {
  return ((<usize>n * 4 + 63) & ~63) + 64;
}

/** A list has X's number and the row of dY for each term. */
const ENTRY: i32 = 8;

/** Bytes of working memory that `denseGradient` needs: dY, a row of zeros, a row of dW, a list. */
export function denseGradientBytes(m: i32, n: i32): usize {
  return <usize>(m + 2) * rowBytes(n) + (m + 4) * ENTRY;
}

/**
 * Rows `first` to `end` of W, with n a multiple of 4. Writes columns `first` to `end` of dX if `dx`; if `behindRelu`, its numbers
 * where X is zero are zero. Then `rule` writes rows of dW to `to`, or, with its numbers p0 to p9 and the optimizer's state,
 * rows of new weights, which may replace the old.
 */
export function denseGradient(
  m: i32, n: i32, k: i32, first: i32, end: i32,
  x: usize, dy: usize, w: usize, dx: usize, behindRelu: i32,
  to: usize, rule: i32, state1: usize, state2: usize,
  p0: f32, p1: f32, p2: f32, p3: f32, p4: f32, p5: f32, p6: f32, p7: f32, p8: f32, p9: f32, work: usize,
): void {
  const row = <usize>n * 4;
  const step = rowBytes(n);
  const zeros = work + m * step;
  const buffer = zeros + step;
  const list = buffer + step;
  const finite = copyRows(m, row, dy, work, step);
  memory.fill(zeros, 0, step);
  for (let i = first; i < end; i++) {
    // Zeros times NaN or infinity are NaN, so then none is left out.
    const count = listTerms(m, k, x + i * 4, dx ? dx + i * 4 : 0, behindRelu && finite, list);
    const here = i * row;
    const gradient = rule == NONE ? to + here : buffer;
    if (count == 0) memory.fill(gradient, 0, row);
    for (let j: usize = 0; j < row; j += COLUMNS * 4) {
      const bytes = min(COLUMNS * 4, row - j);
      for (let e = 0; e < count; e += 4) {
        four(list + e * ENTRY, min(4, count - e), work + j, step, w + here + j, gradient + j, bytes, e == 0, dx ? dx + i * 4 : 0, k, j == 0);
      }
    }
    if (rule == SGD) sgdUpdate(n, w + here, gradient, to + here, p0, p1);
    else if (rule == MOMENTUM) momentumUpdate(n, w + here, gradient, state1 + here, to + here, p0, p1, p2, p3, p4);
    else if (rule != NONE) adamUpdate(n, w + here, gradient, state1 + here, state2 + here, to + here, p0, p1, p2, p3, p4, p5, p6, p7, p8, p9);
  }
}

/** Copies rows to others `step` bytes apart; returns whether all numbers are finite. */
function copyRows(m: i32, row: usize, from: usize, to: usize, step: usize): bool {
  let spoiled = f32x4.splat(0);
  for (let b = 0; b < m; b++) {
    for (let j: usize = 0; j < row; j += 16) {
      const numbers = v128.load(from + b * row + j);
      // Times zero, a finite number is zero, and any other NaN.
      spoiled = f32x4.add(spoiled, f32x4.mul(numbers, f32x4.splat(0)));
      v128.store(to + b * step + j, numbers);
    }
  }
  return !v128.any_true(f32x4.ne(spoiled, f32x4.splat(0)));
}

/** Lists a column of X, and fills up the last four with zeros. Those left out have a gradient of zero. Returns how many there are. */
function listTerms(m: i32, k: i32, x: usize, dx: usize, maySkip: bool, list: usize): i32 {
  let count = 0;
  for (let b = 0; b < m; b++) {
    const value = load<f32>(x);
    store<f32>(list + count * ENTRY, value);
    store<i32>(list + count * ENTRY, b, 4);
    if (value != 0 || !maySkip) count++;
    else if (dx) store<f32>(dx + b * k * 4, 0);
    x += k * 4;
  }
  for (let e = count; e & 3; e++) {
    store<f32>(list + e * ENTRY, 0);
    store<i32>(list + e * ENTRY, m, 4);
  }
  return count;
}

/** Adds four terms to some columns of a row of dW, and sums their products with the weights for dX. */
function four(
  list: usize, count: i32, dy: usize, step: usize, w: usize, gradient: usize, bytes: usize, isFirst: bool,
  dx: usize, k: i32, isFresh: bool,
): void {
  const x0 = v128.load_splat<f32>(list);
  const x1 = v128.load_splat<f32>(list, ENTRY);
  const x2 = v128.load_splat<f32>(list, 2 * ENTRY);
  const x3 = v128.load_splat<f32>(list, 3 * ENTRY);
  let y0 = dy + load<i32>(list, 4) * step;
  let y1 = dy + load<i32>(list, ENTRY + 4) * step;
  let y2 = dy + load<i32>(list, 2 * ENTRY + 4) * step;
  let y3 = dy + load<i32>(list, 3 * ENTRY + 4) * step;
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  if (isFirst) memory.fill(gradient, 0, bytes);
  for (const end = w + bytes; w < end; w += 16) {
    const weights = v128.load(w);
    const a0 = v128.load(y0);
    const a1 = v128.load(y1);
    const a2 = v128.load(y2);
    const a3 = v128.load(y3);
    let sum = v128.load(gradient);
    s0 = multiplyAdd(a0, weights, s0);
    sum = multiplyAdd(a0, x0, sum);
    s1 = multiplyAdd(a1, weights, s1);
    sum = multiplyAdd(a1, x1, sum);
    s2 = multiplyAdd(a2, weights, s2);
    sum = multiplyAdd(a2, x2, sum);
    s3 = multiplyAdd(a3, weights, s3);
    sum = multiplyAdd(a3, x3, sum);
    v128.store(gradient, sum);
    y0 += 16;
    y1 += 16;
    y2 += 16;
    y3 += 16;
    gradient += 16;
  }
  if (!dx) return;
  put(dx, k, list, s0, isFresh);
  if (count > 1) put(dx, k, list + ENTRY, s1, isFresh);
  if (count > 2) put(dx, k, list + 2 * ENTRY, s2, isFresh);
  if (count > 3) put(dx, k, list + 3 * ENTRY, s3, isFresh);
}

function put(dx: usize, k: i32, entry: usize, sums: v128, isFresh: bool): void {
  const at = dx + load<i32>(entry, 4) * k * 4;
  const sum =
    f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1) + (f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3));
  store<f32>(at, isFresh ? sum : load<f32>(at) + sum);
}
