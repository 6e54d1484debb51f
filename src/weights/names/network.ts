import { fail, oneOf } from '../../base/check.js';
import { type ConvArch, checkArch } from '../../core/arch.js';
import { FAMILY } from '../../core/family.js';
import { type BatchNormOptions, DEFAULT_BATCH_NORM } from '../../core/options.js';
import { featureSize, minimumSize, PADDINGS, type Padding } from '../../core/sizes.js';
import type { Checkpoint } from '../formats/checkpoint.js';
import { printable, WeightFileError } from '../formats/error.js';
import { type Features, featuresOf } from './features.js';
import { endOf, type Head, headOf, positionsOf } from './head.js';
import { endOfList, type ListedLayer, layersOf, layersPresentIn, listsAll, problemOfList } from './layers.js';
import { type Module, modulesOf } from './modules.js';
import { explained, refuseOthers } from './others.js';
import type { KeyNames, Parameters } from './parameters.js';
import { placed } from './placed.js';
import { type RecordedOptions, recordedIn } from './recorded.js';

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
  /** Set if the file contains the model's configuration, or a record by this library of what weights do not say. */
  config?: {
    inputShape?: readonly [height: number | null, width: number | null, channels: number];
    classifierActivation?: 'linear' | 'softmax';
    /** Fraction of hidden units dropped. */
    dropout?: number;
    pooling?: 'avg' | 'max';
    adaptivePool?: boolean;
  };
}

/** PyTorch's and Keras' defaults, which are assumed for a file without a configuration. */
export const BATCH_NORM = {
  torch: DEFAULT_BATCH_NORM,
  keras: { epsilon: 1e-3, momentum: 0.99 },
} as const;

/** What the caller knows of a network and its file may not say. */
export interface NetworkHints {
  arch?: ConvArch;
  padding?: Padding;
  inputShape?: readonly [height: number | null, width: number | null, channels: number];
  classes?: number;
  /** Whether the fully connected layers are wanted, which fix the size of images. */
  includeTop?: boolean;
  /** How the features are pooled before the first fully connected layer. */
  pooling?: 'avg' | 'max';
  classifierActivation?: 'linear' | 'softmax';
}

/** Throws a RangeError unless hints are of their types. */
export function checkHints(where: string, { arch, padding }: NetworkHints): void {
  if (arch !== undefined) checkArch(where, arch);
  oneOf(where, 'padding', padding, [undefined, ...PADDINGS]);
}

/**
 * Throws if hints are given for a file that needs none.
 *
 * @throws RangeError
 */
export function refuseHints(where: string, file: string, { arch, padding }: NetworkHints): void {
  const given = arch ? 'arch' : padding ? 'padding' : undefined;
  if (given === undefined) return;
  fail(where, `${given} cannot be given, because the configuration in ${file} says it; leave it out.`);
}

/** Throws if hints contradict what `encodeWeights` recorded, or a whole module of PyTorch says. */
function checkRecorded(
  { file, network: stated }: Checkpoint,
  { arch, padding, ...others }: RecordedOptions,
  given: NetworkHints,
): void {
  const isRecorded = !stated && [arch, padding, ...Object.values(others)].some((one) => one !== undefined);
  // The usual padding is not recorded.
  const says = { arch: textOf(arch), padding: padding ?? (isRecorded ? 'same' : undefined) };
  const asked = { arch: textOf(given.arch), padding: given.padding };
  for (const name of ['arch', 'padding'] as const) {
    if (says[name] === undefined || asked[name] === undefined || says[name] === asked[name]) continue;
    throw new WeightFileError(
      file,
      `it says that its ${name} is ${says[name]}, and the option ${name} is ${asked[name]}; leave it out.`,
    );
  }
}

const textOf = (arch: ConvArch | undefined) =>
  arch &&
  JSON.stringify(
    arch.map(([convs, channels, pointwise]) => [convs, channels, ...(pointwise ? [pointwise] : [])]),
  );

/**
 * Infers the network of a file from the names and shapes of its tensors.
 *
 * @param hints decide where names and shapes allow more than one network, and are checked against them.
 * @throws WeightFileError when the names are unknown, names and shapes do not form a VGG, or form more than one.
 */
