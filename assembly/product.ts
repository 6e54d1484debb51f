import { ADD, multiply, multiplyAdd, pack, PANEL, REPLACE } from './gemm';

/**
 * Terms of a sum that are added up by themselves first: shorter sums round less, and their panels fit the cache. No
 * power of two, lest the same row of all panels falls on the same lines of the cache.
 */
const TERMS: i32 = 250;

/** The same for few rows of A, to whose time fetching B adds much: whole rows of B are then read on. */
const FEWER_TERMS: i32 = 60;
const FEW_ROWS: i32 = 64;

/** Numbers of B that are packed at a time. */
const PACKED: i32 = 1 << 18;

/** Rows of a transposed A that are copied at a time. */
const ROWS: i32 = 120;

// @ts-ignore: decorator
@inline
function termsAtOnce(m: i32, k: i32, bColumn: usize): i32 {
  return min(k, bColumn == 4 && m <= FEW_ROWS ? FEWER_TERMS : TERMS);
}

/** Columns of B that are packed at a time. */
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
 * C = A B + bias, then ReLU where asked for: A is `[m, k]`, B `[k, n]`, C `[m, n]` row by row. A's and B's strides are
 * bytes, so that either may be a transpose. `bias` is the address of n numbers or 0.
 */
export function product(
  m: i32, n: i32, k: i32,
  a: usize, aRow: usize, aColumn: usize,
  b: usize, bRow: usize, bColumn: usize,
  c: usize, bias: usize, relu: i32, work: usize,
): void {
  // A whose rows lie apart is copied: its steps may all fall on the same lines of the cache.
  const copied = aColumn != 4;
  const atOnce = copied ? min(ROWS, m) : m;
  const termsHere = termsAtOnce(m, k, bColumn);
  const columnsHere = columnsAtOnce(n, termsHere);
  const panels = copied ? work + termsHere * ROWS * 4 : work;
  for (let j = 0; j < n; j += columnsHere) {
    const columns = min(columnsHere, n - j);
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

/**
 * The same for a few rows of A and a B that lies row by row, which is read once and where it lies; n is a multiple of
 * 4, and `work` holds m times n numbers.
 */
export function productOfFew(m: i32, n: i32, k: i32, a: usize, b: usize, c: usize, bias: usize, relu: i32, work: usize): void {
  const bytes = <usize>n << 2;
  for (let l = 0; l < k; l += TERMS) {
    const end = min(k, l + TERMS);
    memory.fill(work, 0, m * bytes);
    for (let first = l; first < end; first += 8) {
      for (let row = 0; row < m; row++) {
        addRows(min(8, end - first), bytes, a + (row * k + first) * 4, b + first * bytes, work + row * bytes);
      }
    }
    for (let row = 0; row < m; row++) {
      for (let i: usize = 0; i < bytes; i += 16) {
        const at = row * bytes + i;
        let sum = v128.load(work + at);
        if (l) sum = f32x4.add(sum, v128.load(c + at));
        if (end == k && bias) sum = f32x4.add(sum, v128.load(bias + i));
        if (end == k && relu) sum = f32x4.pmax(sum, f32x4.splat(0));
        v128.store(c + at, sum);
      }
    }
  }
}

/** Adds up to eight rows of B, each times a number of a, to the sums. */
function addRows(k: i32, bytes: usize, a: usize, b: usize, sums: usize): void {
  if (k == 8) {
    const a0 = v128.load_splat<f32>(a);
    const a1 = v128.load_splat<f32>(a, 4);
    const a2 = v128.load_splat<f32>(a, 8);
    const a3 = v128.load_splat<f32>(a, 12);
    const a4 = v128.load_splat<f32>(a, 16);
    const a5 = v128.load_splat<f32>(a, 20);
    const a6 = v128.load_splat<f32>(a, 24);
    const a7 = v128.load_splat<f32>(a, 28);
    let b0 = b;
    for (let i: usize = 0; i < bytes; i += 16) {
      let even = v128.load(sums + i);
      let at = b0;
      even = multiplyAdd(a0, v128.load(at), even);
      at += bytes;
      let odd = f32x4.mul(a1, v128.load(at));
      at += bytes;
      even = multiplyAdd(a2, v128.load(at), even);
      at += bytes;
      odd = multiplyAdd(a3, v128.load(at), odd);
      at += bytes;
      even = multiplyAdd(a4, v128.load(at), even);
      at += bytes;
      odd = multiplyAdd(a5, v128.load(at), odd);
      at += bytes;
      even = multiplyAdd(a6, v128.load(at), even);
      at += bytes;
      odd = multiplyAdd(a7, v128.load(at), odd);
      v128.store(sums + i, f32x4.add(even, odd));
      b0 += 16;
    }
    return;
  }
  for (let l = 0; l < k; l++) {
    const a0 = v128.load_splat<f32>(a);
    for (let i: usize = 0; i < bytes; i += 16) {
      v128.store(sums + i, multiplyAdd(a0, v128.load(b + i), v128.load(sums + i)));
    }
    a += 4;
    b += bytes;
  }
}
