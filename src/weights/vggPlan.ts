import { MAX_SIDE } from '../base/check.js';
import { size } from '../base/shapes.js';
import { ADAPTIVE_SIZE, resolveVgg, type VggOptions } from '../core/options.js';
import { type PlanRow, plan } from '../core/plan.js';
import { featureSize, minimumSize, PADDINGS, type Padding } from '../core/sizes.js';
import { isAverage } from '../core/vgg.js';
import type { Checkpoint } from './formats/checkpoint.js';
import { WeightFileError } from './formats/error.js';
import { type ModelMetadata, metadataFor, metadataIn } from './metadata.js';
import { checkStrict, type LoadReport, matchUp, namesIn, type Pair, type Place } from './names/match.js';
import type { NetworkSpec } from './names/network.js';
import { isTop, type Parameters } from './names/parameters.js';

/** A weight of a network that is not built yet. */
interface PlannedWeight extends Place {
  role: string;
}

/** Options of `fromWeights`. */
type Given = Readonly<VggOptions> & { strict?: boolean };

/** What `fromWeights` builds of a file with a VGG, and where each tensor goes; nothing is allocated yet. */
export interface PlannedVgg {
  options: BuildOptions;
  placed: Pair<PlannedWeight>[];
  report: LoadReport;
  metadata: ModelMetadata;
}

/**
 * Decides how a file's VGG is built, or refuses it.
 *
 * @throws WeightFileError when file and network do not fit; RangeError when an option does not.
 */
export function plannedVgg(
  where: string,
  checkpoint: Checkpoint,
  { network, parameters }: { network: NetworkSpec; parameters: Parameters },
  given: Given,
): PlannedVgg {
  const { file } = checkpoint;
  checkPooling(checkpoint, network, given);
  const options = optionsFor(where, file, network, parameters, given);
  const ofFile = metadataIn(checkpoint);
  const { weights, outputs } = outline(where, network, options);
  const { pairs: placed, report } = matchUp(checkpoint, parameters, weights);
  const unplaced = report.leftOver.filter((name) => !isLeftOut(name, parameters, options));
  checkStrict(
    file,
    { ...report, leftOver: (given.strict ?? true) ? unplaced : [] },
    'use a complete file and options that fit it, such as another inputShape',
    (weight) => isExcused(weight, network, options),
  );
  const ownOutputs = options.includeTop && options.classes === network.top?.classes;
  return { options, placed, report, metadata: metadataFor(file, [{ shape: outputs }], ofFile, ownOutputs) };
}

/** Throws if an option puts another pooling before a trained top than the file says, which no shape would show. */
function checkPooling(
  { file, configuration }: Checkpoint,
  { top, config }: NetworkSpec,
  { pooling, includeTop = true }: Given,
): void {
  const says = configuration === undefined ? config?.pooling : top?.pooling;
  if (!top || !includeTop || !pooling || !says || pooling === says) return;
  throw new WeightFileError(
    file,
    `it says that its pooling is ${says}, and the option pooling is ${pooling}; leave it out.`,
  );
}

/** The weights and the outputs that `buildVgg` would give a network. timm's with num_classes=0 ends before the last layer. */
function outline(where: string, { arch }: NetworkSpec, options: BuildOptions) {
  const isHeadless = options.classes === 0 && options.includeTop;
  const whole = { ...options, classes: options.classes || 1 };
  const { batchNorm, inputShape } = resolveVgg(where, arch, whole);
  const [height, width, channels] = inputShape;
  // Where any size is possible, none changes a weight.
  const rows = plan(arch, { ...whole, inputShape: [height ?? MAX_SIDE, width ?? MAX_SIDE, channels] });
  const built = rows.filter(({ name }) => !(isHeadless && name === 'predictions'));
  const weights = built.flatMap((row) =>
    isAverage(row.name)
      ? []
      : shapesOf(row).map(([name, shape]): [string, PlannedWeight] => {
          const role = `${row.name}/${name}`;
          const epsilon = name === 'moving_variance' && batchNorm ? batchNorm.epsilon : undefined;
          return [role, { role, variable: { shape }, ...(epsilon !== undefined && { epsilon }) }];
        }),
  );
  return { weights: new Map(weights), outputs: built.at(-1)!.outputShape };
}

/** The weights of a layer, in the order of tfjs. */
function shapesOf({ kind, window, inputShape, outputShape, biases }: PlanRow): [string, readonly number[]][] {
  const [inputs, outputs] = [inputShape.at(-1)!, outputShape.at(-1)!];
  if (kind === 'batchNorm') {
    return ['gamma', 'beta', 'moving_mean', 'moving_variance'].map((name) => [name, [outputs]]);
  }
  if (kind !== 'conv' && kind !== 'dense') return [];
  const kernel = kind === 'conv' ? [...window, inputs, outputs] : [inputs, outputs];
  return [['kernel', kernel], ...(biases > 0 ? [['bias', [outputs]] as [string, number[]]] : [])];
}

export type BuildOptions = VggOptions & { includeTop: boolean };

function optionsFor(
  where: string,
  file: string,
  network: NetworkSpec,
  { headProblem }: Parameters,
  given: Given,
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
