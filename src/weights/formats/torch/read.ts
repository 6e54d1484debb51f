import { size } from '../../../base/shapes.js';
import { checkTotal } from '../checks.js';
import { printable, WeightFileError } from '../error.js';
import { fileOfBytes, type WeightFile } from '../file.js';
import { MAX_HEADER_BYTES } from '../limits.js';
import { METADATA_KEY } from '../metadata.js';
import { viewOf } from '../numbers.js';
import { BYTES_PER_ELEMENT, type ByteStream, type StoredTensor, spanOf } from '../tensor.js';
import type { Entry } from '../zip/read.js';
import type { ModuleNetwork } from './module.js';
import type { TorchStorage } from './rebuild.js';
import { readPlain, readState, type State } from './state.js';
import { Budget } from './values.js';
import { extentOf, gather, isContiguous, type TorchTensor } from './view.js';

/** The content of a PyTorch file. */
export interface TorchFile {
  tensors: StoredTensor[];
  /** The epsilon of batch normalization, which only a whole pickled module states. */
  batchNormEpsilon?: number;
  /** The blocks, which the order of a whole module's layers says. */
  network?: ModuleNetwork;
  /** What this library stored about the model, as JSON. */
  metadata?: string;
  /** The paths of state dicts that were left aside. */
  leftAside?: string[];
}

/** Whether a zip archive is PyTorch's: its files are in one folder, beside `data.pkl` or an exported program. */
export function isTorchZip(entries: ReadonlyMap<string, Entry>): boolean {
  return pickleOf(entries) !== undefined || isExported(entries);
}

/**
 * The tensors of a file that `torch.save` wrote since PyTorch 1.6: a zip archive with a pickle, `NAME/data.pkl`, and a
 * file for each storage, `NAME/data/KEY`.
 *
 * @param key which state dict, where the file has several.
 * @throws WeightFileError when it is a program (TorchScript, torch.export), a storage is missing or does not have the length
 *   that the pickle states, or `readState` refuses the pickle.
 */
export async function readTorchZip(
  file: WeightFile,
  entries: ReadonlyMap<string, Entry>,
  key?: string,
): Promise<TorchFile> {
  const program = isExported(entries) ? 'torch.export' : isScript(entries) ? 'TorchScript' : undefined;
  if (program) {
    const load = program === 'TorchScript' ? 'torch.jit.load(path)' : 'torch.export.load(path).module()';
    throw new WeightFileError(
      file.name,
      `it is a program of ${program}, not a state dict; in Python, model = ${load} and torch.save(model.state_dict(), 'weights.pth') write one.`,
    );
  }
  const pickle = pickleOf(entries)!;
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  const order = entries.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(await order.read(16)) !== 'little') throw bigEndian(file);
  const state = readState(file.name, await pickle.read(MAX_HEADER_BYTES), key, new Budget(file.name));
  const packed = (storage: TorchStorage) => entries.get(`${folder}data/${storage.key}`)?.span === undefined;
  const extra = await entries.get(`${folder}extra/${METADATA_KEY}.json`)?.read(MAX_HEADER_BYTES);
  const found = torchFile(file, state, packed, ({ name, storage }) => {
    const entry = entries.get(`${folder}data/${storage.key}`);
    if (entry?.size !== bytesOf(storage)) {
      const found = entry
        ? `has ${entry.size} bytes instead of ${bytesOf(storage)}`
        : 'is not in the archive';
      throw new WeightFileError(
        file.name,
        `its storage ${quoted(storage.key)} ${found}; the file is damaged.`,
        { tensor: name },
      );
    }
    return entry.open;
  });
  return { ...found, metadata: extra && new TextDecoder().decode(extra) };
}

function pickleOf(entries: ReadonlyMap<string, Entry>): Entry | undefined {
  return [...entries.values()].find(({ name }) => /^([^/]+\/)?data\.pkl$/.test(name));
}

/** Whether `torch.jit.save` wrote an archive: it has code, or constants beside `data.pkl`. */
function isScript(entries: ReadonlyMap<string, Entry>): boolean {
  return [...entries.keys()].some((name) => /^([^/]+\/)?(code\/.*|(constants|bytecode)\.pkl)$/.test(name));
}

/** Whether `torch.export.save` wrote an archive. */
function isExported(entries: ReadonlyMap<string, Entry>): boolean {
  return [...entries.keys()].some((name) =>
    /^([^/]+\/)?(archive_format|models\/[^/]+\.json|serialized_exported_program\.json)$/.test(name),
  );
}

/** The number that the first pickle of the older format holds, `torch.serialization.MAGIC_NUMBER`, and the pickle's end. */
const TORCH_MAGIC = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

/** The length of the first pickle of the older format, in any binary protocol: the fourth and fifth have frames. */
function magicLength(head: Uint8Array): number | undefined {
  const [proto, version = 0] = head;
  const start = version < 4 ? 2 : 11;
  const isMagic = TORCH_MAGIC.every((byte, i) => head[start + i] === byte);
  return proto === 0x80 && isMagic ? start + TORCH_MAGIC.length : undefined;
}

/** Whether a file's first bytes are those of `torch.save` before PyTorch 1.6. */
export function isTorchLegacy(head: Uint8Array): boolean {
  return magicLength(head) !== undefined;
}

