import type { Span } from '../checks.js';
import { printable } from '../error.js';
import type { WeightFile } from '../file.js';
import type { ByteStream, Dtype } from '../tensor.js';
import { MESSAGE, type Message, readHeader } from './header.js';
import { dense, isDense, readLinks } from './links.js';
import { Metadata } from './metadata.js';
import { readStorage } from './storage.js';
import { type AttributeValue, type Extent, readAttribute, readDataspace, readDatatype } from './types.js';

/** A group of an HDF5 file: attributes, and members by name. */
export interface Hdf5Group {
  readonly kind: 'group';
  /** Its path from the root, `/layers/conv2d`. */
  readonly path: string;
  attributes(): Promise<Map<string, AttributeValue>>;
  children(): Promise<Map<string, Hdf5Group | Hdf5Dataset>>;
}

/** A dataset of numbers. */
export interface Hdf5Dataset {
  readonly kind: 'dataset';
  readonly path: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The position of its bytes, if they are contiguous. */
  readonly span?: Omit<Span, 'tensor'>;
  open(): ByteStream;
}

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** Whether a file's first bytes are those of an HDF5 file. */
export function isHdf5(head: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => head[i] === byte);
}

/** The maximum nesting of groups; Keras' are five deep. */
const MAX_DEPTH = 32;

/**
 * The root group of an HDF5 file as h5py writes it by default (HDF5 File Format Specification 3.0), which Keras uses.
 * README.md lists the supported features.
 *
 * @throws WeightFileError, also from the groups' methods, when the file is truncated, damaged, cyclic, or uses an unsupported
 *   feature.
 */
export async function openHdf5(file: WeightFile): Promise<Hdf5Group> {
  const metadata = new Metadata(file);
  const superblock = await metadata.at(0, Math.min(96, file.size));
  superblock.skip(8);
  const version = superblock.u8();
  if (version > 3)
    throw metadata.fault(
      `it is HDF5 with a superblock of version ${version}, but only 0 to 3 are supported; save it with h5py's defaults.`,
    );
  superblock.skip(version < 2 ? 4 : 0);
  const [offsets, lengths] = [superblock.u8(), superblock.u8()];
  if (offsets !== 8 || lengths !== 8) {
    throw metadata.fault(
      `it is HDF5 with addresses of ${offsets} bytes, but only 8 are supported; save it with h5py's defaults.`,
    );
  }
  superblock.skip(version === 0 ? 9 : version === 1 ? 13 : 1);
  const base = superblock.u64();
  superblock.skip(8);
  const end = superblock.u64();
  if (base !== 0) {
    throw metadata.fault(
      `its addresses start at ${base}, but only 0 is supported; save it with h5py's defaults.`,
    );
  }
  if (end > file.size) {
    throw metadata.fault(
      `it should have ${end} bytes but has ${file.size}; it is truncated, so get it again.`,
    );
  }
  // The address of the root's header, by itself or in an entry like those of groups.
  superblock.skip(version < 2 ? 16 : 0);
  const root = await openObject(metadata, superblock.u64(), '', []);
  if (root?.kind !== 'group') throw metadata.fault('its root is not a group; it is damaged.');
  return root;
}

async function openObject(
  metadata: Metadata,
  address: number,
  path: string,
  above: readonly number[],
): Promise<Hdf5Group | Hdf5Dataset | undefined> {
  if (above.includes(address)) {
    throw metadata.fault(
      `its groups form a cycle: '${printable(path)}' contains itself; save it with Keras again.`,
    );
  }
  if (above.length > MAX_DEPTH)
    throw metadata.fault(`its groups are nested more than ${MAX_DEPTH} deep; it is damaged.`);
  const messages = await readHeader(metadata, address);
  return messages.some(({ type }) => type === MESSAGE.layout)
    ? openDataset(metadata, messages, path)
    : openGroup(metadata, messages, path, [...above, address]);
}

function openGroup(
  metadata: Metadata,
  messages: readonly Message[],
  path: string,
  above: readonly number[],
): Hdf5Group {
  let attributes: Promise<Map<string, AttributeValue>> | undefined;
  let children: Promise<Map<string, Hdf5Group | Hdf5Dataset>> | undefined;
  const readChildren = async () => {
    const found = new Map<string, Hdf5Group | Hdf5Dataset>();
    for (const [name, address] of await readLinks(metadata, messages)) {
      const child = await openObject(metadata, address, `${path}/${name}`, above);
      if (child) found.set(name, child);
    }
    return found;
  };
  return {
    kind: 'group',
    path: path || '/',
    attributes: () => (attributes ??= readAttributes(metadata, messages)),
    children: () => (children ??= readChildren()),
  };
}

async function readAttributes(
  metadata: Metadata,
  messages: readonly Message[],
): Promise<Map<string, AttributeValue>> {
  const found = new Map<string, AttributeValue>();
  for (const { type, body } of messages) {
    if (type === MESSAGE.attributeInfo && isDense(body, 2)) throw dense(metadata, 'many attributes');
    if (type !== MESSAGE.attribute) continue;
    const { name, value } = await readAttribute(body);
    found.set(name, value);
  }
  return found;
}

/** A dataset of numbers; undefined for other types, such as strings. */
function openDataset(
  metadata: Metadata,
  messages: readonly Message[],
  path: string,
): Hdf5Dataset | undefined {
  const type = messages.find((message) => message.type === MESSAGE.datatype)?.body;
  const space = messages.find((message) => message.type === MESSAGE.dataspace)?.body;
  if (!type || !space) throw metadata.fault('it has no type or no shape; the file is damaged.', path);
  const datatype = readDatatype(type);
  const shape = readDataspace(space);
  if (shape === null || datatype.kind === 'text' || datatype.kind === 'variableText') return undefined;
  if (datatype.kind === 'other') {
    throw metadata.fault(
      `its numbers are of the type ${datatype.name}, which is not supported; save it as float32.`,
      path,
    );
  }
  const extent: Extent = { path, shape, elementBytes: datatype.size };
  return { kind: 'dataset', path, dtype: datatype.dtype, shape, ...readStorage(metadata, messages, extent) };
}
