import type { Region } from './geometry.js';

/** How much each place of an image matters, row by row. */
export interface HeatMap {
  /** `width * height` numbers from 0 on, as they were computed: not scaled to a common greatest one. */
  values: Float32Array;
  width: number;
  height: number;
  /** The class that it explains. */
  classIndex: number;
  /** The part of the picture that it covers, in the picture's pixels; without one, all of it. */
  region?: Region;
}

/**
 * The numbers of a heat map from 0 to 1: divided by the greatest one, or by that which the share `clip` of them is below.
 * A map of zeros stays one, and what is no number becomes 0.
 */
export function scaled(values: Float32Array, clip: number): Float32Array {
  const numbers = values.map((value) => (Number.isFinite(value) ? value : 0));
  const most =
    clip === 1
      ? numbers.reduce((a, b) => Math.max(a, b), 0)
      : numbers.slice().sort()[Math.floor(clip * (numbers.length - 1))]!;
  return numbers.map((value) => (most > 0 ? Math.min(1, Math.max(0, value / most)) : 0));
}

/** Where along an axis each pixel takes its values from: two places and the share of the second; -1 where it has none. */
export interface Samples {
  first: Int32Array;
  second: Int32Array;
  share: Float32Array;
}

/**
 * Bilinear sampling along one axis: `pixels` pixels, of which those from `start` to `start + length` are covered by
 * `places` places. Both have their values in their middles; half a place at each end takes that of the end.
 */
export function samplesOf(pixels: number, start: number, length: number, places: number): Samples {
  const samples = {
    first: new Int32Array(pixels).fill(-1),
    second: new Int32Array(pixels).fill(-1),
    share: new Float32Array(pixels),
  };
  for (let i = 0; i < pixels; i++) {
    const along = (i + 0.5 - start) / length;
    if (along < 0 || along >= 1) continue;
    const at = Math.min(places - 1, Math.max(0, along * places - 0.5));
    samples.first[i] = Math.floor(at);
    samples.second[i] = Math.min(places - 1, Math.floor(at) + 1);
    samples.share[i] = at - Math.floor(at);
  }
  return samples;
}
