import { checkTotal } from '../checks.js';
import { WeightFileError } from '../error.js';
import { fileOfBytes, type WeightFile } from '../file.js';
import { MAX_HEADER_BYTES } from '../limits.js';
import { METADATA_KEY } from '../metadata.js';
import { viewOf } from '../numbers.js';
import { BYTES_PER_ELEMENT, type ByteStream, type StoredTensor, spanOf } from '../tensor.js';
import type { Entry } from '../zip/read.js';
import {
  gather,
  isContiguous,
  quoted,
  readPlain,
  readState,
  type TorchStorage,
  type TorchTensor,
} from './state.js';

/** Whether `torch.save` wrote a zip archive: its files are in one folder, beside `data.pkl`. */
export function isTorchZip(entries: ReadonlyMap<string, Entry>): boolean {
  return pickleOf(entries) !== undefined;
}

/**
 * The tensors of a file that `torch.save` wrote since PyTorch 1.6: a zip archive with a pickle, `NAME/data.pkl`, and a
 * file for each storage, `NAME/data/KEY`.
 *
 * @throws WeightFileError when a storage is missing or does not have the length that the pickle states.
 */
export async function readTorchZip(
  file: WeightFile,
  entries: ReadonlyMap<string, Entry>,
): Promise<StoredTensor[]> {
  const pickle = pickleOf(entries)!;
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  const order = entries.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(await order.read(16)) !== 'little') {
    throw new WeightFileError(file.name, 'its numbers are big-endian; save it on a little-endian machine.');
  }
  const { tensors } = readState(file.name, await pickle.read(MAX_HEADER_BYTES));
  checkTotal(file.name, tensors, file.size);
  return tensors.map((tensor) => {
    const { storage, name } = tensor;
    const entry = entries.get(`${folder}data/${storage.key}`);
    if (entry?.size !== bytesOf(storage)) {
      const found = entry
        ? `has ${entry.size} bytes instead of ${bytesOf(storage)}`
        : 'is not in the archive';
      throw new WeightFileError(
        file.name,
        `its storage ${quoted(storage.key)} ${found}; the file is damaged.`,
        {
          tensor: name,
        },
      );
    }
    return stored(tensor, () => entry.open());
  });
}

/** What this library stored about the model. */
export async function torchMetadata(entries: ReadonlyMap<string, Entry>): Promise<string | undefined> {
  const folder = pickleOf(entries)!.name.slice(0, -'data.pkl'.length);
  const entry = entries.get(`${folder}extra/${METADATA_KEY}.json`);
  return entry && new TextDecoder().decode(await entry.read(MAX_HEADER_BYTES));
}

function pickleOf(entries: ReadonlyMap<string, Entry>): Entry | undefined {
  return [...entries.values()].find(({ name }) => /^([^/]+\/)?data\.pkl$/.test(name));
}

/** The first pickle of the older format: `torch.serialization.MAGIC_NUMBER` in protocol 2. */
const TORCH_MAGIC = Uint8Array.from([
  0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
]);

/** Whether a file's first bytes are those of `torch.save` before PyTorch 1.6. */
export function isTorchLegacy(head: Uint8Array): boolean {
  return TORCH_MAGIC.every((byte, i) => head[i] === byte);
}

/**
 * The tensors of a file that `torch.save` wrote before PyTorch 1.6, such as torchvision's of 2017: pickles of a magic
 * number, a version, facts about the machine, the state dict and the storages' keys, then each storage as its length (8
 * bytes) and its numbers, in the order of the keys.
 *
 * @throws WeightFileError when a pickle is damaged, or the storages do not match those of the state dict.
 */
export async function readTorchLegacy(file: WeightFile): Promise<StoredTensor[]> {
  const head = await file.read(0, Math.min(file.size, MAX_HEADER_BYTES));
  let at = TORCH_MAGIC.length;
  const next = () => {
    const { value, length } = readPlain(file.name, head.subarray(at));
    at += length;
    return value;
  };
  const version = next();
  if (version !== 1001) {
    throw new WeightFileError(
      file.name,
      `it has version ${String(version)} of torch.save's older format, but only 1001 is supported; save it with PyTorch 1.6 or newer.`,
    );
  }
  const machine = next();
  if (machine instanceof Map && machine.get('little_endian') === false) {
    throw new WeightFileError(file.name, 'its numbers are big-endian; save it on a little-endian machine.');
  }
  const { tensors, length } = readState(file.name, head.subarray(at));
  at += length;
  const keys = next();
  const offsets = await storageOffsets(file, at, Array.isArray(keys) ? keys : [], tensors);
  return tensors.map((tensor) => {
    const offset = offsets.get(tensor.storage.key);
    if (offset === undefined) {
      throw new WeightFileError(
        file.name,
        `its storage ${quoted(tensor.storage.key)} is not in the file; it is damaged.`,
        {
          tensor: tensor.name,
        },
      );
    }
    return stored(tensor, () => spanOf(file, offset));
  });
}

/** The offset of each storage's numbers. */
async function storageOffsets(
  file: WeightFile,
  start: number,
  keys: readonly unknown[],
  tensors: readonly TorchTensor[],
): Promise<Map<string, number>> {
  const storages = new Map(tensors.map(({ storage }) => [storage.key, storage]));
  const offsets = new Map<string, number>();
  let at = start;
  for (const key of keys) {
    const storage = storages.get(String(key));
    if (!storage || offsets.has(storage.key)) {
      throw new WeightFileError(
        file.name,
        `it stores ${quoted(String(key))} ${storage ? 'twice' : 'and no tensor refers to it'}; it is damaged or holds more than a state dict.`,
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
    offsets.set(storage.key, at + 8);
    at = end;
  }
  return offsets;
}

function bytesOf({ dtype, length }: TorchStorage): number {
  return length * BYTES_PER_ELEMENT[dtype];
}

/** A tensor; `openStorage` reads its storage from the beginning. */
function stored(tensor: TorchTensor, openStorage: () => ByteStream): StoredTensor {
  const { name, dtype, shape } = tensor;
  const open = isContiguous(tensor)
    ? () => skipping(tensor, openStorage())
    : () => gathering(tensor, openStorage());
  return { name, dtype, shape, open };
}

/** Bytes skipped at a time. */
const SKIP_BYTES = 2 ** 16;

/** Reads a storage from the tensor's beginning. */
function skipping({ dtype, offset }: TorchTensor, storage: ByteStream): ByteStream {
  let left = offset * BYTES_PER_ELEMENT[dtype];
  return {
    async readInto(into) {
      for (; left > 0; left -= Math.min(left, SKIP_BYTES)) {
        await storage.readInto(new Uint8Array(Math.min(left, SKIP_BYTES)));
      }
      await storage.readInto(into);
    },
    close: () => storage.close(),
  };
}

/** Reads a tensor in another memory format (channels last, transposed) into memory, to put its elements in order. */
function gathering(tensor: TorchTensor, storage: ByteStream): ByteStream {
  let inOrder: ByteStream | undefined;
  return {
    async readInto(into) {
      if (!inOrder) {
        const bytes = new Uint8Array(bytesOf(tensor.storage));
        await storage.readInto(bytes);
        inOrder = spanOf(fileOfBytes(tensor.name, gather(tensor, bytes)), 0);
      }
      await inOrder.readInto(into);
    },
    close: () => storage.close(),
  };
}
