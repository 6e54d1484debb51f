import { clipByValue, concat, log, sub, type Tensor, type Tensor2D, zerosLike } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { classifierOutputs } from '../tfjs/classifier.js';
import { graphOf } from '../tfjs/graph.js';

/** The logits of a classifier. */
export interface Logits {
  /** Number of classes: that of the outputs, or two with one output. */
  classes: number;
  /** Unnormalized log-probabilities `[batch, classes]`, from the model's output. */
  logits(output: Tensor): Tensor2D;
}

/**
 * The number of classes, and what turns outputs into their logits `[batch, classes]`.
 *
 * @param lowest probability that is told from 0. 1e-7 is Keras' bound: 0 would give an infinite loss.
 * @throws RangeError for outputs that are neither logits nor probabilities of one class each.
 */
export function logitsOf(where: string, model: LayersModel, lowest = 1e-7): Logits {
  const { outputs, classes, activation } = classifierOutputs(where, graphOf(where, model));
  // The logarithm of probabilities equals the logits up to a constant, which the softmax of the loss cancels.
  const logOf = (probabilities: Tensor) => log(clipByValue(probabilities, lowest, 1)) as Tensor2D;
  if (outputs === 1) {
    return {
      classes,
      logits: (output) =>
        activation === 'sigmoid'
          ? logOf(concat([sub(1, output), output], -1))
          : (concat([zerosLike(output), output], -1) as Tensor2D),
    };
  }
  if (activation === 'sigmoid') {
    fail(
      where,
      `the model ends in a sigmoid over ${outputs} outputs, which lets an image have several classes; its examples have one class each, so use a softmax or no activation.`,
    );
  }
  return {
    classes,
    logits: (output) => (activation === 'softmax' ? logOf(output) : (output as Tensor2D)),
  };
}
