import { reason } from '../../io/errors.js';
import { fileOfBytes } from '../file.js';
import { MAX_HEADER_BYTES, MAX_UNPACKING_RATIO } from '../limits.js';
import { checkShape, type Span, stridesOf } from '../shape.js';
import { type ByteStream, elements, spanOf } from '../tensor.js';
import { type Fields, type Metadata, UNDEFINED } from './bytes.js';
import { MESSAGE, type Message } from './header.js';
import { dense, leavesOf } from './links.js';

/** What a dataset's bytes are, once its type and shape are known. */
export interface Extent {
  path: string;
  shape: readonly number[];
  /** Bytes of an element. */
  size: number;
}

/** Where a dataset's bytes lie. */
export interface Stored {
  open(): ByteStream;
  /** Set where they lie together in the file. */
  span?: Omit<Span, 'tensor'>;
}

/** Reads a layout message (IV.A.2.i): together, in the header itself, or in chunks that may be packed. */
export function readLayout(metadata: Metadata, messages: readonly Message[], extent: Extent): Stored {
  const body = messages.find(({ type }) => type === MESSAGE.layout)?.body;
  const fault = (reason: string) => metadata.fault(reason, extent.path);
  if (!body) throw fault('nothing says where it lies; the file is damaged.');
  checkShape(metadata.file.name, extent.path, extent.shape);
  const total = elements(extent.shape) * extent.size;
  const version = body.u8();
  if (version < 1 || version > 4) throw fault(`its layout has version ${version}, and 1 to 4 are known.`);
  const [kind, place] = version < 3 ? placeOfOld(body) : [body.u8(), body];
  if (kind === 0) {
    const bytes = place.take(version < 3 ? place.u32() : place.u16()).bytes;
    if (bytes.length !== total)
      throw fault(`it has ${bytes.length} bytes and its shape needs ${total}; the file is damaged.`);
    return { open: () => spanOf(fileOfBytes(metadata.file.name, bytes), 0) };
  }
  if (kind === 1) {
    const offset = place.u64();
    if (total === 0) return { open: () => spanOf(metadata.file, 0) };
    if (offset >= UNDEFINED || offset + total > metadata.file.size) {
      throw fault(
        `its ${total} bytes should lie at ${offset} of ${metadata.file.size}; the file is cut off or was not written to its end.`,
      );
    }
    return { open: () => spanOf(metadata.file, offset), span: { offset, length: total } };
  }
  if (kind !== 2) throw fault('it is stored in other files, which are not read; save it as one file.');
  if (version === 4) throw dense(metadata, 'chunks');
  return openChunks(metadata, messages, extent, total, version < 3 ? place : chunkedOfV3(place));
}

/** Versions 1 and 2 say the rank before the kind and the sides of chunks after the address. */
function placeOfOld(body: Fields): [kind: number, place: Fields] {
  const rank = body.u8();
  const kind = body.u8();
  body.skip(5);
  if (kind === 0) body.skip(4 * rank);
  return [kind, body];
}

function chunkedOfV3(place: Fields): Fields {
  place.skip(1);
  return place;
}

/** Chunks of a tensor; a file's largest, 411 MB in chunks of 64 kB, has 6300. */
const MAX_CHUNKS = 100_000;

function openChunks(
  metadata: Metadata,
  messages: readonly Message[],
  extent: Extent,
  total: number,
  place: Fields,
): Stored {
  const { path, shape, size } = extent;
  const fault = (said: string) => metadata.fault(said, path);
  const tree = place.u64();
  const chunk = shape.map(() => place.u32());
  const chunks = shape.reduce(
    (product, side, axis) => product * Math.ceil(side / Math.max(1, chunk[axis]!)),
    1,
  );
  const chunkBytes = elements(chunk) * size;
  if (
    chunk.includes(0) ||
    chunks > MAX_CHUNKS ||
    total + chunkBytes > MAX_HEADER_BYTES + MAX_UNPACKING_RATIO * metadata.file.size
  ) {
    throw fault(`its ${chunks} chunks of [${chunk}] are more than such a file can hold; it is damaged.`);
  }
  const filters = readFilters(messages, fault);
  const assemble = async () => {
    const whole = new Uint8Array(total);
    let found = 0;
    if (tree < UNDEFINED) {
      for await (const { key, child } of leavesOf(metadata, tree, 8 + 8 * (shape.length + 1), 1)) {
        const [stored, mask] = [key.u32(), key.u32()];
        const corner = shape.map(() => key.u64());
        if (++found > chunks || corner.some((at, axis) => at >= shape[axis]! || at % chunk[axis]! !== 0)) {
          throw fault('one of its chunks does not belong to it; the file is damaged.');
        }
        if (stored > 2 * chunkBytes + 1024)
          throw fault('one of its chunks is larger than it can be; the file is damaged.');
        const packed = await metadata.file.read(child, stored);
        const bytes = await unpack(packed, filters, mask, chunkBytes, size).catch((error: unknown) => {
          throw fault(`one of its chunks is damaged (${reason(error)}); get the file again.`);
        });
        placeChunk(whole, bytes, shape, chunk, corner, size);
      }
    }
    if (found !== chunks)
      throw fault(`it has ${found} of its ${chunks} chunks; the file was not written to its end.`);
    return whole;
  };
  return {
    open() {
      let whole: Promise<ByteStream> | undefined;
      return {
        async readInto(into) {
          whole ??= assemble().then((bytes) => spanOf(fileOfBytes(metadata.file.name, bytes), 0));
          await (await whole).readInto(into);
        },
        async close() {},
      };
    },
  };
}

/** Filters of a pipeline: HDF5 itself allows 32. */
const MAX_FILTERS = 32;

/** The numbers of a dataset's filters, in the order in which they were applied (IV.A.2.l). */
function readFilters(messages: readonly Message[], fault: (said: string) => Error): number[] {
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
async function unpack(
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

async function inflate(bytes: Uint8Array, most: number): Promise<Uint8Array> {
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream('deflate'));
  const whole = new Uint8Array(most);
  let at = 0;
  for await (const piece of stream as unknown as AsyncIterable<Uint8Array>) {
    if (at + piece.length > most) throw new Error(`it unpacks to more than ${most} bytes`);
    whole.set(piece, at);
    at += piece.length;
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

/** Copies a chunk to its place, row by row; chunks at the edge reach beyond it. */
function placeChunk(
  whole: Uint8Array,
  bytes: Uint8Array,
  shape: readonly number[],
  chunk: readonly number[],
  corner: readonly number[],
  size: number,
): void {
  const strides = stridesOf(shape);
  const last = shape.length - 1;
  if (last < 0) {
    whole.set(bytes);
    return;
  }
  const rowLength = Math.min(chunk[last]!, shape[last]! - corner[last]!) * size;
  const rows = elements(chunk.slice(0, -1));
  const index = chunk.slice(0, -1).map(() => 0);
  for (let row = 0; row < rows; row++) {
    const at = index.map((step, axis) => corner[axis]! + step);
    if (at.every((place, axis) => place < shape[axis]!)) {
      const to = at.reduce((sum, place, axis) => sum + place * strides[axis]!, corner[last]!) * size;
      const from = row * chunk[last]! * size;
      whole.set(bytes.subarray(from, from + rowLength), to);
    }
    for (let axis = last - 1; axis >= 0; axis--) {
      index[axis]!++;
      if (index[axis]! < chunk[axis]!) break;
      index[axis] = 0;
    }
  }
}
