import { size } from '../../../base/shapes.js';
import { reason } from '../../../io/errors.js';
import { stridesOf } from '../checks.js';
import { fileOfBytes } from '../file.js';
import { MAX_HEADER_BYTES, MAX_UNPACKING_RATIO } from '../limits.js';
import { type ByteStream, spanOf } from '../tensor.js';
import { readFilters, unpack } from './filters.js';
import type { Message } from './header.js';
import { leavesOf } from './links.js';
import { type Fields, type Metadata, UNDEFINED } from './metadata.js';
import type { Extent } from './types.js';

/** The maximum number of chunks of a tensor; VGG-16's largest, 411 MB in chunks of 64 kB, has 6300. */
const MAX_CHUNKS = 100_000;

/**
 * A dataset in chunks, each packed separately (III.A.1 and IV.A.2.i). It is assembled when it is first read.
 *
 * @param place the fields of the layout message that locate the tree of chunks and give their shape.
 */
export function openChunks(
  metadata: Metadata,
  messages: readonly Message[],
  { path, shape, elementBytes }: Extent,
  place: Fields,
): () => ByteStream {
  const fault = (reason: string) => metadata.fault(reason, path);
  const tree = place.u64();
  const chunk = shape.map(() => place.u32());
  if (chunk.includes(0) || place.u32() !== elementBytes)
    throw fault(`its chunks of [${chunk}] do not fit its type; the file is damaged.`);
  const count = size(shape.map((length, axis) => Math.ceil(length / chunk[axis]!)));
  const chunkBytes = size(chunk) * elementBytes;
  // Chunks at the edge may extend far beyond it, and are unpacked in full like the others.
  const maxBytes = MAX_HEADER_BYTES + MAX_UNPACKING_RATIO * metadata.file.size;
  if (count > MAX_CHUNKS || count * chunkBytes > maxBytes)
    throw fault(`its ${count} chunks of [${chunk}] are more than the file can hold; it is damaged.`);
  const filters = readFilters(messages, fault);

  const assemble = async () => {
    const whole = new Uint8Array(size(shape) * elementBytes);
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
          throw fault('one of its chunks has a wrong position or is too large; the file is damaged.');
        }
        corners.add(corner.join());
        const packed = await metadata.file.read(child, stored);
        const bytes = await unpack(packed, filters, mask, chunkBytes, elementBytes).catch(
          (error: unknown) => {
            throw fault(`one of its chunks is damaged (${reason(error)}); get the file again.`);
          },
        );
        placeChunk(whole, bytes, shape, chunk, corner, elementBytes);
      }
    }
    if (corners.size !== count)
      throw fault(
        `only ${corners.size} of its ${count} chunks are in the file, which was not completely written; save it again.`,
      );
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

/** Copies the part of a chunk that is within the shape to its position, row by row. */
function placeChunk(
  whole: Uint8Array,
  bytes: Uint8Array,
  shape: readonly number[],
  chunk: readonly number[],
  corner: readonly number[],
  elementBytes: number,
): void {
  const [to, steps] = [stridesOf(shape), stridesOf(chunk)];
  const inside = chunk.map((length, axis) => Math.min(length, shape[axis]! - corner[axis]!));
  const rowBytes = (inside.at(-1) ?? 1) * elementBytes;
  const copy = (axis: number, source: number, target: number): void => {
    if (axis >= shape.length - 1) {
      const from = source * elementBytes;
      whole.set(bytes.subarray(from, from + rowBytes), target * elementBytes);
      return;
    }
    for (let i = 0; i < inside[axis]!; i++) copy(axis + 1, source + i * steps[axis]!, target + i * to[axis]!);
  };
  copy(
    0,
    0,
    corner.reduce((sum, at, axis) => sum + at * to[axis]!, 0),
  );
}
