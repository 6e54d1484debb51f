import type { RgbImage } from './pixels.js';

/** The input pixels of each output pixel along one axis: from `first` on, each with its weight. */
interface Filter {
  first: Int32Array;
  /** Input pixels of each output pixel. */
  counts: Int32Array;
  /** Weights in units of 2^-22, `stride` for each output pixel. */
  weights: Int32Array;
  stride: number;
}

/** Fractional bits of the weights: the weighted sum of bytes stays below 2^31. */
const PRECISION_BITS = 22;

/**
 * Resizes an image like PIL's bilinear filter, byte for byte. Its triangle widens when the image shrinks, so every pixel
 * counts. Rows are resized first and rounded to bytes, then columns.
 */
export function resizeBilinear(image: RgbImage, width: number, height: number): RgbImage {
  const rows = width === image.width ? image : alongRows(image, filterOf(image.width, width), width);
  return height === rows.height ? rows : alongColumns(rows, filterOf(rows.height, height), height);
}

/** Resizes an image like PIL's nearest filter: takes the pixel under the center of each new one. */
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
      for (let color = 0; color < 3; color++) resized[to++] = data[at + color]!;
    }
  }
  return { data: resized, width, height };
}

/** The pixel under the center of each new one. Centers are accumulated as in PIL, because their rounding decides ties. */
function nearest(from: number, to: number): number[] {
  const scale = from / to;
  let center = scale / 2;
  return Array.from({ length: to }, () => {
    const pixel = Math.min(from - 1, Math.floor(center));
    center += scale;
    return pixel;
  });
}

function filterOf(from: number, to: number): Filter {
  const scale = from / to;
  const support = Math.max(1, scale);
  const stride = Math.ceil(support) * 2 + 1;
  const filter: Filter = {
    first: new Int32Array(to),
    counts: new Int32Array(to),
    weights: new Int32Array(to * stride),
    stride,
  };
  for (let i = 0; i < to; i++) {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(from, Math.trunc(center + support + 0.5)) - first;
    const triangle = Array.from({ length: count }, (_, k) =>
      Math.max(0, 1 - Math.abs((k + first - center + 0.5) / support)),
    );
    const sum = triangle.reduce((total, weight) => total + weight, 0);
    filter.first[i] = first;
    filter.counts[i] = count;
    triangle.forEach((weight, k) => {
      filter.weights[i * stride + k] = Math.trunc(0.5 + (weight / sum) * 2 ** PRECISION_BITS);
    });
  }
  return filter;
}

function alongRows({ data, width: from, height }: RgbImage, filter: Filter, width: number): RgbImage {
  const resized = new Uint8Array(3 * width * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const start = 3 * (y * from + filter.first[x]!);
      for (let color = 0; color < 3; color++) resized[to++] = weighted(data, start + color, 3, filter, x);
    }
  }
  return { data: resized, width, height };
}

function alongColumns({ data, width }: RgbImage, filter: Filter, height: number): RgbImage {
  const row = 3 * width;
  const resized = new Uint8Array(row * height);
  for (let y = 0, to = 0; y < height; y++) {
    const start = filter.first[y]! * row;
    for (let x = 0; x < row; x++) resized[to++] = weighted(data, start + x, row, filter, y);
  }
  return { data: resized, width, height };
}

/** The weighted sum of bytes `step` apart, rounded; clamped, since rounded weights need not add up to one. */
function weighted(
  data: Uint8Array,
  start: number,
  step: number,
  { counts, weights, stride }: Filter,
  i: number,
): number {
  let sum = 1 << (PRECISION_BITS - 1);
  for (let k = 0, at = start; k < counts[i]!; k++, at += step) sum += data[at]! * weights[i * stride + k]!;
  return Math.min(255, sum >> PRECISION_BITS);
}
