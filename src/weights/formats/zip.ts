import type { ZipEntry } from 'unzipit';
import { reason } from '../../io/errors.js';
import { printable, WeightFileError } from './error.js';
import type { WeightFile } from './file.js';
import { MAX_HEADER_BYTES, MAX_TENSORS, MAX_UNPACKING_RATIO } from './limits.js';
import { checkOverlaps, type Span } from './shape.js';
import { type ByteStream, spanOf } from './tensor.js';

/** One file of a zip archive. */
export interface Entry {
  /** Its path in the archive. */
  readonly name: string;
  /** Its bytes once unpacked. */
  readonly size: number;
  /** Where its bytes lie in the archive, if they are stored as they are. */
  readonly span?: Omit<Span, 'tensor'>;
  /** Reads it from its beginning; nothing is held but the piece that is being read. */
  open(): ByteStream;
  /** All of it, if it has at most `maxBytes`. */
  read(maxBytes: number): Promise<Uint8Array>;
}

/** Entries of an archive; torch.save writes one a tensor and four more. */
const MAX_ENTRIES = MAX_TENSORS + 100;

/** Whether a file begins as a zip archive does. */
export function isZip(head: Uint8Array): boolean {
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
}

/**
 * The files of a zip archive. Sizes are checked before anything is unpacked: entries do not overlap, and what they
 * unpack to together has a limit.
 *
 * @throws WeightFileError when the archive is cut off or damaged, holds too many files, or one under a path that leads
 *   out of it.
 */
export async function readZip(file: WeightFile): Promise<Map<string, Entry>> {
  const { unzipRaw } = await import('unzipit');
  let reached: Omit<Span, 'tensor'> | undefined;
  const { entries } = await unzipRaw({
    getLength: async () => file.size,
    read: (offset, length) => {
      // The directory is read in one go and may claim any size.
      if (length <= MAX_HEADER_BYTES) return file.read(offset, length) as Promise<Uint8Array<ArrayBuffer>>;
      throw new WeightFileError(
        file.name,
        `its directory claims ${length} bytes, and at most ${MAX_HEADER_BYTES} are read.`,
      );
    },
    readStream: async (offset, length) => {
      reached = { offset, length };
      return piecesOf(file, offset, length);
    },
  }).catch((error: unknown) => {
    throw damaged(file.name, error);
  });
  if (entries.length > MAX_ENTRIES) {
    throw new WeightFileError(
      file.name,
      `its archive has ${entries.length} files, and at most ${MAX_ENTRIES} are read.`,
    );
  }
  const occupied = entries.reduce((sum, { compressedSize }) => sum + compressedSize, 0);
  if (occupied > file.size) {
    throw new WeightFileError(
      file.name,
      `the files of its archive take ${occupied} bytes and it has ${file.size}; some overlap, so it is not read.`,
    );
  }
  const unpacked = entries.reduce((sum, { size }) => sum + size, 0);
  if (unpacked > MAX_HEADER_BYTES + MAX_UNPACKING_RATIO * file.size) {
    throw new WeightFileError(
      file.name,
      `its ${file.size} bytes would unpack to ${unpacked}, which weights never do; it is not read.`,
    );
  }
  const found = new Map<string, Entry>();
  const spans: Span[] = [];
  for (const entry of entries) {
    checkEntry(file.name, entry);
    if (found.has(entry.name)) {
      throw new WeightFileError(
        file.name,
        `its archive holds '${printable(entry.name)}' twice; it is damaged.`,
      );
    }
    if (entry.isDirectory) continue;
    if (entry.compressionMethod !== STORED) {
      found.set(entry.name, wrap(file, entry));
      continue;
    }
    // Where the bytes of an entry begin is in a header before them; the stream is asked for and knows.
    reached = undefined;
    const stream = await entry.stream().catch((error: unknown) => {
      throw damaged(file.name, error);
    });
    await stream.cancel().catch(() => {});
    if (!reached) throw damaged(file.name, new Error(`'${printable(entry.name)}' has no place`));
    const { offset, length } = reached as Omit<Span, 'tensor'>;
    spans.push({ tensor: entry.name, offset, length });
    found.set(entry.name, wrap(file, entry, { offset, length }));
  }
  checkOverlaps(file.name, spans);
  return found;
}

/** The compression method of what is not compressed. */
const STORED = 0;

/** Bytes that a compressed entry is read by. */
const PIECE_BYTES = 2 ** 18;

/** Bytes of the archive as a stream, which reads nothing before it is asked to. */
function piecesOf(file: WeightFile, offset: number, length: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        if (at >= length) return controller.close();
        const piece = await file.read(offset + at, Math.min(PIECE_BYTES, length - at));
        at += piece.length;
        // Whoever inflates may take the buffer away, so it must not be one that is shared.
        controller.enqueue(piece.slice());
      },
    },
    { highWaterMark: 0 },
  );
}

function checkEntry(file: string, { name, encrypted }: ZipEntry): void {
  if (name.startsWith('/') || name.includes('\\') || name.split('/').includes('..') || name.includes('\0')) {
    throw new WeightFileError(
      file,
      'its archive has a file under a path that leads out of it; it is not read.',
      {
        tensor: name,
      },
    );
  }
  if (encrypted) throw new WeightFileError(file, 'its archive is encrypted; save it without a password.');
}

function wrap(file: WeightFile, entry: ZipEntry, span?: Omit<Span, 'tensor'>): Entry {
  const open = () => (span ? spanOf(file, span.offset) : streamOf(file.name, () => entry.stream()));
  return {
    name: entry.name,
    size: entry.size,
    span,
    open,
    async read(maxBytes) {
      if (entry.size > maxBytes) {
        throw new WeightFileError(
          file.name,
          `'${entry.name}' has ${entry.size} bytes, and at most ${maxBytes} are read.`,
        );
      }
      const bytes = new Uint8Array(entry.size);
      await open().readInto(bytes);
      return bytes;
    },
  };
}

/** A web stream, read piece by piece. */
function streamOf(file: string, open: () => Promise<ReadableStream<Uint8Array>>): ByteStream {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let piece = new Uint8Array();
  return {
    async readInto(into) {
      try {
        reader ??= (await open()).getReader();
        for (let done = 0; done < into.length; ) {
          if (piece.length === 0) {
            const next = await reader.read();
            if (next.done) throw new Error('it ends too early');
            piece = next.value as Uint8Array<ArrayBuffer>;
          }
          const part = piece.subarray(0, into.length - done);
          into.set(part, done);
          piece = piece.subarray(part.length);
          done += part.length;
        }
      } catch (error) {
        await reader?.cancel().catch(() => {});
        throw damaged(file, error);
      }
    },
    close: async () => reader?.cancel().catch(() => {}),
  };
}

function damaged(file: string, error: unknown): WeightFileError {
  if (error instanceof WeightFileError) return error;
  return new WeightFileError(
    file,
    `its zip archive is damaged or cut off (${reason(error)}); get it again.`,
    { cause: error },
  );
}
