import { initializers, type LayersModel } from '@tensorflow/tfjs-layers';
import { UNFILLED } from '../core/initializer.js';
import { ADAPTIVE_SIZE, type VggOptions } from '../core/options.js';
import { plan } from '../core/plan.js';
import { buildVgg } from '../core/vgg.js';
import type { Source } from '../io/read.js';
import { configuredModel } from './configuration/configuredModel.js';
import { vggByConfiguration } from './configuration/vgg.js';
import { type Checkpoint, type WeightFileOptions, withCheckpoint } from './formats/checkpoint.js';
import { WeightFileError } from './formats/error.js';
import { fillModel } from './loadWeights.js';
import { attachMetadata, type ModelMetadata, metadataIn } from './metadata.js';
import { TOP } from './names/canonical.js';
import { checkStrict, type LoadReport, matchUp } from './names/match.js';
import { type NetworkSpec, vggByNames } from './names/network.js';
import { isTop } from './names/parameters.js';
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
      | 'dropout'
      | 'classifierActivation'
      | 'seed'
      | 'name'
    > {}

/** A network loaded from a file. */
export interface LoadedNetwork {
  model: LayersModel;
  /** The VGG in it, as the file describes it; undefined if the file's configuration is of another network. */
  network?: NetworkSpec;
  report: LoadReport;
  /** How images are prepared and what the classes are called, if the file says so; the model carries them too. */
  metadata: ModelMetadata;
}

/**
 * Builds the network of a weight file and loads its weights. Configuration, batch normalization, widths, classes and top
 * follow from the names and shapes in the file. The weights are read straight into the model, so loading needs memory
 * for one set of weights and a few megabytes.
 *
 * Options can differ from the file: another `inputShape` (the features are then pooled to 7x7 for a top that expects it,
 * unless `adaptivePool` is false), `includeTop: false` for the features alone, other `classes`, for which the last layer
 * is initialized (Glorot uniform, by `seed`) and reported as mismatched. Outputs are logits unless the file or
 * `classifierActivation` says 'softmax'; `dropout` is 0.5 unless the file says otherwise.
 *
 * @param source a path (Node), a URL, a Blob, or bytes.
 * @throws WeightFileError when the file is damaged or not a VGG; RangeError when an option does not fit; the signal's reason.
 * @example
 * const { model } = await fromWeights('vgg16-397923af.pth');
 * const features = await fromWeights('vgg16-397923af.pth', { includeTop: false, pooling: 'avg' });
 */
export async function fromWeights(
  source: Source,
  { fetch, signal, onProgress, maxBytes, shards, key, ...given }: FromWeightsOptions = {},
): Promise<LoadedNetwork> {
  const callers = { fetch, signal, onProgress, maxBytes, shards, key };
  return withCheckpoint(source, callers, async (checkpoint, reading) => {
    const configured = vggByConfiguration(checkpoint);
    if (!configured && checkpoint.configuration !== undefined) {
      return fromConfiguration(checkpoint, given, reading);
    }
    const { network, parameters } = configured ?? vggByNames(checkpoint, given);
    const options = optionsFor(network, given);
    const stored = metadataIn(checkpoint);
    checkSize(checkpoint.file, network, options);
    const model = buildVgg('vgg', network.arch, options, UNFILLED);
    try {
      const targets = targetsOf('fromWeights', model);
      const { pairs, report } = matchUp(checkpoint, parameters, targets);
      const wanted = options.includeTop
        ? report
        : { ...report, leftOver: report.leftOver.filter((tensor) => !isTop(tensor)) };
      checkStrict(checkpoint.file, wanted, (weight) => isExcused(weight, network, options));
      await fillModel(checkpoint, pairs, report, reading);
      initializeMissing(targets, report, options.seed);
      const ownOutputs = options.includeTop && options.classes === network.top?.classes;
      const metadata = attachMetadata(checkpoint.file, model, stored, ownOutputs);
      return { model, network, report, metadata };
    } catch (error) {
      model.dispose();
      throw error;
    }
  });
}

