import { isFloat32Array } from '../base/realm.js';
import { size } from '../base/shapes.js';
import { reason } from '../io/errors.js';
import { concat, type Source } from '../io/read.js';
import { type WeightFileOptions, withCheckpoint } from './formats/checkpoint.js';
import { WeightFileError } from './formats/error.js';
import { safetensorsHeader } from './formats/safetensors.js';
import { readWeight } from './layout/readWeight.js';

/** Numbers with a shape, row-major. */
export interface NumberArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint8Array;
}

/**
 * Everything that a weight file holds, by the names in the file and in the file's own order of sides, whatever it is of;
 * `fromWeights` and `loadWeights` are for networks. Numbers become float32, which holds whole ones up to 2^24 exactly.
 *
 * @param source a path (Node), a URL, a Blob, or bytes, in any format that `inspectWeights` knows.
 * @throws WeightFileError when the file is of no known format or damaged; the signal's reason.
 * @example
 * const calibration = (await readTensors('vgg.pth')).get('lin0.model.1.weight')!; // shape [1, 64, 1, 1]
 */
export async function readTensors(
  source: Source,
  options: WeightFileOptions = {},
): Promise<Map<string, { shape: number[]; data: Float32Array }>> {
  return withCheckpoint(source, options, async ({ file, tensors }) => {
    const read = new Map<string, { shape: number[]; data: Float32Array }>();
    for (const tensor of tensors) {
      const data = new Float32Array(size(tensor.shape));
      await readWeight({ tensor }, () => data, options).catch((error: unknown) => {
        options.signal?.throwIfAborted();
        if (error instanceof WeightFileError) throw error;
        throw new WeightFileError(file, `it could not be read: ${reason(error)}.`, {
          tensor: tensor.name,
          cause: error,
        });
      });
      read.set(tensor.name, { shape: [...tensor.shape], data });
    }
    return read;
  });
}

/**
 * Arrays as the bytes of a safetensors file: Float32Arrays as F32, Uint8Arrays as U8. `readTensors` reads it, and so does
 * `safetensors.numpy.load` in Python.
 */
export function encodeTensors(tensors: Readonly<Record<string, NumberArray>>): Uint8Array {
  const entries = Object.entries(tensors).map(([name, { shape, data }]) => ({
    name,
    shape,
    dtype: isFloat32Array(data) ? ('F32' as const) : ('U8' as const),
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  }));
  // Each type's tensors begin at a multiple of its size when the wider come first.
  entries.sort((a, b) => Number(a.dtype === 'U8') - Number(b.dtype === 'U8'));
  return concat([safetensorsHeader(entries, {}), ...entries.map(({ bytes }) => bytes)]);
}
