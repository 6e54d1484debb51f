import { isTransferred } from '../base/check.js';
import { isArrayBuffer, isBlob, isBytes } from '../base/realm.js';
import { isAbsent, isMisnamed } from '../base/systemReason.js';
import { unlessAborted } from '../base/unlessAborted.js';
import { concat } from './bytes.js';
import { DataError, reason } from './errors.js';
import { announcedBytes, MAX_READ_BYTES, type ReadOptions, request, tooLong } from './request.js';
import { bodyOf, discard } from './response.js';
import { ask, withRetries } from './retry.js';
import { baseUrl, nodeModules } from './runtime.js';
import { isPath, nodePath, type Source, sourceName } from './source.js';
import { type Received, transfer } from './transfer.js';

/**
 * All bytes of a source, unchanged: nothing is unpacked, cached or verified.
 *
 * @throws DataError that names the source: `missing` (no such file, status 404 or 410), or `unreadable` (another
 *   status, no connection, more than `maxBytes`, or a path without a file system).
 */
export async function readBytes(source: Source, options: ReadOptions = {}): Promise<Uint8Array> {
  options.signal?.throwIfAborted();
  const { maxBytes = MAX_READ_BYTES } = options;
  if (typeof source === 'object' && isTransferred(source)) {
    throw new DataError(
      sourceName(source),
      'unreadable',
      'its bytes were transferred to another thread; pass bytes that are still here.',
    );
  }
  if (isBytes(source)) return within(source, maxBytes);
  if (isArrayBuffer(source)) return within(new Uint8Array(source), maxBytes);
  if (isBlob(source)) {
    if (source.size > maxBytes) throw tooLong(sourceName(source), source.size, maxBytes);
    return new Uint8Array(await source.arrayBuffer());
  }
  if (!isPath(source)) return fetchBytes(String(source), options);
  const node = nodeModules();
  if (node) return readPath(node.fs, source, maxBytes, options.signal);
  const base = baseUrl();
  if (base !== undefined) return fetchBytes(new URL(source, base).href, options);
  throw new DataError(
    String(source),
    'unreadable',
    'this runtime has no file system; use Node 20.16 or newer, or pass a URL or the bytes.',
  );
}

/**
 * The length of a source in bytes, without reading it if possible: a server is asked for it, and if it does not say, the bytes
 * are counted.
 *
 * @throws DataError as {@link readBytes} does.
 */
export async function sizeOf(source: Source, options: ReadOptions = {}): Promise<number> {
  options.signal?.throwIfAborted();
  if (isBytes(source) || isArrayBuffer(source)) return source.byteLength;
  if (isBlob(source)) return source.size;
  const node = nodeModules();
  if (node && isPath(source)) {
    return node.fs.stat(nodePath(source)).then(
      ({ size }) => size,
      (error: unknown) => {
        throw pathError(sourceName(source), error);
      },
    );
  }
  return remoteSize(isPath(source) ? new URL(source, baseUrl()).href : String(source), options);
}

function within(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length > maxBytes) throw tooLong(sourceName(bytes), bytes.length, maxBytes);
  return bytes;
}

async function fetchBytes(url: string, options: ReadOptions): Promise<Uint8Array> {
  const received: Received = { pieces: [], length: 0, joined: false };
  await transfer(url, received, options);
  return concat(received.pieces);
}

async function remoteSize(url: string, options: ReadOptions): Promise<number> {
  const head = await request(url, options, {}, 'HEAD').catch(() => undefined);
  options.signal?.throwIfAborted();
  if (head) discard(head);
  // Of a request for no body, some servers say that it has no bytes.
  const announced = head?.ok ? announcedBytes(head) : undefined;
  return announced || withRetries(url, options, () => countedBytes(url, options));
}

/** The length of a server's file, none of which is kept. */
async function countedBytes(url: string, options: ReadOptions): Promise<number> {
  const { signal, onProgress, maxBytes = MAX_READ_BYTES } = options;
  const response = await ask(url, options);
  const total = announcedBytes(response);
  let done = 0;
  for await (const piece of bodyOf(url, response, signal)) {
    done += piece.length;
    if (done > maxBytes) throw tooLong(url, `at least ${done}`, maxBytes);
    await unlessAborted(signal, () => onProgress?.({ done, total, unit: 'bytes', source: url }));
  }
  return done;
}

type FileSystem = NonNullable<ReturnType<typeof nodeModules>>['fs'];

async function readPath(
  fs: FileSystem,
  source: string | URL,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  try {
    const stat = await fs.stat(nodePath(source));
    // A pipe that nobody writes to would be read forever.
    if (!stat.isFile() && !stat.isDirectory())
      throw new DataError(sourceName(source), 'unreadable', 'it is a pipe or a device; use a file.');
    const { size } = stat;
    if (size > maxBytes) throw tooLong(sourceName(source), size, maxBytes);
    return new Uint8Array(await fs.readFile(nodePath(source), { signal }));
  } catch (error) {
    if (error instanceof DataError) throw error;
    signal?.throwIfAborted();
    throw pathError(sourceName(source), error);
  }
}

/** The error for a path that the system could not read. */
export function pathError(path: string, error: unknown): DataError {
  if (isAbsent(error))
    return new DataError(
      path,
      'missing',
      isMisnamed(error) ? 'its name is not UTF-8; rename it.' : 'no such file; check the path.',
      error,
    );
  return new DataError(path, 'unreadable', `${reason(error)}; use a file that can be read.`, error);
}
