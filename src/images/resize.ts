import type { RgbImage } from './pixels.js';

/** What an output pixel of one axis is made of: input pixels from `first` on, each with its weight. */
interface Taps {
  first: Int32Array;
  /** How many input pixels each output pixel has. */
  counts: Int32Array;
  /** Weights in units of 2^-22, `most` for each output pixel. */
  weights: Int32Array;
  most: number;
}

/** Bits behind the point of the weights: a byte times a weight, summed, stays below 2^31. */
const PRECISION_BITS = 22;

/**
 * Resizes a picture as PIL does it with its bilinear filter, byte for byte: a triangle that widens where the picture gets
 * smaller, so that every pixel counts; first along the rows, rounded to bytes, then along the columns.
 */
export function resizeBilinear(picture: RgbImage, width: number, height: number): RgbImage {
  const rows = width === picture.width ? picture : alongRows(picture, tapsOf(picture.width, width), width);
  return height === rows.height ? rows : alongColumns(rows, tapsOf(rows.height, height), height);
}

/** Resizes a picture as PIL does it with no filter at all: the pixel under each new one's middle. */
export function resizeNearest(
  { data, width: from, height: rows }: RgbImage,
  width: number,
  height: number,
): RgbImage {
  const [columns, lines] = [nearest(from, width), nearest(rows, height)];
  const resized = new Uint8Array(3 * width * height);
  let to = 0;
  for (const line of lines) {
    for (const column of columns) {
      const at = 3 * (line * from + column);
      for (let colour = 0; colour < 3; colour++) resized[to++] = data[at + colour]!;
    }
  }
  return { data: resized, width, height };
}

/** The pixel under each new one's middle. Middles are added up, as PIL does it, which decides where one falls on an edge. */
function nearest(from: number, to: number): number[] {
  const scale = from / to;
  let middle = scale / 2;
  return Array.from({ length: to }, () => {
    const pixel = Math.min(from - 1, Math.floor(middle));
    middle += scale;
    return pixel;
  });
}

function tapsOf(from: number, to: number): Taps {
  const scale = from / to;
  const support = Math.max(1, scale);
  const most = Math.ceil(support) * 2 + 1;
  const taps: Taps = {
    first: new Int32Array(to),
    counts: new Int32Array(to),
    weights: new Int32Array(to * most),
    most,
  };
  for (let i = 0; i < to; i++) {
    const middle = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(middle - support + 0.5));
    const count = Math.min(from, Math.trunc(middle + support + 0.5)) - first;
    const triangle = Array.from({ length: count }, (_, k) =>
      Math.max(0, 1 - Math.abs((k + first - middle + 0.5) / support)),
    );
    const sum = triangle.reduce((total, weight) => total + weight, 0);
    taps.first[i] = first;
    taps.counts[i] = count;
    triangle.forEach((weight, k) => {
      taps.weights[i * most + k] = Math.trunc(0.5 + (weight / sum) * 2 ** PRECISION_BITS);
    });
  }
  return taps;
}

function alongRows({ data, width: from, height }: RgbImage, taps: Taps, width: number): RgbImage {
  const resized = new Uint8Array(3 * width * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const start = 3 * (y * from + taps.first[x]!);
      for (let colour = 0; colour < 3; colour++) resized[to++] = weighted(data, start + colour, 3, taps, x);
    }
  }
  return { data: resized, width, height };
}

function alongColumns({ data, width }: RgbImage, taps: Taps, height: number): RgbImage {
  const row = 3 * width;
  const resized = new Uint8Array(row * height);
  for (let y = 0, to = 0; y < height; y++) {
    const start = taps.first[y]! * row;
    for (let x = 0; x < row; x++) resized[to++] = weighted(data, start + x, row, taps, y);
  }
  return { data: resized, width, height };
}

/** The weighted sum of bytes `step` apart, rounded; the weights sum up to one but for their rounding, so it is clamped. */
function weighted(
  data: Uint8Array,
  start: number,
  step: number,
  { counts, weights, most }: Taps,
  i: number,
): number {
  let sum = 1 << (PRECISION_BITS - 1);
  for (let k = 0, at = start; k < counts[i]!; k++, at += step) sum += data[at]! * weights[i * most + k]!;
  return Math.min(255, sum >> PRECISION_BITS);
}