export function vggByNames(
  checkpoint: Checkpoint,
  hints: NetworkHints = {},
): { network: NetworkSpec; parameters: Parameters } {
  refuseOthers(checkpoint);
  try {
    return namedVgg(checkpoint, hints);
  } catch (error) {
    throw explained(checkpoint, error);
  }
}

function namedVgg(
  checkpoint: Checkpoint,
  given: NetworkHints,
): { network: NetworkSpec; parameters: Parameters } {
  const recorded = recordedIn(checkpoint);
  checkRecorded(checkpoint, recorded, given);
  const hints = {
    ...given,
    arch: given.arch ?? recorded.arch,
    padding: given.padding ?? recorded.padding,
    classes: recorded.classes ?? given.classes,
  };
  const { file } = checkpoint;
  const modules = modulesOf(file, checkpoint.tensors);
  const listed = layersOf(checkpoint);
  const present = listed ?? layersPresentIn(checkpoint);
  refuseForeign(file, present);
  const features = featuresOf(file, modules, {
    arch: hints.arch,
    layers: listed,
    fitsBlocks: (arch) => {
      const positions = positionsOf(modules, arch.at(-1)![1]);
      return sizeOf(arch, hints.padding ?? 'same', hints.inputShape, positions) !== undefined;
    },
    isFlattened: (arch) => hints.includeTop !== false && (positionsOf(modules, arch.at(-1)![1]) ?? 1) > 1,
  });
  const { arch, inputChannels } = features;
  // Keras 2 lists a model within the model as one layer.
  const nested =
    listed && [...features.layers.values()].some(({ path }) => !listed.some(({ name }) => name === path));
  if (!nested) checkPoolings(file, arch, present, hints.arch !== undefined);
  // Where no activation is a layer of its own, the convolutions have theirs, and normalization follows it.
  const fused = !listed && present?.every(({ kind }) => kind !== 'activation');
  const afterRelu =
    features.afterRelu === undefined ? undefined : features.afterRelu || !!recorded.afterRelu || !!fused;
  const channels = arch.at(-1)![1];
  const used = new Set(features.layers.values());
  const rest = modules.filter((module) => !used.has(module));
  const isMapOfOne =
    checkpoint.network !== undefined ||
    sizeOf(arch, hints.padding ?? 'same', hints.inputShape, 1) !== undefined;
  const head = headOf(rest, features, channels, listed, isMapOfOne);
  const padding = paddingOf(file, features, head, hints, listed);
  const config = configOf({ ...recorded, ...softmaxOf(file, head, present, !!listed, arch, given) });
  const inputShape = config?.inputShape ?? hints.inputShape;
  const own = head?.layers.map(({ module }) => module.path) ?? [];
  const listProblem =
    own.length > 0 && present && listsAll(present) && !head!.layers[0]!.window
      ? problemOfList(own, present, !!listed, recorded.pooling ?? given.pooling)
      : undefined;
  const found = listProblem
    ? { problem: listProblem }
    : head && topOf(head, arch, padding, inputShape, present, hints.classes, recorded);
  const top =
    found && !('problem' in found) && recorded.pooling ? { ...found, pooling: recorded.pooling } : found;
  const names = namesOf([...used], head);
  const convs = [...used].filter(({ kind }) => kind === 'conv');
  const headProblem =
    top && 'problem' in top
      ? new WeightFileError(
          file,
          `${top.problem}; pass includeTop: false for the features alone, or build its model and call loadWeights.`,
        )
      : undefined;
  return {
    network: {
      title: titleOf(arch, afterRelu !== undefined),
      names,
      arch,
      inputChannels,
      batchNorm: afterRelu !== undefined && { ...batchNormOf(checkpoint, names), afterRelu },
      convBias: convs.some(({ variables }) => variables.has('bias')),
      padding,
      top: top && 'problem' in top ? undefined : top,
      config,
    },
    parameters: { names, ...placed(modules, features, head, channels, hints.classes), headProblem },
  };
}

