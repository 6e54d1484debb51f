import { DataError, reason } from './errors.js';
import { concat } from './read.js';

/** Whether bytes begin as gzip does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** How much a gzip file may unpack to. */
export interface GunzipLimit {
  /** Unpacked bytes that `maxBytes` wants to see; default 0. */
  headBytes?: number;
  /** The most bytes allowed, told from the first `headBytes` of them (fewer if the file holds fewer). */
  maxBytes: (head: Uint8Array) => number;
}

/**
 * What a gzip file holds. Unpacking stops as soon as more comes out than `limit` allows, so a small file that
 * unpacks to gigabytes costs nothing.
 *
 * @param name the file's name in error messages.
 * @throws DataError (`damaged`) when the file is truncated, fails its checksum, or unpacks to more than allowed.
 */
export async function gunzip(bytes: Uint8Array, name: string, limit: GunzipLimit): Promise<Uint8Array> {
  const { headBytes = 0, maxBytes } = limit;
  const pieces: Uint8Array[] = [];
  let unpacked = 0;
  let most: number | undefined;
  const reader = new Blob([bytes as BlobPart])
    .stream()
    .pipeThrough(new DecompressionStream('gzip'))
    .getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      pieces.push(next.value);
      unpacked += next.value.length;
      if (unpacked < headBytes) continue;
      most ??= maxBytes(concat(pieces).subarray(0, headBytes));
      if (unpacked > most) {
        throw new DataError(
          name,
          'damaged',
          `it unpacks to more than the ${most} bytes it should hold; get the file again.`,
        );
      }
    }
  } catch (error) {
    await reader.cancel(error).catch(() => {});
    if (error instanceof DataError) throw error;
    throw new DataError(
      name,
      'damaged',
      `its gzip data is damaged or cut off (${reason(error)}); get the file again.`,
      error,
    );
  }
  return concat(pieces);
}
