import { tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail, oneOf } from '../../base/check.js';
import { size } from '../../base/shapes.js';
import type { VggOptions } from '../../core/options.js';
import type { Checkpoint } from '../formats/checkpoint.js';
import { readWeight } from '../layout/readWeight.js';
import { checkStrict, emptyReport, type LoadReport, type Pair, reportFit } from '../names/match.js';
import type { NetworkSpec } from '../names/network.js';
import { parameterOf } from '../names/parameters.js';
import { type BuiltLayer, type BuiltModel, buildModel, type KerasWeight } from './build.js';
import type { KerasLayer, KerasModel } from './graph.js';
import { type Matched, matchWeights } from './match.js';
import { parseModel } from './parse.js';
import { vggWithin } from './vgg.js';

/** Options that a model can be given whose configuration decides the rest. */
type ConfiguredOptions = Pick<VggOptions, 'inputShape' | 'includeTop' | 'pooling' | 'name'>;

/** A model as its configuration describes it, with its weights not loaded yet. */
export interface ConfiguredModel {
  model: LayersModel;
  pairs: Pair[];
  report: LoadReport;
  /** The VGG in it, if there is one. */
  network?: NetworkSpec;
}

/**
 * Builds the model that a file's configuration describes, whatever it is, of the layers of tfjs.
 *
 * @param where the function that error messages name.
 * @param given its options, of which any but {@link ConfiguredOptions} are refused.
 * @param strict whether a tensor that is no weight of the model is an error.
 * @throws WeightFileError when tfjs-layers cannot compute the model, or the weights do not fit it; RangeError when an option
 *   does not fit.
 */
export async function configuredModel(
  where: string,
  checkpoint: Checkpoint,
  given: GivenOptions,
  strict: boolean,
): Promise<ConfiguredModel> {
  const { derived, ...configured } = plannedModel(where, checkpoint, given, strict, false);
  try {
    await derived();
    return configured;
  } catch (error) {
    configured.model.dispose();
    throw error;
  }
}

type GivenOptions = ConfiguredOptions & Readonly<Record<string, unknown>>;

/**
 * `configuredModel` up to the numbers.
 *
 * @param weightless whether the model is to show only that it can be built, so that its weights need no memory.
 * @returns also what reads the numbers that weights are computed of.
 */
export function plannedModel(
  where: string,
  checkpoint: Checkpoint,
  given: GivenOptions,
  strict: boolean,
  weightless: boolean,
): ConfiguredModel & { derived: () => Promise<void> } {
  const { file, tensors } = checkpoint;
  const { inputShape, includeTop = true, pooling, name, ...others } = given;
  checkOptions(where, file, { includeTop, pooling }, others);
  const parsed = parseModel(file, checkpoint.configuration, checkpoint.kerasVersion);
  const cut = includeTop ? undefined : topOf(parsed);
  const maxElements = tensors.reduce((sum, { shape }) => sum + size(shape), 0);
  const built = buildModel(file, parsed, { maxElements, inputShape, pooling, name, cut, weightless });
  try {
    const weightsOf = (layer: KerasLayer) => built.layers.get(layer)?.weights ?? weightsOfTop(layer);
    const matched = matchWeights(checkpoint, parsed, weightsOf);
    const { pairs, report } = pairUp(checkpoint, built, matched);
    const remedy = 'its weights are not those of its configuration, so save the model again';
    checkStrict(file, strict ? report : { ...report, leftOver: [] }, remedy);
    const derived = async () => {
      for (const [layer, one] of built.layers) await computeDerived(layer, one, matched.found, report);
    };
    return { model: built.model, pairs, report, network: vggWithin(file, parsed), derived };
  } catch (error) {
    built.model.dispose();
    throw error;
  }
}

