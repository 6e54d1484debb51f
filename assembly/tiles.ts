import { transformGradient, transformInput, transformOutput } from './transforms';
import { FACTORS } from './winograd';

/*
 * Tiles of a map: from an image into planes, and from planes into an image. Tiles are counted through the batch, row by row.
 *
 * A tile of F(4x4) at the lower or right edge of a map that has two rows or columns of outputs or fewer needs only four of the six points
 * along that axis. So a group of tiles is sorted: narrow ones, whole ones, short ones, those that are both. Each plane then
 * needs tiles that lie next to each other.
 *
 * Working memory: `VECTORS` for the transforms, the last of them their factors, then one tile's pixels.
 */
export const VECTORS: usize = 1024;
export const AT_FACTORS: usize = VECTORS - FACTORS;

/** The source of tiles: the input with its padding, or the output's gradient. */
export const INPUT: i32 = 0;
export const GRADIENT: i32 = 1;

/** The height and width of a tile of outputs. */
// @ts-ignore: decorator
@inline
export function sizeOf(points: i32): i32 {
  return points == 6 ? 4 : 2;
}

/** Whether the last tile along an axis has so few outputs that four points are enough. */
// @ts-ignore: decorator
@inline
export function hasEdge(points: i32, outputs: i32): bool {
  return points == 6 && ((outputs - 1) & 3) < 2;
}

/** Tiles of a group before the first of each kind: narrow, whole, short, both. */
export let narrow: i32 = 0;
export let whole: i32 = 0;
export let short: i32 = 0;
export let both: i32 = 0;

/** Counts the kinds of `count` tiles from `first` on. */
export function sortTiles(edgeDown: bool, edgeAcross: bool, down: i32, across: i32, first: i32, count: i32): void {
  narrow = whole = short = both = 0;
  let tileX = first % across;
  let tileY = (first / across) % down;
  for (let t = 0; t < count; t++) {
    const tall = !edgeDown || tileY < down - 1;
    const wide = !edgeAcross || tileX < across - 1;
    // For now, each holds how many tiles are of the kind before it.
    if (tall && !wide) whole++;
    else if (tall) short++;
    else if (wide) both++;
    if (++tileX == across) {
      tileX = 0;
      if (++tileY == down) tileY = 0;
    }
  }
  short += whole;
  both += short;
}

/** The place of the next tile of a kind. */
// @ts-ignore: decorator
@inline
function nextPlace(tall: bool, wide: bool): i32 {
  return tall ? (wide ? whole++ : narrow++) : wide ? short++ : both++;
}

/**
 * The transforms of `count` tiles from `first` on, at the edges of `edgeDown` and `edgeAcross` by fewer points. The channels of a tile in
 * place t are written to `to + t * tileStep`, each eight channels `panelStep` bytes after the previous eight.
 */
export function cut(
  kind: i32, points: i32, x: usize, height: i32, width: i32, channels: i32, top: i32, left: i32,
  down: i32, across: i32, edgeDown: bool, edgeAcross: bool, first: i32, count: i32,
  to: usize, tileStep: usize, panelStep: usize, plane: usize, work: usize,
): void {
  const size = sizeOf(points);
  const side = kind == INPUT && points > 3 ? points : size;
  if (points == 3) top = left = 0;
  const pixel = <usize>channels * 4;
  const patch = work + VECTORS;
  sortTiles(edgeDown, edgeAcross, down, across, first, count);
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
    const tall = !edgeDown || tileY < down - 1;
    const wide = !edgeAcross || tileX < across - 1;
    const tile = to + nextPlace(tall, wide) * tileStep;
    for (let c = 0; c < channels; c += 4) {
      const at = tile + (c >> 3) * panelStep + (c & 4) * 4;
      if (kind == INPUT) transformInput(points, tall, wide, from, row, pixel, at, plane, work + AT_FACTORS, work);
      else transformGradient(points, from, row, pixel, at, plane, work);
      from += 16;
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

/** Outputs of `count` tiles from `first` on, with bias and ReLU, from their planes. */
export function paste(
  points: i32, from: usize, plane: usize, y: usize, height: i32, width: i32, channels: i32,
  down: i32, across: i32, edgeDown: bool, edgeAcross: bool, first: i32, count: i32, bias: usize, relu: i32, work: usize,
): void {
  const size = sizeOf(points);
  const pixel = <usize>channels * 4;
  const outputs = work + 512;
  const floor = f32x4.splat(relu ? 0 : -Infinity);
  sortTiles(edgeDown, edgeAcross, down, across, first, count);
  let tileX = first % across;
  let tileY = (first / across) % down;
  let image = first / (across * down);
  for (let t = 0; t < count; t++) {
    const rows = min(size, height - tileY * size);
    const columns = min(size, width - tileX * size);
    const tall = !edgeDown || tileY < down - 1;
    const wide = !edgeAcross || tileX < across - 1;
    let tile = from + nextPlace(tall, wide) * pixel;
    let corner = y + ((image * height + tileY * size) * width + tileX * size) * pixel;
    for (let c = 0; c < channels; c += 4) {
      transformOutput(points, tall, wide, tile, plane, outputs, work + AT_FACTORS, work);
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
      tile += 16;
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

/** Whether a point of a plane, along an axis, is one of the four that an edge uses. */
// @ts-ignore: decorator
@inline
export function isOfEdge(point: i32): bool {
  return point < 3 || point == 5;
}
