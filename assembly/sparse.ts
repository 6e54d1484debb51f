/**
 * C = A B for an A with many zeros, as after ReLU and dropout and in their gradients: only nonzero numbers are multiplied.
 *
 * Each row of A becomes a list of its nonzero numbers, each with the offset of its row of B in a panel. A panel has 28 columns
 * of B, so that a row of C is seven registers of sums: V8 loads a panel's whole row before it multiplies, so with seven for B
 * and one for A these are the 15 that it has. Forty columns spilled six of them and took 17 cycles per row of a panel, where
 * 28 take 8.
 */
import { ADD, multiplyAdd, REPLACE } from './gemm';
import { transpose } from './pack';
import { putSums } from './product';

/** Columns of a panel, and the bytes of one of its rows. */
const WIDE: i32 = 28;
const ROW: i32 = WIDE * 4;

/** Terms of a sum at a time: a panel with this many rows stays in the first-level cache. */
const TERMS: i32 = 128;

/** Bytes of B in panels at a time. */
const PACKED: i32 = 1 << 21;

/** Bytes of panels that stay in the first-level cache next to a list and a row of C. */
const FIRST_CACHE: i32 = 20480;

/** Rows of A listed at a time, and the bytes of an entry: the number, and the offset of B's row. */
const ROWS: i32 = 128;
const ENTRY: i32 = 8;

/** Bytes of a list: its length in bytes, which takes one entry's space, and its entries. */
// @ts-ignore: decorator
@inline
function listBytes(terms: i32): i32 {
  return (terms + 1) * ENTRY;
}

/** Columns of B packed at a time. */
// @ts-ignore: decorator
@inline
function columnsAtOnce(n: i32, terms: i32): i32 {
  return min((n + WIDE - 1) / WIDE, max(1, PACKED / (terms * ROW))) * WIDE;
}

/** Bytes of working memory that `sparseProduct` needs. */
export function sparseBytes(n: i32, k: i32): usize {
  const terms = min(k, TERMS);
  return ROW + ROWS * listBytes(terms) + columnsAtOnce(n, terms) * terms * 4;
}

/** Counts the zeros among `count` numbers. */
export function zeros(count: i32, x: usize): i32 {
  const whole = count & ~3;
  let four = i32x4.splat(0);
  for (let i = 0; i < whole; i += 4) {
    four = i32x4.sub(four, f32x4.eq(v128.load(x + (i << 2)), f32x4.splat(0)));
  }
  let all = i32x4.extract_lane(four, 0) + i32x4.extract_lane(four, 1) + i32x4.extract_lane(four, 2) + i32x4.extract_lane(four, 3);
  for (let i = whole; i < count; i++) all += i32(load<f32>(x + (i << 2)) == 0);
  return all;
}

/** The same as `product`, including NaN from zero times infinity. */
export function sparseProduct(
  m: i32, n: i32, k: i32, first: i32, end: i32,
  a: usize, aRow: usize, aColumn: usize,
  b: usize, bRow: usize, bColumn: usize,
  c: usize, bias: usize, relu: i32, work: usize,
): void {
  const termsHere = min(k, TERMS);
  const atOnce = columnsAtOnce(n, termsHere);
  const lists = work + ROW;
  const panels = lists + ROWS * listBytes(termsHere);
  for (let l = 0; l < k; l += termsHere) {
    const terms = min(termsHere, k - l);
    const last = l + terms == k;
    let listed = false;
    for (let j = first; j < end; j += atOnce) {
      const columns = min(atOnce, end - j);
      const finite = packWide(terms, columns, b + l * bRow + j * bColumn, bRow, bColumn, panels);
      for (let i = 0; i < m; i += ROWS) {
        const rows = min(ROWS, m - i);
        if (!listed || m > ROWS || !finite) list(rows, terms, a + i * aRow + l * aColumn, aRow, aColumn, finite, lists);
        listed = finite;
        // The panels that fit in the first-level cache, for all rows.
        const block = max(1, FIRST_CACHE / (terms * ROW)) * WIDE;
        for (let p = 0; p < columns; p += block) {
          for (let row = 0; row < rows; row++) {
            const to = c + ((i + row) * n + j + p) * 4;
            const here = min(columns - p, block);
            rowOf(lists + row * listBytes(terms), panels + (p / WIDE) * terms * ROW, terms * ROW, to, here, work, l == 0 ? REPLACE : ADD);
            if (last && (bias || relu)) putSums(here, to, to, false, bias ? bias + (j + p) * 4 : 0, relu);
          }
        }
      }
    }
  }
}

