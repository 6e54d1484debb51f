import { multiplyAdd } from './gemm';

/**
 * Winograd's minimal filtering of 3x3 convolutions (Lavin & Gray 2015, arXiv:1509.09308): tiles of 2x2 or 4x4 outputs,
 * F(2x2, 3x3) and F(4x4, 3x3), with 16 and 36 multiplications where a plain sum takes 36 and 144.
 *
 * F(2x2) evaluates at the points 0, 1, -1 and infinity. F(4x4) evaluates at 0, +-sqrt(1/2), +-sqrt(2) and infinity,
 * which round less than the usual 0, +-1, +-2 and cost the same. Algorithms are named by how many points they have along an
 * axis: 4 and 6. A third one has 3, for maps of 2x2 surrounded by zeros: of the four inputs of F(2x2), the first and the last are
 * 0, so g1 d1 + g2 d2 and g0 d1 + g1 d2 have three products, g1 (d1 + d2), (g2 - g1) d2 and (g0 - g1) d1.
 *
 * These are the one-dimensional transforms. Each takes numbers of four channels at a time and stores its results `step` bytes
 * apart.
 */
const HALF_ROOT: f32 = 0.7071067811865476;
const ROOT: f32 = 1.4142135623730951;

// @ts-ignore: decorator
@inline
function times(a: v128, factor: f32): v128 {
  return f32x4.mul(a, f32x4.splat(factor));
}

// @ts-ignore: decorator
@inline
function plusTimes(a: v128, b: v128, factor: f32): v128 {
  return multiplyAdd(b, f32x4.splat(factor), a);
}

/**
 * Bytes of the factors of F(4x4)'s transforms, each four times. They are read from memory: V8 would put a constant together from a
 * 64-bit number at each use, in three instructions.
 */
export const FACTORS: i32 = 11 * 16;

/** Writes the factors. */
export function putFactors(to: usize): void {
  v128.store(to, f32x4.splat(-2.5));
  v128.store(to, f32x4.splat(-2), 16);
  v128.store(to, f32x4.splat(-0.5), 32);
  v128.store(to, f32x4.splat(HALF_ROOT), 48);
  v128.store(to, f32x4.splat(ROOT), 64);
  v128.store(to, f32x4.splat(0.5), 80);
  v128.store(to, f32x4.splat(2), 96);
  v128.store(to, f32x4.splat(HALF_ROOT / 2), 112);
  v128.store(to, f32x4.splat(2 * ROOT), 128);
  v128.store(to, f32x4.splat(-1.5), 144);
  v128.store(to, f32x4.splat(-1.5 * HALF_ROOT), 160);
}

/** Stores even + odd times a factor, and even - odd times the factor. */
// @ts-ignore: decorator
@inline
function storePair(even: v128, odd: v128, factor: v128, to: usize, step: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    v128.store(to, f32x4.relaxed_madd(odd, factor, even));
    v128.store(to + step, f32x4.relaxed_nmadd(odd, factor, even));
  } else {
    const product = f32x4.mul(odd, factor);
    v128.store(to, f32x4.add(even, product));
    v128.store(to + step, f32x4.sub(even, product));
  }
}

/** B' d of F(4x4): six inputs. */
// @ts-ignore: decorator
@inline
export function input6(d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, factors: usize, to: usize, step: usize): void {
  const near = v128.load(factors, 16);
  const far = v128.load(factors, 32);
  const both = v128.load(factors);
  v128.store(to, f32x4.add(multiplyAdd(d2, both, d0), d4));
  storePair(multiplyAdd(d2, near, d4), multiplyAdd(d1, near, d3), v128.load(factors, 48), to + step, step);
  storePair(multiplyAdd(d2, far, d4), multiplyAdd(d1, far, d3), v128.load(factors, 64), to + 3 * step, step);
  v128.store(to + 5 * step, f32x4.add(multiplyAdd(d3, both, d1), d5));
}

/**
 * B' d at the edge of a map where a tile of F(4x4) has two outputs or fewer: four inputs, and the points 0, +-sqrt(1/2) and infinity
 * alone, so that the filter's transform serves both. The other two results are not stored.
 */
