import { initializers, type LayersModel, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import {
  BOOLEAN,
  COUNT,
  checkArguments,
  FRACTION,
  isListOf,
  type Kind,
  kind,
  oneFrom,
  optionsOf,
  SEED,
  SOURCE,
  TEXT,
} from '../base/arguments.js';
import { size } from '../base/shapes.js';
import type { ConvArch } from '../core/arch.js';
import { UNFILLED } from '../core/initializer.js';
import { ADAPTIVE_SIZE, resolveVgg, type VggOptions } from '../core/options.js';
import { featureSize, minimumSize, PADDINGS, type Padding } from '../core/sizes.js';
import { buildVgg } from '../core/vgg.js';
import type { Source } from '../io/source.js';
import { fromStore } from './browserStore.js';
import { configuredModel } from './configuration/configuredModel.js';
import { vggByConfiguration } from './configuration/vgg.js';
import {
  type Checkpoint,
  WEIGHT_FILE_OPTIONS,
  type WeightFileOptions,
  withCheckpoint,
} from './formats/checkpoint.js';
import { WeightFileError } from './formats/error.js';
import { fillModel } from './loadWeights.js';
import { attachMetadata, type ModelMetadata, metadataIn } from './metadata.js';
import { checkStrict, type LoadReport, matchUp, namesIn } from './names/match.js';
import { checkHints, type NetworkSpec, refuseHints, vggByNames } from './names/network.js';
import { isTop, type Parameters } from './names/parameters.js';
import { type Target, targetsOf } from './names/targets.js';

/** Options of {@link fromWeights}; most override the file's network. */
export interface FromWeightsOptions
  extends WeightFileOptions,
    Pick<
      VggOptions,
      | 'inputShape'
      | 'classes'
      | 'includeTop'
      | 'pooling'
      | 'adaptivePool'
      | 'convolutionalTop'
      | 'dropout'
      | 'classifierActivation'
      | 'seed'
      | 'name'
    > {
  /**
   * Whether every tensor of the file must have a place in the model; default true. `includeTop: false` leaves out the fully
   * connected layers even then. Otherwise the report lists the tensors that were not loaded.
   */
  strict?: boolean;
  /** The blocks, where the file's names do not say where they end; where they do, they must be these. */
  arch?: ConvArch;
  /** Padding of the 3x3 convolutions, which files of weights do not record. Default 'same', as in every VGG of the paper. */
  padding?: VggOptions['padding'];
}

/** A network loaded from a file. */
export interface LoadedNetwork {
  model: LayersModel;
  /** The VGG in it, as the file describes it; undefined if the file's configuration is of another network. */
  network?: NetworkSpec;
  report: LoadReport;
  /** How images are prepared and what the classes are called, if the file says so; the model carries them too. */
  metadata: ModelMetadata;
  /** What a repository's `config.json` says about preprocessing, and why that cannot be used; then `metadata` has none. */
  preprocessingProblem?: string;
  /** Why the names of classes in a repository's `config.json` cannot be used; then `metadata` has none. */
  classNamesProblem?: string;
}

const IMAGE_SHAPE = kind(
  '[height, width, channels], whole numbers, or null for any height and width',
  (value) =>
    isListOf(value, (side) => side === null || (COUNT.holds(side) && side !== 0)) &&
    value.length === 3 &&
    value[2] !== null,
);

/** The names of the options. */
export const FROM_WEIGHTS: Readonly<Record<keyof FromWeightsOptions, 1 | Kind>> = {
  strict: BOOLEAN,
  arch: 1,
  padding: oneFrom(PADDINGS),
  ...WEIGHT_FILE_OPTIONS,
  classifierActivation: oneFrom(['linear', 'softmax']),
  seed: SEED,
  name: TEXT,
  inputShape: IMAGE_SHAPE,
  classes: COUNT,
  includeTop: BOOLEAN,
  pooling: oneFrom(['avg', 'max']),
  adaptivePool: BOOLEAN,
  convolutionalTop: BOOLEAN,
  dropout: FRACTION,
};

/**
 * Builds the network of a weight file and loads its weights. Blocks, batch normalization, widths and fully connected layers
 * follow from the names and shapes in the file. The weights are read straight into the model, so loading needs memory
 * for one set of weights and a few megabytes.
 *
 * Options can differ from the file: another `inputShape` (the features are then pooled to 7x7 for a top that expects it,
 * unless `adaptivePool` is false; timm's top passes larger features as a convolution, as in timm), `includeTop: false` for the
 * features alone, other `classes`, for which the last layer is initialized (Glorot uniform, by `seed`) and reported as
 * mismatched. Outputs are logits unless the file or `classifierActivation` says 'softmax'; `dropout` is 0.5 unless the file says
 * otherwise. A top that takes one number per channel follows global average pooling, and the model takes images of any size.
 *
 * @param source a path (Node), a URL, a Blob, or bytes; in browsers also a model that tfjs stored there, `indexeddb://NAME` or
 *   `localstorage://NAME`.
 * @throws WeightFileError when the file is damaged or not a VGG, has tensors without a place, or does not say which of several
 *   networks it is and no option does; RangeError when an option does not fit; the signal's reason.
 * @example
 * const { model } = await fromWeights('vgg16-397923af.pth');
 * const features = await fromWeights('vgg16-397923af.pth', { includeTop: false, pooling: 'avg' });
 */
export async function fromWeights(source: Source, options: FromWeightsOptions = {}): Promise<LoadedNetwork> {
  return loadedFrom('fromWeights', source, options);
}

/** As `fromWeights`, for the function that error messages name. */
export async function loadedFrom(
  where: string,
  source: Source,
  options: FromWeightsOptions,
): Promise<LoadedNetwork> {
  checkArguments(where, { source }, { source: SOURCE });
  const { fetch, signal, onProgress, maxBytes, shards, key, rename, layout, ...given } = optionsOf(
    where,
    options,
    FROM_WEIGHTS,
  );

  checkHints(where, given);
  const stored = await fromStore(source);
  const callers = {
    fetch,
    signal,
    onProgress,
    maxBytes,
    shards: shards ?? stored.shards,
    key,
    rename,
    layout,
  };
  return withCheckpoint(stored.source, callers, async (checkpoint, reading) => {
    const configured = vggByConfiguration(checkpoint);
    if (!configured && checkpoint.configuration !== undefined) {
      return fromConfiguration(where, checkpoint, given, reading);
    }
    if (configured) refuseHints(where, checkpoint.file, given);
    const { network, parameters } = configured ?? vggByNames(checkpoint, given);
    const options = optionsFor(where, checkpoint.file, network, parameters, given);
    const metadataOfFile = metadataIn(checkpoint);
    const built = build(where, network, options);
    try {
      const targets = targetsOf(where, built);
      const { pairs, report } = matchUp(checkpoint, parameters, targets);
      const unplaced = report.leftOver.filter((name) => !isLeftOut(name, parameters, options));
      checkStrict(
        checkpoint.file,
        { ...report, leftOver: (given.strict ?? true) ? unplaced : [] },
        'use a complete file and options that fit it, such as another inputShape',
        (weight) => isExcused(weight, network, options),
      );
      await fillModel(checkpoint, pairs, report, reading);
      initializeMissing(targets, report, options.seed);
      const ownOutputs = options.includeTop && options.classes === network.top?.classes;
      const metadata = attachMetadata(checkpoint.file, built, metadataOfFile, ownOutputs);
      return { model: built, network, report, metadata };
    } catch (error) {
      built.dispose();
      throw error;
    }
  });
}

/** Builds what a configuration describes, if that is not a VGG that `buildVgg` builds. */
async function fromConfiguration(
  where: string,
  checkpoint: Checkpoint,
  { strict = true, ...given }: Omit<FromWeightsOptions, keyof WeightFileOptions>,
  reading: WeightFileOptions,
): Promise<LoadedNetwork> {
  const { model, pairs, report, network } = await configuredModel(where, checkpoint, { ...given }, strict);
  try {
    await fillModel(checkpoint, pairs, report, reading);
    const metadata = attachMetadata(checkpoint.file, model, metadataIn(checkpoint), given.includeTop ?? true);
    return { model, network, report, metadata };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

type BuildOptions = VggOptions & { includeTop: boolean };

function optionsFor(
  where: string,
  file: string,
  network: NetworkSpec,
  { headProblem }: Parameters,
  given: FromWeightsOptions,
): BuildOptions {
  const { top, config, inputChannels, batchNorm, convBias, padding } = network;
  if (headProblem && (given.includeTop ?? given.strict ?? true)) throw headProblem;
  const includeTop = given.includeTop ?? top !== undefined;
  const pooling = given.pooling ?? (includeTop ? top?.pooling : config?.pooling);
  const side = includeTop && !pooling ? 224 : null;
  const options = {
    inputShape: given.inputShape ?? ownShape(network) ?? [side, side, inputChannels],
    padding,
    batchNorm,
    convBias,
    includeTop,
    classes: given.classes ?? top?.classes,
    hiddenUnits: top?.hiddenUnits,
    pooling,
    dropout: given.dropout ?? config?.dropout,
    classifierActivation: given.classifierActivation ?? config?.classifierActivation,
    seed: given.seed,
    name: given.name ?? nameOf(network),
  };
  const adapted = {
    ...options,
    ...(includeTop && top?.featureSize && !pooling && adapt(file, network, options.inputShape)),
  };
  const { adaptivePool = adapted.adaptivePool, convolutionalTop = adapted.convolutionalTop } = given;
  const chosen = { ...adapted, adaptivePool: adaptivePool && !convolutionalTop, convolutionalTop };
  if (includeTop) checkSize(where, file, network, chosen);
  return chosen;
}

/** How a top for 7x7 features takes those of another size: averaged to 7x7, or timm's as a convolution over larger ones. */
function adapt(
  file: string,
  { top, arch, padding, config }: NetworkSpec,
  [height, width]: NonNullable<VggOptions['inputShape']>,
): Pick<VggOptions, 'adaptivePool' | 'convolutionalTop'> {
  const own = top!.featureSize!;
  const features = [height, width].map((side) => featureSize(arch, side ?? 0, padding));
  if (own.some((side) => side !== ADAPTIVE_SIZE) || features.join() === own.join()) {
    return { adaptivePool: config?.adaptivePool };
  }
  if (!top!.convolutional || features.every((side) => side <= ADAPTIVE_SIZE)) return { adaptivePool: true };
  if (features.every((side) => side >= ADAPTIVE_SIZE)) return { convolutionalTop: true };
  throw new WeightFileError(
    file,
    `timm's top takes images of ${height}x${width} in a way that is not supported; pass an inputShape with both sides below 256, or both at least 224.`,
  );
}

/**
 * Throws unless the first fully connected layer will have the same inputs as the file's. Called before anything is allocated,
 * since a file may be for any image size.
 */
function checkSize(
  where: string,
  file: string,
  { arch, padding, top }: NetworkSpec,
  options: BuildOptions,
): void {
  const { inputShape, pooling, adaptivePool, convolutionalTop, hiddenUnits } = resolveVgg(where, arch, {
    ...options,
    classes: options.classes || 1,
  });
  if (!top) return;
  const channels = arch.at(-1)![1];
  const positions = (as: Padding) =>
    size(inputShape.slice(0, 2).map((side) => featureSize(arch, side ?? 0, as)));
  const own = channels * size(top.featureSize ?? []);
  const inputs =
    channels * (pooling ? 1 : adaptivePool || convolutionalTop ? ADAPTIVE_SIZE ** 2 : positions(padding));
  if (inputs === own) return;
  const [layer, units] = hiddenUnits.length > 0 ? ['fc1', hiddenUnits[0]] : ['predictions', options.classes];
  const shapes = `${layer}/kernel ([${own},${units}] in the file, [${inputs},${units}] in the model)`;
  const takes = top.featureSize ? `${top.featureSize.join('x')} features` : 'pooled features';
  const other = PADDINGS.find((one) => one !== padding && positions(one) * channels === own);
  throw new WeightFileError(
    file,
    `it does not fit the model (shapes differ in ${shapes}); its top takes ${takes}, so choose an inputShape that gives them${other ? `, or padding: '${other}'` : ''}, or includeTop: false.`,
  );
}

/** The input shape of the file's network, if its configuration states it or it follows from the top. */
function ownShape({ config, top, arch, inputChannels, padding }: NetworkSpec): VggOptions['inputShape'] {
  if (config?.inputShape) return config.inputShape;
  if (!top?.featureSize) return undefined;
  const [height, width] = top.featureSize.map((positions) => minimumSize(arch, padding, positions));
  return [height!, width!, inputChannels];
}

/** Builds the network, unfilled. timm's with num_classes=0 ends before the last layer. */
function build(where: string, { arch }: NetworkSpec, options: BuildOptions): LayersModel {
  if (options.classes !== 0 || !options.includeTop) return buildVgg(where, arch, options, UNFILLED);
  const whole = buildVgg(where, arch, { ...options, classes: 1 }, UNFILLED);
  const last = whole.getLayer('predictions');
  const headless = model({ inputs: whole.inputs, outputs: last.input as SymbolicTensor, name: options.name });
  last.dispose();
  return headless;
}

/** A title as a model's name: VGG-16-BN is vgg16_bn. */
function nameOf({ title }: NetworkSpec): string {
  return title.replace('VGG-', 'vgg').replace('-', '_').toLowerCase();
}

/** Whether a tensor is left out knowingly, as part of the fully connected layers. */
function isLeftOut(
  name: string,
  { parameters, head = [] }: Parameters,
  { includeTop }: BuildOptions,
): boolean {
  if (includeTop) return false;
  const top = parameters.filter(({ role }) => isTop(role)).map(({ tensor }) => tensor);
  return [...top, ...head].flatMap(namesIn).includes(name);
}

/** Whether the options need a weight that the file cannot have: part of a top that it lacks, or for other classes. */
function isExcused(weight: string, { top }: NetworkSpec, { classes }: BuildOptions): boolean {
  if (!top) return isTop(weight);
  return classes !== top.classes && weight.startsWith('predictions/');
}

/** Initializes the kernels that the file does not have; their biases stay zero. */
function initializeMissing(targets: ReadonlyMap<string, Target>, report: LoadReport, seed = 0): void {
  const weights = [...report.missing, ...report.mismatched.map(({ weight }) => weight)];
  for (const weight of weights.filter((one) => one.endsWith('/kernel'))) {
    const { variable } = targets.get(weight)!;
    const drawn = initializers.glorotUniform({ seed }).apply(variable.shape);
    variable.write(drawn);
    drawn.dispose();
  }
}
