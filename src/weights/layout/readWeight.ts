import { size } from '../../base/shapes.js';
import { countNonFinite, decoder } from '../formats/numbers.js';
import { BYTES_PER_ELEMENT, type ByteStream, type StoredTensor } from '../formats/tensor.js';
import type { Axes } from './axes.js';
import { type Scatter, scatterAnywhere } from './scatter.js';

/** Bytes read at a time: enough that a call costs nothing, and few next to the largest tensor. */
const PIECE_BYTES = 8 * 2 ** 20;

/** Rows of a kernel in PyTorch's order that are scattered at a time; together they fill whole cache lines. */
const KERNEL_ROWS = 64;

/** A stored tensor, and its axes if it is a kernel in PyTorch's order. */
export interface StoredWeight {
  tensor: StoredTensor;
  axes?: Axes;
}

/**
 * Reads a stored tensor piece by piece; while one piece is processed, the next is read.
 *
 * @param into returns the weight's array, `[window, channels, out]` or `[in, out]`. It is called for every piece, because a
 *   backend's memory may move in between.
 * @param report is awaited with the number of bytes of every piece.
 * @param scatter puts a kernel's rows in place; default: in JavaScript.
 * @returns how many of the numbers are NaN or infinite.
 */
export async function readWeight(
  { tensor, axes }: StoredWeight,
  into: () => Float32Array,
  {
    signal,
    report,
    scatter = scatterAnywhere,
  }: { signal?: AbortSignal; report?: (bytes: number) => Promise<void>; scatter?: Scatter },
): Promise<number> {
  const elementBytes = BYTES_PER_ELEMENT[tensor.dtype];
  const count = size(tensor.shape);
  // A tensor that is not transposed has rows of one number.
  const row = axes ? axes.channels * axes.window : 1;
  const maxRows = Math.max(1, Math.floor(PIECE_BYTES / (row * elementBytes)));
  const rows = axes ? Math.min(KERNEL_ROWS, maxRows) : maxRows;
  const decode = decoder(tensor.dtype, Math.min(rows * row, count), tensor.affine);
  const stream = tensor.open();
  const pieces = readAhead(stream, count * elementBytes, rows * row * elementBytes);
  let done = 0;
  let nonFinite = 0;
  try {
    for await (const bytes of pieces) {
      signal?.throwIfAborted();
      const numbers = () => decode(bytes);
      if (axes) {
        const rows = { tensor, bytes, numbers, first: done / row };
        if (scatter(rows, axes, into)) nonFinite += countNonFinite(numbers());
      } else {
        const piece = numbers();
        nonFinite += countNonFinite(piece);
        into().set(piece, done);
      }
      done += bytes.length / elementBytes;
      await report?.(bytes.length);
    }
  } finally {
    await stream.close();
  }
  return nonFinite;
}

/** The bytes of a stream in pieces, each read while the previous one is in use. A piece is valid until the next but one. */
async function* readAhead(stream: ByteStream, total: number, piece: number): AsyncGenerator<Uint8Array> {
  const length = (from: number) => Math.min(piece, total - from);
  const buffers = [new Uint8Array(length(0)), new Uint8Array(Math.max(0, length(Math.min(piece, total))))];
  const read = async (from: number, buffer: Uint8Array) => {
    const bytes = buffer.subarray(0, length(from));
    await stream.readInto(bytes);
    return bytes;
  };
  let next: Promise<Uint8Array> | undefined = total > 0 ? read(0, buffers[0]!) : undefined;
  try {
    for (let from = 0; next; from += piece) {
      const bytes = await next;
      const ahead = from + piece;
      next = ahead < total ? read(ahead, buffers[(ahead / piece) % 2]!) : undefined;
      yield bytes;
    }
  } finally {
    // When stopping early it does not matter whether this read fails, but it must end before its buffer is freed.
    await next?.catch(() => {});
  }
}
