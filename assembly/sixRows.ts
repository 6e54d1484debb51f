import { multiplyAdd, PANEL, put, REPLACE } from './rows';

/**
 * Six whole rows by eight columns, for processors that multiply and add in one instruction: twelve sums, of which each waits for the one
 * before it, keep more of these instructions under way than eight do. With two registers of B and one of A they are all 15 that V8 has.
 */
export function six(
  n: i32, segments: i32, length: i32,
  a: usize, rowStep: usize, segmentStep: usize, step: usize,
  b: usize, c: usize, cStep: usize,
  mode: i32, bias: usize, relu: i32,
): void {
  const bytes = <usize>length * PANEL;
  const rest = segmentStep - length * step;
  for (let j = 0; j < n; j += 8) {
    let a0 = a;
    let a1 = a0 + rowStep;
    let a2 = a1 + rowStep;
    let a3 = a2 + rowStep;
    let a4 = a3 + rowStep;
    let a5 = a4 + rowStep;
    let s00 = f32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00;
    let s30 = s00, s31 = s00, s40 = s00, s41 = s00, s50 = s00, s51 = s00;
    for (let s = 0; s < segments; s++) {
      const end = b + bytes;
      if (rowStep == 4) {
        // One address for all rows.
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
          const x4 = v128.load_splat<f32>(a0, 16);
          s40 = multiplyAdd(x4, b0, s40);
          s41 = multiplyAdd(x4, b1, s41);
          const x5 = v128.load_splat<f32>(a0, 20);
          s50 = multiplyAdd(x5, b0, s50);
          s51 = multiplyAdd(x5, b1, s51);
          a0 += step;
        }
        a0 += rest;
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
          const x4 = v128.load_splat<f32>(a4);
          s40 = multiplyAdd(x4, b0, s40);
          s41 = multiplyAdd(x4, b1, s41);
          const x5 = v128.load_splat<f32>(a5);
          s50 = multiplyAdd(x5, b0, s50);
          s51 = multiplyAdd(x5, b1, s51);
          a0 += step;
          a1 += step;
          a2 += step;
          a3 += step;
          a4 += step;
          a5 += step;
        }
        a0 += rest;
        a1 += rest;
        a2 += rest;
        a3 += rest;
        a4 += rest;
        a5 += rest;
      }
    }
    let at = c + (j << 2);
    const columns = n - j;
    if (columns >= 8 && mode == REPLACE && !bias && !relu) {
      // Most sums of tiles, without further questions.
      v128.store(at, s00);
      v128.store(at, s01, 16);
      at += cStep;
      v128.store(at, s10);
      v128.store(at, s11, 16);
      at += cStep;
      v128.store(at, s20);
      v128.store(at, s21, 16);
      at += cStep;
      v128.store(at, s30);
      v128.store(at, s31, 16);
      at += cStep;
      v128.store(at, s40);
      v128.store(at, s41, 16);
      at += cStep;
      v128.store(at, s50);
      v128.store(at, s51, 16);
      continue;
    }
    const biasHere = bias ? bias + (j << 2) : 0;
    put(at, s00, s01, columns, mode, biasHere, relu);
    at += cStep;
    put(at, s10, s11, columns, mode, biasHere, relu);
    at += cStep;
    put(at, s20, s21, columns, mode, biasHere, relu);
    at += cStep;
    put(at, s30, s31, columns, mode, biasHere, relu);
    at += cStep;
    put(at, s40, s41, columns, mode, biasHere, relu);
    at += cStep;
    put(at, s50, s51, columns, mode, biasHere, relu);
  }
}
