import type { Fields, Heap, Metadata } from './metadata.js';

/** The texts of an attribute lie in one heap or two, and would each read it anew. */
const HEAPS_KEPT = 4;

/** Text of variable length: how long it is, and which object of which heap (III.E). */
export async function readGlobal(element: Fields): Promise<string> {
  const { metadata } = element;
  const [length, address, index] = [element.u32(), element.u64(), element.u32()];
  if (length === 0) return '';
  const object = (await heapAt(metadata, address)).get(index);
  if (!object || length > object.length)
    throw metadata.fault('a text of variable length is not where it should be; it is damaged.');
  // A heap is read once, and its texts may be asked for again and again.
  metadata.spend(length);
  return new TextDecoder().decode(object.subarray(0, length));
}

function heapAt(metadata: Metadata, address: number): Promise<Heap> {
  const { heaps } = metadata;
  const kept = heaps.get(address);
  if (kept) return kept;
  if (heaps.size >= HEAPS_KEPT) heaps.delete(heaps.keys().next().value!);
  const heap = readHeap(metadata, address);
  heaps.set(address, heap);
  return heap;
}

async function readHeap(metadata: Metadata, address: number): Promise<Heap> {
  const prefix = await metadata.at(address, 16);
  prefix.signature('GCOL');
  prefix.skip(4);
  const fields = await metadata.at(address, prefix.u64());
  fields.skip(Math.min(16, fields.left));
  const objects = new Map<number, Uint8Array>();
  while (fields.left >= 16) {
    const index = fields.u16();
    fields.skip(6);
    const size = fields.u64();
    if (index === 0) break;
    objects.set(index, fields.take(size).bytes);
    fields.align();
  }
  return objects;
}
