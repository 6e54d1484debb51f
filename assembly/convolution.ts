import { ADD, multiply, PANEL, REPLACE } from './gemm';
import { transformFilter, transformGradient, transformInput, transformOutput, transformTaps } from './transforms';

/*
 * 3x3 convolutions of stride 1 by Winograd's minimal filtering. `points` is 3, 4 or 6, the algorithm's points along each axis;
 * 3 is for maps of 2x2 with a padding of 1. Channels are multiples of 4. Tiles are counted through the batch, row by row.
 * Each of a tile's transformed numbers has its own plane, with one matrix product over the channels.
 *
 * Working memory: `VECTORS` for the transforms, one tile's pixels, the planes.
 */
const VECTORS: usize = 1024;

/** The source of tiles: the input with its padding, or the output's gradient. */
const INPUT: i32 = 0;
const GRADIENT: i32 = 1;

/** Bytes of a plane: not a multiple of 4096, so that the planes do not all map to the same cache lines. */
// @ts-ignore: decorator
@inline
function planeBytes(rows: i32, columns: i32): usize {
  return ((<usize>rows * columns * 4 + 4095) & ~4095) + 64;
}

// @ts-ignore: decorator
@inline
function planes(points: i32): i32 {
  return points * points;
}

/** The height and width of a tile of outputs. */
// @ts-ignore: decorator
@inline
function sizeOf(points: i32): i32 {
  return points == 6 ? 4 : 2;
}

/** Bytes of a filter's transform: for each plane the panels of an `[inChannels, outChannels]` matrix. */
export function filterBytes(points: i32, inChannels: i32, outChannels: i32): usize {
  return planes(points) * planeBytes(inChannels, (outChannels + 7) & ~7);
}

/** Bytes of working memory of `convolve` with `tiles` tiles at a time. */
export function convolveBytes(points: i32, inChannels: i32, outChannels: i32, tiles: i32): usize {
  return VECTORS + planes(points) * (inChannels * 4 + planeBytes(tiles, inChannels) + planeBytes(tiles, outChannels));
}

/** Bytes of working memory of `filterGradient` with `tiles` tiles at a time. */
export function filterGradientBytes(points: i32, inChannels: i32, outChannels: i32, tiles: i32): usize {
  return (
    VECTORS +
    planes(points) *
      (max(inChannels, outChannels) * 4 +
        planeBytes(tiles, inChannels) +
        planeBytes(tiles, (outChannels + 7) & ~7) +
        planeBytes(inChannels, outChannels))
  );
}

/**
 * Panels `first` to `end` of the transform of a filter `[3, 3, inChannels, outChannels]`. If `rotated`, of that for the gradient with
 * respect to the input, `[3, 3, outChannels, inChannels]`: rotated by 180 degrees, its channels swapped.
 */
export function prepareFilter(
  points: i32, filter: usize, inChannels: i32, outChannels: i32, rotated: i32, first: i32, end: i32, to: usize, work: usize,
): void {
  const taps = work;
  const rest = work + 9 * 16;
  const tap = <usize>inChannels * outChannels * 4;
  const row = <usize>outChannels * 4;
  const rows = rotated ? outChannels : inChannels;
  const columns = rotated ? inChannels : outChannels;
  const plane = filterBytes(points, rows, columns) / planes(points);
  for (let panel = first; panel < end; panel++) {
    // Down the rows of a panel, so that each plane is written sequentially.
    for (let i = 0; i < rows; i++) {
      for (let j = panel * 8; j < min(columns, panel * 8 + 8); j += 4) {
        if (rotated) {
          let at = filter + j * row + i * 4;
          for (let k = 8; k >= 0; k--) {
            let vector = v128.load32_zero(at);
            vector = v128.load_lane<f32>(at + row, vector, 1);
            vector = v128.load_lane<f32>(at + 2 * row, vector, 2);
            vector = v128.load_lane<f32>(at + 3 * row, vector, 3);
            v128.store(taps + (k << 4), vector);
            at += tap;
          }
        } else {
          let at = filter + i * row + j * 4;
          for (let k = 0; k < 9; k++) {
            v128.store(taps + (k << 4), v128.load(at));
            at += tap;
          }
        }
        transformFilter(points, taps, to + (panel * rows + i) * PANEL + (j & 4) * 4, plane, rest);
      }
    }
  }
}

