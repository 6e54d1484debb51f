import type { Content } from '../content.js';
import { viewOf } from '../numbers.js';

/** A dataset for a file. */
export interface NewDataset {
  shape: readonly number[];
  /** Its float32 numbers, row-major. */
  content: Content;
}

/** A group for a file: attributes (strings or lists of strings), and members by name. */
export interface NewGroup {
  attributes: Record<string, string | readonly string[]>;
  children: Record<string, NewGroup | NewDataset>;
}

/**
 * An HDF5 file as h5py writes it with its defaults: a superblock of version 0, older groups, contiguous datasets (HDF5 File
 * Format Specification 3.0; the sections are named below).
 */
export function hdf5Of(root: NewGroup): Content {
  const plan = new Plan(root);
  return {
    size: plan.size,
    async write(into) {
      const view = viewOf(into);
      for (const write of plan.writes) write(into, view);
      for (const { address, content } of plan.datasets)
        await content.write(into.subarray(address, address + content.size));
    },
  };
}

const INTERNAL_K = 16;
const TREE_BYTES = 24 + (2 * INTERNAL_K + 1) * 8 + 2 * INTERNAL_K * 8;
const SUPERBLOCK_BYTES = 96;
const UNDEFINED = 2n ** 64n - 1n;

type Write = (file: Uint8Array, view: DataView) => void;

/** Places everything before writing, so that all addresses are known. */
class Plan {
  size = SUPERBLOCK_BYTES;
  readonly writes: Write[] = [];
  readonly datasets: { address: number; content: Content }[] = [];
  /** A group's members are in one table with room for twice this many. */
  readonly #leafK: number;
  /** Strings of variable length, stored in one heap at the end. */
  readonly #texts: Uint8Array[] = [];
  #heap = 0;

  constructor(root: NewGroup) {
    this.#leafK = Math.max(4, Math.ceil(largestGroup(root) / 2));
    const header = this.#add(root);
    if (this.#texts.length > 0) this.#globalHeap();
    this.#superblock(header);
  }

  /** The superblock (II.A), whose last part is the entry of the root group. */
  #superblock(root: number): void {
    this.#write(0, [
      ...[0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a].map(u8),
      ...[0, 0, 0, 0, 0, 8, 8, 0].map(u8),
      u16(this.#leafK),
      u16(INTERNAL_K),
      u32(0),
      ...[0n, UNDEFINED, BigInt(this.size), UNDEFINED].map(u64),
      u64(0n),
      u64(BigInt(root)),
    ]);
  }

  /** Places a group or a dataset and returns the address of its header. */
  #add(node: NewGroup | NewDataset): number {
    return 'children' in node ? this.#group(node) : this.#dataset(node);
  }

  #group({ attributes, children }: NewGroup): number {
    // Readers search the table by bisection, so it is sorted by the bytes of the names.
    const members = Object.entries(children).map(([name, node]) => ({ bytes: text(name), node }));
    members.sort((a, b) => compareBytes(a.bytes, b.bytes));
    const headers = members.map(({ node }) => this.#add(node));
    const texts = members.map(({ bytes }) => bytes);
    const offsets: number[] = [];
    // The heap (III.D) starts with the empty name of the group itself.
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
    const table = this.#place(8 + 2 * this.#leafK * 40);
    const entries = members.flatMap((_, i) => [
      u64(BigInt(offsets[i]!)),
      u64(BigInt(headers[i]!)),
      u64(0n),
      u64(0n),
      u64(0n),
    ]);
    this.#write(table, [...signature('SNOD'), u8(1), u8(0), u16(members.length), ...entries]);
    const tree = this.#place(TREE_BYTES);
    this.#write(tree, [
      ...signature('TREE'),
      u8(0),
      u8(0),
      u16(members.length > 0 ? 1 : 0),
      u64(UNDEFINED),
      u64(UNDEFINED),
      u64(0n),
      ...(members.length > 0 ? [u64(BigInt(table)), u64(BigInt(offsets.at(-1)!))] : []),
    ]);
    return this.#header([
      message(0x11, [u64(BigInt(tree)), u64(BigInt(heap))]),
      ...Object.entries(attributes).map(([name, value]) =>
        message(0x0c, typeof value === 'string' ? this.#text(name, value) : textsAttribute(name, value)),
      ),
    ]);
  }

  /** An attribute that is a string of variable length (IV.A.2.d, class 9): its length and its object in the heap. */
  #text(name: string, value: string): Field[] {
    const bytes = text(value);
    this.#texts.push(bytes);
    const index = this.#texts.length;
    const place: Field = {
      length: 8,
      write: (_, view, at) => view.setBigUint64(at, BigInt(this.#heap), true),
    };
    return attribute(name, VARIABLE_TEXT, dataspace([]), [u32(bytes.length), place, u32(index)]);
  }

  /** A collection of the global heap (III.E): the strings, and free space up to the minimum size. */
  #globalHeap(): void {
    const used = this.#texts.reduce((sum, { length }) => sum + 16 + padded(length), 16);
    const size = Math.max(4096, used + 16);
    this.#heap = this.#place(size);
    this.#write(this.#heap, [
      ...signature('GCOL'),
      ...[1, 0, 0, 0].map(u8),
      u64(BigInt(size)),
      ...this.#texts.flatMap((bytes, i) => [
        ...[u16(i + 1), u16(1), u32(0), u64(BigInt(bytes.length))],
        raw(bytes, padded(bytes.length)),
      ]),
      ...[u16(0), u16(0), u32(0), u64(BigInt(size - used))],
    ]);
  }

  #dataset({ shape, content }: NewDataset): number {
    const address = this.#place(content.size);
    this.datasets.push({ address, content });
    return this.#header([
      message(0x01, dataspace(shape)),
      message(0x03, FLOAT32),
      // The fill value (IV.A.2.f): undefined, with space allocated early.
      message(0x05, [u8(2), u8(1), u8(0), u8(0), u32(0)]),
      message(0x08, [u8(3), u8(1), u64(BigInt(address)), u64(BigInt(content.size))]),
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

