import { multiplyAdd } from './gemm';
import { high, low } from './sum';
import { flush, SMALLEST } from './update';

/**
 * Batch normalization in training of x, `[rows, channels]`: each channel is normalized by its own mean and variance, scaled and
 * shifted, and may pass a ReLU. Both ways read the data twice: for sums, then for the result. Each time threads may take some of the
 * rows each; the sums of their parts are added in order.
 *
 * Sums are those of blocks of rows in float32, added up in float64, and squares are of the distance to the mean of the block
 * before, so that variances lose no digits where means are large.
 */

/** Rows of a block, a block of 128 channels being half of a first-level cache. */
const ROWS: i32 = 32;

/** Bytes of working memory for the sums of a part, in whole cache lines: two in float64 and two numbers in float32 of each channel. */
export function normBytes(channels: i32): i32 {
  return (channels * 24 + 63) & ~63;
}

/** The places in a part's working memory. */
// @ts-ignore: decorator
@inline
function second(sums: usize, channels: i32): usize {
  return sums + (channels << 3);
}

// @ts-ignore: decorator
@inline
function third(sums: usize, channels: i32): usize {
  return sums + (channels << 4);
}

// @ts-ignore: decorator
@inline
function fourth(sums: usize, channels: i32): usize {
  return sums + channels * 20;
}

/** Sums of the distances of x to the row at `first`, and of their squares, of some rows. */
export function normSums(x: usize, rows: i32, channels: i32, first: usize, sums: usize): void {
  const step = <usize>channels << 2;
  const squares = second(sums, channels), shift = third(sums, channels);
  memory.fill(sums, 0, channels << 4);
  for (let c: usize = 0; c < step; c += 4) store<f32>(shift + c, finite(load<f32>(x + c)));
  for (let row = 0; row < rows; row += ROWS) {
    const count = min(ROWS, rows - row);
    const block = x + row * step;
    let c: usize = 0;
    for (; c + 16 <= step; c += 16) moments4(block + c, count, step, first + c, shift + c, sums + 2 * c, squares + 2 * c);
    for (; c < step; c += 4) moments1(block + c, count, step, first + c, sums + 2 * c, squares + 2 * c);
  }
}

/**
 * The mean and variance of x, from the sums of its parts, the next running statistics, which move the fraction `rate` towards
 * them, and in the first part's memory the factors for `normApply`.
 */
export function normStatistics(
  parts: i32, sums: usize, rows: i32, channels: i32, first: usize, scale: usize, epsilon: f64,
  mean: usize, variance: usize,
  runningMean: usize, runningVariance: usize, rate: f32, nextMean: usize, nextVariance: usize,
): void {
  const squares = second(sums, channels), factor = third(sums, channels);
  addParts(parts, sums, channels);
  for (let c: usize = 0; c < <usize>channels << 2; c += 4) {
    const distance = load<f64>(sums + 2 * c) / rows;
    store<f32>(mean + c, <f32>(finite(load<f32>(first + c)) + distance));
    store<f32>(variance + c, <f32>max<f64>(0, load<f64>(squares + 2 * c) / rows - distance * distance));
    store<f32>(factor + c, factorOf(load<f32>(scale + c), load<f32>(variance + c), epsilon));
    store<f32>(nextMean + c, moved(load<f32>(runningMean + c), load<f32>(mean + c), rate));
    store<f32>(nextVariance + c, moved(load<f32>(runningVariance + c), load<f32>(variance + c), rate));
  }
}

/** In a part's memory the factors for `normApply`, from a variance that is known. */
export function normFactors(channels: i32, scale: usize, variance: usize, epsilon: f64, sums: usize): void {
  const factor = third(sums, channels);
  for (let c: usize = 0; c < <usize>channels << 2; c += 4) {
    store<f32>(factor + c, factorOf(load<f32>(scale + c), load<f32>(variance + c), epsilon));
  }
}

