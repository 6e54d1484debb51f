import { openCache } from './cache.js';
import { DataError, reason } from './errors.js';
import { concat, MAX_READ_BYTES, type ReadOptions, readBody, statusError, tooLong } from './read.js';

/** How a file is downloaded. */
export interface DownloadOptions extends Omit<ReadOptions, 'maxBytes'> {
  /** The sum that the file must have, 64 hexadecimal digits. */
  sha256: string;
  /** The length that it must have, where that is known. */
  bytes?: number;
  /** Another folder (Node) or cache name (browser); `false` for no cache. */
  cache?: string | false;
}

/** How often a broken connection is taken up again. */
const RETRIES = 3;

/**
 * A published file, from the cache or from its server. A connection that breaks is taken up where it broke, here or in
 * a later call; what comes together that way and has another sum is thrown away and fetched once from the start. A
 * cache that cannot be written to is done without.
 *
 * @throws DataError that names the URL: `missing`, `unreadable` (status, connection), or `damaged` (another sum).
 */
export async function download(url: string, options: DownloadOptions): Promise<Uint8Array> {
  const { sha256 } = options;
  const cache = openCache(options.cache);
  const name = `${sha256.slice(0, 16)}-${new URL(url).pathname.split('/').at(-1)}`;
  const kept = await cache.read(name);
  if (kept && (await sum(kept)) === sha256) return kept;

  const part = `${name}.part`;
  let start = (await cache.read(part)) ?? new Uint8Array();
  for (;;) {
    const { bytes, resumed } = await transfer(url, start, options, (partial) => cache.write(part, partial));
    const got = await sum(bytes);
    await cache.remove(part);
    if (got === sha256) {
      await cache.write(name, bytes);
      return bytes;
    }
    if (!resumed) {
      throw new DataError(
        url,
        'damaged',
        `the download has SHA-256 ${got} and should have ${sha256}; try again, or get the file elsewhere.`,
      );
    }
    start = new Uint8Array();
  }
}

/** The whole file, and whether parts of it came from different connections. */
async function transfer(
  url: string,
  start: Uint8Array,
  { fetch = globalThis.fetch, signal, onProgress, bytes }: DownloadOptions,
  keep: (partial: Uint8Array) => Promise<void>,
): Promise<{ bytes: Uint8Array; resumed: boolean }> {
  let pieces = start.length > 0 ? [start] : [];
  let loaded = start.length;
  let resumed = false;
  const most = bytes ?? MAX_READ_BYTES;
  for (let retry = 0; ; retry++) {
    try {
      const response = await fetch(url, { signal, headers: loaded > 0 ? { range: `bytes=${loaded}-` } : {} });
      resumed = response.status === 206 && continuesAt(response, loaded);
      if (!resumed && (response.ok || response.status === 416)) {
        // The server sends everything, or nothing goes on from here: begin anew.
        pieces = [];
        loaded = 0;
      }
      if (!response.ok || (response.status === 206 && !resumed)) {
        await response.body?.cancel();
        throw statusError(url, response);
      }
      await readBody(response, (piece) => {
        loaded += piece.length;
        if (loaded > most) throw tooLong(url, loaded, most);
        pieces.push(piece);
        onProgress?.({ source: url, loadedBytes: loaded, totalBytes: bytes });
      });
      if (bytes !== undefined && loaded < bytes)
        throw new Error(`it ended after ${loaded} of ${bytes} bytes`);
      return { bytes: concat(pieces), resumed };
    } catch (error) {
      if (error instanceof DataError && error.fault === 'missing') throw error;
      const partial = concat(pieces);
      if (loaded <= most && loaded > 0) await keep(partial);
      signal?.throwIfAborted();
      if (retry < RETRIES) {
        if (loaded > most) {
          pieces = [];
          loaded = 0;
        }
        await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** retry));
        continue;
      }
      if (error instanceof DataError) throw error;
      throw new DataError(
        url,
        'unreadable',
        `the connection failed ${RETRIES + 1} times: ${reason(error)}; try again, it goes on where it broke.`,
        error,
      );
    }
  }
}

/** Whether a partial response begins where the file was broken off. */
function continuesAt(response: Response, offset: number): boolean {
  return response.headers.get('content-range')?.startsWith(`bytes ${offset}-`) ?? false;
}

async function sum(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', bytes as BufferSource));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