/**
 * The tensors of a file that `torch.save` wrote before PyTorch 1.6, such as torchvision's of 2017: pickles of a magic
 * number, a version, facts about the machine, the state dict and the storages' keys, then each storage as its length (8
 * bytes) and its numbers, in the order of the keys.
 *
 * @param key which state dict, where the file has several.
 * @throws WeightFileError when a pickle is damaged, or the storages do not match those of the pickle.
 */
export async function readTorchLegacy(file: WeightFile, key?: string): Promise<TorchFile> {
  const head = await file.read(0, Math.min(file.size, MAX_HEADER_BYTES));
  const budget = new Budget(file.name);
  let at = magicLength(head)!;
  const next = () => {
    const { value, length } = readPlain(file.name, head.subarray(at), budget);
    at += length;
    return value;
  };
  const version = next();
  if (version !== 1001) {
    const given = typeof version === 'number' ? `version ${version}` : 'no version';
    throw new WeightFileError(
      file.name,
      `it has ${given} of torch.save's older format, but only 1001 is supported; save it with PyTorch 1.6 or newer.`,
    );
  }
  const machine = next();
  if (machine instanceof Map && machine.get('little_endian') === false) throw bigEndian(file);
  const state = readState(file.name, head.subarray(at), key, budget);
  at += state.length;
  const keys = next();
  const offsets = await storageOffsets(file, at, Array.isArray(keys) ? keys : [], state.storages);
  return torchFile(
    file,
    state,
    () => false,
    ({ name, storage }) => {
      const offset = offsets.get(storage);
      if (offset === undefined) {
        throw new WeightFileError(
          file.name,
          `its storage ${quoted(storage.key)} is not in the file; it is damaged.`,
          { tensor: name },
        );
      }
      return (from) => spanOf(file, offset + from);
    },
  );
}

/** The offset of each storage's numbers. */
async function storageOffsets(
  file: WeightFile,
  start: number,
  keys: readonly unknown[],
  storages: ReadonlyMap<string, TorchStorage>,
): Promise<Map<TorchStorage, number>> {
  const offsets = new Map<TorchStorage, number>();
  let at = start;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage || offsets.has(storage)) {
      const which = typeof key === 'string' ? quoted(key) : 'a storage';
      throw new WeightFileError(
        file.name,
        `it stores ${which} ${storage ? 'twice' : 'and its pickle does not refer to it'}; it is damaged.`,
      );
    }
    const length = Number(viewOf(await file.read(at, 8)).getBigInt64(0, true));
    const end = at + 8 + bytesOf(storage);
    if (length !== storage.length || end > file.size) {
      throw new WeightFileError(
        file.name,
        `its storage ${quoted(storage.key)} should hold ${storage.length} numbers, claims ${length}, and the file ends at byte ${file.size}; it is truncated or damaged, so get it again.`,
      );
    }
    offsets.set(storage, at + 8);
    at = end;
  }
  return offsets;
}

function bigEndian(file: WeightFile): WeightFileError {
  return new WeightFileError(file.name, 'its numbers are big-endian; save it on a little-endian machine.');
}

function bytesOf({ itemBytes, length }: TorchStorage): number {
  return length * itemBytes;
}

/** A name from the file in quotes, for an error message. */
function quoted(name: string): string {
  return `'${printable(name)}'`;
}

/** Reads so many bytes of a storage, from an offset on. */
type OpenStorage = (at: number, length: number) => ByteStream;

/**
 * The tensors of a state.
 *
 * @param packed whether a storage is compressed, so that each tensor in it is read from the storage's beginning.
 * @param locate finds a tensor's storage; throws if it is not in the file.
 */
function torchFile(
  file: WeightFile,
  { tensors, storages, length, ...stated }: State,
  packed: (storage: TorchStorage) => boolean,
  locate: (tensor: TorchTensor) => OpenStorage,
): TorchFile {
  const read = tensors.map((tensor) => {
    const before = packed(tensor.storage) ? tensor.offset : 0;
    return { dtype: tensor.dtype, shape: [before + Math.max(extentOf(tensor), size(tensor.shape))] };
  });
  checkTotal(file.name, read, file.size);
  return { tensors: tensors.map((tensor) => stored(tensor, locate(tensor))), ...stated };
}

function stored(tensor: TorchTensor, openStorage: OpenStorage): StoredTensor {
  const { name, dtype, shape, offset } = tensor;
  const [before, read] = [offset, extentOf(tensor)].map((count) => count * BYTES_PER_ELEMENT[dtype]);
  const start = () => openStorage(before!, read!);
  return { name, dtype, shape, open: isContiguous(tensor) ? start : () => gathering(tensor, start()) };
}

/** Reads a tensor in another memory format (channels last, transposed) into memory, to put its elements in order. */
function gathering(tensor: TorchTensor, extent: ByteStream): ByteStream {
  let inOrder: ByteStream | undefined;
  return {
    async readInto(into) {
      if (!inOrder) {
        const bytes = new Uint8Array(extentOf(tensor) * BYTES_PER_ELEMENT[tensor.dtype]);
        await extent.readInto(bytes);
        inOrder = spanOf(fileOfBytes(tensor.name, gather(tensor, bytes)), 0);
      }
      await inOrder.readInto(into);
    },
    close: () => extent.close(),
  };
}
