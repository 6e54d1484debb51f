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
import type { ConvArch } from '../core/arch.js';
import { UNFILLED } from '../core/initializer.js';
import type { VggOptions } from '../core/options.js';
import { PADDINGS } from '../core/sizes.js';
import { buildVgg } from '../core/vgg.js';
import type { Source } from '../io/source.js';
import { checkMade } from '../tfjs/disposed.js';
import { inUse, isRaw } from '../tfjs/inUse.js';
import { fromStore } from './browserStore.js';
import { configuredModel } from './configuration/configuredModel.js';
import { vggByConfiguration } from './configuration/vgg.js';
import {
  type Checkpoint,
  WEIGHT_FILE_OPTIONS,
  type WeightFileOptions,
  withCheckpoint,
} from './formats/checkpoint.js';
import { fillModel } from './loadWeights.js';
import { type ModelMetadata, metadataFor, metadataIn, setMetadata } from './metadata.js';
import type { LoadReport } from './names/match.js';
import { checkHints, type NetworkSpec, refuseHints, vggByNames } from './names/network.js';
import type { Parameters } from './names/parameters.js';
import { type Target, targetsOf } from './names/targets.js';
import { type BuildOptions, plannedVgg } from './vggPlan.js';

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
   * connected layers even then. Otherwise the report lists the tensors that were not loaded. A weight that the file lacks is an
   * error either way.
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

/** The VGG in a file, before it is built. */
export interface FoundVgg {
  network: NetworkSpec;
  parameters: Parameters;
}

/**
 * As `fromWeights`, for the function that error messages name.
 *
 * @param check throws where the file is not what it should be: it gets the VGG in it, or undefined for another network.
 */
export async function loadedFrom(
  where: string,
  source: Source,
  options: FromWeightsOptions,
  check: (file: string, found: FoundVgg | undefined) => void = () => {},
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
  const load = async (checkpoint: Checkpoint, reading: WeightFileOptions): Promise<LoadedNetwork> => {
    const configured = vggByConfiguration(checkpoint);
    if (!configured && checkpoint.configuration !== undefined) {
      check(checkpoint.file, undefined);
      return fromConfiguration(where, checkpoint, given, reading);
    }
    if (configured) refuseHints(where, checkpoint.file, given);
    const { network, parameters } = configured ?? vggByNames(checkpoint, given);
    check(checkpoint.file, { network, parameters });
    const { options, placed, report, metadata } = plannedVgg(
      where,
      checkpoint,
      { network, parameters },
      given,
    );
    const built = build(where, network, options);
    return filled(where, built, async () => {
      const targets = targetsOf(where, built);
      const pairs = placed.map((pair) => ({ ...pair, target: targets.get(pair.target.role)! }));
      await fillModel(checkpoint, pairs, report, reading);
      initializeMissing(targets, report, options.seed);
      setMetadata(built, metadata);
      return { model: built, network, report, metadata };
    });
  };
  return inUse(where, {}, () => withCheckpoint(stored.source, callers, load));
}

/** Fills a new model, and disposes of it if that fails, as where its weights are disposed meanwhile. */
async function filled<T>(where: string, model: LayersModel, fill: () => Promise<T>): Promise<T> {
  try {
    return await fill();
  } catch (error) {
    if (isRaw(error)) checkMade(where, model);
    model.dispose();
    throw error;
  }
}

/** Builds what a configuration describes, if that is not a VGG that `buildVgg` builds. */
async function fromConfiguration(
  where: string,
  checkpoint: Checkpoint,
  { strict = true, ...given }: Omit<FromWeightsOptions, keyof WeightFileOptions>,
  reading: WeightFileOptions,
): Promise<LoadedNetwork> {
  const { model, pairs, report, network } = await configuredModel(where, checkpoint, { ...given }, strict);
  return filled(where, model, async () => {
    await fillModel(checkpoint, pairs, report, reading);
    const ownOutputs = given.includeTop ?? true;
    const metadata = metadataFor(checkpoint.file, model.outputs, metadataIn(checkpoint), ownOutputs);
    setMetadata(model, metadata);
    return { model, network, report, metadata };
  });
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
