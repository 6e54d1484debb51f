import type { ZipEntry } from 'unzipit';
import { reason } from '../io/errors.js';
import { WeightFileError } from './error.js';
import type { WeightFile } from './file.js';
import { MAX_HEADER_BYTES, MAX_TENSORS, MAX_UNPACKING_RATIO } from './limits.js';
import type { ByteStream } from './tensor.js';

/** One file of a zip archive. */
export interface Entry {
  /** Its path in the archive. */
  readonly name: string;
  /** Its bytes once unpacked. */
  readonly size: number;
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
 * The files of a zip archive. Sizes are checked before anything is unpacked: what the entries occupy together must fit
 * in the file, so that none need overlap, and what they unpack to together has a limit.
 *
 * @throws WeightFileError when the archive is cut off or damaged, holds too many files, or one under a path that leads
 *   out of it.
 */
export async function readZip(file: WeightFile): Promise<Map<string, Entry>> {
  const { unzipRaw } = await import('unzipit');
  const { entries } = await unzipRaw({
    getLength: async () => file.size,
    read: (offset, length) => {
      // The directory is read in one go and may claim any size; the entries are read in pieces of a mebibyte.
      if (length <= MAX_HEADER_BYTES) return file.read(offset, length) as Promise<Uint8Array<ArrayBuffer>>;
      throw new WeightFileError(
        file.name,
        `its directory claims ${length} bytes, and at most ${MAX_HEADER_BYTES} are read.`,
      );
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
  for (const entry of entries) {
    checkEntry(file.name, entry);
    if (found.has(entry.name))
      throw new WeightFileError(file.name, `its archive holds '${entry.name}' twice; it is damaged.`);
    if (!entry.isDirectory) found.set(entry.name, wrap(file.name, entry));
  }
  return found;
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

function wrap(file: string, entry: ZipEntry): Entry {
  const open = (): ByteStream => streamOf(file, () => entry.stream());
  return {
    name: entry.name,
    size: entry.size,
    open,
    async read(maxBytes) {
      if (entry.size > maxBytes) {
        throw new WeightFileError(
          file,
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
