import { elements } from '../tensor.js';

/** A dataset of float32 numbers to be written. */
interface NewDataset {
  shape: readonly number[];
  /** Its numbers, row-major; asked for when they are written. */
  numbers(): Promise<Float32Array>;
}

/** A group to be written: texts as attributes, and members under names. */
export interface NewGroup {
  attributes: Record<string, readonly string[]>;
  children: Record<string, NewGroup | NewDataset>;
}

/**
 * The bytes of an HDF5 file as h5py writes it with its defaults: a superblock of version 0, older groups, contiguous
 * datasets (HDF5 File Format Specification 3.0; the sections are named below).
 */
export async function writeHdf5(root: NewGroup): Promise<Uint8Array> {
  const plan = new Layout();
  const header = plan.add(root);
  const file = new Uint8Array(plan.size);
  const view = new DataView(file.buffer);
  plan.superblock(header);
  for (const write of plan.writes) write(file, view);
  for (const { address, dataset } of plan.datasets) {
    const numbers = await dataset.numbers();
    file.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), address);
  }
  return file;
}

/** Members of a group are kept in one table, so it has room for as many as half of them, as the format counts. */
const LEAF_K = 64;
const INTERNAL_K = 16;
const TABLE_BYTES = 8 + 2 * LEAF_K * 40;
const TREE_BYTES = 24 + (2 * INTERNAL_K + 1) * 8 + 2 * INTERNAL_K * 8;
const SUPERBLOCK_BYTES = 96;
const UNDEFINED = 2n ** 64n - 1n;

type Write = (file: Uint8Array, view: DataView) => void;

/** Gives everything its place first, so that addresses are known when the bytes are written. */
class Layout {
  size = SUPERBLOCK_BYTES;
  readonly writes: Write[] = [];
  readonly datasets: { address: number; dataset: NewDataset }[] = [];

  /** The superblock (II.A), whose last part is the entry of the root group. */
  superblock(root: number): void {
    this.#write(0, [
      ...[0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a].map(u8),
      ...[0, 0, 0, 0, 0, 8, 8, 0].map(u8),
      u16(LEAF_K),
      u16(INTERNAL_K),
      u32(0),
      ...[0n, UNDEFINED, BigInt(this.size), UNDEFINED].map(u64),
      u64(0n),
      u64(BigInt(root)),
    ]);
  }

  /** Places a group or a dataset and returns the address of its header. */
  add(node: NewGroup | NewDataset): number {
    return 'children' in node ? this.#group(node) : this.#dataset(node);
  }

  #group({ attributes, children }: NewGroup): number {
    // The table is searched by halves, in the order of the names' bytes.
    const names = Object.keys(children).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    if (names.length > 2 * LEAF_K)
      throw new RangeError(`writeHdf5: a group has ${names.length} members, and ${2 * LEAF_K} fit.`);
    const headers = names.map((name) => this.add(children[name]!));
    const texts = names.map(text);
    const offsets: number[] = [];
    // The heap (III.D) begins with the empty name of the group itself.
    let heapBytes = 8;
    for (const bytes of texts) {
      offsets.push(heapBytes);
      heapBytes += padded(bytes.length + 1);
    }
    const [heap, heapData] = [this.#place(32), this.#place(heapBytes)];
    this.#write(heap, [...signature('HEAP'), u32(0), u64(BigInt(heapBytes)), u64(1n), u64(BigInt(heapData))]);
    texts.forEach((bytes, i) => {
      this.#write(heapData + offsets[i]!, [raw(bytes)]);
    });
    const table = this.#place(TABLE_BYTES);
    const entries = names.flatMap((_, i) => [
      u64(BigInt(offsets[i]!)),
      u64(BigInt(headers[i]!)),
      u64(0n),
      u64(0n),
      u64(0n),
    ]);
    this.#write(table, [...signature('SNOD'), u8(1), u8(0), u16(names.length), ...entries]);
    const tree = this.#place(TREE_BYTES);
    this.#write(tree, [
      ...signature('TREE'),
      u8(0),
      u8(0),
      u16(names.length > 0 ? 1 : 0),
      u64(UNDEFINED),
      u64(UNDEFINED),
      u64(0n),
      ...(names.length > 0 ? [u64(BigInt(table)), u64(BigInt(offsets.at(-1)!))] : []),
    ]);
    return this.#header([
      message(0x11, [u64(BigInt(tree)), u64(BigInt(heap))]),
      ...Object.entries(attributes).map(([name, values]) => message(0x0c, textsAttribute(name, values))),
    ]);
  }

  #dataset(dataset: NewDataset): number {
    const bytes = 4 * elements(dataset.shape);
    const address = this.#place(bytes);
    this.datasets.push({ address, dataset });
    return this.#header([
      message(0x01, dataspace(dataset.shape)),
      message(0x03, FLOAT32),
      // The fill value (IV.A.2.f): none is defined, space is allocated when the dataset is made.
      message(0x05, [u8(2), u8(1), u8(0), u8(0), u32(0)]),
      message(0x08, [u8(3), u8(1), u64(BigInt(address)), u64(BigInt(bytes))]),
    ]);
  }

  /** An object header of version 1 (IV.A.1.a). */
  #header(messages: Field[][]): number {
    const bytes = messages.reduce((sum, fields) => sum + lengthOf(fields), 0);
    const address = this.#place(16 + bytes);
    this.#write(address, [
      u8(1),
      u8(0),
      u16(messages.length),
      u32(1),
      u32(bytes),
      u32(0),
      ...messages.flat(),
    ]);
    return address;
  }

  #place(bytes: number): number {
    const address = this.size;
    this.size += padded(bytes);
    return address;
  }

  #write(address: number, fields: readonly Field[]): void {
    this.writes.push((file, view) => {
      let at = address;
      for (const { length, write } of fields) {
        write(file, view, at);
        at += length;
      }
    });
  }
}

