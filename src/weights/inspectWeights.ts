import { size } from '../base/shapes.js';
import type { Source } from '../io/read.js';
import { type WeightFileOptions, type WeightFormat, withCheckpoint } from './formats/checkpoint.js';
import { WeightFileError } from './formats/error.js';
import type { Dtype } from './formats/tensor.js';
import { type NetworkSpec, networkOf } from './names/network.js';
import { type Parameters, parametersOf } from './names/parameters.js';

/** What a weight file is, read from its header alone. */
export interface WeightFileInfo {
  file: string;
  /** Length in bytes; of a tfjs model, that of its `model.json`. */
  bytes: number;
  format: WeightFormat;
  /** The network, where the tensors are those of a VGG. */
  network?: NetworkSpec;
  /** Why they are not, otherwise. */
  problem?: string;
  /** Numbers that are weights: all but those of `others`. */
  parameters: number;
  /** The types of the numbers. */
  dtypes: Dtype[];
  /** Each tensor under its name in the file, with its shape there and the weight that it is, if one. */
  tensors: { name: string; dtype: Dtype; shape: number[]; weight?: string }[];
}

/**
 * Says what a weight file is without reading its numbers.
 *
 * @throws WeightFileError when it is of no known format or damaged; a sound file of another network is no error.
 */
export async function inspectWeights(
  source: Source,
  options: WeightFileOptions = {},
): Promise<WeightFileInfo> {
  return withCheckpoint(source, options, async (checkpoint) => {
    const { file, bytes, format, tensors } = checkpoint;
    const meaning = attempt(() => parametersOf(checkpoint));
    const network = attempt(() => networkOf(checkpoint, found(meaning)));
    const { parameters = [] } = 'value' in meaning ? meaning.value : {};
    const weights = new Map(parameters.map(({ tensor, role }) => [tensor, role]));
    return {
      file,
      bytes,
      format,
      ...('value' in network ? { network: network.value } : { problem: network.reason }),
      parameters: parameters.reduce((sum, { tensor }) => sum + size(tensor.shape), 0),
      dtypes: [...new Set(tensors.map(({ dtype }) => dtype))],
      tensors: tensors.map((tensor) => {
        const weight = weights.get(tensor);
        return {
          name: tensor.name,
          dtype: tensor.dtype,
          shape: [...tensor.shape],
          ...(weight && { weight }),
        };
      }),
    };
  });
}

type Attempt<T> = { value: T } | { reason: string };

function attempt<T>(use: () => T): Attempt<T> {
  try {
    return { value: use() };
  } catch (error) {
    if (!(error instanceof WeightFileError)) throw error;
    return {
      reason: error.tensor === undefined ? error.reason : `tensor '${error.tensor}': ${error.reason}`,
    };
  }
}

function found(meaning: Attempt<Parameters>): Parameters {
  if ('value' in meaning) return meaning.value;
  throw new WeightFileError('', meaning.reason);
}
