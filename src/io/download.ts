import { type FileCache, openCache } from './cache.js';
import { DataError } from './errors.js';
import { concat } from './read.js';
import { drop, type Received, type TransferOptions, transfer } from './transfer.js';

/** How a file is downloaded. */
export interface DownloadOptions extends Omit<TransferOptions, 'onPiece'> {
  /** The SHA-256 sum that the file must have, in hexadecimal, or as many of its leading digits as are known. */
  sha256?: string;
  /** The MD5 sum that it must have, where no other is known. */
  md5?: string;
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
  return (await obtain(url, options)).bytes;
}

/** A downloaded file, for reading it piece by piece. */
export interface Downloaded {
  /** The cache's copy where there is one, and the bytes otherwise. */
  source: string | Blob | Uint8Array;
  /** Takes it out of the cache, for a caller who finds that it is not what it should be. */
  forget(): Promise<void>;
}

/** As {@link download}, for files that are read piece by piece. */
export async function downloadFile(url: string, options: DownloadOptions): Promise<Downloaded> {
  const { bytes, cache, name } = await obtain(url, options);
  return { source: (await cache.locate(name)) ?? bytes, forget: () => cache.remove(name) };
}

async function obtain(
  url: string,
  options: DownloadOptions,
): Promise<{ bytes: Uint8Array; cache: FileCache; name: string }> {
  options.signal?.throwIfAborted();
  const sum = checksum(options);
  const cache = openCache(options.cache);
  const name = cacheName(url, sum.expected || (await hex('SHA-256', new TextEncoder().encode(url))));
  const kept = await cache.read(name);
  if (kept) {
    if ((await sum.of(kept)).startsWith(sum.expected) && (options.bytes ?? kept.length) === kept.length)
      return { bytes: kept, cache, name };
    await cache.remove(name);
  }
  const part = `${name}.part`;
  try {
    const bytes = await fetchWhole(url, sum, part, cache, options);
    await cache.write(name, bytes);
    await cache.remove(part);
    return { bytes, cache, name };
  } catch (error) {
    if (error instanceof DataError && error.fault === 'damaged') await cache.remove(part);
    throw error;
  }
}

/** What the cache calls a file: two of one name but other contents keep apart. */
export function cacheName(url: string, sum: string): string {
  const last = new URL(url).pathname.split('/').at(-1)!;
  return `${sum.slice(0, 16)}-${last.replace(/[^\w.-]/g, '_')}`;
}

async function fetchWhole(
  url: string,
  sum: Checksum,
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
    const got = await sum.of(bytes);
    if (got.startsWith(sum.expected)) return bytes;
    if (!received.joined || redone) {
      throw new DataError(
        url,
        'damaged',
        `what was downloaded has ${sum.name} ${got} and should have ${sum.expected}; try again, or get the file from elsewhere.`,
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

/** The sum that a file must have. */
interface Checksum {
  name: string;
  /** In hexadecimal, or its leading digits; empty where none is known. */
  expected: string;
  /** The sum that a file has; empty where none is known, so that nothing is computed in vain. */
  of(bytes: Uint8Array): Promise<string>;
}

function checksum({ sha256, md5 }: DownloadOptions): Checksum {
  if (sha256)
    return { name: 'SHA-256', expected: sha256.toLowerCase(), of: (bytes) => hex('SHA-256', bytes) };
  if (md5) return { name: 'MD5', expected: md5.toLowerCase(), of: md5Of };
  return { name: 'no sum', expected: '', of: async () => '' };
}

async function hex(algorithm: string, bytes: Uint8Array): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle)
    throw new Error('download: there is no WebCrypto here to check the sum; serve the page over https.');
  return toHex(new Uint8Array(await subtle.digest(algorithm, bytes as BufferSource)));
}

/** Bytes that are summed before anything else may run. */
const PIECE_BYTES = 4 * 2 ** 20;

/** WebCrypto has no MD5. */
async function md5Of(bytes: Uint8Array): Promise<string> {
  const { md5 } = await import('@noble/hashes/legacy.js');
  const hash = md5.create();
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    hash.update(bytes.subarray(at, at + PIECE_BYTES));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return toHex(hash.digest());
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
