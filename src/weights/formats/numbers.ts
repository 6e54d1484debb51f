import { type Affine, BYTES_PER_ELEMENT, type Dtype } from './tensor.js';

/** A DataView of bytes, wherever they are in their buffer. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Converts stored bytes to float32 numbers. */
type Decode = (bytes: Uint8Array, into: Float32Array) => void;

/**
 * Returns a function that converts stored numbers to float32. Its bytes must start at a multiple of 8, like those of a new
 * array; its result may be a view of them, and is valid until the next call.
 *
 * @param maxNumbers the maximum count per call.
 */
export function decoder(
  dtype: Dtype,
  maxNumbers: number,
  affine?: Affine,
): (bytes: Uint8Array) => Float32Array {
  if (dtype === 'F32' && !affine) {
    return (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }
  const numbers = new Float32Array(maxNumbers);
  return (bytes) => {
    const piece = numbers.subarray(0, bytes.length / BYTES_PER_ELEMENT[dtype]);
    DECODERS[dtype](bytes, piece);
    if (affine) restore(piece, affine);
    return piece;
  };
}

function restore(numbers: Float32Array, { scale, min, whole }: Affine): void {
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i]! * scale + min;
    // Whole numbers have no -0.
    numbers[i] = whole ? Math.round(number) + 0 : number;
  }
}

type NumberArray = { readonly length: number; readonly [index: number]: number };
type ArrayType = new (buffer: ArrayBufferLike, offset: number, length: number) => NumberArray;

const cast =
  (ArrayOf: ArrayType, size: number): Decode =>
  (bytes, into) =>
    into.set(new ArrayOf(bytes.buffer, bytes.byteOffset, bytes.length / size));

const cast64 =
  (ArrayOf: BigInt64ArrayConstructor | BigUint64ArrayConstructor): Decode =>
  (bytes, into) =>
    into.set(
      Array.from(new ArrayOf(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length / 8), Number),
    );

const DECODERS: Record<Dtype, Decode> = {
  F64: cast(Float64Array, 8),
  F32: cast(Float32Array, 4),
  F16: decodeF16,
  BF16: decodeBF16,
  I64: cast64(BigInt64Array),
  I32: cast(Int32Array, 4),
  I16: cast(Int16Array, 2),
  I8: cast(Int8Array, 1),
  U64: cast64(BigUint64Array),
  U32: cast(Uint32Array, 4),
  U16: cast(Uint16Array, 2),
  U8: cast(Uint8Array, 1),
  BOOL: cast(Uint8Array, 1),
};

function wordsOf(array: Float32Array): Uint32Array {
  return new Uint32Array(array.buffer, array.byteOffset, array.length);
}

function halvesOf(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
}

/** A bfloat16 is the upper half of a float32. */
function decodeBF16(bytes: Uint8Array, into: Float32Array): void {
  const halves = halvesOf(bytes);
  const words = wordsOf(into);
  for (let i = 0; i < halves.length; i++) words[i] = halves[i]! << 16;
}

function decodeF16(bytes: Uint8Array, into: Float32Array): void {
  const halves = halvesOf(bytes);
  const words = wordsOf(into);
  const table = f16Table();
  for (let i = 0; i < halves.length; i++) words[i] = table[halves[i]!]!;
}

let f16Words: Uint32Array | undefined;

/** All float16 numbers as float32. */
function f16Table(): Uint32Array {
  if (f16Words) return f16Words;
  const words = new Uint32Array(2 ** 16);
  const numbers = new Float32Array(words.buffer);
  for (let half = 0; half < words.length; half++) {
    // With a float16's exponent, a float32 is 2^112 times too small, subnormals included.
    words[half] = (half & 0x7fff) << 13;
    numbers[half] = numbers[half]! * 2 ** 112;
    if ((half & 0x7c00) === 0x7c00) words[half] = 0x7f800000 | ((half & 0x3ff) << 13);
    words[half] = words[half]! | ((half & 0x8000) << 16);
  }
  f16Words = words;
  return words;
}

/** The types in which weights are written. */
export const ENCODED_DTYPES = ['F32', 'F16', 'BF16'] as const;

/** A type in which weights are written. */
export type EncodedDtype = (typeof ENCODED_DTYPES)[number];

/** The magnitude from which numbers round to infinity: half a unit above the largest number of a type. */
export const ENDS: Readonly<Record<EncodedDtype, number>> = {
  F32: Number.POSITIVE_INFINITY,
  F16: 65520,
  BF16: 2 ** 128 - 2 ** 119,
};

/** Converts float32 numbers to the bytes of a type. */
export function encode(numbers: Float32Array, dtype: EncodedDtype): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  const halves = new Uint16Array(numbers.length);
  const words = wordsOf(numbers);
  const convert = dtype === 'BF16' ? toBF16 : toF16;
  for (let i = 0; i < words.length; i++) halves[i] = convert(words[i]!);
  return new Uint8Array(halves.buffer);
}

/** Rounds to nearest, ties to even, like PyTorch; NaN stays NaN. */
function toBF16(word: number): number {
  if ((word & 0x7fffffff) > 0x7f800000) return (word >>> 16) | 0x40;
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
}

function toF16(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Below 2^-14: a multiple of 2^-24.
  if (magnitude < 0x38800000)
    return sign | roundedShift((magnitude & 0x7fffff) | 0x800000, 126 - (magnitude >>> 23));
  const rebased = magnitude - 0x38000000;
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}

/** A 24-bit number divided by 2^bits, rounded to nearest, ties to even. */
function roundedShift(number: number, bits: number): number {
  if (bits > 24) return 0;
  const half = 2 ** (bits - 1);
  const quotient = number >>> bits;
  const rest = number - quotient * 2 * half;
  return rest > half || (rest === half && quotient % 2 === 1) ? quotient + 1 : quotient;
}

/** How many of the numbers are NaN or infinite. */
export function countNonFinite(numbers: Float32Array): number {
  const words = wordsOf(numbers);
  // The sum overflows into the sign bit if an exponent is all ones. Most pieces have none, so one pass is enough.
  let any = 0;
  for (let i = 0; i < words.length; i++) any |= (words[i]! & 0x7f800000) + 0x00800000;
  if (any >= 0) return 0;
  return numbers.reduce((count, number) => count + (Number.isFinite(number) ? 0 : 1), 0);
}
