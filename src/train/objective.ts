import {
  add,
  argMax,
  cast,
  clipByValue,
  concat,
  div,
  equal,
  expandDims,
  log,
  logSoftmax,
  mul,
  neg,
  oneHot,
  type Scalar,
  scalar,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tensor1d,
  zerosLike,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail, numberThat, shown } from '../base/check.js';
import { classifierOutputs } from '../tfjs/classifier.js';
import { graphOf } from '../tfjs/graph.js';
import type { Batch } from './examples.js';

/** What a loss counts, beside what the model returns. */
export interface ObjectiveOptions {
  /** Fraction of each label that is spread over all classes, 0 to 1. Default 0. */
  labelSmoothing?: number;
  /**
   * A weight for each class, above 0. Default 1 each. As in PyTorch, the sum of the losses is divided by the sum of the weights of
   * the labels, but of labels that are probabilities, such as those of mixed images, by the number of examples.
   */
  classWeights?: readonly number[];
}

/** What the loss of a batch depends on besides the outputs. */
type Labels = Pick<Batch, 'ys' | 'weights'>;

/** The loss of a classifier, and its predictions. */
export interface Objective {
  /** Number of classes: that of the outputs, or two with one output. */
  classes: number;
  /** Unnormalized log-probabilities `[batch, classes]`, from the model's output. */
  logits(output: Tensor): Tensor2D;
  /**
   * Mean cross-entropy of a batch, from the model's output `[batch, outputs]`: the sum of the weighted losses over the count.
   *
   * @param count what the sum is divided by; of a part of a batch the count of the whole, so that the losses of parts add up.
   */
  loss(output: Tensor, batch: Labels, count?: Scalar): Scalar;
  /** The sum of the weights of a batch: of the examples, times those of their classes unless labels are probabilities. */
  count(batch: Labels): Scalar;
  /** The most probable class of each example, int32 `[batch]`. */
  predict(output: Tensor): Tensor1D;
  /** The number of examples in a batch that are classified correctly; of class probabilities the largest counts. */
  correct(output: Tensor, ys: Tensor): Scalar;
}

/**
 * Cross-entropy of a model that returns logits or probabilities. One output stands for two classes: it is the logit, or with a
 * sigmoid the probability, of class 1 (binary cross-entropy).
 *
 * @throws RangeError for outputs that are neither.
 */
export function objectiveOf(
  where: string,
  model: LayersModel,
  { labelSmoothing = 0, classWeights }: ObjectiveOptions = {},
): Objective {
  const { classes, logits } = outputsOf(where, model);
  const isFraction = (n: number) => n >= 0 && n < 1;
  numberThat(where, 'labelSmoothing', labelSmoothing, isFraction, 'at least 0 and below 1, such as 0.1');
  checkClassWeights(where, classWeights, classes);
  const classesOf = (ys: Tensor) => (ys.rank === 1 ? ys : argMax(ys, -1));
  const predict = (output: Tensor) => argMax(logits(output), -1) as Tensor1D;
  // tfjs's wasm backend writes whole numbers where oneHot is asked for float32.
  const targetsOf = (ys: Tensor) => (ys.rank === 1 ? cast(oneHot(ys as Tensor1D, classes), 'float32') : ys);
  const weighted = (targets: Tensor, { weights }: Labels) => {
    const byClass = classWeights ? mul(targets, tensor1d([...classWeights])) : targets;
    return weights ? mul(byClass, expandDims(weights, 1)) : byClass;
  };
  const countOf = ({ ys, weights }: Labels): Scalar => {
    if (classWeights && ys.rank === 1) return sum(weighted(targetsOf(ys), { ys, weights }));
    return weights ? sum(weights) : scalar(ys.shape[0]!);
  };
  return {
    classes,
    logits,
    loss(output, batch, count = countOf(batch)) {
      const targets = targetsOf(batch.ys);
      const smooth =
        labelSmoothing === 0 ? targets : add(mul(targets, 1 - labelSmoothing), labelSmoothing / classes);
      const total = sum(mul(weighted(smooth, batch), neg(logSoftmax(logits(output)))));
      return div(total, count) as Scalar;
    },
    count: countOf,
    predict,
    correct: (output, ys) => sum(equal(predict(output), classesOf(ys))),
  };
}

/** The number of classes, and what turns outputs into their logits `[batch, classes]`. */
function outputsOf(where: string, model: LayersModel): Pick<Objective, 'classes' | 'logits'> {
  const { outputs, classes, activation } = classifierOutputs(where, graphOf(where, model));
  // The logarithm of probabilities equals the logits up to a constant, which the softmax of the loss cancels. 1e-7 is Keras'
  // bound; a probability of 0 would give an infinite loss.
  const logOf = (probabilities: Tensor) => log(clipByValue(probabilities, 1e-7, 1)) as Tensor2D;
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

function checkClassWeights(where: string, weights: readonly number[] | undefined, classes: number): void {
  if (!weights) return;
  if (!Array.isArray(weights)) {
    fail(where, `classWeights is ${shown(weights)}; pass a list of numbers, one for each class.`);
  }
  if (weights.length !== classes) {
    fail(
      where,
      `classWeights has ${weights.length} numbers for ${classes} classes; pass one for each class.`,
    );
  }
  for (const [i, weight] of weights.entries()) {
    const holds = (n: number) => n > 0 && n < Number.POSITIVE_INFINITY;
    numberThat(where, `classWeights[${i}]`, weight, holds, 'a number above 0');
  }
}
