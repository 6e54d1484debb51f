import { size } from '../../base/shapes.js';
import type { WeightFile } from './file.js';

/** The type of stored numbers, little-endian, by safetensors' names. */
export type Dtype = keyof typeof BYTES_PER_ELEMENT;

/** Bytes of one element. */
export const BYTES_PER_ELEMENT = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

/**
 * The three axes of a kernel in either order. PyTorch stores kernels as `[out, in, height, width]` and linear weights as
 * `[out, in]`, where the inputs of the first linear layer are a feature map with channels first; tfjs has
 * `[height, width, in, out]` and `[in, out]`, with channels last. Viewed as `[out, channels, window]`, with a window of 9 for
 * a 3x3 kernel, 49 for the first linear layer and 1 for the others, all of them become `[window, channels, out]`.
 */
export interface Axes {
  out: number;
  channels: number;
  window: number;
}

/** What quantized numbers stand for: `stored * scale + min`, in float64, then rounded to float32, as tfjs computes it. */
export interface Affine {
  readonly scale: number;
  readonly min: number;
  /** Whether the sums are rounded to whole numbers before. */
  readonly whole?: boolean;
}

/** A tensor in a file. Its numbers are read only on demand. */
export interface StoredTensor {
  /** Its name in the file. */
  readonly name: string;
  readonly dtype: Dtype;
  /** Its shape in the file, row-major; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Keras' layer and variable, `block1_conv1/kernel`, if the file's structure gives them and the name does not. */
  readonly role?: string;
  /** Its shape in Keras, and the axes of a kernel in PyTorch's order, if the file's graph says so. */
  readonly inKeras?: { readonly shape: readonly number[]; readonly axes?: Axes };
  /** Set if the numbers are quantized. */
  readonly affine?: Affine;
  /** Opens its bytes, in the order of the elements. */
  open(): ByteStream;
}

/** The bytes of a tensor, read sequentially. */
export interface ByteStream {
  /**
   * Fills `into` with the next bytes.
   *
   * @throws WeightFileError when the file ends too early or cannot be read.
   */
  readInto(into: Uint8Array): Promise<void>;
  /** Stops reading; needed only before the end. */
  close(): Promise<void>;
}

/** The number of bytes that a tensor takes in its file. */
export function byteLength({ dtype, shape }: Pick<StoredTensor, 'dtype' | 'shape'>): number {
  return size(shape) * BYTES_PER_ELEMENT[dtype];
}

/** Consecutive bytes of a file, from `offset` on. */
export function spanOf(file: WeightFile, offset: number): ByteStream {
  let at = offset;
  return {
    async readInto(into) {
      const from = at;
      at += into.length;
      await file.readInto(into, from);
    },
    async close() {},
  };
}
