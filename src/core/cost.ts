import type { LayersModel } from '@tensorflow/tfjs-layers';
import { optionsOf } from '../base/arguments.js';
import { keyOf, wholeNumber } from '../base/check.js';
import { size } from '../base/shapes.js';
import { rowsOf } from './inspect.js';
import { OPTIMIZERS, type OptimizerName } from './optimizers.js';
import { isFullyConnected } from './params.js';
import type { Plan, PlanRow } from './plan.js';

/** The cost of running and training a network. Numbers are float32, 4 bytes each. */
export interface Cost {
  batchSize: number;
  /** Multiply-accumulates on one batch. */
  macs: {
    forward: number;
    /** Forward, gradients with respect to the weights, and gradients with respect to each layer's input. */
    trainingStep: number;
  };
  bytes: {
    /** The weights, batch normalization's moving statistics included. */
    weights: number;
    /** Activations kept for the backward pass: the images of a batch and each layer's output, once. */
    activations: number;
    /** One gradient for each trainable weight. */
    gradients: number;
    /** The optimizer's state: nothing for SGD, one number per weight for momentum, two for Adam. */
    optimizerState: number;
    /** Weights, activations, gradients and optimizer state together. */
    training: number;
    /** The weights, and the largest input and output of one layer together. */
    inference: number;
  };
  /** The square of input pixels seen by one position of the last feature map: its `size`, and the `stride` to the next one. */
  receptiveField: { size: number; stride: number };
  /** A row per layer. */
  rows: CostRow[];
}

/** The cost of one layer. */
export interface CostRow {
  name: string;
  outputShape: readonly number[];
  /** Multiply-accumulates of the forward pass on one batch. */
  macs: number;
  /** Bytes of its weights. */
  weightBytes: number;
  /** Bytes of its output for one batch; 0 if it only reshapes its input (flatten). */
  activationBytes: number;
  /** Height and width of the square of input pixels that one position of the output sees. */
  receptiveField: number;
}

/**
 * The cost of a network: multiply-accumulates of its convolutions and linear layers (counted like PyTorch), bytes for inference
 * and training at a batch size, and the receptive field of each layer. Costing a plan allocates nothing.
 *
 * Activations are those that `train` of `vgg-blocks/train` keeps for backpropagation, at most: with the kernels of `vgg-blocks/wasm` it
 * needs about 0.6 times `training`. `fit` of tfjs 4.22 keeps about three
 * times as much: it records a convolution, its bias and its ReLU as three operations, each with its own output.
 *
 * @param options.batchSize images per step, default 1.
 * @param options.optimizer `'sgd'` (default), `'momentum'` or `'adam'`.
 * @example cost(plan(VGG11), { batchSize: 128 }).bytes.activations // 4.6e9, where AlexNet needs 0.42e9
 * @throws RangeError when an option is out of range, or a layer is of a kind that no VGG has or is applied several times.
 */
export function cost(
  modelOrPlan: LayersModel | Plan,
  options: { batchSize?: number; optimizer?: OptimizerName } = {},
): Cost {
  const given = optionsOf('cost', options, { batchSize: 1, optimizer: 1 });

  const { batchSize = 1, optimizer = 'sgd' } = given;
  wholeNumber('cost', 'batchSize', batchSize);
  keyOf('cost', 'optimizer', optimizer, OPTIMIZERS);
  const plan = rowsOf('cost', modelOrPlan);
  const rows = costRows(plan, batchSize);
  const trainable = sum(plan, (row) => row.trainable);
  const weights = 4 * sum(plan, (row) => row.params);
  const activations = sum(rows, (row) => row.activationBytes);
  const gradients = 4 * trainable;
  const optimizerState = OPTIMIZERS[optimizer].slots.length * gradients;
  const alive = plan.map((row) => 4 * batchSize * (size(row.inputShape) + ownNumbers(row)));
  const features = plan.slice(
    0,
    1 +
      plan.findLastIndex((row) => row.kind === 'maxPool' || (row.kind === 'conv' && !isFullyConnected(row))),
  );
  return {
    batchSize,
    macs: { forward: sum(rows, (row) => row.macs), trainingStep: batchSize * trainingMacs(plan) },
    bytes: {
      weights,
      activations,
      gradients,
      optimizerState,
      training: weights + activations + gradients + optimizerState,
      inference: weights + Math.max(...alive),
    },
    receptiveField: {
      size: rows[features.length - 1]?.receptiveField ?? 1,
      stride: features.reduce((stride, row) => stride * row.strides[0], 1),
    },
    rows,
  };
}

function costRows(plan: Plan, batchSize: number): CostRow[] {
  let stride = 1;
  let receptiveField = 1;
  return plan.map((row) => {
    receptiveField += (row.window[0] - 1) * stride;
    stride *= row.strides[0];
    return {
      name: row.name,
      outputShape: row.outputShape,
      macs: batchSize * row.macs,
      weightBytes: 4 * row.params,
      activationBytes: 4 * batchSize * ownNumbers(row),
      receptiveField,
    };
  });
}

/**
 * The gradient of a layer's weights costs as much as its forward pass; so does that of its input, needed if an earlier layer is
 * trained.
 */
function trainingMacs(plan: Plan): number {
  let trainedBefore = false;
  return sum(plan, ({ macs, trainable }) => {
    const passes = 1 + Number(trainable > 0) + Number(trainedBefore);
    trainedBefore ||= trainable > 0;
    return passes * macs;
  });
}

/** Numbers in a layer's output; 0 if it only reshapes its input. */
function ownNumbers(row: PlanRow): number {
  return row.kind === 'flatten' ? 0 : size(row.outputShape);
}

function sum<T>(rows: readonly T[], of: (row: T) => number): number {
  return rows.reduce((total, row) => total + of(row), 0);
}
