import { ADD, multiply, PANEL, REPLACE } from './gemm';
import { AT_FACTORS, both, cut, GRADIENT, hasEdge, INPUT, isOfEdge, paste, short, sizeOf, sortTiles, VECTORS, whole } from './tiles';
import { transformFilter, transformTaps } from './transforms';
import { putFactors } from './winograd';

/*
 * 3x3 convolutions of stride 1 by Winograd's minimal filtering. `points` is 3, 4 or 6, the algorithm's points along each axis;
 * 3 is for maps of 2x2 with a padding of 1. Channels are multiples of 4. Each of a tile's transformed numbers has its own plane,
 * with one matrix product over the channels.
 *
 * Working memory: that of the tiles, then the planes.
 */

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
  const edgeDown = hasEdge(points, outHeight);
  const edgeAcross = hasEdge(points, outWidth);
  putFactors(work + AT_FACTORS);
  for (let first = 0; first < total; first += tiles) {
    const count = min(tiles, total - first);
    cut(
      INPUT, points, x, height, width, inChannels, top, left, down, across, edgeDown, edgeAcross, first, count,
      ins, inChannels * 4, PANEL, inPlane, work,
    );
    sortTiles(edgeDown, edgeAcross, down, across, first, count);
    for (let i = 0; i < planes(points); i++) {
      const start = isOfEdge(i % points) ? 0 : whole;
      const end = isOfEdge(i / points) ? (isOfEdge(i % points) ? count : both) : short;
      multiply(
        end - start, outChannels, 1, inChannels,
        ins + i * inPlane + start * inChannels * 4, inChannels * 4, 0, 4,
        filter + i * filterPlane, outs + i * outPlane + start * outChannels * 4, outChannels * 4, REPLACE, 0, 0,
      );
    }
    paste(points, outs, outPlane, y, outHeight, outWidth, outChannels, down, across, edgeDown, edgeAcross, first, count, bias, relu, work);
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
  putFactors(work + AT_FACTORS);
  for (let first = 0; first < total; first += tiles) {
    const count = min(tiles, total - first);
    cut(INPUT, points, x, height, width, inChannels, top, left, down, across, false, false, first, count, ins, inChannels * 4, PANEL, inPlane, work);
    cut(GRADIENT, points, dy, outHeight, outWidth, outChannels, 0, 0, down, across, false, false, first, count, outs, PANEL, count * PANEL, outPlane, work);
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
