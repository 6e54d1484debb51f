import { lengthOf, startOf } from './window';

/**
 * Max pooling of x, `[batch, height, width, channels]`, to y, `[batch, outHeight, outWidth, channels]`. A window's NaNs are
 * ignored unless it has nothing else; a window of padding alone is minus infinity.
 */
export function maxPool(
  x: usize, y: usize, batch: i32, height: i32, width: i32, channels: i32, outHeight: i32, outWidth: i32,
  filterHeight: i32, filterWidth: i32, strideHeight: i32, strideWidth: i32, top: i32, left: i32,
): void {
  const pixel = <usize>channels * 4;
  const row = width * pixel;
  for (let image = 0; image < batch; image++) {
    for (let i = 0; i < outHeight; i++) {
      const firstRow = startOf(i, strideHeight, top);
      const rows = lengthOf(i, strideHeight, top, filterHeight, height);
      for (let j = 0; j < outWidth; j++) {
        const firstColumn = startOf(j, strideWidth, left);
        const columns = lengthOf(j, strideWidth, left, filterWidth, width);
        window(x + firstRow * row + firstColumn * pixel, rows, columns, row, pixel, y);
        y += pixel;
      }
    }
    x += height * row;
  }
}

/** The channels of a window. */
function window(x: usize, rows: i32, columns: i32, row: usize, pixel: usize, y: usize): void {
  const end = y + pixel;
  for (; y + 32 <= end; y += 32) {
    let left = f32x4.splat(-Infinity), right = left;
    for (let i = 0; i < rows; i++) {
      let at = x + i * row;
      for (let j = 0; j < columns; j++) {
        left = f32x4.pmax(left, v128.load(at));
        right = f32x4.pmax(right, v128.load(at, 16));
        at += pixel;
      }
    }
    v128.store(y, left);
    v128.store(y, right, 16);
    const none = f32x4.splat(-Infinity);
    if (v128.any_true(v128.or(f32x4.eq(left, none), f32x4.eq(right, none)))) {
      for (let c = 0; c < 32; c += 4) store<f32>(y + c, one(x + c, rows, columns, row, pixel));
    }
    x += 32;
  }
  for (; y < end; y += 4) {
    store<f32>(y, one(x, rows, columns, row, pixel));
    x += 4;
  }
}

/** One channel of a window. */
function one(x: usize, rows: i32, columns: i32, row: usize, pixel: usize): f32 {
  let largest: f32 = -Infinity;
  let spoiled = rows > 0 && columns > 0;
  for (let i = 0; i < rows; i++) {
    let at = x + i * row;
    for (let j = 0; j < columns; j++) {
      const value = load<f32>(at);
      if (value > largest) largest = value;
      if (value == value) spoiled = false;
      at += pixel;
    }
  }
  return spoiled ? f32.NaN : largest;
}
