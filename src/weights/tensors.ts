import { COUNT, checkArguments, isListOf, kind, optionsOf, SOURCE, withFields } from '../base/arguments.js';
import { fail, tag } from '../base/check.js';
import { isBytes, isFloat32Array } from '../base/realm.js';
import { size } from '../base/shapes.js';
import { concat } from '../io/bytes.js';
import { reason } from '../io/errors.js';
import type { Source } from '../io/source.js';
import { WEIGHT_FILE_OPTIONS, type WeightFileOptions, withCheckpoint } from './formats/checkpoint.js';
import { printable, WeightFileError } from './formats/error.js';
import { MAX_NAME_LENGTH } from './formats/limits.js';
import { safetensorsHeader } from './formats/safetensors.js';
import { readWeight } from './layout/readWeight.js';

export { WEIGHT_FILE_OPTIONS };

const TENSORS = kind(
  'an object or a Map with { shape, data } for each name',
  (value) =>
    /^(Object|Map)$/.test(tag(value)) &&
    entriesOf(value as Tensors).every(
      ([name, one]) =>
        typeof name === 'string' &&
        withFields('', 'shape', 'data').holds(one) &&
        isListOf(one.shape, COUNT.holds),
    ),
);

type Tensors = Readonly<Record<string, NumberArray>> | ReadonlyMap<string, NumberArray>;

function entriesOf(tensors: Tensors): [name: string, NumberArray][] {
  return tag(tensors) === 'Map'
    ? [...(tensors as ReadonlyMap<string, NumberArray>)]
    : Object.entries(tensors);
}

/** Numbers with a shape, row-major. */
export interface NumberArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint8Array;
}

/**
 * All tensors of a file, with the names and shapes that they have there; they need not be a network's. Numbers become
 * float32, which represents integers up to 2^24 exactly.
 *
 * @param source a path (Node), a URL, a Blob, or bytes, in any format that `inspectWeights` knows.
 * @throws WeightFileError when the format is unknown or the file is damaged; the signal's reason.
 * @example
 * const calibration = (await readTensors('vgg.pth')).get('lin0.model.1.weight')!; // shape [1, 64, 1, 1]
 */
export async function readTensors(
  source: Source,
  options: WeightFileOptions = {},
): Promise<Map<string, { shape: number[]; data: Float32Array }>> {
  checkArguments('readTensors', { source }, { source: SOURCE });
  optionsOf('readTensors', options, WEIGHT_FILE_OPTIONS);

  return withCheckpoint(source, options, async ({ file, tensors, finish }, { signal }) => {
    const read = new Map<string, { shape: number[]; data: Float32Array }>();
    for (const tensor of tensors) {
      const data = new Float32Array(size(tensor.shape));
      await readWeight({ tensor }, () => data, { signal }).catch((error: unknown) => {
        signal?.throwIfAborted();
        if (error instanceof WeightFileError) throw error;
        throw new WeightFileError(file, `it could not be read: ${reason(error)}.`, {
          tensor: tensor.name,
          cause: error,
        });
      });
      read.set(tensor.name, { shape: [...tensor.shape], data });
    }
    await finish?.();
    return read;
  });
}

/**
 * Encodes arrays as a safetensors file, Float32Arrays as F32 and Uint8Arrays as U8; `readTensors` and Python's
 * `safetensors.numpy.load` read it.
 *
 * @param tensors by name: an object, or a Map such as `readTensors` returns.
 * @throws RangeError when an array is of another type, its length is not the size of its shape, or a name is one that the format keeps
 *   for itself or too long.
 */
export function encodeTensors(
  tensors: Readonly<Record<string, NumberArray>> | ReadonlyMap<string, NumberArray>,
): Uint8Array {
  checkArguments('encodeTensors', { tensors }, { tensors: TENSORS });
  const entries = entriesOf(tensors).map(([name, { shape, data }]) => {
    if (name === '__metadata__' || name.length > MAX_NAME_LENGTH) {
      fail(
        'encodeTensors',
        `a tensor has the name '${printable(name)}', ${name === '__metadata__' ? 'which safetensors keeps for its metadata' : `of ${name.length} characters, more than the ${MAX_NAME_LENGTH} that can be read`}; choose another.`,
      );
    }
    if (!isFloat32Array(data) && !isBytes(data)) {
      fail(
        'encodeTensors',
        `'${printable(name)}' is neither a Float32Array nor a Uint8Array; convert it to one.`,
      );
    }
    if (data.length !== size(shape)) {
      fail(
        'encodeTensors',
        `'${printable(name)}' has ${data.length} numbers, and its shape [${shape}] needs ${size(shape)}.`,
      );
    }
    const dtype = isFloat32Array(data) ? ('F32' as const) : ('U8' as const);
    return { name, shape, dtype, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
  });
  // The wider type comes first, so that every tensor is aligned.
  entries.sort((a, b) => Number(a.dtype === 'U8') - Number(b.dtype === 'U8'));
  return concat([safetensorsHeader(entries, {}), ...entries.map(({ bytes }) => bytes)]);
}