/**
 * The transforms of `count` tiles from `first` on. Tile t's channels are written to `to + t * tileStep`, each eight channels
 * `panelStep` bytes after the previous eight.
 */
function cut(
  kind: i32, points: i32, x: usize, height: i32, width: i32, channels: i32, top: i32, left: i32,
  down: i32, across: i32, first: i32, count: i32,
  to: usize, tileStep: usize, panelStep: usize, plane: usize, work: usize,
): void {
  const size = sizeOf(points);
  const side = kind == INPUT && points > 3 ? points : size;
  if (points == 3) top = left = 0;
  const pixel = <usize>channels * 4;
  const patch = work + VECTORS;
  let tileX = first % across;
  let tileY = (first / across) % down;
  let image = first / (across * down);
  for (let t = 0; t < count; t++) {
    const firstRow = tileY * size - top;
    const firstColumn = tileX * size - left;
    let from = x + ((image * height + firstRow) * width + firstColumn) * pixel;
    let row = width * pixel;
    if (firstRow < 0 || firstColumn < 0 || firstRow + side > height || firstColumn + side > width) {
      // The image is surrounded by zeros.
      memory.fill(patch, 0, side * side * pixel);
      const left = max(0, -firstColumn);
      const columns = min(side, width - firstColumn) - left;
      if (columns > 0) {
        for (let i = max(0, -firstRow); i < side && firstRow + i < height; i++) {
          memory.copy(patch + (i * side + left) * pixel, from + i * row + left * pixel, columns * pixel);
        }
      }
      from = patch;
      row = side * pixel;
    }
    for (let c = 0; c < channels; c += 4) {
      const at = to + (c >> 3) * panelStep + (c & 4) * 4;
      if (kind == INPUT) transformInput(points, from, row, pixel, at, plane, work);
      else transformGradient(points, from, row, pixel, at, plane, work);
      from += 16;
    }
    to += tileStep;
    if (++tileX == across) {
      tileX = 0;
      if (++tileY == down) {
        tileY = 0;
        image++;
      }
    }
  }
}

/** Outputs of `count` tiles from `first` on, with bias and ReLU, from their planes. */
function paste(
  points: i32, from: usize, plane: usize, y: usize, height: i32, width: i32, channels: i32,
  down: i32, across: i32, first: i32, count: i32, bias: usize, relu: i32, work: usize,
): void {
  const size = sizeOf(points);
  const pixel = <usize>channels * 4;
  const outputs = work + 512;
  const floor = f32x4.splat(relu ? 0 : -Infinity);
  let tileX = first % across;
  let tileY = (first / across) % down;
  let image = first / (across * down);
  for (let t = 0; t < count; t++) {
    const rows = min(size, height - tileY * size);
    const columns = min(size, width - tileX * size);
    let corner = y + ((image * height + tileY * size) * width + tileX * size) * pixel;
    for (let c = 0; c < channels; c += 4) {
      transformOutput(points, from, plane, outputs, work);
      const shift = bias ? v128.load(bias + c * 4) : f32x4.splat(0);
      for (let i = 0; i < rows; i++) {
        const line = outputs + i * (size << 4);
        let at = corner + i * width * pixel;
        for (let j = 0; j < columns; j++) {
          const sum = f32x4.add(v128.load(line + (j << 4)), shift);
          v128.store(at, f32x4.pmax(sum, floor));
          at += pixel;
        }
      }
      from += 16;
      corner += 16;
    }
    if (++tileX == across) {
      tileX = 0;
      if (++tileY == down) {
        tileY = 0;
        image++;
      }
    }
  }
}

