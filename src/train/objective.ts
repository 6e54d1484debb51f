import {
  argMax,
  clipByValue,
  equal,
  log,
  losses,
  oneHot,
  type Scalar,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { outputKindOf } from '../tfjs/models.js';

/** The loss and the accuracy count of a classifier. */
export interface Objective {
  /** Mean cross-entropy of a batch, from the model's output `[batch, classes]`. */
  loss(output: Tensor, ys: Tensor1D): Scalar;
  /** The number of examples in a batch that are classified correctly. */
  correct(output: Tensor, ys: Tensor1D): Scalar;
}

/** Softmax cross-entropy, of a model that returns logits or probabilities. */
export function objectiveOf(model: LayersModel): Objective {
  const classes = model.outputs[0]!.shape.at(-1)!;
  // The logarithm of probabilities equals the logits up to a constant, which the cross-entropy's own softmax cancels. 1e-7 is
  // Keras' bound; a probability of 0 would give an infinite loss.
  const logits =
    outputKindOf(model) === 'probabilities'
      ? (output: Tensor) => log(clipByValue(output, 1e-7, 1))
      : (output: Tensor) => output;
  return {
    loss: (output, ys) => losses.softmaxCrossEntropy(oneHot(ys, classes), logits(output)) as Scalar,
    correct: (output, ys) => sum(equal(argMax(output as Tensor2D, -1), ys)),
  };
}
