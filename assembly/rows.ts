/*
 * Sums of products of a few rows of A with panels of B. Four rows by eight columns have eight registers of sums, two of B, four of A
 * and one for the product, which are the 15 that V8 has: it may load everything that a block of code needs before it multiplies.
 */

/** Whether a sum replaces C's number or is added to it. */
export const REPLACE: i32 = 0;
export const ADD: i32 = 1;

/** Bytes of a row of a panel. */
export const PANEL: i32 = 32;

// @ts-ignore: decorator
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}

/**
 * One to four rows; missing ones repeat the first and are not stored. Numbers next to each other, of two terms or of four rows,
 * are loaded from one moving address. Between the two terms is a way out, so that V8 does not load the numbers of both first.
 * With relaxed SIMD a term has a third fewer instructions, and moving four addresses for each costs nothing.
 */
export function four(
  rows: i32, n: i32, segments: i32, length: i32,
  a: usize, rowStep: usize, segmentStep: usize, step: usize,
  b: usize, c: usize, cStep: usize,
  mode: i32, bias: usize, relu: i32,
): void {
  const bytes = <usize>length * PANEL;
  for (let j = 0; j < n; j += 8) {
    let a0 = a;
    let a1 = rows > 1 ? a + rowStep : a;
    let a2 = rows > 2 ? a + 2 * rowStep : a;
    let a3 = rows > 3 ? a + 3 * rowStep : a;
    let s00 = f32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
    for (let s = 0; s < segments; s++) {
      const end = b + bytes;
      if (step == 4 && !ASC_FEATURE_RELAXED_SIMD) {
        while (b < end) {
          let b0 = v128.load(b);
          let b1 = v128.load(b, 16);
          let x0 = v128.load_splat<f32>(a0);
          s00 = multiplyAdd(x0, b0, s00);
          s01 = multiplyAdd(x0, b1, s01);
          let x1 = v128.load_splat<f32>(a1);
          s10 = multiplyAdd(x1, b0, s10);
          s11 = multiplyAdd(x1, b1, s11);
          let x2 = v128.load_splat<f32>(a2);
          s20 = multiplyAdd(x2, b0, s20);
          s21 = multiplyAdd(x2, b1, s21);
          let x3 = v128.load_splat<f32>(a3);
          s30 = multiplyAdd(x3, b0, s30);
          s31 = multiplyAdd(x3, b1, s31);
          if (b + PANEL == end) break;
          b0 = v128.load(b, PANEL);
          b1 = v128.load(b, PANEL + 16);
          x0 = v128.load_splat<f32>(a0, 4);
          s00 = multiplyAdd(x0, b0, s00);
          s01 = multiplyAdd(x0, b1, s01);
          x1 = v128.load_splat<f32>(a1, 4);
          s10 = multiplyAdd(x1, b0, s10);
          s11 = multiplyAdd(x1, b1, s11);
          x2 = v128.load_splat<f32>(a2, 4);
          s20 = multiplyAdd(x2, b0, s20);
          s21 = multiplyAdd(x2, b1, s21);
          x3 = v128.load_splat<f32>(a3, 4);
          s30 = multiplyAdd(x3, b0, s30);
          s31 = multiplyAdd(x3, b1, s31);
          b += 2 * PANEL;
          a0 += 8;
          a1 += 8;
          a2 += 8;
          a3 += 8;
        }
        b = end;
        const rest = segmentStep - ((length & ~1) << 2);
        a0 += rest;
        a1 += rest;
        a2 += rest;
        a3 += rest;
      } else if (rows == 4 && rowStep == 4) {
        for (; b < end; b += PANEL) {
          const b0 = v128.load(b);
          const b1 = v128.load(b, 16);
          const x0 = v128.load_splat<f32>(a0);
          s00 = multiplyAdd(x0, b0, s00);
          s01 = multiplyAdd(x0, b1, s01);
          const x1 = v128.load_splat<f32>(a0, 4);
          s10 = multiplyAdd(x1, b0, s10);
          s11 = multiplyAdd(x1, b1, s11);
          const x2 = v128.load_splat<f32>(a0, 8);
          s20 = multiplyAdd(x2, b0, s20);
          s21 = multiplyAdd(x2, b1, s21);
          const x3 = v128.load_splat<f32>(a0, 12);
          s30 = multiplyAdd(x3, b0, s30);
          s31 = multiplyAdd(x3, b1, s31);
          a0 += step;
        }
        a0 += segmentStep - length * step;
      } else {
        for (; b < end; b += PANEL) {
          const b0 = v128.load(b);
          const b1 = v128.load(b, 16);
          const x0 = v128.load_splat<f32>(a0);
          s00 = multiplyAdd(x0, b0, s00);
          s01 = multiplyAdd(x0, b1, s01);
          const x1 = v128.load_splat<f32>(a1);
          s10 = multiplyAdd(x1, b0, s10);
          s11 = multiplyAdd(x1, b1, s11);
          const x2 = v128.load_splat<f32>(a2);
          s20 = multiplyAdd(x2, b0, s20);
          s21 = multiplyAdd(x2, b1, s21);
          const x3 = v128.load_splat<f32>(a3);
          s30 = multiplyAdd(x3, b0, s30);
          s31 = multiplyAdd(x3, b1, s31);
          a0 += step;
          a1 += step;
          a2 += step;
          a3 += step;
        }
        const rest = segmentStep - length * step;
        a0 += rest;
        a1 += rest;
        a2 += rest;
        a3 += rest;
      }
    }
    const at = c + (j << 2);
    const biasHere = bias ? bias + (j << 2) : 0;
    const columns = n - j;
    if (rows == 4 && columns >= 8 && mode == REPLACE && !bias && !relu) {
      // Most sums of tiles, without further questions.
      v128.store(at, s00);
      v128.store(at, s01, 16);
      v128.store(at + cStep, s10);
      v128.store(at + cStep, s11, 16);
      v128.store(at + 2 * cStep, s20);
      v128.store(at + 2 * cStep, s21, 16);
      v128.store(at + 3 * cStep, s30);
      v128.store(at + 3 * cStep, s31, 16);
      continue;
    }
    put(at, s00, s01, columns, mode, biasHere, relu);
    if (rows > 1) put(at + cStep, s10, s11, columns, mode, biasHere, relu);
    if (rows > 2) put(at + 2 * cStep, s20, s21, columns, mode, biasHere, relu);
    if (rows > 3) put(at + 3 * cStep, s30, s31, columns, mode, biasHere, relu);
  }
}