/**
 * The convolution of x, `[batch, height, width, inChannels]`, with a filter whose transform is `filter`, plus bias
 * (an address or 0), then ReLU if `relu`: y, `[batch, outHeight, outWidth, outChannels]`.
 */
export function convolve(
  points: i32, x: usize, batch: i32, height: i32, width: i32, inChannels: i32, top: i32, left: i32,
  filter: usize, bias: usize, relu: i32,
  y: usize, outHeight: i32, outWidth: i32, outChannels: i32, tiles: i32, work: usize,
): void {
  const size = sizeOf(points);
  const down = (outHeight + size - 1) / size;
  const across = (outWidth + size - 1) / size;
  const total = batch * down * across;
  const inPlane = planeBytes(tiles, inChannels);
  const outPlane = planeBytes(tiles, outChannels);
  const filterPlane = filterBytes(points, inChannels, outChannels) / planes(points);
  const ins = work + VECTORS + planes(points) * inChannels * 4;
  const outs = ins + planes(points) * inPlane;
  for (let first = 0; first < total; first += tiles) {
    const count = min(tiles, total - first);
    cut(INPUT, points, x, height, width, inChannels, top, left, down, across, first, count, ins, inChannels * 4, PANEL, inPlane, work);
    for (let i = 0; i < planes(points); i++) {
      multiply(
        count, outChannels, 1, inChannels,
        ins + i * inPlane, inChannels * 4, 0, 4,
        filter + i * filterPlane, outs + i * outPlane, outChannels * 4, REPLACE, 0, 0,
      );
    }
    paste(points, outs, outPlane, y, outHeight, outWidth, outChannels, down, across, first, count, bias, relu, work);
  }
}

/**
 * The gradient with respect to the filter, `[3, 3, inChannels, outChannels]`, for the input x and the output's gradient dy.
 * It is the transpose of the forward pass's transforms: G' (sum of (B' d B) (A dy A')) G.
 */
export function filterGradient(
  points: i32, x: usize, batch: i32, height: i32, width: i32, inChannels: i32, top: i32, left: i32,
  dy: usize, outHeight: i32, outWidth: i32, outChannels: i32,
  gradient: usize, tiles: i32, work: usize,
): void {
  const size = sizeOf(points);
  const down = (outHeight + size - 1) / size;
  const across = (outWidth + size - 1) / size;
  const total = batch * down * across;
  const inPlane = planeBytes(tiles, inChannels);
  const outPlane = planeBytes(tiles, (outChannels + 7) & ~7);
  const sumPlane = planeBytes(inChannels, outChannels);
  const ins = work + VECTORS + planes(points) * max(inChannels, outChannels) * 4;
  const outs = ins + planes(points) * inPlane;
  const sums = outs + planes(points) * outPlane;
  for (let first = 0; first < total; first += tiles) {
    const count = min(tiles, total - first);
    cut(INPUT, points, x, height, width, inChannels, top, left, down, across, first, count, ins, inChannels * 4, PANEL, inPlane, work);
    cut(GRADIENT, points, dy, outHeight, outWidth, outChannels, 0, 0, down, across, first, count, outs, PANEL, count * PANEL, outPlane, work);
    for (let i = 0; i < planes(points); i++) {
      multiply(
        inChannels, outChannels, 1, count,
        ins + i * inPlane, 4, 0, inChannels * 4,
        outs + i * outPlane, sums + i * sumPlane, outChannels * 4, first ? ADD : REPLACE, 0, 0,
      );
    }
  }
  const matrix = <usize>inChannels * outChannels * 4;
  for (let at: usize = 0; at < matrix; at += 16) {
    transformTaps(points, sums + at, sumPlane, gradient + at, matrix, work);
  }
}
