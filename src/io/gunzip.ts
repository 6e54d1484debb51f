import { DataError, reason } from './errors.js';
import { type InflateLimit, inflated } from './inflate.js';

/** Whether bytes begin like gzip. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The unpacked content of a gzip file.
 *
 * @param name the file's name in error messages.
 * @throws DataError (`damaged`) when the file is truncated, fails its checksum, or unpacks to more than allowed.
 */
export async function gunzip(bytes: Uint8Array, name: string, limit: InflateLimit): Promise<Uint8Array> {
  try {
    return await inflated(bytes, 'gzip', limit);
  } catch (error) {
    // The limit's own, about what the head says.
    if (error instanceof DataError) throw error;
    throw new DataError(name, 'damaged', `${reason(error)}; get the file again.`, error);
  }
}