// @ts-ignore: decorator
@inline
export function inputEdge(d0: v128, d1: v128, d2: v128, d3: v128, factors: usize, to: usize, step: usize): void {
  v128.store(to, multiplyAdd(d2, v128.load(factors, 16), d0));
  storePair(f32x4.mul(d2, v128.load(factors, 144)), d1, v128.load(factors, 160), to + step, step);
  v128.store(to + 5 * step, multiplyAdd(d1, v128.load(factors, 32), d3));
}

/** B' d of 2x2 maps: two inputs. */
// @ts-ignore: decorator
@inline
export function input3(d1: v128, d2: v128, to: usize, step: usize): void {
  v128.store(to, f32x4.add(d1, d2));
  v128.store(to + step, d2);
  v128.store(to + 2 * step, d1);
}

/** B' d of F(2x2): four inputs. */
// @ts-ignore: decorator
@inline
export function input4(d0: v128, d1: v128, d2: v128, d3: v128, to: usize, step: usize): void {
  v128.store(to, f32x4.sub(d0, d2));
  v128.store(to + step, f32x4.add(d1, d2));
  v128.store(to + 2 * step, f32x4.sub(d2, d1));
  v128.store(to + 3 * step, f32x4.sub(d3, d1));
}

/** G g of F(4x4): three taps. */
// @ts-ignore: decorator
@inline
export function filter6(g0: v128, g1: v128, g2: v128, to: usize, step: usize): void {
  v128.store(to, g0);
  let even = plusTimes(times(g0, -2.0 / 3), g2, -1.0 / 3);
  let odd = times(g1, -ROOT / 3);
  v128.store(to + step, f32x4.add(even, odd));
  v128.store(to + 2 * step, f32x4.sub(even, odd));
  even = plusTimes(times(g0, 1.0 / 6), g2, 1.0 / 3);
  odd = times(g1, ROOT / 6);
  v128.store(to + 3 * step, f32x4.add(even, odd));
  v128.store(to + 4 * step, f32x4.sub(even, odd));
  v128.store(to + 5 * step, g2);
}

/** G g of 2x2 maps. */
// @ts-ignore: decorator
@inline
export function filter3(g0: v128, g1: v128, g2: v128, to: usize, step: usize): void {
  v128.store(to, g1);
  v128.store(to + step, f32x4.sub(g2, g1));
  v128.store(to + 2 * step, f32x4.sub(g0, g1));
}

/** G g of F(2x2). */
// @ts-ignore: decorator
@inline
export function filter4(g0: v128, g1: v128, g2: v128, to: usize, step: usize): void {
  v128.store(to, g0);
  const even = times(f32x4.add(g0, g2), 0.5);
  const odd = times(g1, 0.5);
  v128.store(to + step, f32x4.add(even, odd));
  v128.store(to + 2 * step, f32x4.sub(even, odd));
  v128.store(to + 3 * step, g2);
}

/** A' m of F(4x4): four outputs. */
// @ts-ignore: decorator
@inline
export function output6(m0: v128, m1: v128, m2: v128, m3: v128, m4: v128, m5: v128, factors: usize, to: usize, step: usize): void {
  const even = f32x4.add(m1, m2);
  const odd = f32x4.sub(m1, m2);
  const evenFar = f32x4.add(m3, m4);
  const oddFar = f32x4.sub(m3, m4);
  v128.store(to, f32x4.add(f32x4.add(m0, even), evenFar));
  v128.store(to + step, multiplyAdd(oddFar, v128.load(factors, 64), f32x4.mul(odd, v128.load(factors, 48))));
  v128.store(to + 2 * step, multiplyAdd(evenFar, v128.load(factors, 96), f32x4.mul(even, v128.load(factors, 80))));
  const last = multiplyAdd(oddFar, v128.load(factors, 128), f32x4.mul(odd, v128.load(factors, 112)));
  v128.store(to + 3 * step, f32x4.add(last, m5));
}

