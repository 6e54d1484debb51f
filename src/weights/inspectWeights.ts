import { size } from '../base/shapes.js';
import type { Source } from '../io/read.js';
import { parseModel } from './configuration/parse.js';
import { vggByConfiguration, vggWithin } from './configuration/vgg.js';
import {
  type Checkpoint,
  type WeightFileOptions,
  type WeightFormat,
  withCheckpoint,
} from './formats/checkpoint.js';
import { WeightFileError } from './formats/error.js';
import type { Dtype } from './formats/tensor.js';
import { type ModelMetadata, metadataIn } from './metadata.js';
import { partsOf } from './names/folded.js';
import { type NetworkSpec, vggByNames } from './names/network.js';

/** A description of a weight file, read from its header alone. */
export interface WeightFileInfo {
  file: string;
  /** Length in bytes; of a tfjs model, that of its `model.json`. */
  bytes: number;
  format: WeightFormat;
  /** The network, if the tensors are those of a VGG. */
  network?: NetworkSpec;
  /** The reason why there is no `network`, or why it cannot be built with its fully connected layers. */
  problem?: string;
  /** How images are prepared and what the classes are called, if the file says so. */
  metadata: ModelMetadata;
  /** How many numbers are weights of the network. */
  parameters: number;
  /** The types of the numbers. */
  dtypes: Dtype[];
  /** Every tensor with its name and shape in the file, and the weight of the network that it holds, if any. */
  tensors: { name: string; dtype: Dtype; shape: number[]; weight?: string }[];
}

/**
 * Describes a weight file without reading its numbers.
 *
 * @throws WeightFileError when its format is unknown or it is damaged. A network other than a VGG is not an error.
 */
export async function inspectWeights(
  source: Source,
  options: WeightFileOptions = {},
): Promise<WeightFileInfo> {
  return withCheckpoint(source, options, async (checkpoint) => {
    const { file, bytes, format, tensors } = checkpoint;
    const vgg = attempt(() => vggOf(checkpoint));
    const parameters = 'value' in vgg ? vgg.value.parameters.parameters : [];
    const weights = new Map(
      parameters.flatMap(({ tensor, role }) => partsOf(tensor).map((part) => [part, role] as const)),
    );
    return {
      file,
      bytes,
      format,
      ...('value' in vgg ? described(vgg.value) : { problem: vgg.reason }),
      metadata: metadataIn(checkpoint),
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

/** The VGG that a file is, or that its configuration has as a part. */
function vggOf(checkpoint: Checkpoint): ReturnType<typeof vggByNames> {
  const { file, configuration, kerasVersion, tensors } = checkpoint;
  const exact = vggByConfiguration(checkpoint);
  if (exact) return exact;
  if (configuration === undefined) return vggByNames(checkpoint);
  const network = vggWithin(file, parseModel(file, configuration, kerasVersion));
  if (!network) {
    throw new WeightFileError(file, 'its configuration has no VGG; fromWeights builds what it describes.');
  }
  return { network, parameters: { names: 'keras', parameters: [], others: tensors } };
}

function described({
  network,
  parameters: { headProblem },
}: ReturnType<typeof vggByNames>): Pick<WeightFileInfo, 'network' | 'problem'> {
  return { network, ...(headProblem && { problem: headProblem.reason }) };
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
