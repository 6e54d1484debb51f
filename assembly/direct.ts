import { ADD, multiply, PANEL, REPLACE } from './gemm';
import { pack } from './pack';

/*
 * Convolutions by plain sums, for any filter and stride: if channels are few or the filter is not 3x3. A row of the filter
 * covers consecutive numbers of a row of the image, so no patches are copied; each image is only surrounded by zeros.
 */

/** Bytes of panels for a filter. */
export function directFilterBytes(filterHeight: i32, filterWidth: i32, inChannels: i32, outChannels: i32): usize {
  return <usize>filterHeight * filterWidth * inChannels * ((outChannels + 7) & ~7) * 4;
}

/**
 * The panels of a filter `[filterHeight, filterWidth, inChannels, outChannels]`. If `rotated`, those of the filter for the
 * gradient with respect to the input: rotated by 180 degrees, its channels swapped.
 */
export function directFilter(taps: i32, filter: usize, inChannels: i32, outChannels: i32, rotated: i32, to: usize): void {
  if (!rotated) {
    pack(taps * inChannels, outChannels, filter, outChannels * 4, 4, to, taps * inChannels * PANEL);
    return;
  }
  for (let k = taps - 1; k >= 0; k--) {
    pack(outChannels, inChannels, filter, 4, outChannels * 4, to + k * outChannels * PANEL, taps * outChannels * PANEL);
    filter += inChannels * outChannels * 4;
  }
}

/** One image with zeros around it. */
function surround(x: usize, height: i32, width: i32, channels: i32, top: i32, left: i32, paddedHeight: i32, paddedWidth: i32, to: usize): void {
  const pixel = <usize>channels * 4;
  const row = paddedWidth * pixel;
  memory.fill(to, 0, paddedHeight * row);
  const rows = min(height, paddedHeight - top);
  const bytes = min(width, paddedWidth - left) * pixel;
  for (let i = 0; i < rows; i++) memory.copy(to + (top + i) * row + left * pixel, x + i * width * pixel, bytes);
}

/** The convolution of x with a filter in panels, plus bias, then ReLU if `relu`. `work` holds one padded image. */
export function direct(
  x: usize, batch: i32, height: i32, width: i32, inChannels: i32,
  top: i32, left: i32, paddedHeight: i32, paddedWidth: i32,
  filter: usize, filterHeight: i32, filterWidth: i32, strideHeight: i32, strideWidth: i32,
  bias: usize, relu: i32, y: usize, outHeight: i32, outWidth: i32, outChannels: i32, work: usize,
): void {
  const pixel = <usize>inChannels * 4;
  const bare = height == paddedHeight && width == paddedWidth;
  const row = paddedWidth * pixel;
  for (let image = 0; image < batch; image++) {
    if (!bare) surround(x, height, width, inChannels, top, left, paddedHeight, paddedWidth, work);
    let from = bare ? x : work;
    for (let i = 0; i < outHeight; i++) {
      multiply(
        outWidth, outChannels, filterHeight, filterWidth * inChannels,
        from, strideWidth * pixel, row, 4,
        filter, y, outChannels * 4, REPLACE, bias, relu,
      );
      from += strideHeight * row;
      y += outWidth * outChannels * 4;
    }
    x += height * width * pixel;
  }
}

/** Bytes of the output's gradient packed at a time, in whole rows. */
const PACKED: i32 = 1 << 17;

/** Rows of the output's gradient that are packed at a time. */
function rowsAtOnce(outHeight: i32, outWidth: i32, outChannels: i32): i32 {
  return max(1, min(outHeight, PACKED / (outWidth * ((outChannels + 7) & ~7) * 4)));
}

/** Bytes of working memory of `directFilterGradient`. */
export function directGradientBytes(inChannels: i32, paddedHeight: i32, paddedWidth: i32, outHeight: i32, outWidth: i32, outChannels: i32): usize {
  return (
    <usize>paddedHeight * paddedWidth * inChannels * 4 +
    rowsAtOnce(outHeight, outWidth, outChannels) * outWidth * ((outChannels + 7) & ~7) * 4
  );
}

/** The gradient with respect to the filter, `[filterHeight, filterWidth, inChannels, outChannels]`. */
export function directFilterGradient(
  x: usize, batch: i32, height: i32, width: i32, inChannels: i32,
  top: i32, left: i32, paddedHeight: i32, paddedWidth: i32,
  dy: usize, outHeight: i32, outWidth: i32, outChannels: i32,
  gradient: usize, filterHeight: i32, filterWidth: i32, strideHeight: i32, strideWidth: i32, work: usize,
): void {
  const pixel = <usize>inChannels * 4;
  const bare = height == paddedHeight && width == paddedWidth;
  const row = paddedWidth * pixel;
  const panels = work + paddedHeight * row;
  const atOnce = rowsAtOnce(outHeight, outWidth, outChannels);
  let mode = REPLACE;
  for (let image = 0; image < batch; image++) {
    if (!bare) surround(x, height, width, inChannels, top, left, paddedHeight, paddedWidth, work);
    const from = bare ? x : work;
    for (let first = 0; first < outHeight; first += atOnce) {
      const rows = min(atOnce, outHeight - first);
      pack(rows * outWidth, outChannels, dy, outChannels * 4, 4, panels, rows * outWidth * PANEL);
      for (let k = 0; k < filterHeight; k++) {
        multiply(
          filterWidth * inChannels, outChannels, rows, outWidth,
          from + (first * strideHeight + k) * row, 4, strideHeight * row, strideWidth * pixel,
          panels, gradient + k * filterWidth * inChannels * outChannels * 4, outChannels * 4, mode, 0, 0,
        );
      }
      mode = ADD;
      dy += rows * outWidth * outChannels * 4;
    }
    x += height * width * pixel;
  }
}