/** A' m at the edge of a map: two outputs from four of the six points. */
// @ts-ignore: decorator
@inline
export function outputEdge(m0: v128, m1: v128, m2: v128, m5: v128, factors: usize, to: usize, step: usize): void {
  v128.store(to, f32x4.add(f32x4.add(m0, m1), m2));
  v128.store(to + step, multiplyAdd(f32x4.sub(m1, m2), v128.load(factors, 48), m5));
}

/** A' m of 2x2 maps: two outputs. */
// @ts-ignore: decorator
@inline
export function output3(m0: v128, m1: v128, m2: v128, to: usize, step: usize): void {
  v128.store(to, f32x4.add(m0, m1));
  v128.store(to + step, f32x4.add(m0, m2));
}

/** A' m of F(2x2): two outputs. */
// @ts-ignore: decorator
@inline
export function output4(m0: v128, m1: v128, m2: v128, m3: v128, to: usize, step: usize): void {
  v128.store(to, f32x4.add(f32x4.add(m0, m1), m2));
  v128.store(to + step, f32x4.add(f32x4.sub(m1, m2), m3));
}

/** A y of F(4x4): the transpose of `output6`, for the gradient of the filter. */
// @ts-ignore: decorator
@inline
export function gradient6(y0: v128, y1: v128, y2: v128, y3: v128, to: usize, step: usize): void {
  v128.store(to, y0);
  let even = plusTimes(y0, y2, 0.5);
  let odd = times(plusTimes(y1, y3, 0.5), HALF_ROOT);
  v128.store(to + step, f32x4.add(even, odd));
  v128.store(to + 2 * step, f32x4.sub(even, odd));
  even = plusTimes(y0, y2, 2);
  odd = times(plusTimes(y1, y3, 2), ROOT);
  v128.store(to + 3 * step, f32x4.add(even, odd));
  v128.store(to + 4 * step, f32x4.sub(even, odd));
  v128.store(to + 5 * step, y3);
}

/** A y of 2x2 maps. */
// @ts-ignore: decorator
@inline
export function gradient3(y0: v128, y1: v128, to: usize, step: usize): void {
  v128.store(to, f32x4.add(y0, y1));
  v128.store(to + step, y0);
  v128.store(to + 2 * step, y1);
}

/** A y of F(2x2). */
// @ts-ignore: decorator
@inline
export function gradient4(y0: v128, y1: v128, to: usize, step: usize): void {
  v128.store(to, y0);
  v128.store(to + step, f32x4.add(y0, y1));
  v128.store(to + 2 * step, f32x4.sub(y0, y1));
  v128.store(to + 3 * step, y1);
}

/** G' u of F(4x4): the transpose of `filter6`. */
// @ts-ignore: decorator
@inline
export function taps6(u0: v128, u1: v128, u2: v128, u3: v128, u4: v128, u5: v128, to: usize, step: usize): void {
  const even = f32x4.add(u1, u2);
  const odd = f32x4.sub(u1, u2);
  const evenFar = f32x4.add(u3, u4);
  const oddFar = f32x4.sub(u3, u4);
  v128.store(to, plusTimes(plusTimes(u0, even, -2.0 / 3), evenFar, 1.0 / 6));
  v128.store(to + step, plusTimes(times(odd, -ROOT / 3), oddFar, ROOT / 6));
  v128.store(to + 2 * step, f32x4.add(times(f32x4.sub(evenFar, even), 1.0 / 3), u5));
}

/** G' u of 2x2 maps. */
// @ts-ignore: decorator
@inline
export function taps3(u0: v128, u1: v128, u2: v128, to: usize, step: usize): void {
  v128.store(to, u2);
  v128.store(to + step, f32x4.sub(u0, f32x4.add(u1, u2)));
  v128.store(to + 2 * step, u1);
}

/** G' u of F(2x2). */
// @ts-ignore: decorator
@inline
export function taps4(u0: v128, u1: v128, u2: v128, u3: v128, to: usize, step: usize): void {
  v128.store(to, plusTimes(u0, f32x4.add(u1, u2), 0.5));
  v128.store(to + step, times(f32x4.sub(u1, u2), 0.5));
  v128.store(to + 2 * step, plusTimes(u3, f32x4.add(u1, u2), 0.5));
}