/** y of some rows. */
export function normApply(
  x: usize, rows: i32, channels: i32, mean: usize, offset: usize, relu: i32, sums: usize, y: usize,
): void {
  const step = <usize>channels << 2;
  const factor = third(sums, channels);
  for (let row = 0; row < rows; row += ROWS) {
    const count = min(ROWS, rows - row);
    const block = <usize>row * step;
    let c: usize = 0;
    for (; c + 16 <= step; c += 16) {
      const m = v128.load(mean + c), f = v128.load(factor + c), o = v128.load(offset + c);
      const lowest = f32x4.splat(relu ? 0 : -Infinity);
      let at = block + c;
      for (let i = 0; i < count; i++) {
        v128.store(y + at, f32x4.pmax(multiplyAdd(f32x4.sub(v128.load(x + at), m), f, o), lowest));
        at += step;
      }
    }
    for (; c < step; c += 4) {
      let at = block + c;
      for (let i = 0; i < count; i++) {
        const out = normalized(load<f32>(x + at), mean + c, factor + c, offset + c);
        store<f32>(y + at, relu && out < 0 ? 0 : out);
        at += step;
      }
    }
  }
}

/**
 * Sums of g and of g times the distance of x to the mean, of some rows, where g is dy unless the ReLU blocked it, which is computed
 * from x as in `normApply`.
 */
export function normGradientSums(
  dy: usize, x: usize, rows: i32, channels: i32, mean: usize, variance: usize, scale: usize, offset: usize, epsilon: f64, relu: i32,
  sums: usize,
): void {
  const step = <usize>channels << 2;
  const products = second(sums, channels), factor = third(sums, channels);
  memory.fill(sums, 0, channels << 4);
  normFactors(channels, scale, variance, epsilon, sums);
  const blocked = blockedBelow(relu);
  for (let row = 0; row < rows; row += ROWS) {
    const count = min(ROWS, rows - row);
    const block = <usize>row * step;
    let c: usize = 0;
    for (; c + 16 <= step; c += 16) {
      const m = v128.load(mean + c), f = v128.load(factor + c), o = v128.load(offset + c);
      const b = f32x4.splat(blocked);
      let s0 = f32x4.splat(0), s1 = s0, p0 = s0, p1 = s0;
      let at = block + c;
      let i = 0;
      for (; i + 2 <= count; i += 2) {
        const d0 = f32x4.sub(v128.load(x + at), m);
        const g0 = passed4(v128.load(dy + at), multiplyAdd(d0, f, o), b);
        at += step;
        const d1 = f32x4.sub(v128.load(x + at), m);
        const g1 = passed4(v128.load(dy + at), multiplyAdd(d1, f, o), b);
        at += step;
        s0 = f32x4.add(s0, g0);
        s1 = f32x4.add(s1, g1);
        p0 = multiplyAdd(d0, g0, p0);
        p1 = multiplyAdd(d1, g1, p1);
      }
      if (i < count) {
        const d0 = f32x4.sub(v128.load(x + at), m);
        const g0 = passed4(v128.load(dy + at), multiplyAdd(d0, f, o), b);
        s0 = f32x4.add(s0, g0);
        p0 = multiplyAdd(d0, g0, p0);
      }
      accumulate(sums + 2 * c, f32x4.add(s0, s1));
      accumulate(products + 2 * c, f32x4.add(p0, p1));
    }
    for (; c < step; c += 4) {
      let sum: f64 = 0, product: f64 = 0;
      let at = block + c;
      for (let i = 0; i < count; i++) {
        const g = passed(load<f32>(dy + at), normalized(load<f32>(x + at), mean + c, factor + c, offset + c), blocked);
        sum += g;
        product += <f64>g * (load<f32>(x + at) - load<f32>(mean + c));
        at += step;
      }
      store<f64>(sums + 2 * c, load<f64>(sums + 2 * c) + sum);
      store<f64>(products + 2 * c, load<f64>(products + 2 * c) + product);
    }
  }
}

