import type { ConvArch } from '../../core/arch.js';
import { FAMILY } from '../../core/family.js';
import { type BatchNormOptions, DEFAULT_BATCH_NORM } from '../../core/options.js';
import type { Checkpoint } from '../formats/checkpoint.js';
import { WeightFileError } from '../formats/error.js';
import { type KerasConfig, type KerasLayer, kerasLayers } from '../formats/keras/config.js';
import { TOP } from './canonical.js';
import { explained, refuseOthers } from './others.js';
import { type KeyNames, type Parameter, type Parameters, parametersOf } from './parameters.js';

/** The network that a weight file describes. */
export interface NetworkSpec {
  /** Its usual name, such as `VGG-16` or `VGG-11-BN`; `VGG` if no member of the family has these blocks. */
  title: string;
  /** The framework whose key names the file has. */
  names: KeyNames;
  /** The blocks, for `vgg`. */
  arch: ConvArch;
  /** Channels of the input image. */
  inputChannels: number;
  /** Options of batch normalization in the file's framework; false if there is none. */
  batchNorm: false | Required<BatchNormOptions>;
  /** Whether the convolutions have biases. */
  convBias: boolean;
  /** Padding of the 3x3 convolutions. */
  padding: 'same' | 'valid';
  /** The fully connected layers; undefined in a file without a top. */
  top?: {
    /** Units of each layer before the last. */
    hiddenUnits: readonly number[];
    classes: number;
    /** Set if the layers take the features pooled to one vector; then there is no `featureSize`. */
    pooling?: 'avg' | 'max';
    /** Height and width of the feature map before them: 7 by 7 for images of 224x224. */
    featureSize?: readonly [height: number, width: number];
    /** Whether the hidden layers are convolutions, which a larger feature map passes window by window. */
    convolutional?: boolean;
  };
  /** Set if the file contains the model's configuration. */
  config?: {
    inputShape?: readonly [height: number | null, width: number | null, channels: number];
    classifierActivation?: 'linear' | 'softmax';
    /** Fraction of hidden units dropped. */
    dropout: number;
    pooling?: 'avg' | 'max';
    adaptivePool: boolean;
  };
}

/** PyTorch's and Keras' defaults, which are assumed for a file without a configuration. */
export const BATCH_NORM = {
  torch: DEFAULT_BATCH_NORM,
  keras: { epsilon: 1e-3, momentum: 0.99 },
} as const;

/** What the caller knows of a network and its file may not state. */
export interface NetworkHints {
  arch?: ConvArch;
  padding?: 'same' | 'valid';
  inputShape?: readonly [height: number | null, width: number | null, channels: number];
}

/**
 * Infers the network of a file from the names and shapes of its tensors.
 *
 * @param hints decide where names and shapes allow more than one network.
 * @throws WeightFileError when the names are unknown, or names and shapes do not form a VGG.
 */
export function vggByNames(
  checkpoint: Checkpoint,
  _hints: NetworkHints = {},
): { network: NetworkSpec; parameters: Parameters } {
  refuseOthers(checkpoint);
  try {
    const parameters = parametersOf(checkpoint);
    return { network: networkOf(checkpoint, parameters), parameters };
  } catch (error) {
    throw explained(checkpoint, error);
  }
}

function networkOf(checkpoint: Checkpoint, { names, parameters }: Parameters): NetworkSpec {
  const { file, configuration } = checkpoint;
  const kernels = new Map(
    parameters
      .filter(({ role }) => role.endsWith('/kernel'))
      .map((p) => [p.role.slice(0, -'/kernel'.length), p]),
  );
  const { arch, inputChannels } = archOf(file, kernels);
  const hasNorm = parameters.some(({ role }) => role.endsWith('_bn/gamma'));
  const saved =
    configuration === undefined
      ? undefined
      : configOf(kerasLayers(file, configuration), inputChannels, arch.length);
  const top = topOf(file, kernels, arch, saved?.inputShape);
  return {
    title: titleOf(arch, hasNorm),
    names,
    arch,
    inputChannels,
    batchNorm: hasNorm && batchNormOf(checkpoint, names),
    convBias: true,
    padding: 'same',
    top,
    config: saved,
  };
}

/** Options of batch normalization from a file's configuration or header, or else its framework's defaults. */
export function batchNormOf(
  { file, configuration, batchNormEpsilon }: Checkpoint,
  names: KeyNames,
): Required<BatchNormOptions> {
  const layers = configuration === undefined ? [] : kerasLayers(file, configuration);
  const { epsilon, momentum } =
    layers.find(({ className }) => className === 'BatchNormalization')?.config ?? {};
  const defaults = BATCH_NORM[names === 'keras' ? 'keras' : 'torch'];
  return {
    epsilon: isFraction(epsilon) ? epsilon : (batchNormEpsilon ?? defaults.epsilon),
    momentum: isFraction(momentum) ? momentum : defaults.momentum,
    afterRelu: false,
  };
}

/** The number to add to running variances so that a layer with another epsilon computes the same. */
export function varianceShift(from: number, to: number): number {
  // Equal epsilons may differ by float32 rounding, which must not change the variances.
  return Math.abs(from - to) < 1e-12 ? 0 : from - to;
}

type Kernels = ReadonlyMap<string, Parameter>;

