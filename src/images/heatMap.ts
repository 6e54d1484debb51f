import { checkArguments, FINITE, HEAT_MAP, NUMBERS, optional, recordOf } from '../base/arguments.js';
import { fail, wholeNumber } from '../base/check.js';
import type { Region } from './geometry.js';

/** A number at each position of an image. */
export interface ValueMap {
  /** `width * height` numbers of 0 or more, row by row, not scaled to a common maximum. */
  values: Float32Array;
  width: number;
  height: number;
  /** The part of the image it covers, in pixels of the image; default all of it. */
  region?: Region;
}

/** How much each position of an image matters to a class. */
export interface HeatMap extends ValueMap {
  /** The class it explains. */
  classIndex: number;
}

const REGION = recordOf('a region as { left, top, width, height }', {
  left: FINITE,
  top: FINITE,
  width: FINITE,
  height: FINITE,
});

/** A map whose numbers stay as they are now, while its image is read. */
export function keptMap<T extends ValueMap>(where: string, map: T): T {
  checkHeatMap(where, map);
  return { ...map, values: map.values.slice() };
}

/** Throws unless a map has a number for each of its positions. */
export function checkHeatMap(where: string, map: ValueMap): void {
  checkArguments(where, { map }, { map: HEAT_MAP });
  const { values, width, height, region } = map;
  checkArguments(
    where,
    { 'map.values': values, 'map.region': region },
    { 'map.values': NUMBERS, 'map.region': optional(REGION) },
  );
  checkFinite(where, 'map', values);
  wholeNumber(where, 'map.width', width);
  wholeNumber(where, 'map.height', height);
  if (values.length !== width * height) {
    fail(
      where,
      `the map has ${values.length} values, but its size is ${width}x${height}; pass one value for each position.`,
    );
  }
}

/** Throws for numbers that no color stands for. */
export function checkFinite(where: string, what: string, values: ArrayLike<number>): void {
  const stray = Array.prototype.find.call(values, (value: number) => !Number.isFinite(value));
  if (stray !== undefined)
    fail(where, `the ${what} has the value ${stray}; pass finite numbers, and check what computed it.`);
}

/** A quantile of values, the maximum for 1. */
export function quantileOf(values: ValueMap['values'], quantile: number): number {
  return quantile === 1
    ? values.reduce((a, b) => Math.max(a, b), 0)
    : Float64Array.from(values).sort()[Math.floor(quantile * (values.length - 1))]!;
}

/** The levels of a map from 0 to 1, where `full` and everything above it are 1, enlarged bilinearly to `width` x `height` pixels; -1 outside `region`. */
export function enlarged(
  map: ValueMap,
  full: number,
  size: { width: number; height: number },
  region: Region,
): Float32Array {
  // Arrays of whole numbers would round the levels.
  const values = Float32Array.from(map.values, (value) =>
    full > 0 ? Math.min(1, Math.max(0, value / full)) : 0,
  );
  return interpolated({ ...map, values }, size, region);
}

/** The numbers of a heat map, enlarged bilinearly to `width` x `height` pixels; -1 outside `region`. */
export function interpolated(
  map: Pick<ValueMap, 'values' | 'width' | 'height'>,
  { width, height }: { width: number; height: number },
  region: Region,
): Float32Array {
  const { values } = map;
  const columns = samplesOf(width, region.left, region.width, map.width);
  const rows = samplesOf(height, region.top, region.height, map.height);
  const pixels = new Float32Array(width * height).fill(-1);
  for (let y = 0, to = 0; y < height; y++) {
    const [above, below, down] = [rows.first[y]!, rows.second[y]!, rows.weight[y]!];
    for (let x = 0; x < width; x++, to++) {
      const [left, right, across] = [columns.first[x]!, columns.second[x]!, columns.weight[x]!];
      if (above < 0 || left < 0) continue;
      const inRow = (row: number) =>
        values[row * map.width + left]! * (1 - across) + values[row * map.width + right]! * across;
      pixels[to] = inRow(above) * (1 - down) + inRow(below) * down;
    }
  }
  return pixels;
}

/** The two positions that each pixel of an axis is interpolated from, and the weight of the second; -1 outside the map. */
interface Samples {
  first: Int32Array;
  second: Int32Array;
  weight: Float32Array;
}

/**
 * Bilinear sampling along an axis of `pixels` pixels. The map's `positions` cover the pixels from `start` to `start + length`.
 * Values sit at the centers of both; the outer half of the first and of the last position is constant.
 */
function samplesOf(pixels: number, start: number, length: number, positions: number): Samples {
  const samples = {
    first: new Int32Array(pixels).fill(-1),
    second: new Int32Array(pixels).fill(-1),
    weight: new Float32Array(pixels),
  };
  for (let i = 0; i < pixels; i++) {
    const along = (i + 0.5 - start) / length;
    if (along < 0 || along >= 1) continue;
    const at = Math.min(positions - 1, Math.max(0, along * positions - 0.5));
    samples.first[i] = Math.floor(at);
    samples.second[i] = Math.min(positions - 1, Math.floor(at) + 1);
    samples.weight[i] = at - Math.floor(at);
  }
  return samples;
}
