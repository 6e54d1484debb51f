import { isBytes } from '../base/realm.js';
import { concat } from './bytes.js';
import { type FileCache, openCache } from './cache.js';
import { DataError, reason } from './errors.js';
import { checkUrl } from './request.js';
import { nodeModules, systemCode } from './runtime.js';
import { drop, type Received, type TransferOptions, transfer, unpacked } from './transfer.js';

/** How a file is downloaded. */
export interface DownloadOptions extends Omit<TransferOptions, 'onPiece' | 'isVerified' | 'maxBytes'> {
  /** The file's SHA-256 in hexadecimal, or only its leading digits. */
  sha256?: string;
  /** The file's MD5, if its SHA-256 is not known. */
  md5?: string;
  /** Another folder (Node) or cache name (browser); `false` for no cache. Default: see {@link openCache}. */
  cache?: string | false;
}

/**
 * A published file, from the cache or from its server.
 *
 * The cached copy is used only if its checksum is correct. An interrupted download is resumed, over up to three connections;
 * in Node the part that has arrived also stays in the cache, as `NAME.part`, for a later call or process. If a file joined
 * from several connections has a wrong checksum, it is downloaded once more from the start. If the cache cannot be written to,
 * the bytes are still returned, and the next call downloads them again.
 *
 * @throws DataError that names the URL: `missing` (status 404 or 410), `unreadable` (another status, no connection, unpacked
 *   by the server), or `damaged` (a wrong length or checksum); one that names the folder in place of the cached file; the signal's reason.
 */
export async function download(url: string, options: DownloadOptions): Promise<Uint8Array> {
  return (await obtain(url, options, 'read')).content;
}

/** A downloaded file, for reading it piece by piece. */
export interface Downloaded {
  /** The cached copy if there is one, otherwise the bytes. */
  source: string | Blob | Uint8Array;
  /** Removes it from the cache, for when it turns out to be the wrong file. */
  forget(): Promise<void>;
}

/** Like {@link download}, for files that are read piece by piece; in Node, a cached copy is verified that way too. */
export async function downloadFile(url: string, options: DownloadOptions): Promise<Downloaded> {
  const { content, cache, name, isStored } = await obtain(url, options, 'locate');
  const source = isStored && isBytes(content) ? ((await cache.locate(name)) ?? content) : content;
  return { source, forget: () => cache.remove(name) };
}

/** A file in memory, or in the cache: its path, or a Blob that the browser keeps on disk. */
type Stored = Uint8Array | Blob | string;

/** The file; `how` says what to get of a copy in the cache. */
async function obtain<How extends 'read' | 'locate'>(
  url: string,
  options: DownloadOptions,
  how: How,
): Promise<{
  content: Uint8Array | NonNullable<Awaited<ReturnType<FileCache[How]>>>;
  cache: FileCache;
  name: string;
  /** Whether the cache has what was downloaded, rather than a copy that failed the check and could not be replaced. */
  isStored: boolean;
}> {
  options.signal?.throwIfAborted();
  const sum = checksum(options);
  const cache = openCache(options.cache);
  const name = cacheName(url, sum.expected || (await hex('SHA-256', new TextEncoder().encode(url))));
  const kept = (await cache[how](name)) as Awaited<ReturnType<FileCache[How]>>;
  if (kept) {
    const isIntact = await intact(kept, sum, options);
    if (isIntact) return { content: kept, cache, name, isStored: true };
    if (isIntact === false) await cache.remove(name);
  }
  const part = `${name}.part`;
  try {
    const bytes = await fetchWhole(url, sum, part, cache, options);
    const isStored = await cache.write(name, bytes);
    await cache.remove(part);
    return { content: bytes, cache, name, isStored };
  } catch (error) {
    if (error instanceof DataError && error.fault === 'damaged') await cache.remove(part);
    throw error;
  }
}

