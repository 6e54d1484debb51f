import type { Fields, Heap, Metadata } from './metadata.js';

/** The number of heaps that are kept. An attribute's strings are in one or two, which are read once. */
const HEAPS_KEPT = 4;

/** Reads a string of variable length: its length, and the heap and the object that hold it (III.E). */
export async function readGlobal(element: Fields): Promise<string> {
  const { metadata } = element;
  const [length, address, index] = [element.u32(), element.u64(), element.u32()];
  if (length === 0) return '';
  const object = (await heapAt(metadata, address)).get(index);
  if (!object || length > object.length)
    throw metadata.fault('a string of variable length is not where it should be; the file is damaged.');
  // A heap is read once, but its strings may be decoded any number of times.
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
