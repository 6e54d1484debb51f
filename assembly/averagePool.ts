import { lengthOf, startOf } from './window';

/**
 * Average pooling of x, `[batch, height, width, channels]`, to y, `[batch, outHeight, outWidth, channels]`. Padding is not
 * counted; a window of padding alone is NaN.
 */
export function averagePool(
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

/** The channels of a window. Each row is summed by itself, since shorter sums round less. */
function window(x: usize, rows: i32, columns: i32, row: usize, pixel: usize, y: usize): void {
  const end = y + pixel;
  const count = <f32>(rows * columns);
  for (; y + 16 <= end; y += 16) {
    let sum = f32x4.splat(0);
    for (let i = 0; i < rows; i++) {
      let at = x + i * row;
      let rowSum = f32x4.splat(0);
      for (let j = 0; j < columns; j++) {
        rowSum = f32x4.add(rowSum, v128.load(at));
        at += pixel;
      }
      sum = f32x4.add(sum, rowSum);
    }
    v128.store(y, f32x4.div(sum, f32x4.splat(count)));
    x += 16;
  }
  for (; y < end; y += 4) {
    let sum: f32 = 0;
    for (let i = 0; i < rows; i++) {
      let at = x + i * row;
      let rowSum: f32 = 0;
      for (let j = 0; j < columns; j++) {
        rowSum += load<f32>(at);
        at += pixel;
      }
      sum += rowSum;
    }
    store<f32>(y, sum / count);
    x += 4;
  }
}

/**
 * The gradient of average pooling as TensorFlow.js defines it: each output's gradient, divided by the filter's size, goes to
 * every pixel of its window, at the edges too, where the forward pass divides by fewer.
 */
export function averagePoolGradient(
  dy: usize, dx: usize, batch: i32, height: i32, width: i32, channels: i32, outHeight: i32, outWidth: i32,
  filterHeight: i32, filterWidth: i32, strideHeight: i32, strideWidth: i32, top: i32, left: i32,
): void {
  const pixel = <usize>channels * 4;
  const row = width * pixel;
  const count = <f32>filterHeight * <f32>filterWidth;
  memory.fill(dx, 0, batch * height * row);
  for (let image = 0; image < batch; image++) {
    for (let i = 0; i < outHeight; i++) {
      const firstRow = startOf(i, strideHeight, top);
      const rows = lengthOf(i, strideHeight, top, filterHeight, height);
      for (let j = 0; j < outWidth; j++) {
        const firstColumn = startOf(j, strideWidth, left);
        const columns = lengthOf(j, strideWidth, left, filterWidth, width);
        spread(dy, count, dx + firstRow * row + firstColumn * pixel, rows, columns, row, pixel);
        dy += pixel;
      }
    }
    dx += height * row;
  }
}

/** Adds an output's gradient, divided by `count`, to the pixels of its window. */
function spread(dy: usize, count: f32, dx: usize, rows: i32, columns: i32, row: usize, pixel: usize): void {
  const end = dy + pixel;
  for (; dy + 16 <= end; dy += 16) {
    const term = f32x4.div(v128.load(dy), f32x4.splat(count));
    for (let i = 0; i < rows; i++) {
      let at = dx + i * row;
      for (let j = 0; j < columns; j++) {
        v128.store(at, f32x4.add(v128.load(at), term));
        at += pixel;
      }
    }
    dx += 16;
  }
  for (; dy < end; dy += 4) {
    const term = load<f32>(dy) / count;
    for (let i = 0; i < rows; i++) {
      let at = dx + i * row;
      for (let j = 0; j < columns; j++) {
        store<f32>(at, load<f32>(at) + term);
        at += pixel;
      }
    }
    dx += 4;
  }
}
