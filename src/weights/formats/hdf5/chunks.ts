import { reason } from '../../../io/errors.js';
import { fileOfBytes } from '../file.js';
import { MAX_HEADER_BYTES, MAX_UNPACKING_RATIO } from '../limits.js';
import { stridesOf } from '../shape.js';
import { type ByteStream, elements, spanOf } from '../tensor.js';
import { type Fields, type Metadata, UNDEFINED } from './bytes.js';
import { readFilters, unpack } from './filters.js';
import type { Message } from './header.js';
import type { Extent } from './layout.js';
import { leavesOf } from './links.js';

/** Chunks of a tensor; a file's largest, 411 MB in chunks of 64 kB, has 6300. */
const MAX_CHUNKS = 100_000;

/**
 * A dataset in chunks, each packed by itself (III.A.1 and IV.A.2.i); it is put together when it is first read.
 *
 * @param place where the layout message says the chunks' tree and their sides.
 */
export function openChunks(
  metadata: Metadata,
  messages: readonly Message[],
  { path, shape, size }: Extent,
  place: Fields,
): () => ByteStream {
  const fault = (said: string) => metadata.fault(said, path);
  const tree = place.u64();
  const chunk = shape.map(() => place.u32());
  if (chunk.includes(0) || place.u32() !== size)
    throw fault(`its chunks of [${chunk}] do not fit its type; the file is damaged.`);
  const count = elements(shape.map((side, axis) => Math.ceil(side / chunk[axis]!)));
  const chunkBytes = elements(chunk) * size;
  // All chunks are unpacked whole, those at the edge too, which may reach far beyond it.
  const most = MAX_HEADER_BYTES + MAX_UNPACKING_RATIO * metadata.file.size;
  if (count > MAX_CHUNKS || count * chunkBytes > most)
    throw fault(`its ${count} chunks of [${chunk}] are more than such a file can hold; it is damaged.`);
  const filters = readFilters(messages, fault);

  const assemble = async () => {
    const whole = new Uint8Array(elements(shape) * size);
    const corners = new Set<string>();
    if (tree < UNDEFINED) {
      for await (const { key, child } of leavesOf(metadata, tree, 8 + 8 * (shape.length + 1), 1)) {
        const [stored, mask] = [key.u32(), key.u32()];
        const corner = shape.map(() => key.u64());
        if (
          corners.has(corner.join()) ||
          corner.some((at, axis) => at >= shape[axis]! || at % chunk[axis]! !== 0) ||
          stored > 2 * chunkBytes + 1024
        ) {
          throw fault('one of its chunks lies where none belongs, or is too large; the file is damaged.');
        }
        corners.add(corner.join());
        const packed = await metadata.file.read(child, stored);
        const bytes = await unpack(packed, filters, mask, chunkBytes, size).catch((error: unknown) => {
          throw fault(`one of its chunks is damaged (${reason(error)}); get the file again.`);
        });
        placeChunk(whole, bytes, shape, chunk, corner, size);
      }
    }
    if (corners.size !== count)
      throw fault(`it has ${corners.size} of its ${count} chunks; the file was not written to its end.`);
    return spanOf(fileOfBytes(metadata.file.name, whole), 0);
  };

  return () => {
    let whole: Promise<ByteStream> | undefined;
    return {
      async readInto(into) {
        whole ??= assemble();
        await (await whole).readInto(into);
      },
      async close() {},
    };
  };
}

/** Copies of a chunk what lies within the shape to its place, row by row. */
function placeChunk(
  whole: Uint8Array,
  bytes: Uint8Array,
  shape: readonly number[],
  chunk: readonly number[],
  corner: readonly number[],
  size: number,
): void {
  const [to, from] = [stridesOf(shape), stridesOf(chunk)];
  const inside = chunk.map((side, axis) => Math.min(side, shape[axis]! - corner[axis]!));
  const rowBytes = (inside.at(-1) ?? 1) * size;
  const copy = (axis: number, source: number, target: number): void => {
    if (axis >= shape.length - 1) {
      whole.set(bytes.subarray(source * size, source * size + rowBytes), target * size);
      return;
    }
    for (let i = 0; i < inside[axis]!; i++) copy(axis + 1, source + i * from[axis]!, target + i * to[axis]!);
  };
  copy(
    0,
    0,
    corner.reduce((sum, at, axis) => sum + at * to[axis]!, 0),
  );
}
