import { keep, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { attempted } from '../../base/check.js';
import { crc32 } from '../../base/crc32.js';
import { size } from '../../base/shapes.js';
import type { Source } from '../../io/source.js';
import { WeightFileError } from '../../weights/formats/error.js';
import { OpenFiles, type WeightFile } from '../../weights/formats/file.js';
import { readSafetensors, safetensorsHeader } from '../../weights/formats/safetensors.js';
import type { StoredTensor } from '../../weights/formats/tensor.js';
import type { RunFacts } from './facts.js';
import type { PartState } from './part.js';

/** The version of the format; a reader refuses all others. */
const FORMAT = 1;

/** The key of a checkpoint's description in the file's metadata. */
const KEY = 'vgg_blocks_checkpoint';

/** The last tensor: the CRC-32 of all bytes before it, little-endian. */
const CHECKSUM = { name: 'checksum', dtype: 'U8', shape: [4] } as const;

/** How tensors are stored: a layer of the caller's may have weights that are whole numbers. */
const KINDS = [
  { name: 'float32', stored: 'F32', List: Float32Array },
  { name: 'int32', stored: 'I32', List: Int32Array },
  { name: 'bool', stored: 'BOOL', List: Uint8Array },
] as const;

/** What is in a checkpoint besides tensors. */
export interface CheckpointHeader {
  facts: RunFacts;
  /** Whether the run is complete, so that there is nothing to go on with. */
  done: boolean;
  /** The values of each part. */
  parts: Record<string, Record<string, unknown>>;
}

/**
 * A checkpoint as a file: safetensors with the tensors of all parts, `PART/TENSOR`, the description as JSON in the metadata, and
 * a checksum at the end. Each tensor is fetched from the backend when its turn comes.
 */
export async function* encodeCheckpoint(
  { facts, done }: Pick<CheckpointHeader, 'facts' | 'done'>,
  parts: Record<string, PartState>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const values = Object.fromEntries(Object.entries(parts).map(([name, state]) => [name, state.values ?? {}]));
  const description = JSON.stringify({ format: FORMAT, facts, done, parts: values });
  const tensors = Object.entries(parts).flatMap(([part, { tensors = {} }]) =>
    Object.entries(tensors).map(([name, value]) => [`${part}/${name}`, value] as const),
  );
  const entries = tensors.map(([name, { shape, dtype }]) => ({
    name,
    dtype: KINDS.find((kind) => kind.name === dtype)!.stored,
    shape,
  }));
  const header = safetensorsHeader([...entries, CHECKSUM], { [KEY]: description });
  let checksum = crc32(header);
  yield header;
  for (const [, value] of tensors) {
    const { buffer, byteOffset, byteLength } = await value.data();
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    checksum = crc32(bytes, checksum);
    yield bytes;
  }
  const end = new Uint8Array(4);
  new DataView(end.buffer).setUint32(0, checksum, true);
  yield end;
}

/** A checkpoint whose bytes have been verified. */
export interface OpenCheckpoint extends CheckpointHeader {
  /** The tensors of a part by their names, which the caller disposes. */
  tensorsOf(part: string): Promise<Record<string, Tensor>>;
  close(): Promise<void>;
}

/**
 * Opens a checkpoint.
 *
 * @throws WeightFileError when it is damaged, incomplete, of another version or no checkpoint.
 */
export async function openCheckpoint(name: string, source: Source): Promise<OpenCheckpoint> {
  const file = { ...(await new OpenFiles({}).open(source)), name };
  try {
    const { header, tensors } = await verified(file);
    return {
      ...header,
      async tensorsOf(part) {
        const read: Record<string, Tensor> = {};
        for (const stored of tensors.filter(({ name }) => name.startsWith(`${part}/`))) {
          read[stored.name.slice(part.length + 1)] = await tensorOf(stored);
        }
        return read;
      },
      close: file.close,
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Bytes read at a time for the checksum. */
const PIECE = 2 ** 24;

async function verified(file: WeightFile): Promise<{ header: CheckpointHeader; tensors: StoredTensor[] }> {
  const end = file.size - CHECKSUM.shape[0];
  let checksum = 0;
  for (let at = 0; at < end; at += PIECE) {
    checksum = crc32(await file.read(at, Math.min(PIECE, end - at)), checksum);
  }
  const stored = end < 8 ? new Uint8Array(4) : await file.read(end, 4);
  if (new DataView(stored.buffer, stored.byteOffset).getUint32(0, true) !== checksum || end < 8) {
    throw new WeightFileError(file.name, 'it is damaged or incomplete: its checksum is wrong.');
  }
  const { tensors, metadata } = await readSafetensors(file);
  const text = metadata[KEY];
  if (typeof text !== 'string')
    throw new WeightFileError(file.name, 'it is not a checkpoint of a training run.');
  const { format, ...header } = Object(attempted(() => JSON.parse(text))) as CheckpointHeader & {
    format: number;
  };
  if (!Number.isInteger(format))
    throw new WeightFileError(file.name, 'it is damaged: its description is no JSON of a checkpoint.');
  if (format !== FORMAT) {
    throw new WeightFileError(
      file.name,
      `it has version ${format} of the format, and this version of vgg-blocks reads version ${FORMAT}; go on with the version of vgg-blocks that wrote it.`,
    );
  }
  return { header, tensors };
}

async function tensorOf({ dtype, shape, open }: StoredTensor): Promise<Tensor> {
  const { name, List } = KINDS.find(({ stored }) => stored === dtype)!;
  const numbers = new List(size(shape));
  const bytes = open();
  await bytes.readInto(new Uint8Array(numbers.buffer));
  await bytes.close();
  return keep(tensor(numbers, [...shape], name));
}
