import { concat } from './bytes.js';

/** What a file has packed is damaged, whatever its cause says: no server has a part in it. */
export class DamagedData extends Error {}

/** A limit on unpacked bytes. */
export interface InflateLimit {
  /** How many unpacked bytes `maxBytes` needs to see; default 0. */
  headBytes?: number;
  /** The maximum number of bytes, given the first `headBytes` of them (fewer if there are fewer). */
  maxBytes: (head: Uint8Array) => number;
}

/**
 * Unpacks piece by piece and stops as soon as the output exceeds `maxBytes`, so that a few bytes that unpack to gigabytes cost
 * nothing. Stopping early closes the source.
 *
 * @throws Error when the bytes are damaged, truncated, or unpack to more than allowed.
 */
export async function* inflate(
  packed: ReadableStream<Uint8Array>,
  format: CompressionFormat,
  { headBytes = 0, maxBytes }: InflateLimit,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = packed
    .pipeThrough(new DecompressionStream(format) as ReadableWritablePair<Uint8Array, Uint8Array>)
    .getReader();
  const read = () =>
    reader.read().catch((cause: unknown) => {
      throw new DamagedData(`its ${format} data is damaged or truncated`, { cause });
    });
  const head: Uint8Array[] = [];
  let unpacked = 0;
  let limit: number | undefined;
  try {
    for (let next = await read(); !next.done; next = await read()) {
      unpacked += next.value.length;
      if (limit === undefined) head.push(next.value);
      if (unpacked >= headBytes) limit ??= maxBytes(concat(head).subarray(0, headBytes));
      if (limit !== undefined && unpacked > limit) {
        throw new Error(`it unpacks to more than the ${limit} bytes it should hold`);
      }
      yield next.value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** All unpacked bytes at once; the limit and errors are those of {@link inflate}. */
export async function inflated(
  bytes: Uint8Array,
  format: CompressionFormat,
  limit: InflateLimit,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of inflate(new Blob([bytes as BlobPart]).stream(), format, limit))
    pieces.push(piece);
  return concat(pieces);
}