/** The gradients of scale and offset, from the sums of the parts, and in the first part's memory what `normInputGradient` needs. */
export function normGradients(
  parts: i32, sums: usize, rows: i32, channels: i32, variance: usize, offset: usize, epsilon: f64, relu: i32,
  dScale: usize, dOffset: usize,
): void {
  const products = second(sums, channels), factor = third(sums, channels), slope = fourth(sums, channels);
  addParts(parts, sums, channels);
  for (let c: usize = 0; c < <usize>channels << 2; c += 4) {
    const sum = load<f64>(sums + 2 * c), product = load<f64>(products + 2 * c);
    const inverse = 1 / sqrt<f64>(load<f32>(variance + c) + epsilon);
    // If y is NaN, so is what a ReLU lets through.
    const isNumber = !relu || !(isNaN(load<f32>(factor + c)) || isNaN(load<f32>(offset + c)));
    store<f32>(dScale + c, <f32>(product * inverse));
    store<f32>(dOffset + c, isNumber ? <f32>sum : NaN);
    store<f32>(slope + c, <f32>(product * inverse * inverse / rows));
    // The sums of later channels are further on.
    store<f32>(sums + c, <f32>(sum / rows));
  }
}

/** The gradient of x, of some rows: (g - average - slope (x - mean)) factor. It may take the place of dy. */
export function normInputGradient(
  dy: usize, x: usize, rows: i32, channels: i32, mean: usize, offset: usize, relu: i32, sums: usize, dx: usize,
): void {
  const step = <usize>channels << 2;
  const average = sums, factor = third(sums, channels), slope = fourth(sums, channels);
  const blocked = blockedBelow(relu);
  for (let row = 0; row < rows; row += ROWS) {
    const count = min(ROWS, rows - row);
    const block = <usize>row * step;
    let c: usize = 0;
    for (; c + 16 <= step; c += 16) {
      const m = v128.load(mean + c), f = v128.load(factor + c), o = v128.load(offset + c);
      const a = v128.load(average + c), k = f32x4.neg(v128.load(slope + c));
      const b = f32x4.splat(blocked);
      let at = block + c;
      for (let i = 0; i < count; i++) {
        const d = f32x4.sub(v128.load(x + at), m);
        const g = passed4(v128.load(dy + at), multiplyAdd(d, f, o), b);
        v128.store(dx + at, f32x4.mul(multiplyAdd(d, k, f32x4.sub(g, a)), f));
        at += step;
      }
    }
    for (; c < step; c += 4) {
      let at = block + c;
      for (let i = 0; i < count; i++) {
        const d = load<f32>(x + at) - load<f32>(mean + c);
        const g = passed(load<f32>(dy + at), normalized(load<f32>(x + at), mean + c, factor + c, offset + c), blocked);
        store<f32>(dx + at, (g - load<f32>(average + c) - d * load<f32>(slope + c)) * load<f32>(factor + c));
        at += step;
      }
    }
  }
}

/** Adds the sums of the other parts to those of the first. */
function addParts(parts: i32, sums: usize, channels: i32): void {
  for (let part = 1; part < parts; part++) {
    const from = sums + part * normBytes(channels);
    for (let at: usize = 0; at < <usize>channels << 4; at += 8) {
      store<f64>(sums + at, load<f64>(sums + at) + load<f64>(from + at));
    }
  }
}

/** The largest y that a ReLU blocks; without one NaN, which no number is at most. */
// @ts-ignore: decorator
@inline
function blockedBelow(relu: i32): f32 {
  return relu ? 0 : NaN;
}

/** A gradient where the ReLU did not block y; 0 times it elsewhere, which keeps NaN and makes it of infinity. */
// @ts-ignore: decorator
@inline
function passed(dy: f32, y: f32, blocked: f32): f32 {
  return dy * (y <= blocked ? <f32>0 : 1);
}

/** The same for four. */
// @ts-ignore: decorator
@inline
function passed4(dy: v128, y: v128, blocked: v128): v128 {
  return f32x4.mul(dy, v128.andnot(f32x4.splat(1), f32x4.le(y, blocked)));
}

/** A number from which others have a distance: 0 in place of an infinity or NaN. */
// @ts-ignore: decorator
@inline
function finite(x: f32): f32 {
  return isFinite(x) ? x : 0;
}

