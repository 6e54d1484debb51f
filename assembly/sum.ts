/** Rows of a partial sum: shorter sums round less. */
const ROWS: i32 = 256;

/** The sums of the columns of x, `[rows, columns]`. */
export function sumRows(x: usize, rows: i32, columns: i32, to: usize): void {
  const bytes = <usize>columns << 2;
  memory.fill(to, 0, bytes);
  for (let first = 0; first < rows; first += ROWS) {
    const count = min(ROWS, rows - first);
    let column = 0;
    for (; column + 16 <= columns; column += 16) sixteen(x + (column << 2), count, bytes, to + (column << 2));
    for (; column < columns; column++) one(x + (column << 2), count, bytes, to + (column << 2));
    x += count * bytes;
  }
}

function sixteen(x: usize, rows: i32, step: usize, to: usize): void {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  for (let i = 0; i < rows; i++) {
    s0 = f32x4.add(s0, v128.load(x));
    s1 = f32x4.add(s1, v128.load(x, 16));
    s2 = f32x4.add(s2, v128.load(x, 32));
    s3 = f32x4.add(s3, v128.load(x, 48));
    x += step;
  }
  v128.store(to, f32x4.add(v128.load(to), s0));
  v128.store(to, f32x4.add(v128.load(to, 16), s1), 16);
  v128.store(to, f32x4.add(v128.load(to, 32), s2), 32);
  v128.store(to, f32x4.add(v128.load(to, 48), s3), 48);
}

function one(x: usize, rows: i32, step: usize, to: usize): void {
  let sum: f32 = 0;
  for (let i = 0; i < rows; i++) {
    sum += load<f32>(x);
    x += step;
  }
  store<f32>(to, load<f32>(to) + sum);
}
