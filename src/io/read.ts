import type { Progress } from '../base/progress.js';
import { isArrayBuffer, isBlob, isBytes, isUrl } from '../base/realm.js';
import { ConnectionError, DataError, reason } from './errors.js';
import { unlessIdle } from './idle.js';
import { baseUrl, nodeModules, systemCode } from './runtime.js';

/**
 * Where bytes come from: a path (Node 20.16 and newer), a URL (`http:`, `https:`, `data:`, `blob:`, `file:`; in a
 * browser a relative one too), a `Blob` or `File`, or the bytes themselves.
 */
export type Source = string | URL | ArrayBuffer | Uint8Array | Blob;

/** Progress of reading one file; `total` is undefined if its length is not known. */
export interface ReadProgress extends Progress {
  unit: 'bytes';
  /** The path, the URL or the name of the file. */
  source: string;
}

/** Options of all functions that read. */
export interface ReadOptions {
  /** Used for requests; default `globalThis.fetch`. */
  fetch?: typeof globalThis.fetch;
  /** Aborts the reading, which then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called for every piece that arrives from a server. */
  onProgress?: (progress: ReadProgress) => void;
  /** Longer files are refused; default 2 GiB, more than three times the largest published VGG. */
  maxBytes?: number;
}

/** The default of {@link ReadOptions.maxBytes}, which every engine can hold in one array. */
export const MAX_READ_BYTES = 2 ** 31;

/** Throws a RangeError unless a value from the caller is a source. */
export function checkSource(source: unknown): void {
  const isSource =
    typeof source === 'string' || isUrl(source) || isBytes(source) || isArrayBuffer(source) || isBlob(source);
  if (isSource && source !== '') return;
  const given = source === '' ? 'empty' : source === null ? 'null' : `of the type ${typeof source}`;
  throw new RangeError(
    `the source is ${given}; it must be a path, a URL, a Blob, an ArrayBuffer or a Uint8Array.`,
  );
}

/**
 * All bytes of a source, unchanged: nothing is unpacked, cached or verified.
 *
 * @throws DataError that names the source: `missing` (no such file, status 404 or 410), or `unreadable` (another
 *   status, no connection, more than `maxBytes`, or a path without a file system).
 */
export async function readBytes(source: Source, options: ReadOptions = {}): Promise<Uint8Array> {
  options.signal?.throwIfAborted();
  const { maxBytes = MAX_READ_BYTES } = options;
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

/** Whether a source is a path on this machine (or relative to the page), and not a server's URL, bytes or a Blob. */
export function isPath(source: Source): source is string | URL {
  return (typeof source === 'string' || isUrl(source)) && !/^(https?|data|blob):/i.test(String(source));
}

/** A path in the form that Node's file system accepts. */
export function nodePath(path: string | URL): string | URL {
  return typeof path === 'string' && /^file:/i.test(path) ? new URL(path) : path;
}

/** The name of a source in error messages and progress events. */
export function sourceName(source: Source): string {
  if (typeof source === 'string') return source;
  if (isUrl(source)) return source.href;
  return 'name' in source && typeof source.name === 'string' ? source.name : `${source.constructor.name}`;
}

/**
 * A server's response.
 *
 * @throws ConnectionError when the server cannot be reached or does not answer; the signal's reason.
 */
export async function request(
  url: string,
  { fetch = globalThis.fetch, signal }: Pick<ReadOptions, 'fetch' | 'signal'>,
  headers: Record<string, string> = {},
  method: 'GET' | 'HEAD' = 'GET',
): Promise<Response> {
  const idle = new AbortController();
  const stop = signal ? AbortSignal.any([signal, idle.signal]) : idle.signal;
  try {
    return await unlessIdle(fetch(url, { signal: stop, headers, ...(method !== 'GET' && { method }) }));
  } catch (error) {
    signal?.throwIfAborted();
    idle.abort();
    throw error instanceof ConnectionError ? error : new ConnectionError(reason(error), { cause: error });
  }
}

/**
 * A response's body, piece by piece. Stopping early closes the connection.
 *
 * @throws ConnectionError when it breaks or stalls; the signal's reason.
 */
export async function* bodyOf(
  response: Response,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const next = await unlessIdle(reader.read()).catch((error: unknown) => {
        signal?.throwIfAborted();
        throw error instanceof ConnectionError ? error : new ConnectionError(reason(error), { cause: error });
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** The pieces in one array. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** The length of a response's body; undefined if the server does not state it or compresses the body. */
export function announcedBytes(response: Response): number | undefined {
  const length = response.headers.get('content-length');
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  return length !== null && /^\d+$/.test(length) && encoding === 'identity' ? Number(length) : undefined;
}

/** The error for a response whose status is not OK. */
export function statusError(url: string, response: Response): DataError {
  const { status } = response;
  const answer = `the server answered with status ${status}${response.statusText && ` (${response.statusText})`}`;
  return status === 404 || status === 410
    ? new DataError(url, 'missing', `${answer}; check the address.`)
    : new DataError(url, 'unreadable', `${answer}; try again later, or use another source.`);
}

/** What to add to the advice after a failed connection: Node heeds the variables of proxies only if told so. */
export function proxyHint(): string {
  const env = nodeModules()?.env ?? {};
  const names = ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy'];
  const set = names.find((name) => env[name]);
  if (set === undefined || env.NODE_USE_ENV_PROXY === '1') return '';
  return `, with NODE_USE_ENV_PROXY=1 for Node to use ${set} (Node 22.21, 24.5 or newer)`;
}

/** The error for more bytes than are allowed. */
export function tooLong(source: string, bytes: number, maxBytes: number): DataError {
  return new DataError(
    source,
    'unreadable',
    `it has at least ${bytes} bytes, more than the limit of ${maxBytes}; use another file.`,
  );
}

function within(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length > maxBytes) throw tooLong(sourceName(bytes), bytes.length, maxBytes);
  return bytes;
}

async function fetchBytes(url: string, options: ReadOptions): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await fetchPieces(url, options, (piece) => pieces.push(piece));
  return concat(pieces);
}

async function remoteSize(url: string, options: ReadOptions): Promise<number> {
  const head = await request(url, options, {}, 'HEAD').catch(() => undefined);
  options.signal?.throwIfAborted();
  await head?.body?.cancel();
  // Of a request for no body, some servers say that it has no bytes.
  const announced = head?.ok ? announcedBytes(head) : undefined;
  return announced || fetchPieces(url, options, () => {});
}

/** Passes a server's bytes on as they arrive, and returns how many they were. */
async function fetchPieces(
  url: string,
  options: ReadOptions,
  use: (piece: Uint8Array) => void,
): Promise<number> {
  const { signal, onProgress, maxBytes = MAX_READ_BYTES } = options;
  let done = 0;
  try {
    const response = await request(url, options);
    if (!response.ok) {
      await response.body?.cancel();
      throw statusError(url, response);
    }
    const total = announcedBytes(response);
    for await (const piece of bodyOf(response, signal)) {
      done += piece.length;
      if (done > maxBytes) throw tooLong(url, done, maxBytes);
      use(piece);
      await onProgress?.({ done, total, unit: 'bytes', source: url });
    }
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    throw new DataError(
      url,
      'unreadable',
      `the connection failed after ${done} bytes: ${error.message}; try again${proxyHint()}.`,
      error.cause,
    );
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
    const { size } = await fs.stat(nodePath(source));
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
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new DataError(path, 'missing', 'no such file; check the path.', error);
  const why = code === 'EISDIR' ? 'it is a folder' : reason(error);
  return new DataError(path, 'unreadable', `${why}; use a file that can be read.`, error);
}