/** The softmax that a file lists, if the caller does not say what the outputs are. */
function softmaxOf(
  file: string,
  head: Head | undefined,
  present: readonly ListedLayer[] | undefined,
  isOrdered: boolean,
  arch: ConvArch,
  { classifierActivation, includeTop }: NetworkHints,
): Pick<RecordedOptions, 'classifierActivation'> {
  if (!present || classifierActivation || includeTop === false) return {};
  const convs = arch.reduce((sum, [threes, , ones = 0]) => sum + threes + ones, 0);
  const hidden = Math.max(0, (head?.layers.length ?? 0) - 1);
  const end = endOfList(present, isOrdered, head?.layers.at(-1)?.module.path, [convs, hidden]);
  if (end === 'unknown') {
    throw new WeightFileError(
      file,
      "it lists an activation after the last layer, but not which; pass classifierActivation: 'softmax' or 'linear', or build its model and call loadWeights.",
    );
  }
  return end ? { classifierActivation: end } : {};
}

/** Throws if a file lists a layer that changes the outputs and that no VGG has. */
function refuseForeign(file: string, listed: readonly ListedLayer[] | undefined): void {
  const foreign = listed?.find(({ kind }) => kind === 'foreign');
  if (!foreign) return;
  throw new WeightFileError(
    file,
    `it lists the layer '${printable(foreign.name)}', which no VGG has; build its model and call loadWeights.`,
  );
}

/** Throws unless a file that lists its poolings has one for each block. */
function checkPoolings(
  file: string,
  arch: ConvArch,
  present: readonly ListedLayer[] | undefined,
  isGiven: boolean,
): void {
  if (!listsAll(present)) return;
  const poolings = present!.filter(({ kind }) => kind === 'pooling').length;
  if (poolings === arch.length) return;
  throw new WeightFileError(
    file,
    `it lists ${poolings} poolings, but its ${arch.length} blocks need one each${poolings > arch.length ? ' and no more' : ', the last one included'}; ${isGiven ? '' : 'pass arch, or '}build its model and call loadWeights.`,
  );
}

function namesOf(modules: readonly Module[], head: Head | undefined): KeyNames {
  if (!modules.some(({ outFirst }) => outFirst)) return 'keras';
  const timm = head?.layers.some(({ module: { path } }) => /(^|\.)(pre_logits\.fc\d|head\.fc)$/.test(path));
  return timm ? 'timm' : 'torchvision';
}

type Size = readonly [height: number, width: number];

/** The size of the last feature map, if it has so many positions: by the input shape if that is known, or else a square. */
function sizeOf(
  arch: ConvArch,
  padding: Padding,
  inputShape: NetworkHints['inputShape'],
  positions: number | undefined,
): Size | undefined {
  if (positions === undefined || !inputShape) return undefined;
  const [height, width] = inputShape.slice(0, 2).map((length) => featureSize(arch, length ?? 0, padding));
  return height! > 0 && width! > 0 && height! * width! === positions ? [height!, width!] : undefined;
}

/**
 * The padding of the convolutions. VGGs have 'same', which is assumed; where a dialect is used for networks of both kinds, the
 * input shape or the caller decides.
 */
function paddingOf(
  file: string,
  { arch, padding }: Features,
  head: Head | undefined,
  hints: NetworkHints,
  listed: readonly ListedLayer[] | undefined,
): Padding {
  if (hints.padding) return hints.padding;
  const padded = listed?.filter(({ kind }) => kind === 'zeroPadding').length ?? 0;
  const threes = arch.reduce((sum, [count]) => sum + count, 0);
  const positions = head?.layers[0] && head.layers[0].inputs / arch.at(-1)![1];
  const flattened = (positions ?? 1) > 1;
  const asks = padding === 'either' || (padding === 'either unless flattened' && !flattened);
  if (padded === 0 ? !asks : padded === threes) return 'same';
  const fitting = PADDINGS.filter((one) => sizeOf(arch, one, hints.inputShape, positions));
  if (fitting.length === 1) return fitting[0]!;
  const side = Math.sqrt(positions ?? 0);
  const sizes = PADDINGS.map((one) => `'${one}'`);
  const images =
    Number.isInteger(side) && side > 1
      ? PADDINGS.map(
          (one, i) =>
            `${sizes[i]} for images of ${minimumSize(arch, one, side)}x${minimumSize(arch, one, side)}`,
        )
      : sizes;
  throw new WeightFileError(
    file,
    `networks with such names have convolutions with or without padding, which the file does not record; pass padding: ${images.join(', or ')}.`,
  );
}