/**
 * Adds the sums of four channels' distances to `first`, and of their squares. They are summed as distances to `shift`, which then
 * becomes the mean of these rows.
 */
// @ts-ignore: decorator
@inline
function moments4(x: usize, rows: i32, step: usize, first: usize, shift: usize, sums: usize, squares: usize): void {
  const k = v128.load(shift);
  let s0 = f32x4.splat(0), s1 = s0, q0 = s0, q1 = s0;
  let i = 0;
  for (; i + 2 <= rows; i += 2) {
    const d0 = f32x4.sub(v128.load(x), k);
    x += step;
    const d1 = f32x4.sub(v128.load(x), k);
    x += step;
    s0 = f32x4.add(s0, d0);
    s1 = f32x4.add(s1, d1);
    q0 = multiplyAdd(d0, d0, q0);
    q1 = multiplyAdd(d1, d1, q1);
  }
  if (i < rows) {
    const d0 = f32x4.sub(v128.load(x), k);
    s0 = f32x4.add(s0, d0);
    q0 = multiplyAdd(d0, d0, q0);
  }
  const s = f32x4.add(s0, s1), q = f32x4.add(q0, q1);
  const row = v128.load(first);
  const from = v128.and(row, isFinite4(row));
  rebase(low(s), low(q), f64x2.sub(low(k), low(from)), rows, sums, squares);
  rebase(high(s), high(q), f64x2.sub(high(k), high(from)), rows, sums + 16, squares + 16);
  const mean = f32x4.add(k, f32x4.div(s, f32x4.splat(<f32>rows)));
  // Not an infinity or NaN, from which nothing has a distance.
  v128.store(shift, v128.bitselect(mean, k, isFinite4(mean)));
}

/** All bits set where a number is neither infinite nor NaN. */
// @ts-ignore: decorator
@inline
function isFinite4(x: v128): v128 {
  return f32x4.eq(f32x4.sub(x, x), f32x4.splat(0));
}

/** Adds the sums s of distances and q of their squares, of two channels, as distances that are e larger. */
// @ts-ignore: decorator
@inline
function rebase(s: v128, q: v128, e: v128, rows: i32, sums: usize, squares: usize): void {
  const all = f64x2.mul(e, f64x2.splat(<f64>rows));
  v128.store(sums, f64x2.add(v128.load(sums), f64x2.add(s, all)));
  const cross = f64x2.mul(e, f64x2.add(f64x2.add(s, s), all));
  v128.store(squares, f64x2.add(v128.load(squares), f64x2.add(q, cross)));
}

/** The sums of one channel's distances to `first`, and of their squares. */
function moments1(x: usize, rows: i32, step: usize, first: usize, sums: usize, squares: usize): void {
  let sum: f64 = 0, square: f64 = 0;
  for (let i = 0; i < rows; i++) {
    const d = <f64>load<f32>(x) - finite(load<f32>(first));
    sum += d;
    square += d * d;
    x += step;
  }
  store<f64>(sums, load<f64>(sums) + sum);
  store<f64>(squares, load<f64>(squares) + square);
}

/** Adds four numbers to those at an address, in float64. */
// @ts-ignore: decorator
@inline
function accumulate(to: usize, terms: v128): void {
  v128.store(to, f64x2.add(v128.load(to), low(terms)));
  v128.store(to, f64x2.add(v128.load(to, 16), high(terms)), 16);
}

/** What the distance to the mean is multiplied by. */
function factorOf(scale: f32, variance: f32, epsilon: f64): f32 {
  return <f32>(scale / sqrt<f64>(variance + epsilon));
}

/** y before the ReLU, of one channel. */
// @ts-ignore: decorator
@inline
function normalized(x: f32, mean: usize, factor: usize, offset: usize): f32 {
  return (x - load<f32>(mean)) * load<f32>(factor) + load<f32>(offset);
}

/** The next running statistic; 0 where averages of zeros would end as subnormal numbers. */
function moved(running: f32, now: f32, rate: f32): f32 {
  return flush(running - (running - now) * rate, SMALLEST);
}
