import { at, type Detail, inputsAt, type Place, rangeOf, sumAt } from './sum.js';

/** Maps and pixels that are tried, the largest first. */
const TRIED = { maps: 8, pixels: 64 };
/** The part of the input's range by which numbers differ at an edge. */
const EDGE = 0.25;

/**
 * Where the explanation of a layer begins: at an edge of the image, with a positive sum that gives a positive number. In the first of
 * some maps that has such a pixel; otherwise at the largest number of the first map.
 */
export function startOf(detail: Detail, maps: readonly number[] = strongest(detail)): Place {
  const { low, high } = rangeOf(detail.input.data);
  const edge = EDGE * (high - low);
  for (const map of maps) {
    const telling = largestOf(detail, map).find((place) => isTelling(detail, place, edge));
    if (telling) return telling;
  }
  return largestOf(detail, maps[0]!)[0]!;
}

/** The maps with the largest numbers, the largest first. */
export function strongest({ output: { data, channels } }: Detail): number[] {
  const largest = new Float32Array(channels).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < data.length; i++) largest[i % channels] = Math.max(largest[i % channels]!, data[i]!);
  return Array.from(largest.keys())
    .sort((a, b) => largest[b]! - largest[a]!)
    .slice(0, TRIED.maps);
}

/** The places of a map's largest numbers, the largest first. */
function largestOf({ output: { data, width, height, channels } }: Detail, map: number): Place[] {
  return Array.from({ length: width * height }, (_, pixel) => pixel)
    .sort((a, b) => data[b * channels + map]! - data[a * channels + map]!)
    .slice(0, TRIED.pixels)
    .map((pixel) => ({ map, y: Math.floor(pixel / width), x: pixel % width }));
}

function isTelling(detail: Detail, place: Place, edge: number): boolean {
  if (at(detail.output, place.y, place.x, place.map) <= 0) return false;
  const isSum = detail.kernel !== undefined;
  const sum = isSum ? sumAt(detail, place) : undefined;
  if (sum && (sum.total <= 0 || sum.total <= sum.bias)) return false;
  const windows = sum?.parts.map(({ inputs }) => inputs) ?? [inputsAt(detail, place, place.map)];
  // A window beyond the border has an edge of its own, but not of the image.
  return windows.some((inputs) => {
    const numbers = inputs.filter((value) => value !== undefined);
    return numbers.length === inputs.length && Math.max(...numbers) - Math.min(...numbers) > edge;
  });
}
