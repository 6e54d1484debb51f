import { size } from '../../base/shapes.js';
import type { WeightFile } from './file.js';

/** How a file stores numbers, little-endian; the names are those of safetensors. */
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

/** A tensor that lies in a file; its numbers are read when they are asked for, and not before. */
export interface StoredTensor {
  /** Its name in the file. */
  readonly name: string;
  readonly dtype: Dtype;
  /** Its shape in the file, row-major; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Keras' layer and variable, `block1_conv1/kernel`, where the file's structure says it and not the name. */
  readonly role?: string;
  /** Where numbers were quantized: each stands for `stored * scale + min`. */
  readonly affine?: { readonly scale: number; readonly min: number };
  /** Begins to read its bytes, in the order of the elements. */
  open(): ByteStream;
}

/** The bytes of a tensor, one after the other. */
export interface ByteStream {
  /**
   * Fills `into` with the bytes that follow.
   *
   * @throws WeightFileError when the file ends before, or cannot be read.
   */
  readInto(into: Uint8Array): Promise<void>;
  /** Ends the reading early; needed only where not everything was read. */
  close(): Promise<void>;
}

/** The bytes of a tensor in its file. */
export function byteLength({ dtype, shape }: Pick<StoredTensor, 'dtype' | 'shape'>): number {
  return size(shape) * BYTES_PER_ELEMENT[dtype];
}

/** Bytes that lie together in a file, from `offset` on. */
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
