import { crc32 } from '../../../base/crc32.js';
import { reason } from '../../../io/errors.js';
import { inflate } from '../../../io/inflate.js';
import { checkOverlaps, type Span } from '../checks.js';
import { printable, WeightFileError } from '../error.js';
import type { WeightFile } from '../file.js';
import { MAX_HEADER_BYTES, MAX_UNPACKING_RATIO } from '../limits.js';
import { viewOf } from '../numbers.js';
import { type ByteStream, spanOf } from '../tensor.js';
import { damaged, type Listed, readDirectory } from './directory.js';

/** One file of a zip archive. */
export interface Entry {
  /** Its path in the archive. */
  readonly name: string;
  /** Its bytes once unpacked. */
  readonly size: number;
  /** The position of its bytes in the archive, if they are stored uncompressed. */
  readonly span?: Omit<Span, 'tensor'>;
  /**
   * Reads it from the beginning, piece by piece. Uncompressed bytes are not checked, as in PyTorch: a CRC-32 of VGG-16's would
   * take longer than loading them.
   */
  open(): ByteStream;
  /** All of it, checked against its CRC-32, if it has at most `maxBytes`. */
  read(maxBytes: number): Promise<Uint8Array>;
}

const LOCAL_HEADER = 0x04034b50;
const LOCAL_HEADER_BYTES = 30;

/** Whether a file begins like a zip archive. */
export function isZip(head: Uint8Array): boolean {
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
}

/**
 * The files of a zip archive. Before anything is unpacked, the sizes are checked: files must not overlap, and their total
 * unpacked size has a limit.
 *
 * @throws WeightFileError when the archive is truncated or damaged, or `readDirectory` refuses its directory.
 */
export async function readZip(file: WeightFile): Promise<Map<string, Entry>> {
  const listed = await readDirectory(file);
  const unpacked = listed.reduce((sum, { size }) => sum + size, 0);
  if (unpacked > MAX_HEADER_BYTES + MAX_UNPACKING_RATIO * file.size) {
    throw new WeightFileError(
      file.name,
      `its ${file.size} bytes would unpack to ${unpacked}, which no weight file does; nothing was read.`,
    );
  }
  const found = new Map<string, Entry>();
  const spans: Span[] = [];
  for (const one of listed) {
    if (found.has(one.name)) {
      throw new WeightFileError(
        file.name,
        `its archive contains '${printable(one.name)}' twice; it is damaged.`,
      );
    }
    if (one.name.endsWith('/')) continue;
    const offset = await locate(file, one);
    spans.push({ tensor: one.name, offset, length: one.packedSize });
    found.set(one.name, entryOf(file, one, offset));
  }
  checkOverlaps(file.name, spans);
  return found;
}

/** The offset of a file's bytes, after its own header (4.3.7), whose extra field may differ from the directory's. */
async function locate(file: WeightFile, { name, headerAt, packedSize }: Listed): Promise<number> {
  const view = viewOf(await file.read(headerAt, LOCAL_HEADER_BYTES));
  const offset = headerAt + LOCAL_HEADER_BYTES + view.getUint16(26, true) + view.getUint16(28, true);
  if (view.getUint32(0, true) !== LOCAL_HEADER || offset + packedSize > file.size)
    throw damaged(file.name, `'${printable(name)}' is not where the directory says`);
  return offset;
}

function entryOf(file: WeightFile, { name, size, packed, packedSize, crc }: Listed, offset: number): Entry {
  const open = () => (packed ? unpacking(file, offset, packedSize, size) : spanOf(file, offset));
  const check = (stream: ByteStream) => checked(file.name, name, stream, size, crc);
  return {
    name,
    size,
    ...(!packed && { span: { offset, length: size } }),
    open: () => (packed ? check(open()) : open()),
    async read(maxBytes) {
      if (size > maxBytes) {
        throw new WeightFileError(
          file.name,
          `'${printable(name)}' has ${size} bytes, more than the limit of ${maxBytes}.`,
        );
      }
      const bytes = new Uint8Array(size);
      await check(open()).readInto(bytes);
      return bytes;
    },
  };
}

/** A stream whose CRC-32 is checked at its end. PyTorch can omit the checksum, and then writes 0. */
function checked(file: string, name: string, stream: ByteStream, size: number, crc: number): ByteStream {
  let left = size;
  let sum = 0;
  return {
    async readInto(into) {
      await stream.readInto(into);
      if (crc === 0) return;
      sum = crc32(into, sum);
      left -= into.length;
      if (left === 0 && sum !== crc)
        throw damaged(file, `'${printable(name)}' does not have the CRC-32 that the directory states`);
    },
    close: () => stream.close(),
  };
}

/** Bytes of the archive unpacked at a time. */
const PIECE_BYTES = 2 ** 18;

/** A compressed file, unpacked piece by piece. */
function unpacking(file: WeightFile, offset: number, packedSize: number, size: number): ByteStream {
  const pieces = inflate(piecesOf(file, offset, packedSize), 'deflate-raw', { maxBytes: () => size });
  let piece = new Uint8Array();
  return {
    async readInto(into) {
      for (let done = 0; done < into.length; ) {
        if (piece.length === 0) {
          const next = await pieces.next().catch((error: unknown) => {
            const cause = Object(error).cause;
            throw cause instanceof WeightFileError ? cause : damaged(file.name, reason(error), error);
          });
          if (next.done) throw damaged(file.name, 'it ends too early');
          piece = next.value as Uint8Array<ArrayBuffer>;
        }
        const part = piece.subarray(0, into.length - done);
        into.set(part, done);
        piece = piece.subarray(part.length);
        done += part.length;
      }
    },
    close: async () => void (await pieces.return()),
  };
}

/** Bytes of the archive as a stream that reads only on demand. */
function piecesOf(file: WeightFile, offset: number, length: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        if (at >= length) return controller.close();
        const piece = await file.read(offset + at, Math.min(PIECE_BYTES, length - at));
        at += piece.length;
        // The consumer may transfer the buffer, so it must not be shared.
        controller.enqueue(piece.slice());
      },
    },
    { highWaterMark: 0 },
  );
}