/** Builds what a configuration describes, if that is not a VGG that `buildVgg` builds. */
async function fromConfiguration(
  checkpoint: Checkpoint,
  given: Omit<FromWeightsOptions, keyof WeightFileOptions>,
  reading: WeightFileOptions,
): Promise<LoadedNetwork> {
  const { model, pairs, report, network } = await configuredModel(
    'fromWeights',
    checkpoint,
    { ...given },
    true,
  );
  try {
    await fillModel(checkpoint, pairs, report, reading);
    const metadata = attachMetadata(checkpoint.file, model, metadataIn(checkpoint), given.includeTop ?? true);
    return { model, network, report, metadata };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

function optionsFor(network: NetworkSpec, given: VggOptions): VggOptions & { includeTop: boolean } {
  const { top, config, inputChannels, batchNorm } = network;
  const includeTop = given.includeTop ?? top !== undefined;
  const own = ownShape(network);
  const inputShape = given.inputShape ??
    own ?? [includeTop ? 224 : null, includeTop ? 224 : null, inputChannels];
  // A feature map of any size, pooled to 7x7, fits a top for 224x224.
  const pooled =
    top?.featureSize?.every((length) => length === ADAPTIVE_SIZE) &&
    inputShape.slice(0, 2).join() !== own?.slice(0, 2).join();
  return {
    inputShape,
    batchNorm,
    includeTop,
    classes: given.classes ?? top?.classes,
    hiddenUnits: top?.hiddenUnits[0],
    pooling: given.pooling ?? (includeTop ? undefined : config?.pooling),
    adaptivePool: given.adaptivePool ?? (includeTop && (config?.adaptivePool || pooled)),
    dropout: given.dropout ?? config?.dropout,
    classifierActivation: given.classifierActivation ?? config?.classifierActivation,
    seed: given.seed,
    name: given.name ?? nameOf(network),
  };
}

/**
 * Throws unless the first fully connected layer will have the same shape as the file's. Called before anything is allocated,
 * since a configuration may state any image size.
 */
function checkSize(file: string, { arch, top }: NetworkSpec, options: VggOptions): void {
  if (!top?.featureSize || !options.includeTop) return;
  const fc1 = plan(arch, options).find(({ name }) => name === 'fc1')!;
  const [channels, units] = [arch.at(-1)![1], top.hiddenUnits[0]!];
  const inputs = (fc1.params - units) / units;
  const own = top.featureSize[0] * top.featureSize[1] * channels;
  if (inputs === own) return;
  const shapes = `fc1/kernel ([${own},${units}] in the file, [${inputs},${units}] in the model)`;
  throw new WeightFileError(
    file,
    `it does not fit the model (shapes differ in ${shapes}); its top takes ${top.featureSize.join('x')} features, so choose an inputShape that gives them, or includeTop: false.`,
  );
}

/** The input shape of the file's network, if its configuration states it or it follows from the top. */
function ownShape({ config, top, arch, inputChannels }: NetworkSpec): VggOptions['inputShape'] {
  if (config?.inputShape) return config.inputShape;
  return (
    top?.featureSize && [
      top.featureSize[0] * 2 ** arch.length,
      top.featureSize[1] * 2 ** arch.length,
      inputChannels,
    ]
  );
}

/** A title as a model's name: VGG-16-BN is vgg16_bn. */
function nameOf({ title }: NetworkSpec): string {
  return title.replace('VGG-', 'vgg').replace('-', '_').toLowerCase();
}

/** Whether the options need a weight that the file cannot have: part of a top that it lacks, or for other classes. */
function isExcused(weight: string, { top }: NetworkSpec, { classes }: VggOptions): boolean {
  if (!top) return TOP.some((layer) => weight.startsWith(`${layer}/`));
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