/** The order of two byte strings, like C's `strcmp`. JavaScript's own order of strings is that of UTF-16. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? a.length - b.length : a[at]! - (b[at] ?? -1);
}

/** A message of a version 1 header: type, size, flags, and the body padded to a multiple of 8 bytes. */
function message(type: number, body: readonly Field[]): Field[] {
  const length = lengthOf(body);
  const size = padded(length);
  if (size > 0xffff)
    throw new RangeError(
      `encodeWeights: an attribute has ${size} bytes, but a header holds at most 65535; use the container 'keras'.`,
    );
  return [u16(type), u16(size), u8(0), u8(0), u16(0), ...body, raw(new Uint8Array(size - length))];
}

/** A dataspace of version 1 (IV.A.2.b). */
function dataspace(shape: readonly number[]): Field[] {
  return [u8(1), u8(shape.length), u8(0), u8(0), u32(0), ...shape.map((length) => u64(BigInt(length)))];
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

/** The type of a UTF-8 string of variable length. */
const VARIABLE_TEXT: Field[] = [
  ...[0x19, 0x01, 0x01, 0].map(u8),
  u32(16),
  ...[0x10, 0, 0, 0].map(u8),
  u32(1),
  u16(0),
  u16(8),
];

/** A list of strings, each padded with zeros to the longest. */
function textsAttribute(name: string, values: readonly string[]): Field[] {
  const bytes = values.map(text);
  const size = Math.max(1, ...bytes.map(({ length }) => length));
  const type = [u8(0x13), u8(0x01), u8(0), u8(0), u32(size)];
  return attribute(
    name,
    type,
    dataspace([values.length]),
    bytes.map((value) => raw(value, size)),
  );
}

/** An attribute of version 1 (IV.A.2.m), whose parts are each padded to a multiple of 8 bytes. */
function attribute(
  name: string,
  type: readonly Field[],
  space: readonly Field[],
  value: readonly Field[],
): Field[] {
  const nameBytes = text(name);
  const [typeBytes, spaceBytes] = [lengthOf(type), lengthOf(space)];
  return [
    ...[u8(1), u8(0), u16(nameBytes.length + 1), u16(typeBytes), u16(spaceBytes)],
    raw(nameBytes, padded(nameBytes.length + 1)),
    ...type,
    raw(new Uint8Array(), padded(typeBytes) - typeBytes),
    ...space,
    ...value,
  ];
}

/** The size of the largest group. */
function largestGroup(node: NewGroup | NewDataset): number {
  if (!('children' in node)) return 0;
  const children = Object.values(node.children);
  return Math.max(children.length, ...children.map(largestGroup));
}
