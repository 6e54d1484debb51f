import { ADD, multiply, multiplyAdd, PANEL, REPLACE } from './gemm';
import { pack } from './pack';

/**
 * Terms of a partial sum: shorter sums round less, and their panels fit in the cache. Not a power of two, so that the same row
 * of all panels does not map to the same cache lines.
 */
const TERMS: i32 = 252;

/** The same for few rows of A, where reading B takes much of the time: whole rows of B are then read sequentially. */
const FEWER_TERMS: i32 = 60;
const FEW_ROWS: i32 = 64;

/** Numbers of B packed at a time. */
const PACKED: i32 = 1 << 18;

/** Rows of a transposed A copied at a time. */
const ROWS: i32 = 120;

// @ts-ignore: decorator
@inline
function termsAtOnce(m: i32, k: i32, bColumn: usize): i32 {
  return min(k, bColumn == 4 && m <= FEW_ROWS ? FEWER_TERMS : TERMS);
}

/** Columns of B packed at a time. */
// @ts-ignore: decorator
@inline
function columnsAtOnce(n: i32, terms: i32): i32 {
  return min(n + 7, PACKED / terms) & ~7;
}

/** Bytes of working memory that `product` needs: a block of B in panels, and one of A. */
export function productBytes(m: i32, n: i32, k: i32, bColumn: usize): usize {
  const terms = termsAtOnce(m, k, bColumn);
  return <usize>terms * (columnsAtOnce(n, terms) + ROWS) * 4;
}

/**
 * C = A B + bias, then ReLU if `relu`: A is `[m, k]`, B `[k, n]`, C `[m, n]` row by row. A's and B's strides are in bytes, so
 * either may be a transpose. `bias` is the address of n numbers or 0. Computes columns `first` to `end` of C.
 */
export function product(
  m: i32, n: i32, k: i32, first: i32, end: i32,
  a: usize, aRow: usize, aColumn: usize,
  b: usize, bRow: usize, bColumn: usize,
  c: usize, bias: usize, relu: i32, work: usize,
): void {
  // A transposed A is copied: its steps might all map to the same cache lines.
  const copied = aColumn != 4;
  const atOnce = copied ? min(ROWS, m) : m;
  const termsHere = termsAtOnce(m, k, bColumn);
  const columnsHere = columnsAtOnce(n, termsHere);
  const panels = copied ? work + termsHere * ROWS * 4 : work;
  for (let j = first; j < end; j += columnsHere) {
    const columns = min(columnsHere, end - j);
    for (let l = 0; l < k; l += termsHere) {
      const terms = min(termsHere, k - l);
      const last = l + terms == k;
      pack(terms, columns, b + l * bRow + j * bColumn, bRow, bColumn, panels, terms * PANEL);
      for (let i = 0; i < m; i += atOnce) {
        const rows = min(atOnce, m - i);
        let from = a + i * aRow + l * aColumn;
        if (copied) {
          for (let t = 0; t < terms; t++) memory.copy(work + t * ROWS * 4, from + t * aColumn, rows * 4);
          from = work;
        }
        multiply(
          rows, columns, 1, terms,
          from, aRow, 0, copied ? ROWS * 4 : 4,
          panels, c + (i * n + j) * 4, n << 2,
          l == 0 ? REPLACE : ADD, last && bias ? bias + (j << 2) : 0, last ? relu : 0,
        );
      }
    }
  }
}

/** Bytes of the sums that `productOfFew` accumulates: they stay in the second-level cache. */
const UNDER_WAY: i32 = 1 << 18;

/** The minimum number of columns at a time, so that B is read in long rows. */
const MIN_COLUMNS: i32 = 256;

// @ts-ignore: decorator
@inline
function columnsOfFew(m: i32, n: i32): i32 {
  return min(n, max(MIN_COLUMNS, UNDER_WAY / (m * 4)) & ~7);
}

/** Bytes from one row of sums to the next: rows must not all map to the same cache lines. */
// @ts-ignore: decorator
@inline
function sumsBytes(columns: i32): i32 {
  return ((columns << 2) & ~63) + 96;
}

/** Bytes of working memory that `productOfFew` needs. */
export function productOfFewBytes(m: i32, n: i32): usize {
  return m * (sumsBytes(columnsOfFew(m, n)) + TERMS * 4);
}

/**
 * The same for few rows of A, `aRow` bytes apart, and a B stored row by row, which is read once and in place: the processor
 * fetches the next numbers while it multiplies the last ones.
 */
