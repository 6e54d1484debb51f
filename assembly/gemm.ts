/**
 * The core of all kernels: C = A B, with B in panels and A at any strides.
 *
 * A panel holds eight columns of B, row by row, so that it is read sequentially: `[columns / 8][rows][8]`, with zeros for
 * missing columns. The number of A for term k of segment s is at `a + row * rowStep + s * segmentStep + k * step`, in bytes, so
 * the same loop handles a matrix, its transpose, and the pixels under a filter.
 */

import { four, PANEL } from './rows';
import { six } from './sixRows';

export { ADD, multiplyAdd, PANEL, REPLACE } from './rows';

/** Bytes of panels that stay in the second-level cache, next to A's rows. */
const SECOND_CACHE: i32 = 1 << 18;

/** The minimum number of terms in a row for six rows at a time: with fewer, storing the sums takes longer. */
const MIN_TERMS: i32 = 16;

/**
 * C's rows from `c` on, `[rows, n]` with `cStep` bytes from row to row: sums of `segments` times `length` terms.
 * `bias`, an address or 0, is added to each row, then negative numbers become zero if `relu`.
 */
export function multiply(
  rows: i32, n: i32, segments: i32, length: i32,
  a: usize, rowStep: usize, segmentStep: usize, step: usize,
  b: usize, c: usize, cStep: usize,
  mode: i32, bias: usize, relu: i32,
): void {
  const terms = segments * length;
  // Sums of no terms are zero.
  const block = max(1, SECOND_CACHE / max(1, terms * PANEL)) * 8;
  for (let j = 0; j < n; j += block) {
    const columns = min(block, n - j);
    const panels = b + (j >> 3) * terms * PANEL;
    const biasHere = bias ? bias + (j << 2) : 0;
    let row = 0;
    if (ASC_FEATURE_RELAXED_SIMD && length >= MIN_TERMS) {
      // Eight rows are two fours.
      for (; rows - row >= 6 && rows - row != 8; row += 6) {
        six(
          columns, segments, length,
          a + row * rowStep, rowStep, segmentStep, step,
          panels, c + row * cStep + (j << 2), cStep, mode, biasHere, relu,
        );
      }
    }
    for (; row < rows; row += 4) {
      four(
        min(4, rows - row), columns, segments, length,
        a + row * rowStep, rowStep, segmentStep, step,
        panels, c + row * cStep + (j << 2), cStep, mode, biasHere, relu,
      );
    }
  }
}
