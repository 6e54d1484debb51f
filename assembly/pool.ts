import { lengthOf, startOf } from './window';

/**
 * The gradient of max pooling: each output's gradient goes to the first of its window's largest inputs, and to none
 * where the window has no number above minus infinity.
 */
export function maxPoolGradient(
  x: usize, dy: usize, dx: usize, batch: i32, height: i32, width: i32, channels: i32, outHeight: i32, outWidth: i32,
  filterHeight: i32, filterWidth: i32, strideHeight: i32, strideWidth: i32, top: i32, left: i32,
): void {
  const pixel = <usize>channels * 4;
  memory.fill(dx, 0, batch * height * width * pixel);
  const whole = channels & ~3;
  for (let image = 0; image < batch; image++) {
    for (let i = 0; i < outHeight; i++) {
      const firstRow = startOf(i, strideHeight, top);
      const rows = lengthOf(i, strideHeight, top, filterHeight, height);
      for (let j = 0; j < outWidth; j++) {
        const firstColumn = startOf(j, strideWidth, left);
        const columns = lengthOf(j, strideWidth, left, filterWidth, width);
        const corner = ((image * height + firstRow) * width + firstColumn) * pixel;
        let c = 0;
        for (; c < whole; c += 4) {
          four(x + corner + c * 4, dy, dx + corner + c * 4, rows, columns, width * pixel, pixel);
          dy += 16;
        }
        for (; c < channels; c++) {
          one(x + corner + c * 4, dy, dx + corner + c * 4, rows, columns, width * pixel, pixel);
          dy += 4;
        }
      }
    }
  }
}

/** A window of four channels. */
// @ts-ignore: decorator
@inline
function four(x: usize, dy: usize, dx: usize, rows: i32, columns: i32, row: usize, pixel: usize): void {
  let largest = f32x4.splat(-Infinity);
  let where = i32x4.splat(-1);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const value = v128.load(x + i * row + j * pixel);
      const larger = f32x4.gt(value, largest);
      largest = v128.bitselect(value, largest, larger);
      where = v128.bitselect(i32x4.splat(i * columns + j), where, larger);
    }
  }
  const gradient = v128.load(dy);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const here = i32x4.eq(where, i32x4.splat(i * columns + j));
      const at = dx + i * row + j * pixel;
      v128.store(at, f32x4.add(v128.load(at), v128.and(gradient, here)));
    }
  }
}

/** A window of one channel. */
function one(x: usize, dy: usize, dx: usize, rows: i32, columns: i32, row: usize, pixel: usize): void {
  let largest: f32 = -Infinity;
  let where: usize = 0;
  let found = false;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const value = load<f32>(x + i * row + j * pixel);
      if (value > largest) {
        largest = value;
        where = i * row + j * pixel;
        found = true;
      }
    }
  }
  if (found) store<f32>(dx + where, load<f32>(dx + where) + load<f32>(dy));
}