function checkOptions(
  where: string,
  file: string,
  { includeTop, pooling }: ConfiguredOptions,
  others: Readonly<Record<string, unknown>>,
): void {
  // The seed has nothing to draw.
  const refused = Object.keys(others).find((option) => others[option] !== undefined && option !== 'seed');
  if (refused !== undefined) {
    fail(
      where,
      `${refused} cannot be given, because the configuration in ${file} decides it and is not exactly that of a VGG of vgg(); it can be loaded with inputShape, includeTop, pooling and name.`,
    );
  }
  oneOf(where, 'pooling', pooling, [undefined, 'avg', 'max']);
  if (pooling && includeTop)
    fail(
      where,
      `pooling '${pooling}' needs includeTop: false, because the configuration in ${file} has its own top.`,
    );
}

/** The layer at which the top begins: the first after the last convolution that takes the feature map apart. */
function topOf(model: KerasModel): KerasLayer | undefined {
  const unrolled = (inside: KerasModel): KerasLayer[] =>
    inside.layers.flatMap((layer) => (layer.model ? unrolled(layer.model) : [layer]));
  const layers = unrolled(model);
  const last = layers.findLastIndex(({ className }) => /Conv2D/.test(className));
  return layers
    .slice(last + 1)
    .find(({ className }) => /^(Flatten|Dense|Global(Average|Max)Pooling2D)$/.test(className));
}

/** The weights of layers that were cut off. */
const TOP_WEIGHTS: Record<string, readonly string[]> = {
  Dense: ['kernel', 'bias'],
  BatchNormalization: ['gamma', 'beta', 'moving_mean', 'moving_variance'],
  LayerNormalization: ['gamma', 'beta'],
  PReLU: ['alpha'],
};

function weightsOfTop({ className }: KerasLayer): KerasWeight[] {
  const names = Object.hasOwn(TOP_WEIGHTS, className) ? TOP_WEIGHTS[className]! : [];
  return names.map((name) => ({ name, trainable: !name.startsWith('moving_') }));
}

function pairUp(
  checkpoint: Checkpoint,
  { layers, leftOut }: BuiltModel,
  { found, others }: Matched<KerasWeight>,
): { pairs: Pair[]; report: LoadReport } {
  const pairs: Pair[] = [];
  const leftOver = others.map(({ name }) => name);
  const report = emptyReport(checkpoint, { names: 'keras', matched: 'names', leftOver, leftOut });
  for (const [layer, { weights }] of layers) {
    for (const weight of weights) {
      const { shape, variable } = weight;
      if (!shape) continue;
      const role = roleOf(layer, weight);
      const tensor = found.get(weight);
      if (!tensor) report.missing.push(role);
      else if (reportFit(report, role, tensor.inKeras?.shape ?? tensor.shape, shape) && variable) {
        const parameter = parameterOf(role, tensor);
        pairs.push({ parameter, target: { role, variable }, addToVariance: 0 });
      }
    }
  }
  return { pairs, report };
}

/** The name of a weight in reports. */
function roleOf(layer: KerasLayer, { name, variable }: KerasWeight): string {
  return variable?.originalName ?? `${layer.name}/${name}`;
}

/** Fills in weights that are computed of the file's. They are few: one for each channel. */
async function computeDerived(
  layer: KerasLayer,
  { weights, derived }: BuiltLayer,
  found: Matched<KerasWeight>['found'],
  report: LoadReport,
): Promise<void> {
  if (!derived) return;
  const values: Float32Array[] = [];
  for (const weight of weights.filter(({ shape }) => shape)) {
    const numbers = new Float32Array(size(weight.shape!));
    const count = await readWeight({ tensor: found.get(weight)! }, () => numbers, {});
    if (count > 0) report.nonFinite.push({ weight: roleOf(layer, weight), count });
    values.push(numbers);
  }
  derived.compute(values).forEach((numbers, i) => {
    const variable = derived.variables[i]!;
    const value = tensor(numbers, variable.shape as number[]);
    variable.write(value);
    value.dispose();
  });
}
