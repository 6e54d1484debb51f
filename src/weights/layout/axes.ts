import { size } from '../../base/shapes.js';
import type { Axes } from '../formats/tensor.js';

export type { Axes } from '../formats/tensor.js';

/**
 * The axes of a tfjs weight with this shape.
 *
 * @param shape `[height, width, in, out]` of a convolution, `[in, out]` of a dense layer.
 * @param channels the channels of the feature map that a dense layer flattens; default its inputs.
 */
export function axesOf(shape: readonly number[], channels = shape.at(-2)!): Axes {
  const out = shape.at(-1)!;
  return { out, channels, window: size(shape) / (out * channels) };
}

/** Channels written in turn: few enough that the cache lines they are read from stay in the cache. */
const CHANNELS = 4;

/**
 * Transposes rows of a kernel in PyTorch's order, `[out, channels, window]`, into the whole `[window, channels, out]`.
 * Columns of one row end up `out` numbers apart, so pass some dozens of rows at a time.
 *
 * @param rows whole rows, one after the other.
 * @param firstRow the index of the first of them.
 * @returns whether any of the numbers is NaN or infinite.
 */
export function scatterRows(
  rows: Float32Array,
  firstRow: number,
  { out, channels, window }: Axes,
  to: Float32Array,
): boolean {
  const length = channels * window;
  const count = rows.length / length;
  const [source, target] = [wordsOf(rows), wordsOf(to)];
  let special = 0;
  for (let from = 0; from < channels; from += CHANNELS) {
    const end = Math.min(from + CHANNELS, channels);
    for (let position = 0; position < window; position++) {
      for (let channel = from; channel < end; channel++) {
        const start = (position * channels + channel) * out + firstRow;
        for (let row = 0, at = channel * window + position; row < count; row++, at += length) {
          const word = source[at]!;
          target[start + row] = word;
          // The sum overflows into the sign bit if an exponent is all ones.
          special |= (word & 0x7f800000) + 0x00800000;
        }
      }
    }
  }
  return special < 0;
}

/** Float32 numbers as words, which engines move without conversion. */
function wordsOf({ buffer, byteOffset, length }: Float32Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length);
}

/** The inverse: whole rows of `[out, channels, window]` from a tfjs weight. */
// The loops are repeated because a callback inside them makes loading VGG-16 a sixth slower.
export function gatherRows(
  from: Float32Array,
  firstRow: number,
  { out, channels, window }: Axes,
  rows: Float32Array,
): void {
  const length = channels * window;
  const count = rows.length / length;
  for (let channel = 0, column = 0; channel < channels; channel++) {
    for (let position = 0; position < window; position++, column++) {
      const start = (position * channels + channel) * out + firstRow;
      for (let row = 0, to = column; row < count; row++, to += length) rows[to] = from[start + row]!;
    }
  }
}
