import { checkArguments, optionsOf, SOURCE } from '../base/arguments.js';
import { size } from '../base/shapes.js';
import type { Source } from '../io/source.js';
import { plannedModel } from './configuration/configuredModel.js';
import type { KerasLayer, KerasModel } from './configuration/graph.js';
import { isLeftOut } from './configuration/layers.js';
import { parseModel } from './configuration/parse.js';
import { imageShapeOf, vggByConfiguration, vggWithin } from './configuration/vgg.js';
import {
  type Checkpoint,
  WEIGHT_FILE_OPTIONS,
  type WeightFileOptions,
  type WeightFormat,
  withCheckpoint,
} from './formats/checkpoint.js';
import { WeightFileError } from './formats/error.js';
import type { Dtype, StoredTensor } from './formats/tensor.js';
import { type ModelMetadata, metadataFor, metadataIn } from './metadata.js';
import { partsOf } from './names/folded.js';
import { type NetworkSpec, vggByNames } from './names/network.js';
import { plannedVgg } from './vggPlan.js';

/** A description of a weight file, read from its header alone. */
export interface WeightFileInfo {
  file: string;
  /** Length in bytes; of a tfjs model, that of its `model.json`. */
  bytes: number;
  format: WeightFormat;
  /** The network, if the file is a VGG or its configuration has one in it. */
  network?: NetworkSpec;
  /** Why `fromWeights` refuses the file unless an option says otherwise, in the same words; undefined if nothing in its header is against it. */
  problem?: string;
  /**
   * The layers of the file's configuration, if it is not exactly a VGG's: `fromWeights` builds the model from them, without those
   * that do nothing in prediction (`leftOut`).
   */
  layers?: { name: string; kind: string; leftOut: boolean }[];
  /** The shape of the images that `layers` take, with null for a side of any length; undefined if the configuration does not state it. */
  inputShape?: readonly [height: number | null, width: number | null, channels: number];
  /** State dicts of a PyTorch checkpoint that were left aside; the option `key` takes another. */
  leftAside?: readonly string[];
  /** How images are prepared and what the classes are called, if the file says so. */
  metadata: ModelMetadata;
  /** How many numbers are weights of the network; in a file that is no known network, how many numbers there are. */
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
  checkArguments('inspectWeights', { source }, { source: SOURCE });
  optionsOf('inspectWeights', options, WEIGHT_FILE_OPTIONS);

  return withCheckpoint(source, options, async (checkpoint) => {
    const { file, bytes, format, tensors, leftAside } = checkpoint;
    const vgg = attempt(() => networkIn(checkpoint));
    const parameters = 'value' in vgg ? vgg.value.parameters.parameters : [];
    const weights = new Map(
      parameters.flatMap(({ tensor, role }) => partsOf(tensor).map((part) => [part, role] as const)),
    );
    return {
      file,
      bytes,
      format,
      ...('value' in vgg ? factsOf(vgg.value) : { problem: vgg.reason }),
      ...(leftAside && { leftAside }),
      metadata: metadataIn(checkpoint),
      parameters: ('value' in vgg ? parameters.map(({ tensor }) => tensor) : tensors).reduce(
        (sum, { shape }) => sum + size(shape),
        0,
      ),
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

/** The network by the file's configuration, or else by names and shapes, as `fromWeights` decides it. */
function networkIn(checkpoint: Checkpoint): Described {
  const vgg = vggByConfiguration(checkpoint);
  const { file, tensors, configuration, kerasVersion } = checkpoint;
  if (vgg || configuration === undefined) {
    const found = vgg ?? vggByNames(checkpoint);
    return { ...found, check: () => plannedVgg('fromWeights', checkpoint, found, {}) };
  }
  const model = parseModel(file, configuration, kerasVersion);
  return {
    network: vggWithin(file, model),
    parameters: { parameters: tensors.map((tensor) => ({ tensor })) },
    layers: layersOf(model),
    inputShape: imageShapeOf(model),
    check: () => {
      const { model: built } = plannedModel('fromWeights', checkpoint, {}, true, true);
      built.dispose();
      metadataFor(file, built.outputs, metadataIn(checkpoint), true);
    },
  };
}

interface Described {
  network?: NetworkSpec;
  parameters: { parameters: readonly { tensor: StoredTensor; role?: string }[] };
  layers?: KerasLayer[];
  inputShape?: WeightFileInfo['inputShape'];
  /** Throws what `fromWeights` would throw before it reads numbers. */
  check: () => void;
}

function factsOf({
  network,
  layers,
  inputShape,
  check,
}: Described): Pick<WeightFileInfo, 'network' | 'layers' | 'inputShape' | 'problem'> {
  const checked = attempt(check);
  return {
    ...(network && { network }),
    ...(layers && {
      layers: layers.map(({ name, className }) => ({
        name,
        kind: className,
        leftOut: isLeftOut(className),
      })),
    }),
    ...(inputShape && { inputShape }),
    ...('reason' in checked && { problem: checked.reason }),
  };
}

/** The layers of a model and of those within it. */
function layersOf({ layers }: KerasModel): KerasLayer[] {
  return layers.flatMap((layer) => (layer.model ? layersOf(layer.model) : [layer]));
}

type Attempt<T> = { value: T } | { reason: string };

function attempt<T>(use: () => T): Attempt<T> {
  try {
    return { value: use() };
  } catch (error) {
    // Of a file whose own numbers are out of range.
    const ofOptions =
      error instanceof RangeError ? /^fromWeights: (.*)$/s.exec(error.message)?.[1] : undefined;
    if (ofOptions !== undefined) return { reason: ofOptions };
    if (!(error instanceof WeightFileError)) throw error;
    return {
      reason: error.tensor === undefined ? error.reason : `tensor '${error.tensor}': ${error.reason}`,
    };
  }
}
