import { type FileCache, openCache } from './cache.js';
import { DataError } from './errors.js';
import { concat } from './read.js';
import { drop, type Received, type TransferOptions, transfer } from './transfer.js';

/** How a file is downloaded. */
export interface DownloadOptions extends Omit<TransferOptions, 'onPiece'> {
  /** The SHA-256 sum that the file must have, 64 hexadecimal digits. */
  sha256: string;
  /** Another folder (Node) or cache name (browser); `false` for no cache. Default: see {@link openCache}. */
  cache?: string | false;
}

/**
 * A published file, from the cache or from its server.
 *
 * The cache's copy counts only while its sum is right. A connection that breaks is taken up where it broke, up to
 * three times; in Node what has arrived also waits in the cache, as `NAME.part`, for a later call or process. If
 * bytes of several connections together have a wrong sum, they are thrown away and the file is fetched once more from
 * the start. A cache that cannot be written to, or whose disk is full, is done without: the bytes are returned all the
 * same, and the next call downloads again.
 *
 * @throws DataError that names the URL: `missing` (status 404 or 410), `unreadable` (another status, no connection),
 *   or `damaged` (another length or sum than was said); or the signal's reason.
 */
export async function download(url: string, options: DownloadOptions): Promise<Uint8Array> {
  options.signal?.throwIfAborted();
  const sha256 = options.sha256.toLowerCase();
  const cache = openCache(options.cache);
  const name = cacheName(url, sha256);
  const kept = await cache.read(name);
  if (kept) {
    if ((await sum(kept)) === sha256) return kept;
    await cache.remove(name);
  }
  const part = `${name}.part`;
  try {
    const bytes = await fetchWhole(url, sha256, part, cache, options);
    await cache.write(name, bytes);
    await cache.remove(part);
    return bytes;
  } catch (error) {
    if (error instanceof DataError && error.fault === 'damaged') await cache.remove(part);
    throw error;
  }
}

/** What the cache calls a file: two of one name but other contents keep apart. */
export function cacheName(url: string, sha256: string): string {
  const last = new URL(url).pathname.split('/').at(-1)!;
  return `${sha256.slice(0, 16)}-${last.replace(/[^\w.-]/g, '_')}`;
}

async function fetchWhole(
  url: string,
  sha256: string,
  part: string,
  cache: FileCache,
  options: DownloadOptions,
): Promise<Uint8Array> {
  const received = begun(await cache.read(part), options.bytes);
  for (let redone = false; ; redone = true) {
    if (received.length !== options.bytes) {
      await transfer(url, received, {
        ...options,
        onPiece: (offset, piece) => cache.writeAt(part, offset, piece),
      });
    }
    const bytes = concat(received.pieces);
    const got = await sum(bytes);
    if (got === sha256) return bytes;
    if (!received.joined || redone) {
      throw new DataError(
        url,
        'damaged',
        `what was downloaded has SHA-256 ${got} and should have ${sha256}; try again, or get the file from elsewhere.`,
      );
    }
    drop(received);
  }
}

/** What an earlier call has left, unless it is more than the file can have. */
function begun(part: Uint8Array | undefined, bytes = Number.POSITIVE_INFINITY): Received {
  if (!part || part.length > bytes) return { pieces: [], length: 0, joined: false };
  return { pieces: [part], length: part.length, joined: true };
}

async function sum(bytes: Uint8Array): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle)
    throw new Error('download: there is no WebCrypto here to check the sum; serve the page over https.');
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes as BufferSource));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
