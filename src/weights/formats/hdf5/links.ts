import { printable } from '../error.js';
import { MAX_NAME_LENGTH, MAX_TENSORS } from '../limits.js';
import { MESSAGE, type Message } from './header.js';
import { type Fields, type Metadata, UNDEFINED } from './metadata.js';

/** The maximum depth of a tree; with 16 entries per node, four levels hold more members than a group may have. */
const MAX_LEVELS = 8;

/** A group's members by name, and the address of each. Soft and external links, which Keras does not write, are left out. */
export async function readLinks(
  metadata: Metadata,
  messages: readonly Message[],
): Promise<Map<string, number>> {
  const links = new Map<string, number>();
  const add = (name: string, address: number) => {
    if (links.size >= MAX_TENSORS)
      throw metadata.fault(`a group has more than ${MAX_TENSORS} members; it is damaged.`);
    if (name === '' || name.includes('/') || links.has(name)) {
      throw metadata.fault(
        `a group has a member '${printable(name)}' twice, or under a name that HDF5 forbids; it is damaged.`,
      );
    }
    links.set(name, address);
  };
  for (const { type, body } of messages) {
    if (type === MESSAGE.symbolTable) await readSymbolTable(metadata, body, add);
    else if (type === MESSAGE.link) readLink(body, add);
    else if (type === MESSAGE.linkInfo && isDense(body, 8)) {
      throw metadata.fault(
        "it has a group of more than 8 members, one with a name that is not ASCII or in the order of creation, which h5py stores in a way that is not supported; load it in Keras and save it as '.keras'.",
      );
    }
  }
  return links;
}

/** Whether a link or attribute info message says that the members are in a separate heap. */
export function isDense(body: Fields, indexBytes: number): boolean {
  body.skip(1);
  if (body.u8() & 1) body.skip(indexBytes);
  return body.u64() < UNDEFINED;
}

/** The error for structures of HDF5's newer layouts. */
export function dense(metadata: Metadata, structure: string, tensor?: string) {
  return metadata.fault(
    `it stores ${structure} as h5py does with libver='latest' or track_order, which is not supported; save it with h5py's defaults, as Keras does.`,
    tensor,
  );
}

type Add = (name: string, address: number) => void;

/** A link message (IV.A.2.g). */
function readLink(body: Fields, add: Add): void {
  body.skip(1);
  const flags = body.u8();
  const kind = flags & 0x08 ? body.u8() : 0;
  if (flags & 0x04) body.skip(8);
  if (flags & 0x10) body.skip(1);
  const name = body.take(body.sized(2 ** (flags & 3))).text(MAX_NAME_LENGTH);
  if (kind === 0) add(name, body.u64());
}

/** The older groups: a tree of tables with the names in a heap (III.A.1, III.B, III.D). */
async function readSymbolTable(metadata: Metadata, body: Fields, add: Add): Promise<void> {
  const [tree, heap] = [body.u64(), body.u64()];
  const heapHeader = await metadata.at(heap, 32);
  heapHeader.signature('HEAP');
  heapHeader.skip(4);
  const length = heapHeader.u64();
  heapHeader.skip(8);
  const names = await metadata.at(heapHeader.u64(), length);
  for await (const { child } of leavesOf(metadata, tree, 8, 0)) {
    const table = await metadata.at(child, 8);
    table.signature('SNOD');
    table.skip(2);
    const count = table.u16();
    const entries = await metadata.at(child + 8, 40 * count);
    for (let i = 0; i < count; i++) {
      const [nameAt, address, cacheType] = [entries.u64(), entries.u64(), entries.u32()];
      entries.skip(20);
      names.at = Math.min(nameAt, names.bytes.length);
      if (cacheType !== 2) add(names.text(MAX_NAME_LENGTH), address);
    }
  }
}

/** An entry at a tree's lowest level. */
export interface Leaf {
  key: Fields;
  child: number;
}

/**
 * The leaves of a version 1 tree, from left to right. Levels count down, so that no node can be its own descendant.
 *
 * @param type 0 for groups, 1 for chunks.
 */
export async function* leavesOf(
  metadata: Metadata,
  address: number,
  keyBytes: number,
  type: number,
  level?: number,
): AsyncGenerator<Leaf> {
  const node = await metadata.at(address, 24);
  node.signature('TREE');
  const [nodeType, nodeLevel, count] = [node.u8(), node.u8(), node.u16()];
  if (nodeType !== type || nodeLevel > MAX_LEVELS || (level !== undefined && nodeLevel !== level)) {
    throw metadata.fault('one of its trees has a node where it does not belong; it is damaged.');
  }
  const entries = await metadata.at(address + 24, count * (keyBytes + 8));
  for (let i = 0; i < count; i++) {
    const key = entries.take(keyBytes);
    const child = entries.u64();
    if (nodeLevel === 0) yield { key, child };
    else yield* leavesOf(metadata, child, keyBytes, type, nodeLevel - 1);
  }
}
