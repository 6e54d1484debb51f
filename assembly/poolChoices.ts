import { lengthOf, startOf } from './window';

/*
 * Max pooling whose gradient needs no input: for each output, a byte says which pixel of its window it is, counted row by row
 * within the image, or `NONE`.
 */

/** The choice of an output that has no gradient: a window without a number above minus infinity, or a zero of ReLU. */
const NONE: i32 = 255;

/**
 * Max pooling of x, `[batch, height, width, channels]`, then ReLU if `relu`, to y and its choices,
 * `[batch, outHeight, outWidth, channels]`. A NaN is larger than any number.
 */
export function maxPoolChoices(
  x: usize, relu: i32, y: usize, choices: usize,
  batch: i32, height: i32, width: i32, channels: i32, outHeight: i32, outWidth: i32,
  filterHeight: i32, filterWidth: i32, strideHeight: i32, strideWidth: i32, top: i32, left: i32,
): void {
  const pixel = <usize>channels * 4;
  const row = width * pixel;
  const whole = channels & ~3;
  const floor: f32 = relu ? 0 : -Infinity;
  for (let image = 0; image < batch; image++) {
    for (let i = 0; i < outHeight; i++) {
      const firstRow = startOf(i, strideHeight, top);
      const rows = lengthOf(i, strideHeight, top, filterHeight, height);
      for (let j = 0; j < outWidth; j++) {
        const firstColumn = startOf(j, strideWidth, left);
        const columns = lengthOf(j, strideWidth, left, filterWidth, width);
        const corner = x + firstRow * row + firstColumn * pixel;
        let c = 0;
        for (; c < whole; c += 4) {
          chooseFour(corner + (c << 2), rows, columns, row, pixel, floor, y, choices);
          y += 16;
          choices += 4;
        }
        for (; c < channels; c++) {
          chooseOne(corner + (c << 2), rows, columns, row, pixel, floor, y, choices);
          y += 4;
          choices++;
        }
      }
    }
    x += height * row;
  }
}

// @ts-ignore: decorator
@inline
function chooseFour(x: usize, rows: i32, columns: i32, row: usize, pixel: usize, floor: f32, y: usize, choices: usize): void {
  let largest = f32x4.splat(-Infinity);
  let where = i32x4.splat(NONE);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const value = v128.load(x + i * row + j * pixel);
      const larger = v128.or(f32x4.gt(value, largest), f32x4.ne(value, value));
      largest = v128.bitselect(value, largest, larger);
      where = v128.bitselect(i32x4.splat(i * columns + j), where, larger);
    }
  }
  const floors = f32x4.splat(floor);
  where = v128.bitselect(i32x4.splat(NONE), where, f32x4.le(largest, floors));
  v128.store(y, f32x4.pmax(largest, floors));
  const halves = i16x8.narrow_i32x4_u(where, where);
  v128.store32_lane(choices, i8x16.narrow_i16x8_u(halves, halves), 0);
}

function chooseOne(x: usize, rows: i32, columns: i32, row: usize, pixel: usize, floor: f32, y: usize, choices: usize): void {
  let largest: f32 = -Infinity;
  let where = NONE;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const value = load<f32>(x + i * row + j * pixel);
      if (value > largest || value != value) {
        largest = value;
        where = i * columns + j;
      }
    }
  }
  store<u8>(choices, <u8>(largest <= floor ? NONE : where));
  store<f32>(y, largest < floor ? floor : largest);
}

/** The gradient dx of the input, from the outputs' gradient and their choices. */
export function spreadChoices(
  dy: usize, choices: usize, dx: usize,
  batch: i32, height: i32, width: i32, channels: i32, outHeight: i32, outWidth: i32,
  filterHeight: i32, filterWidth: i32, strideHeight: i32, strideWidth: i32, top: i32, left: i32,
): void {
  const pixel = <usize>channels * 4;
  const row = width * pixel;
  const whole = channels & ~3;
  // Windows that cover the image once write each gradient once.
  const once =
    filterHeight == strideHeight && filterWidth == strideWidth && top == 0 && left == 0 &&
    outHeight * strideHeight == height && outWidth * strideWidth == width;
  if (!once) memory.fill(dx, 0, batch * height * row);
  for (let image = 0; image < batch; image++) {
    for (let i = 0; i < outHeight; i++) {
      const firstRow = startOf(i, strideHeight, top);
      const rows = lengthOf(i, strideHeight, top, filterHeight, height);
      for (let j = 0; j < outWidth; j++) {
        const firstColumn = startOf(j, strideWidth, left);
        const columns = lengthOf(j, strideWidth, left, filterWidth, width);
        const corner = dx + firstRow * row + firstColumn * pixel;
        let c = 0;
        for (; c < whole; c += 4) {
          spreadFour(dy, choices, corner + (c << 2), rows, columns, row, pixel, once);
          dy += 16;
          choices += 4;
        }
        for (; c < channels; c++) {
          spreadOne(dy, choices, corner + (c << 2), rows, columns, row, pixel, once);
          dy += 4;
          choices++;
        }
      }
    }
    dx += height * row;
  }
}

// @ts-ignore: decorator
@inline
function spreadFour(dy: usize, choices: usize, dx: usize, rows: i32, columns: i32, row: usize, pixel: usize, once: bool): void {
  const gradient = v128.load(dy);
  const where = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(choices)));
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const at = dx + i * row + j * pixel;
      const here = v128.and(gradient, i32x4.eq(where, i32x4.splat(i * columns + j)));
      v128.store(at, once ? here : f32x4.add(v128.load(at), here));
    }
  }
}

function spreadOne(dy: usize, choices: usize, dx: usize, rows: i32, columns: i32, row: usize, pixel: usize, once: bool): void {
  const where = <i32>load<u8>(choices);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const at = dx + i * row + j * pixel;
      const here: f32 = where == i * columns + j ? load<f32>(dy) : 0;
      store<f32>(at, once ? here : load<f32>(at) + here);
    }
  }
}
