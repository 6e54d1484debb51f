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
   * Its `length` bytes from `at` on, piece by piece. They are checked against the CRC-32: all of them as the last is read, a part of
   * them before the first is.
   */
  open(at: number, length: number): ByteStream;
  /** All of it, checked against its CRC-32, if it has at most `maxBytes`. */
  read(maxBytes: number): Promise<Uint8Array>;
  /** Checks it against its CRC-32, once; for bytes that are read by `span`. */
  verify(): Promise<void>;
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
  const from = (at: number) =>
    packed ? skipping(unpacking(file, offset, packedSize, size), at) : spanOf(file, offset + at);
  const whole = () => checked(file.name, name, from(0), size, crc);
  let verified: Promise<void> | undefined;
  const verify = () => {
    verified ??= readThrough(whole(), size);
    return verified;
  };
  return {
    name,
    size,
    ...(!packed && { span: { offset, length: size } }),
    open: (at, length) => (at === 0 && length === size ? whole() : after(verify, from(at))),
    verify,
    async read(maxBytes) {
      if (size > maxBytes) {
        throw new WeightFileError(
          file.name,
          `'${printable(name)}' has ${size} bytes, more than the limit of ${maxBytes}.`,
        );
      }
      const bytes = new Uint8Array(size);
      await whole().readInto(bytes);
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

/** Bytes of the archive read or unpacked at a time. */
const PIECE_BYTES = 2 ** 18;

async function readThrough(stream: ByteStream, size: number): Promise<void> {
  const piece = new Uint8Array(Math.min(size, PIECE_BYTES));
  for (let left = size; left > 0; left -= piece.length) await stream.readInto(piece.subarray(0, left));
}

/** A stream that is read once `check` has passed. */
export function after(check: () => Promise<void>, stream: ByteStream): ByteStream {
  return {
    async readInto(into) {
      await check();
      await stream.readInto(into);
    },
    close: () => stream.close(),
  };
}

/** A stream without its first bytes, which are read and dropped. */
function skipping(stream: ByteStream, bytes: number): ByteStream {
  let left = bytes;
  return {
    async readInto(into) {
      for (; left > 0; left -= Math.min(left, PIECE_BYTES)) {
        await stream.readInto(new Uint8Array(Math.min(left, PIECE_BYTES)));
      }
      await stream.readInto(into);
    },
    close: () => stream.close(),
  };
}

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