/** Stores eight sums, or fewer if fewer columns are left. */
// @ts-ignore: decorator
@inline
export function put(c: usize, left: v128, right: v128, columns: i32, mode: i32, bias: usize, relu: i32): void {
  if (columns >= 8) {
    if (mode == ADD) {
      left = f32x4.add(left, v128.load(c));
      right = f32x4.add(right, v128.load(c, 16));
    }
    if (bias) {
      left = f32x4.add(left, v128.load(bias));
      right = f32x4.add(right, v128.load(bias, 16));
    }
    if (relu) {
      left = f32x4.pmax(left, f32x4.splat(0));
      right = f32x4.pmax(right, f32x4.splat(0));
    }
    v128.store(c, left);
    v128.store(c, right, 16);
  } else {
    putFew(c, left, right, columns, mode, bias, relu);
  }
}

function putFew(c: usize, left: v128, right: v128, columns: i32, mode: i32, bias: usize, relu: i32): void {
  for (let i = 0; i < columns; i++) {
    let sum = f32x4.extract_lane(left, 0);
    if (mode == ADD) sum += load<f32>(c);
    if (bias) sum += load<f32>(bias + (i << 2));
    if (relu && sum < 0) sum = 0;
    store<f32>(c, sum);
    c += 4;
    left = v128.shuffle<f32>(left, right, 1, 2, 3, 4);
    right = v128.shuffle<f32>(right, right, 1, 2, 3, 0);
  }
}