export function productOfFew(
  m: i32, n: i32, k: i32, first: i32, end: i32,
  a: usize, aRow: usize, b: usize, c: usize, bias: usize, relu: i32, work: usize,
): void {
  const columnsHere = columnsOfFew(m, n);
  const bRow = <usize>n << 2;
  for (let j = first; j < end; j += columnsHere) {
    const columns = min(columnsHere, end - j);
    const whole = columns & ~7;
    const sumsRow = sumsBytes(columns);
    const terms = work + m * sumsRow;
    for (let l = 0; l < k; l += TERMS) {
      const lEnd = min(k, l + TERMS);
      memory.fill(work, 0, m * sumsRow);
      for (let row = 0; row < m; row++) memory.copy(terms + row * TERMS * 4, a + row * aRow + (l << 2), (lEnd - l) << 2);
      let t = l;
      for (; t + 4 <= lEnd; t += 4) {
        let at = b + t * bRow + (j << 2);
        for (let q = 0; q < whole; q += 8) {
          addFour(m, terms + ((t - l) << 2), TERMS * 4, at, bRow, work + (q << 2), sumsRow);
          at += 32;
        }
        for (let q = whole; q < columns; q++) {
          for (let u = 0; u < 4; u++) addColumn(m, terms + ((t - l + u) << 2), TERMS * 4, load<f32>(at + u * bRow), work + (q << 2), sumsRow);
          at += 4;
        }
      }
      for (; t < lEnd; t++) {
        const at = b + t * bRow + (j << 2);
        for (let q = 0; q < columns; q++) addColumn(m, terms + ((t - l) << 2), TERMS * 4, load<f32>(at + (q << 2)), work + (q << 2), sumsRow);
      }
      const last = lEnd == k;
      for (let row = 0; row < m; row++) {
        putSums(columns, work + row * sumsRow, c + row * bRow + (j << 2), l > 0, last && bias ? bias + (j << 2) : 0, last && relu);
      }
    }
  }
}

/** Adds four terms to eight columns of sums, for each row of A. */
function addFour(m: i32, a: usize, aRow: usize, b: usize, bRow: usize, sums: usize, sumsRow: usize): void {
  const b00 = v128.load(b);
  const b01 = v128.load(b, 16);
  b += bRow;
  const b10 = v128.load(b);
  const b11 = v128.load(b, 16);
  b += bRow;
  const b20 = v128.load(b);
  const b21 = v128.load(b, 16);
  b += bRow;
  const b30 = v128.load(b);
  const b31 = v128.load(b, 16);
  for (let i = 0; i < m; i++) {
    let left = v128.load(sums);
    let right = v128.load(sums, 16);
    const x0 = v128.load_splat<f32>(a);
    left = multiplyAdd(x0, b00, left);
    right = multiplyAdd(x0, b01, right);
    const x1 = v128.load_splat<f32>(a, 4);
    left = multiplyAdd(x1, b10, left);
    right = multiplyAdd(x1, b11, right);
    const x2 = v128.load_splat<f32>(a, 8);
    left = multiplyAdd(x2, b20, left);
    right = multiplyAdd(x2, b21, right);
    const x3 = v128.load_splat<f32>(a, 12);
    left = multiplyAdd(x3, b30, left);
    right = multiplyAdd(x3, b31, right);
    v128.store(sums, left);
    v128.store(sums, right, 16);
    a += aRow;
    sums += sumsRow;
  }
}

/** Adds one term to one column of sums, for each row of A. */
function addColumn(m: i32, a: usize, aRow: usize, number: f32, sums: usize, sumsRow: usize): void {
  for (let i = 0; i < m; i++) {
    store<f32>(sums, load<f32>(sums) + load<f32>(a) * number);
    a += aRow;
    sums += sumsRow;
  }
}

/** Writes sums to C, whose memory they may share. */
export function putSums(columns: i32, sums: usize, c: usize, add: bool, bias: usize, relu: i32): void {
  const whole = (columns & ~3) << 2;
  let i = 0;
  for (; i < whole; i += 16) {
    let sum = v128.load(sums + i);
    if (add) sum = f32x4.add(sum, v128.load(c + i));
    if (bias) sum = f32x4.add(sum, v128.load(bias + i));
    if (relu) sum = f32x4.pmax(sum, f32x4.splat(0));
    v128.store(c + i, sum);
  }
  for (; i < columns << 2; i += 4) {
    let sum = load<f32>(sums + i);
    if (add) sum += load<f32>(c + i);
    if (bias) sum += load<f32>(bias + i);
    if (relu && sum < 0) sum = 0;
    store<f32>(c + i, sum);
  }
}