interface Field {
  length: number;
  write(file: Uint8Array, view: DataView, at: number): void;
}

const u8 = (value: number): Field => ({ length: 1, write: (_, view, at) => view.setUint8(at, value) });
const u16 = (value: number): Field => ({
  length: 2,
  write: (_, view, at) => view.setUint16(at, value, true),
});
const u32 = (value: number): Field => ({
  length: 4,
  write: (_, view, at) => view.setUint32(at, value, true),
});
const u64 = (value: bigint): Field => ({
  length: 8,
  write: (_, view, at) => view.setBigUint64(at, value, true),
});
const raw = (bytes: Uint8Array, length = bytes.length): Field => ({
  length,
  write: (file, _, at) => file.set(bytes, at),
});
const signature = (name: string): Field[] => [raw(text(name))];

const text = (value: string) => new TextEncoder().encode(value);
const padded = (length: number) => Math.ceil(length / 8) * 8;
const lengthOf = (fields: readonly Field[]) => fields.reduce((sum, { length }) => sum + length, 0);

/** A message of a version 1 header: type, size, flags, and the body up to a multiple of 8 bytes. */
function message(type: number, body: readonly Field[]): Field[] {
  const length = lengthOf(body);
  const size = padded(length);
  if (size > 0xffff)
    throw new RangeError(`writeHdf5: an attribute has ${size} bytes, and 65535 fit in a header.`);
  return [u16(type), u16(size), u8(0), u8(0), u16(0), ...body, raw(new Uint8Array(size - length))];
}

/** A dataspace of version 1 (IV.A.2.b). */
function dataspace(shape: readonly number[]): Field[] {
  return [u8(1), u8(shape.length), u8(0), u8(0), u32(0), ...shape.map((side) => u64(BigInt(side)))];
}

/** IEEE 754 single precision, little-endian (IV.A.2.d). */
const FLOAT32: Field[] = [
  u8(0x11),
  u8(0x20),
  u8(31),
  u8(0),
  u32(4),
  u16(0),
  u16(32),
  u8(23),
  u8(8),
  u8(0),
  u8(23),
  u32(127),
];

/** An attribute of version 1 (IV.A.2.m): a row of texts, each filled up with zeros to the longest. */
function textsAttribute(name: string, values: readonly string[]): Field[] {
  const bytes = values.map(text);
  const size = Math.max(1, ...bytes.map(({ length }) => length));
  const nameBytes = text(name);
  const type = [u8(0x13), u8(0x01), u8(0), u8(0), u32(size)];
  const space = dataspace([values.length]);
  return [
    ...[u8(1), u8(0), u16(nameBytes.length + 1), u16(lengthOf(type)), u16(lengthOf(space))],
    raw(nameBytes, padded(nameBytes.length + 1)),
    ...type,
    ...space,
    ...bytes.map((value) => raw(value, size)),
  ];
}
