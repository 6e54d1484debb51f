import { countNonFinite, decoder } from '../formats/numbers.js';
import { BYTES_PER_ELEMENT, type ByteStream, elements } from '../formats/tensor.js';
import type { Parameter } from '../names/parameters.js';
import { type Scatter, scatterAnywhere } from './scatter.js';

/** Bytes that are read at a time: enough that a call costs nothing, and little beside the largest tensor. */
const PIECE_BYTES = 8 * 2 ** 20;

/** Rows of a tensor that lies out first that are put in place at a time; together they fill whole cache lines. */
const MAX_ROWS = 64;

/**
 * Reads a stored tensor to where it belongs, piece by piece: while one piece is put in place the next is read.
 *
 * @param into the weight's numbers, `[window, channels, out]` or `[in, out]`; asked for anew with every piece, because
 *   a backend's memory may move in between.
 * @param report called with the bytes of every piece.
 * @param scatter puts rows in place, default by JavaScript.
 * @returns how many of the numbers are NaN or infinite.
 */
export async function readWeight(
  { tensor, sides }: Pick<Parameter, 'tensor' | 'sides'>,
  into: () => Float32Array,
  {
    signal,
    report,
    scatter = scatterAnywhere,
  }: { signal?: AbortSignal; report?: (bytes: number) => void; scatter?: Scatter },
): Promise<number> {
  const size = BYTES_PER_ELEMENT[tensor.dtype];
  const count = elements(tensor.shape);
  // Of a tensor that stays as it is any run of numbers is a row.
  const row = sides ? sides.channels * sides.window : 1;
  const most = Math.max(1, Math.floor(PIECE_BYTES / (row * size)));
  const rows = sides ? Math.min(MAX_ROWS, most) : most;
  const decode = decoder(tensor.dtype, Math.min(rows * row, count), tensor.affine);
  const stream = tensor.open();
  const pieces = readAhead(stream, count * size, rows * row * size);
  let done = 0;
  let nonFinite = 0;
  try {
    for await (const bytes of pieces) {
      signal?.throwIfAborted();
      const numbers = () => decode(bytes);
      if (sides) {
        const rows = { tensor, bytes, numbers, first: done / row };
        if (scatter(rows, sides, into)) nonFinite += countNonFinite(numbers());
      } else {
        const piece = numbers();
        nonFinite += countNonFinite(piece);
        into().set(piece, done);
      }
      done += bytes.length / size;
      report?.(bytes.length);
    }
  } finally {
    await stream.close();
  }
  return nonFinite;
}

/** The bytes of a stream in pieces, each read while the one before is worked on; a piece holds until the next but one. */
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
    // Whoever stops early does not want to hear of it; the buffer is free only now.
    await next?.catch(() => {});
  }
}
