/*
 * Sums in float64, rounded once to float32: as exact as any, and no slower, since memory is slower than either.
 */

/** Rows summed at a time: their numbers stay in the second-level cache while the columns are gone through. */
const ROWS: i32 = 256;

/** Bytes of working memory of `sumRows`. */
export function sumRowsBytes(columns: i32): usize {
  return <usize>columns << 3;
}

/** The sums, divided by `divisor`, of columns `first` to `end` of each block of x, `[blocks, rows, columns]`. */
export function sumRows(
  x: usize, blocks: i32, rows: i32, columns: i32, first: i32, end: i32, to: usize, divisor: f64, work: usize,
): void {
  const row = <usize>columns << 2;
  const sums = work - (first << 3);
  for (let block = 0; block < blocks; block++) {
    memory.fill(work, 0, (end - first) << 3);
    for (let from = 0; from < rows; from += ROWS) {
      const count = min(ROWS, rows - from);
      let column = first;
      for (; column + 16 <= end; column += 16) sixteen(x + (column << 2), count, row, sums + (column << 3));
      for (; column < end; column++) one(x + (column << 2), count, row, sums + (column << 3));
      x += count * row;
    }
    for (let column = first; column < end; column++) {
      store<f32>(to + (column << 2), <f32>(load<f64>(sums + (column << 3)) / divisor));
    }
    to += row;
  }
}

/** The sums, divided by `divisor`, of the rows of x, `[rows, columns]`. */
export function sumColumns(x: usize, rows: i32, columns: i32, to: usize, divisor: f64): void {
  for (let row = 0; row < rows; row++) {
    store<f32>(to + (row << 2), <f32>(sumOf(x, columns) / divisor));
    x += <usize>columns << 2;
  }
}

/** The first two of four numbers in float64. */
// @ts-ignore: decorator
@inline
export function low(numbers: v128): v128 {
  return f64x2.promote_low_f32x4(numbers);
}

/** The last two. */
// @ts-ignore: decorator
@inline
export function high(numbers: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(numbers, numbers, 1, 0));
}

// @ts-ignore: decorator
@inline
function addTo(address: usize, terms: v128): void {
  v128.store(address, f64x2.add(v128.load(address), terms));
}

function sixteen(x: usize, rows: i32, row: usize, sums: usize): void {
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  for (let i = 0; i < rows; i++) {
    const a = v128.load(x);
    s0 = f64x2.add(s0, low(a));
    s1 = f64x2.add(s1, high(a));
    const b = v128.load(x, 16);
    s2 = f64x2.add(s2, low(b));
    s3 = f64x2.add(s3, high(b));
    const c = v128.load(x, 32);
    s4 = f64x2.add(s4, low(c));
    s5 = f64x2.add(s5, high(c));
    const d = v128.load(x, 48);
    s6 = f64x2.add(s6, low(d));
    s7 = f64x2.add(s7, high(d));
    x += row;
  }
  addTo(sums, s0);
  addTo(sums + 16, s1);
  addTo(sums + 32, s2);
  addTo(sums + 48, s3);
  addTo(sums + 64, s4);
  addTo(sums + 80, s5);
  addTo(sums + 96, s6);
  addTo(sums + 112, s7);
}

function one(x: usize, rows: i32, row: usize, sums: usize): void {
  let sum: f64 = 0;
  for (let i = 0; i < rows; i++) {
    sum += <f64>load<f32>(x);
    x += row;
  }
  store<f64>(sums, load<f64>(sums) + sum);
}

/** The sum of n consecutive numbers. */
function sumOf(x: usize, n: i32): f64 {
  const end = x + (<usize>n << 2);
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0;
  for (; x + 32 <= end; x += 32) {
    const a = v128.load(x);
    s0 = f64x2.add(s0, low(a));
    s1 = f64x2.add(s1, high(a));
    const b = v128.load(x, 16);
    s2 = f64x2.add(s2, low(b));
    s3 = f64x2.add(s3, high(b));
  }
  const all = f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3));
  let sum = f64x2.extract_lane(all, 0) + f64x2.extract_lane(all, 1);
  for (; x < end; x += 4) sum += <f64>load<f32>(x);
  return sum;
}

/** Adds n numbers to others. */
export function addNumbers(n: i32, from: usize, to: usize): void {
  const end = from + (<usize>n << 2);
  for (; from + 16 <= end; from += 16) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    to += 16;
  }
  for (; from < end; from += 4) {
    store<f32>(to, load<f32>(to) + load<f32>(from));
    to += 4;
  }
}