/** Whether a cached copy is the file; undefined if it cannot be read now, as when another process has removed it. */
async function intact(
  kept: Stored,
  sum: Checksum,
  { bytes, signal }: DownloadOptions,
): Promise<boolean | undefined> {
  try {
    if (bytes !== undefined && (await lengthOf(kept)) !== bytes) return false;
    return (await sum.of(kept, signal)).startsWith(sum.expected);
  } catch (error) {
    signal?.throwIfAborted();
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** A file's name in the cache; files of the same name with different contents have different ones. */
export function cacheName(url: string, sum: string): string {
  checkUrl(url);
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
        isVerified: sum.expected !== '',
        onPiece: (offset, piece) => cache.writeAt(part, offset, piece),
      });
    }
    const bytes = concat(received.pieces);
    const got = await sum.of(bytes);
    if (got.startsWith(sum.expected)) return bytes;
    if (received.encoding) {
      await cache.remove(part);
      throw unpacked(url, received.encoding);
    }
    if (!received.joined || redone) {
      throw new DataError(
        url,
        'damaged',
        `the download's ${sum.name} is ${got} but should be ${sum.expected}; try again, or get the file from elsewhere.`,
      );
    }
    drop(received);
  }
}

/** The part that an earlier call left, unless it is longer than the file. */
function begun(part: Uint8Array | undefined, bytes = Number.POSITIVE_INFINITY): Received {
  if (!part || part.length > bytes) return { pieces: [], length: 0, joined: false };
  return { pieces: [part], length: part.length, joined: true };
}

/** The checksum that a file must have. */
interface Checksum {
  name: string;
  /** In hexadecimal, or its leading digits; empty if none is known. */
  expected: string;
  /** The checksum of a file; empty, without computing it, if none is expected. */
  of(stored: Stored, signal?: AbortSignal): Promise<string>;
}

function checksum({ sha256, md5 }: DownloadOptions): Checksum {
  if (sha256) return { name: 'SHA-256', expected: sha256.toLowerCase(), of: sha256Of };
  if (md5) return { name: 'MD5', expected: md5.toLowerCase(), of: md5Of };
  return { name: 'no checksum', expected: '', of: async () => '' };
}

async function sha256Of(stored: Stored, signal?: AbortSignal): Promise<string> {
  if (typeof stored !== 'string')
    return hex('SHA-256', isBytes(stored) ? stored : new Uint8Array(await stored.arrayBuffer()));
  // WebCrypto needs the whole file in memory.
  const hash = nodeModules()!.crypto.createHash('sha256');
  for await (const piece of piecesOf(stored, signal)) hash.update(piece);
  return hash.digest('hex');
}

async function hex(algorithm: string, bytes: Uint8Array): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle)
    throw new Error(
      'download: WebCrypto, which verifies the checksum, is not available; serve the page over https.',
    );
  return toHex(new Uint8Array(await subtle.digest(algorithm, bytes as BufferSource)));
}

/** MD5, which WebCrypto lacks. */
async function md5Of(stored: Stored, signal?: AbortSignal): Promise<string> {
  const { md5 } = await import('@noble/hashes/legacy.js').catch((cause: unknown) => {
    throw new Error(
      `download: the package @noble/hashes, which verifies the MD5, could not be loaded (${reason(cause)}); install it.`,
      { cause },
    );
  });
  const hash = md5.create();
  for await (const piece of piecesOf(stored, signal)) {
    hash.update(piece);
    // Other tasks get a turn.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return toHex(hash.digest());
}

/** Bytes that are read and hashed at a time. */
const PIECE_BYTES = 4 * 2 ** 20;

async function lengthOf(stored: Stored): Promise<number> {
  if (typeof stored === 'string') return (await nodeModules()!.fs.stat(stored)).size;
  return isBytes(stored) ? stored.length : stored.size;
}

/** A file piece by piece; each is valid until the next. */
async function* piecesOf(stored: Stored, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  if (typeof stored === 'string') {
    const file = await nodeModules()!.fs.open(stored);
    try {
      const piece = new Uint8Array(PIECE_BYTES);
      for (;;) {
        signal?.throwIfAborted();
        const { bytesRead } = await file.read(piece, 0, piece.length);
        if (bytesRead === 0) return;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }
  for (let at = 0, length = await lengthOf(stored); at < length; at += PIECE_BYTES) {
    signal?.throwIfAborted();
    const piece = (stored as Exclude<Stored, string>).slice(at, at + PIECE_BYTES);
    yield isBytes(piece) ? piece : new Uint8Array(await piece.arrayBuffer());
  }
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
