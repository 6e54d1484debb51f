import { decoder, ENDS, encode } from './numbers.js';
import type { Affine } from './tensor.js';

/** The types to which a tfjs model's weights are rounded. */
export const QUANTIZED_DTYPES = ['uint8', 'uint16', 'float16'] as const;

/** A type to which a tfjs model's weights are rounded. */
export type QuantizedDtype = (typeof QUANTIZED_DTYPES)[number];

/** Numbers as a tfjs model stores them. */
export interface Quantized {
  stored: Uint8Array | Uint16Array;
  /** Missing for float16. */
  affine?: Affine;
}

/**
 * Rounds numbers to a type, each to the nearest number that tfjs can read. A tensor has one scale, from its smallest number to its
 * largest. If zero lies between them, it stays zero.
 *
 * @param numbers all finite, and within float16 for that; see {@link unquantizable}.
 * @param range that of the tensor, if `numbers` are a part of it.
 */
export function quantize(numbers: Float32Array, dtype: QuantizedDtype, range = rangeOf(numbers)): Quantized {
  if (dtype === 'float16') {
    const { buffer } = encode(numbers, 'F16');
    return { stored: new Uint16Array(buffer) };
  }
  const stored = dtype === 'uint8' ? new Uint8Array(numbers.length) : new Uint16Array(numbers.length);
  const last = dtype === 'uint8' ? 2 ** 8 - 1 : 2 ** 16 - 1;
  const affine = affineOf(range, last);
  const read = dequantize({ stored: Uint16Array.from({ length: last + 1 }, (_, i) => i), affine });
  const { scale, min } = affine;
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i]!;
    const near = Math.min(last, Math.max(0, Math.round((number - min) / scale)));
    // float32 may round the next one nearer.
    const next = Math.min(last, Math.max(0, read[near]! < number ? near + 1 : near - 1));
    stored[i] = Math.abs(read[next]! - number) < Math.abs(read[near]! - number) ? next : near;
  }
  return { stored, affine };
}

/** The numbers that tfjs reads. */
export function dequantize({ stored, affine }: Quantized): Float32Array {
  const dtype = stored.BYTES_PER_ELEMENT === 1 ? 'U8' : affine ? 'U16' : 'F16';
  return decoder(dtype, stored.length, affine)(new Uint8Array(stored.buffer));
}

/** The first number that a type cannot hold: NaN, infinite, or beyond float16. */
export function unquantizable(numbers: Float32Array, dtype: QuantizedDtype): number | undefined {
  const end = dtype === 'float16' ? ENDS.F16 : Number.POSITIVE_INFINITY;
  return numbers.find((number) => !(Math.abs(number) < end));
}

/** The smallest and the largest number; of no number, infinity and minus infinity. */
export interface Range {
  min: number;
  max: number;
}

/** The range of numbers, and of what is known of others. */
export function rangeOf(
  numbers: Float32Array,
  { min, max }: Range = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY },
): Range {
  let [least, most] = [min, max];
  for (const number of numbers) {
    if (number < least) least = number;
    if (number > most) most = number;
  }
  return { min: least, max: most };
}

function affineOf({ min, max }: Range, last: number): Affine {
  // One number alone is stored exactly, and an empty tensor has none.
  if (!(min < max)) return { scale: 1, min: min === max ? min : 0 };
  const scale = (max - min) / last;
  if (min > 0 || max < 0) return { scale, min };
  // The product is the one that reading computes, so that their sum is zero.
  return { scale, min: 0 - Math.round(-min / scale) * scale };
}
