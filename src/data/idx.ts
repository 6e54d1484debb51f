import { BYTES, checkArguments, TEXT } from '../base/arguments.js';
import { size } from '../base/shapes.js';
import { DataError } from '../io/errors.js';

/** The contents of an IDX file. */
export interface IdxArray {
  /** The length of each dimension: `[count]` for labels, `[count, height, width]` for images. */
  dims: number[];
  /** The numbers, last dimension fastest; a view of the file's bytes. */
  values: Uint8Array;
}

/** Maximum size of an IDX file, 1 GiB: MNIST's largest has 47 MB. */
export const MAX_IDX_BYTES = 2 ** 30;

/** Size of the longest header, that of images: the magic number and three lengths. */
export const IDX_HEADER_BYTES = 16;

const ELEMENT_TYPES: Record<number, string> = {
  9: 'signed bytes',
  11: '16-bit integers',
  12: '32-bit integers',
  13: '32-bit floats',
  14: '64-bit floats',
};

/**
 * Reads an IDX file, the format of MNIST: a big-endian magic number (0x00000803 for images, 0x00000801 for labels),
 * a 32-bit length per dimension, then one unsigned byte per value. Format: http://yann.lecun.com/exdb/mnist/.
 *
 * @param bytes the whole file, uncompressed.
 * @param name name of the file in error messages.
 * @throws DataError (`damaged`) when the magic number is wrong, the file is shorter or longer than its header says, or
 *   its header asks for more than 1 GiB.
 */
export function parseIdx(bytes: Uint8Array, name = 'IDX file'): IdxArray {
  checkArguments('parseIdx', { name }, { name: TEXT });
  checkArguments('parseIdx', { bytes }, { bytes: BYTES });

  const size = idxFileBytes(bytes, name);
  if (bytes.length !== size) {
    const difference = Math.abs(bytes.length - size);
    const which = bytes.length < size ? 'missing at' : 'left over at';
    damaged(
      name,
      `its header states ${size} bytes, but it has ${bytes.length}: ${difference} are ${which} its end; get the file again.`,
    );
  }
  const dims = header(bytes, name);
  return { dims, values: bytes.subarray(4 + 4 * dims.length) };
}

/**
 * The size of a whole IDX file in bytes, from its first {@link IDX_HEADER_BYTES}.
 *
 * @throws DataError as {@link parseIdx} does.
 */
export function idxFileBytes(head: Uint8Array, name = 'IDX file'): number {
  const dims = header(head, name);
  const bytes = size(dims) + 4 + 4 * dims.length;
  if (bytes > MAX_IDX_BYTES) {
    damaged(
      name,
      `its header asks for ${dims.join(' x ')} values, more than the limit of ${MAX_IDX_BYTES} bytes; use an undamaged file.`,
    );
  }
  return bytes;
}

function header(bytes: Uint8Array, name: string): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4)
    damaged(name, `it has ${bytes.length} bytes, too few for an IDX file; get the file again.`);
  if (isText(bytes)) {
    const beginning = new TextDecoder()
      .decode(bytes.subarray(0, 24))
      .trim()
      .split(/[\r\n]/)[0]!;
    damaged(
      name,
      `it is text ('${beginning.slice(0, 20)}'), for instance a web page that was saved in place of the file; get the file again.`,
    );
  }
  const magic = view.getUint32(0);
  const type = (magic >>> 8) & 0xff;
  const rank = magic & 0xff;
  if (magic >>> 16 === 0 && ELEMENT_TYPES[type] !== undefined) {
    damaged(
      name,
      `it contains ${ELEMENT_TYPES[type]} (IDX type 0x${hex(type, 2)}); only unsigned bytes (0x08) can be read.`,
    );
  }
  if (magic >>> 8 !== 8 || (rank !== 1 && rank !== 3)) {
    damaged(
      name,
      `it begins with 0x${hex(magic, 8)}, but an IDX file begins with 0x00000803 (images) or 0x00000801 (labels); check that it is the right file.`,
    );
  }
  if (bytes.length < 4 + 4 * rank) {
    damaged(
      name,
      `it ends after ${bytes.length} bytes, within its header of ${4 + 4 * rank}; get the file again.`,
    );
  }
  return Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
}

/** Whether a file begins with printable ASCII; an IDX file begins with two zeros. */
function isText(bytes: Uint8Array): boolean {
  return bytes
    .subarray(0, 4)
    .every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

function damaged(name: string, sentence: string): never {
  throw new DataError(name, 'damaged', sentence);
}