/** The lists of A's rows. If B is not finite, zeros are listed too, since their products are NaN. */
function list(rows: i32, terms: i32, a: usize, aRow: usize, aColumn: usize, finite: bool, lists: usize): void {
  const skip = i32(finite);
  for (let row = 0; row < rows; row++) {
    const start = lists + row * listBytes(terms);
    let entry = start + ENTRY;
    let from = a + row * aRow;
    for (let place = 0; place < terms * ROW; place += ROW) {
      const value = load<f32>(from);
      store<f32>(entry, value);
      store<i32>(entry, place, 4);
      entry += i32(value == 0) & skip ? 0 : ENTRY;
      from += aColumn;
    }
    store<i32>(start, i32(entry - start - ENTRY));
  }
}

/** A row of C, for consecutive panels `panelBytes` apart. */
function rowOf(list: usize, panel: usize, panelBytes: usize, c: usize, columns: i32, spare: usize, mode: i32): void {
  const end = list + ENTRY + load<i32>(list);
  for (; columns > 0; columns -= WIDE) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0;
    for (let entry = list + ENTRY; entry < end; entry += ENTRY) {
      const x = v128.load_splat<f32>(entry);
      const at = panel + load<i32>(entry, 4);
      s0 = multiplyAdd(x, v128.load(at), s0);
      s1 = multiplyAdd(x, v128.load(at, 16), s1);
      s2 = multiplyAdd(x, v128.load(at, 32), s2);
      s3 = multiplyAdd(x, v128.load(at, 48), s3);
      s4 = multiplyAdd(x, v128.load(at, 64), s4);
      s5 = multiplyAdd(x, v128.load(at, 80), s5);
      s6 = multiplyAdd(x, v128.load(at, 96), s6);
    }
    const to = columns < WIDE ? spare : c;
    if (mode == ADD) {
      if (columns < WIDE) memory.copy(spare, c, columns * 4);
      s0 = f32x4.add(s0, v128.load(to));
      s1 = f32x4.add(s1, v128.load(to, 16));
      s2 = f32x4.add(s2, v128.load(to, 32));
      s3 = f32x4.add(s3, v128.load(to, 48));
      s4 = f32x4.add(s4, v128.load(to, 64));
      s5 = f32x4.add(s5, v128.load(to, 80));
      s6 = f32x4.add(s6, v128.load(to, 96));
    }
    v128.store(to, s0);
    v128.store(to, s1, 16);
    v128.store(to, s2, 32);
    v128.store(to, s3, 48);
    v128.store(to, s4, 64);
    v128.store(to, s5, 80);
    v128.store(to, s6, 96);
    if (columns < WIDE) memory.copy(c, spare, columns * 4);
    panel += panelBytes;
    c += ROW;
  }
}

/** Packs B's panels, with zeros for missing columns; returns whether all numbers are finite. */
function packWide(rows: i32, n: i32, b: usize, rowStep: usize, columnStep: usize, panels: usize): bool {
  // Times zero, a finite number is zero, and any other NaN.
  let spoiled = f32x4.splat(0);
  const whole = n - (n % WIDE);
  const panelBytes = rows * ROW;
  if (columnStep == 4) {
    for (let i = 0; i < rows; i++) {
      let from = b + i * rowStep;
      let to = panels + i * ROW;
      for (let j = 0; j < whole; j += WIDE) {
        for (let q = 0; q < ROW; q += 16) {
          const four = v128.load(from + q);
          spoiled = f32x4.add(spoiled, f32x4.mul(four, f32x4.splat(0)));
          v128.store(to + q, four);
        }
        from += ROW;
        to += panelBytes;
      }
    }
  } else {
    for (let j = 0; j < whole; j += 4) {
      let from = b + j * columnStep;
      let to = panels + (j / WIDE) * panelBytes + (j % WIDE) * 4;
      let i = 0;
      if (rowStep == 4) {
        for (; i + 4 <= rows; i += 4) {
          spoiled = f32x4.add(spoiled, f32x4.mul(transpose(from, columnStep, to, ROW), f32x4.splat(0)));
          from += 16;
          to += 4 * ROW;
        }
      }
      for (; i < rows; i++) {
        for (let q = 0; q < 4; q++) {
          const one = load<f32>(from + q * columnStep);
          spoiled = f32x4.add(spoiled, f32x4.splat(one * 0));
          store<f32>(to + (q << 2), one);
        }
        from += rowStep;
        to += ROW;
      }
    }
  }
  const panel = panels + (whole / WIDE) * panelBytes;
  for (let i = 0; i < rows && whole < n; i++) {
    for (let j = whole; j < whole + WIDE; j++) {
      const one: f32 = j < n ? load<f32>(b + i * rowStep + j * columnStep) : 0;
      spoiled = f32x4.add(spoiled, f32x4.splat(one * 0));
      store<f32>(panel + i * ROW + (j - whole) * 4, one);
    }
  }
  return !v128.any_true(f32x4.ne(spoiled, f32x4.splat(0)));
}
