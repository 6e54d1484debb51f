import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { checkArguments, either, isListOf, kind, MODEL, NUMBER, NUMBERS, TEXT } from '../base/arguments.js';
import { fail } from '../base/check.js';
import { shapeText, size } from '../base/shapes.js';
import { axesOf } from '../tfjs/axes.js';
import type { LayerKind, Plan, PlanRow } from './plan.js';

const KINDS: Record<string, LayerKind> = {
  InputLayer: 'input',
  Conv2D: 'conv',
  BatchNormalization: 'batchNorm',
  ReLU: 'relu',
  MaxPooling2D: 'maxPool',
  AveragePooling2D: 'avgPool',
  GlobalAveragePooling2D: 'globalPool',
  GlobalMaxPooling2D: 'globalPool',
  ZeroPadding2D: 'zeroPad',
  Permute: 'permute',
  Flatten: 'flatten',
  Dense: 'dense',
  Dropout: 'dropout',
  Softmax: 'softmax',
};

/** The kind of a layer by its class in Keras and tfjs; undefined where no VGG has such a layer. */
export function kindOf(className: string): LayerKind | undefined {
  return Object.hasOwn(KINDS, className) ? KINDS[className] : undefined;
}

function isRow(value: unknown): boolean {
  const row = value as PlanRow;
  return (
    [row.name, row.kind].every(TEXT.holds) &&
    [row.inputShape, row.outputShape, row.window, row.strides].every(NUMBERS.holds) &&
    [row.params, row.trainable, row.biases, row.macs].every(NUMBER.holds)
  );
}

/**
 * The rows of a plan, or those read from a model's layers.
 *
 * @throws RangeError when a layer is of a kind that no VGG has or is applied several times, or the input has no fixed size.
 */
export function rowsOf(where: string, modelOrPlan: LayersModel | Plan): Plan {
  // Made here, so that apps that call no report ship none of it.
  const network = either(
    MODEL,
    kind('a plan', (value) => isListOf(value, isRow) && value.length > 0),
  );
  checkArguments(where, { network: modelOrPlan }, { network });
  if (Array.isArray(modelOrPlan)) return modelOrPlan;
  const { layers: all } = modelOrPlan as LayersModel;
  const isFirst = isChannelsFirst(where, all);
  return all.map((layer) => rowOf(where, layer, isFirst));
}

/** Whether the maps of a model have their channels first; rows have them last. */
function isChannelsFirst(where: string, all: readonly layers.Layer[]): boolean {
  const orders = all.map((layer) => (layer.getClassName() === 'Permute' ? 'channelsLast' : axesOf(layer)));
  const [first, last] = ['channelsFirst', 'channelsLast'].map((order) => all[orders.indexOf(order)]);
  if (first && last) {
    fail(
      where,
      `layer ${first.name} has its channels first and layer ${last.name} does not; build the model with one order of axes.`,
    );
  }
  return first !== undefined;
}

function rowOf(where: string, layer: layers.Layer, isFirst: boolean): PlanRow {
  const className = layer.getClassName();
  const kind = kindOf(className);
  if (!kind) {
    fail(
      where,
      `layer ${layer.name} is a ${className}; supported layers are ${Object.keys(KINDS).join(', ')}.`,
    );
  }
  const applications = layer.inboundNodes.length;
  if (applications > 1) {
    fail(
      where,
      `layer ${layer.name} is applied ${applications} times, in this model or in others too; build one whose layers are its own and each applied once.`,
    );
  }
  const inputShape = shapeOf(where, layer, layer.input, isFirst);
  const outputShape = shapeOf(where, layer, layer.output, isFirst);
  const config = layer.getConfig();
  const pair = (value: unknown) =>
    (Array.isArray(value) ? value : [value ?? 1, value ?? 1]) as [number, number];
  const shapes = layer.weights.map((weight) => weight.shape as number[]);
  const kernel = shapes.find((shape) => shape.length > 1);
  // A kernel is applied once per output position: each pixel of a convolution, each row of a matrix product.
  const positions = size(outputShape) / outputShape.at(-1)!;
  const hasKernel = kind === 'conv' || kind === 'dense';
  const params = shapes.reduce((sum, shape) => sum + size(shape), 0);
  return {
    name: layer.name,
    kind,
    inputShape,
    outputShape,
    window: pair(config.kernelSize ?? config.poolSize),
    strides: pair(config.strides),
    params,
    trainable: layer.trainableWeights.reduce((sum, weight) => sum + size(weight.shape as number[]), 0),
    biases: hasKernel ? params - size(kernel!) : 0,
    macs: hasKernel ? positions * size(kernel!) : 0,
  };
}

function shapeOf(
  where: string,
  layer: layers.Layer,
  end: layers.Layer['input'],
  isFirst: boolean,
): readonly number[] {
  const shape = (Array.isArray(end) ? end[0]! : end).shape.slice(1);
  if (shape.includes(null)) {
    fail(
      where,
      `layer ${layer.name} has shape [${shapeText(shape, ', ')}] without a fixed size; build the model with a height and a width.`,
    );
  }
  const [channels, ...size] = shape as number[];
  return isFirst && size.length === 2 ? [...size, channels!] : (shape as number[]);
}

/** The layers of a block, or consecutive layers outside any block. */
export interface LayerGroup {
  /** `block1` for a block's layers, otherwise empty. */
  block: string;
  rows: PlanRow[];
}

/** Groups the layers of a plan by the block in their names, in order. */
export function groupByBlock(plan: Plan): LayerGroup[] {
  const groups: LayerGroup[] = [];
  for (const row of plan) {
    const block = /^(block\d+)_/.exec(row.name)?.[1] ?? '';
    const last = groups.at(-1);
    if (last?.block === block) last.rows.push(row);
    else groups.push({ block, rows: [row] });
  }
  return groups;
}
