import { MESSAGE, type Message } from './header.js';

/** Filters of a pipeline: HDF5 itself allows 32. */
const MAX_FILTERS = 32;

/** The numbers of a dataset's filters, in the order in which they were applied (IV.A.2.l). */
export function readFilters(messages: readonly Message[], fault: (said: string) => Error): number[] {
  const body = messages.find(({ type }) => type === MESSAGE.filters)?.body;
  if (!body) return [];
  const version = body.u8();
  const count = body.u8();
  if (count > MAX_FILTERS)
    throw fault(`it has ${count} filters, and HDF5 allows ${MAX_FILTERS}; the file is damaged.`);
  if (version === 1) body.skip(6);
  return Array.from({ length: count }, () => {
    const id = body.u16();
    const nameBytes = version === 1 || id >= 256 ? body.u16() : 0;
    body.skip(2);
    const values = body.u16();
    body.skip(version === 1 ? Math.ceil(nameBytes / 8) * 8 : nameBytes);
    body.skip(4 * values + (version === 1 && values % 2 === 1 ? 4 : 0));
    if (!Object.values(FILTER).includes(id)) {
      throw fault(
        `it is packed with filter ${id}, and gzip, shuffle and fletcher32 are read; save it without.`,
      );
    }
    return id;
  });
}

const FILTER: Record<string, number> = { deflate: 1, shuffle: 2, fletcher32: 3 };

/** Undoes the filters, the last first. */
export async function unpack(
  packed: Uint8Array,
  filters: readonly number[],
  mask: number,
  length: number,
  size: number,
): Promise<Uint8Array> {
  let bytes = packed;
  for (let i = filters.length - 1; i >= 0; i--) {
    if (mask & (1 << i)) continue;
    if (filters[i] === FILTER.fletcher32) bytes = bytes.subarray(0, -4);
    else if (filters[i] === FILTER.deflate) bytes = await inflate(bytes, length + 4);
    else bytes = unshuffle(bytes, size);
  }
  if (bytes.length !== length) throw new Error(`it unpacks to ${bytes.length} bytes and not ${length}`);
  return bytes;
}

/** Stops as soon as more comes out than may. */
async function inflate(bytes: Uint8Array, most: number): Promise<Uint8Array> {
  const reader = new Blob([bytes as BlobPart])
    .stream()
    .pipeThrough(new DecompressionStream('deflate'))
    .getReader();
  const whole = new Uint8Array(most);
  let at = 0;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (at + next.value.length > most) throw new Error(`it unpacks to more than ${most} bytes`);
      whole.set(next.value, at);
      at += next.value.length;
    }
  } catch (error) {
    await reader.cancel(error).catch(() => {});
    throw error;
  }
  return whole.subarray(0, at);
}

/** Brings the bytes of each number together again: the filter stores all first bytes, then all second ones. */
function unshuffle(bytes: Uint8Array, size: number): Uint8Array {
  const count = Math.floor(bytes.length / size);
  const whole = bytes.slice();
  for (let i = 0; i < count; i++) for (let j = 0; j < size; j++) whole[i * size + j] = bytes[j * count + i]!;
  return whole;
}
