import { isTransferred } from '../../base/check.js';
import { printedPath } from '../../base/printable.js';
import { isBlob, isUrl } from '../../base/realm.js';
import { reason } from '../../io/errors.js';
import { pathError, readBytes, sizeOf } from '../../io/read.js';
import { type ReadOptions, tooLong } from '../../io/request.js';
import { nodeModules } from '../../io/runtime.js';
import { isPath, nodePath, type Source, sourceName } from '../../io/source.js';
import { WeightFileError } from './error.js';

/** A file that is read in parts as needed. */
export interface WeightFile {
  /** Its name in error messages. */
  readonly name: string;
  /** Its length in bytes. */
  readonly size: number;
  /**
   * The `length` bytes from `offset` on. They may be shared with the source, so do not write to them.
   *
   * @throws WeightFileError, before anything is allocated, when they are not all within the file.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Fills `into` with the bytes from `offset` on; throws as `read` does. */
  readInto(into: Uint8Array, offset: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a source. From a path in Node or a Blob, only the parts needed are read; a URL is downloaded to memory first.
 *
 * @throws WeightFileError when there is no such file or it cannot be read; the signal's reason.
 */
async function openFile(source: Source, options: ReadOptions = {}): Promise<WeightFile> {
  options.signal?.throwIfAborted();
  const name = sourceName(source);
  const checkSize = (size: number) => {
    const { maxBytes } = options;
    if (maxBytes !== undefined && size > maxBytes) throw unreadable(name, tooLong(name, size, maxBytes));
  };
  if (isBlob(source)) {
    checkSize(source.size);
    return withinBounds({
      name,
      size: source.size,
      read: async (offset, length) =>
        new Uint8Array(await source.slice(offset, offset + length).arrayBuffer()),
      close: async () => {},
    });
  }
  const node = nodeModules();
  if (node && isPath(source)) return openPath(node.fs, name, source, checkSize);
  const bytes = await readBytes(source, options).catch((error: unknown) => {
    options.signal?.throwIfAborted();
    throw unreadable(name, error);
  });
  return fileOfBytes(name, bytes);
}

/**
 * The length of a source, for which nothing is read if possible.
 *
 * @throws as {@link openFile} does.
 */
export function fileSize(source: Source, options: ReadOptions): Promise<number> {
  return sizeOf(source, options).catch((error: unknown) => {
    options.signal?.throwIfAborted();
    throw unreadable(sourceName(source), error);
  });
}

/** Whether a source is a file on this machine or bytes, and not something that has to be fetched. */
export function isLocal(source: Source): boolean {
  return (typeof source !== 'string' && !isUrl(source)) || (nodeModules() !== undefined && isPath(source));
}

/** Files that are open; those that were not closed by their readers are closed together. */
export class OpenFiles {
  readonly #open = new Set<WeightFile>();

  constructor(readonly options: ReadOptions) {}

  async open(source: Source): Promise<WeightFile> {
    const file = await openFile(source, this.options);
    const tracked: WeightFile = {
      ...file,
      close: () => {
        this.#open.delete(tracked);
        return file.close();
      },
    };
    this.#open.add(tracked);
    return tracked;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#open].map((file) => file.close()));
  }
}

/** Bytes in memory as a file. */
export function fileOfBytes(name: string, bytes: Uint8Array): WeightFile {
  return withinBounds({
    name,
    size: bytes.length,
    async read(offset, length) {
      // Which happens while others are read.
      if (isTransferred(bytes))
        throw new WeightFileError(
          name,
          'its bytes were transferred to another thread while it was read; pass bytes that stay here.',
        );
      return bytes.subarray(offset, offset + length);
    },
    close: async () => {},
  });
}

/** A part of a file as a file with the same name. Closing it leaves the whole file open. */
export function partOf(file: WeightFile, offset: number, size: number): WeightFile {
  return withinBounds({
    name: file.name,
    size,
    read: (at, length) => file.read(offset + at, length),
    readInto: (into, at) => file.readInto(into, offset + at),
    close: async () => {},
  });
}

type FileSystem = NonNullable<ReturnType<typeof nodeModules>>['fs'];

async function openPath(
  fs: FileSystem,
  name: string,
  source: string | URL,
  checkSize: (size: number) => void,
): Promise<WeightFile> {
  const path = nodePath(source);
  try {
    // Checked first, because opening a pipe that nobody writes to would wait forever.
    const stat = await fs.stat(path);
    if (!stat.isFile()) throw new WeightFileError(name, 'it is a folder or a device; use a file.');
    checkSize(stat.size);
    const handle = await fs.open(path);
    const readInto = async (into: Uint8Array, offset: number) => {
      for (let done = 0; done < into.length; ) {
        const { bytesRead } = await handle.read(into, done, into.length - done, offset + done);
        if (bytesRead === 0)
          throw new WeightFileError(name, 'it became shorter while it was being read; try again.');
        done += bytesRead;
      }
    };
    return withinBounds({
      name,
      size: stat.size,
      async read(offset, length) {
        const bytes = new Uint8Array(length);
        await readInto(bytes, offset);
        return bytes;
      },
      readInto,
      close: () => handle.close(),
    });
  } catch (error) {
    if (error instanceof WeightFileError) throw error;
    throw unreadable(name, pathError(name, error));
  }
}

/** Checks every span against the file's size before reading, and converts every failure to a WeightFileError. */
function withinBounds(
  file: Pick<WeightFile, 'name' | 'size' | 'read' | 'close'> & Partial<WeightFile>,
): WeightFile {
  const { name, size } = file;
  const check = (offset: number, length: number) => {
    if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0) {
      if (offset + length <= size) return;
    }
    throw new WeightFileError(
      name,
      `it refers to ${length} bytes at offset ${offset} but has ${size}; it is truncated or damaged, so get it again.`,
    );
  };
  const failed = (error: unknown): never => {
    if (error instanceof WeightFileError) throw error;
    throw new WeightFileError(name, `it could not be read: ${reason(error)}; try again.`, { cause: error });
  };
  const read = async (offset: number, length: number) => {
    check(offset, length);
    return file.read(offset, length).catch(failed);
  };
  return {
    name,
    size,
    read,
    async readInto(into, offset) {
      check(offset, into.length);
      if (file.readInto) await file.readInto(into, offset).catch(failed);
      else into.set(await read(offset, into.length));
    },
    close: () => file.close(),
  };
}

/** Converts a reading error to a WeightFileError, without repeating the file's name at the start of its message. */
function unreadable(name: string, error: unknown): WeightFileError {
  const message = reason(error);
  const prefix = [name, printedPath(name)]
    .map((file) => `${file}: `)
    .find((file) => message.startsWith(file));
  return new WeightFileError(name, message.slice(prefix?.length ?? 0), { cause: error });
}
