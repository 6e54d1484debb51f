import { inflated } from '../../../io/inflate.js';
import { MESSAGE, type Message } from './header.js';

/** The maximum number of filters of a dataset, as in HDF5 itself. */
const MAX_FILTERS = 32;

/** The numbers of a dataset's filters, in the order in which they were applied (IV.A.2.l). */
export function readFilters(messages: readonly Message[], fault: (reason: string) => Error): number[] {
  const body = messages.find(({ type }) => type === MESSAGE.filters)?.body;
  if (!body) return [];
  const version = body.u8();
  const count = body.u8();
  if (count > MAX_FILTERS)
    throw fault(`it has ${count} filters, but HDF5 allows only ${MAX_FILTERS}; the file is damaged.`);
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
        `it is compressed with filter ${id}, but only gzip, shuffle and fletcher32 are supported; save it without.`,
      );
    }
    return id;
  });
}

const FILTER = { deflate: 1, shuffle: 2, fletcher32: 3 };

/** The checksum of fletcher32, which is not verified. */
const CHECKSUM_BYTES = 4;

/**
 * Undoes the filters in reverse order.
 *
 * @param mask a bit for each filter that was skipped for this chunk.
 * @param length the length of the unpacked bytes.
 */
export async function unpack(
  packed: Uint8Array,
  filters: readonly number[],
  mask: number,
  length: number,
  elementBytes: number,
): Promise<Uint8Array> {
  let bytes = packed;
  for (let i = filters.length - 1; i >= 0; i--) {
    if (mask & (1 << i)) continue;
    if (filters[i] === FILTER.fletcher32) bytes = bytes.subarray(0, -CHECKSUM_BYTES);
    else if (filters[i] === FILTER.deflate)
      bytes = await inflated(bytes, 'deflate', { maxBytes: () => length + CHECKSUM_BYTES });
    else bytes = unshuffle(bytes, elementBytes);
  }
  if (bytes.length !== length) throw new Error(`it unpacks to ${bytes.length} bytes instead of ${length}`);
  return bytes;
}

/** Reassembles the bytes of each number: the filter stores all first bytes, then all second ones. */
function unshuffle(bytes: Uint8Array, elementBytes: number): Uint8Array {
  const count = Math.floor(bytes.length / elementBytes);
  const whole = bytes.slice();
  for (let i = 0; i < count; i++)
    for (let j = 0; j < elementBytes; j++) whole[i * elementBytes + j] = bytes[j * count + i]!;
  return whole;
}