function archOf(file: string, kernels: Kernels): { arch: ConvArch; inputChannels: number } {
  const arch: [convs: number, channels: number, pointwise: number][] = [];
  let channels: number | undefined;
  let inputChannels = 0;
  for (let block = 1; kernels.has(`block${block}_conv1`); block++) {
    const first = kernels.get(`block${block}_conv1`)!;
    arch.push([0, first.shape.at(-1)!, 0]);
    const row = arch.at(-1)!;
    for (let conv = 1; kernels.has(`block${block}_conv${conv}`); conv++) {
      const { shape, tensor } = kernels.get(`block${block}_conv${conv}`)!;
      const fault = (reason: string) =>
        new WeightFileError(file, `${reason}, so it is not a VGG's.`, { tensor: tensor.name });
      const [height, width, inputs, out] = shape;
      const pointwise = height === 1 && width === 1;
      if (shape.length !== 4 || !(pointwise || (height === 3 && width === 3))) {
        throw fault(`its kernel has the shape [${shape}], neither 3x3 nor 1x1`);
      }
      channels ??= inputChannels = inputs!;
      if (inputs !== channels) throw fault(`it takes ${inputs} channels but gets ${channels}`);
      if (out !== row[1]) throw fault(`it has ${out} filters but block ${block} has ${row[1]}`);
      if (!pointwise && row[2] > 0) throw fault('it is 3x3 but follows a 1x1');
      row[pointwise ? 2 : 0]++;
      channels = out!;
    }
  }
  const convs = [...kernels.keys()].filter((name) => name.startsWith('block')).length;
  const counted = arch.reduce((sum, [threes, , ones]) => sum + threes + ones, 0);
  if (counted === 0 || counted !== convs || inputChannels === 0 || arch.some(([, width]) => width === 0)) {
    throw new WeightFileError(
      file,
      `only ${counted} of its ${convs} convolutions are in a VGG's order; some are missing.`,
    );
  }
  return {
    arch: arch.map(([threes, width, ones]) =>
      ones > 0 ? ([threes, width, ones] as const) : ([threes, width] as const),
    ),
    inputChannels,
  };
}

function topOf(
  file: string,
  kernels: Kernels,
  arch: ConvArch,
  inputShape: readonly (number | null)[] | undefined,
): NetworkSpec['top'] {
  const [fc1, fc2, last] = TOP.map((name) => kernels.get(name));
  if (!fc1 || !fc2 || !last) return undefined;
  const hiddenUnits = fc1.shape.at(-1)!;
  const classes = last.shape.at(-1)!;
  for (const { shape, tensor } of [fc2, last]) {
    if (shape[0] !== hiddenUnits || (tensor === fc2.tensor && shape[1] !== hiddenUnits)) {
      throw new WeightFileError(
        file,
        `its shape is [${shape}] but the layer before it has ${hiddenUnits} units, so it is not a VGG's.`,
        {
          tensor: tensor.name,
        },
      );
    }
  }
  const positions = fc1.shape[0]! / arch.at(-1)![1];
  const [height, width] = inputShape ?? [];
  const halved = [height, width].map((length) => Math.floor((length ?? 0) / 2 ** arch.length));
  const fits = halved[0]! * halved[1]! === positions;
  const featureSize = fits
    ? (halved as [number, number])
    : ([Math.sqrt(positions), Math.sqrt(positions)] as const);
  if (!Number.isInteger(featureSize[0]) || hiddenUnits === 0 || classes === 0 || positions === 0) {
    throw new WeightFileError(
      file,
      `its ${fc1.shape[0]} inputs are not a square feature map of the ${arch.at(-1)![1]} channels before it, so it is not a VGG's.`,
      { tensor: fc1.tensor.name },
    );
  }
  return { hiddenUnits: [hiddenUnits, hiddenUnits], classes, featureSize };
}

function configOf(
  layers: KerasConfig,
  inputChannels: number,
  blocks: number,
): NonNullable<NetworkSpec['config']> {
  const of = (className: string) => layers.filter((layer) => layer.className === className);
  const last = of('Dense').at(-1)?.config.activation;
  const dropout = of('Dropout')[0]?.config.rate;
  return {
    inputShape: inputShapeOf(layers[0], inputChannels, blocks),
    classifierActivation: last === 'softmax' || last === 'linear' ? last : undefined,
    dropout: typeof dropout === 'number' && dropout >= 0 && dropout < 1 ? dropout : 0,
    pooling: of('GlobalAveragePooling2D')[0] ? 'avg' : of('GlobalMaxPooling2D')[0] ? 'max' : undefined,
    adaptivePool: layers.some(({ name }) => name.startsWith('avgpool')),
  };
}

function isFraction(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < 1;
}

/** The maximum height or width of an image; memory runs out below it. */
const MAX_IMAGE_SIZE = 2 ** 14;

/** The input shape in a configuration, if its network can process such images. */
function inputShapeOf(
  layer: KerasLayer | undefined,
  inputChannels: number,
  blocks: number,
): NonNullable<NetworkSpec['config']>['inputShape'] {
  const shape = layer?.config.batch_shape ?? layer?.config.batch_input_shape;
  if (!Array.isArray(shape) || shape.length !== 4 || shape[3] !== inputChannels) return undefined;
  const [height, width] = shape.slice(1) as (number | null)[];
  const fits = (length: unknown) =>
    length === null ||
    (Number.isSafeInteger(length) && Number(length) >= 2 ** blocks && Number(length) <= MAX_IMAGE_SIZE);
  return fits(height) && fits(width) ? [height!, width!, inputChannels] : undefined;
}

/** The title of the family's member with the same convolutions in each block, whatever their widths. */
export function titleOf(arch: ConvArch, batchNorm: boolean): string {
  const convs = (blocks: ConvArch) => blocks.map(([threes, , ones = 0]) => `${threes}+${ones}`).join();
  const member = Object.values(FAMILY).find((one) => convs(one.arch) === convs(arch));
  return `${member?.title ?? 'VGG'}${batchNorm ? '-BN' : ''}`;
}