/** The fully connected layers as options of a VGG, or why they are none. */
function topOf(
  { layers, problem }: Head,
  arch: ConvArch,
  padding: Padding,
  inputShape: NetworkHints['inputShape'],
  listed: readonly ListedLayer[] | undefined,
  classes: number | undefined,
  recorded: RecordedOptions,
): NonNullable<NetworkSpec['top']> | { problem: string } {
  if (problem !== undefined) return { problem };
  const [first, last] = [layers[0]!, layers.at(-1)!];
  const channels = arch.at(-1)![1];
  const [path, before] = [last, first].map(({ module }) => printable(module.path));
  const end = endOf({ layers, tensors: [] }, classes);
  if (end === 'unknown') {
    return {
      problem: `whether a classifier follows its last linear layer '${path}' cannot be known; pass classes: ${last.outputs} if it is the classifier, classes: 0 if it is a hidden layer`,
    };
  }
  const units = layers.map(({ outputs }) => outputs);
  const top =
    end === 'hidden'
      ? { hiddenUnits: units, classes: 0 }
      : { hiddenUnits: units.slice(0, -1), classes: last.outputs };
  // Caffe's `fc6` is a convolution of the map that it was trained with; timm's and this library's passes larger ones.
  const convolutional = first.module.path.includes('pre_logits') || !first.module.outFirst;
  if (first.window) return { ...top, featureSize: first.window, ...(convolutional && { convolutional }) };
  const positions = first.inputs / channels;
  const global = listed?.find(({ kind }) => kind === 'globalAverage' || kind === 'globalMax');
  // This library records the size of a flattened map of one position, or else the pooling.
  const flattened =
    (listed?.some(({ kind }) => kind === 'flatten') || (!!recorded.inputShape && !recorded.pooling)) &&
    !global;
  // Average pooling of a 1x1 map is flattening it.
  if (positions === 1 && !flattened) return { ...top, pooling: global?.kind === 'globalMax' ? 'max' : 'avg' };
  const side = Math.sqrt(positions);
  const size =
    sizeOf(arch, padding, inputShape, positions) ?? (Number.isInteger(side) ? [side, side] : undefined);
  if (!size || global) {
    return {
      problem: `the ${first.inputs} inputs of '${before}' are ${positions} positions of ${channels} channels, not a ${global ? 'pooled' : 'square'} feature map${global ? '' : ' (pass inputShape if images are not square)'}`,
    };
  }
  return { ...top, featureSize: size as Size };
}

/** Options of batch normalization in a file without a configuration: from its header, or else its framework's defaults. */
export function batchNormOf({ batchNormEpsilon }: Checkpoint, names: KeyNames): Required<BatchNormOptions> {
  const { epsilon, momentum } = BATCH_NORM[names === 'keras' ? 'keras' : 'torch'];
  return { epsilon: batchNormEpsilon ?? epsilon, momentum, afterRelu: false };
}

/** The number to add to running variances so that a layer with another epsilon computes the same. */
export function varianceShift(from: number, to: number): number {
  // Equal epsilons may differ by float32 rounding, which must not change the variances.
  return Math.abs(from - to) < 1e-12 ? 0 : from - to;
}

/** A record in place of a configuration; undefined if it says nothing of what a configuration does. */
function configOf({ inputShape, classifierActivation, pooling }: RecordedOptions): NetworkSpec['config'] {
  if (!inputShape && !classifierActivation && !pooling) return undefined;
  return { inputShape, classifierActivation, pooling };
}

/** The title of the family's member with the same convolutions in each block, whatever their widths. */
export function titleOf(arch: ConvArch, batchNorm: boolean): string {
  const convs = (blocks: ConvArch) => blocks.map(([threes, , ones = 0]) => `${threes}+${ones}`).join();
  const member = Object.values(FAMILY).find((one) => convs(one.arch) === convs(arch));
  return `${member?.title ?? 'VGG'}${batchNorm ? '-BN' : ''}`;
}
