import {
  add,
  argMax,
  cast,
  div,
  equal,
  exp,
  expandDims,
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
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail, numberThat, shown } from '../base/check.js';
import { hasKernel, runOwnKernel } from '../tfjs/kernels.js';
import { recordAsOne } from '../tfjs/tape.js';
import type { Batch } from './batch.js';
import { type Logits, logitsOf } from './logits.js';

/** What a loss counts, beside what the model returns. */
export interface ObjectiveOptions {
  /** Fraction of each label that is spread over all classes, 0 to 1. Default 0. */
  labelSmoothing?: number;
  /**
   * A weight for each class, above 0. Default 1 each. As in PyTorch, the sum of the losses is divided by the sum of the weights of
   * the labels, but of labels that are probabilities, such as those of mixed images, by the number of examples.
   */
  classWeights?: readonly number[];
  /** Learns from another network too. Default: from the labels alone. */
  distill?: DistillOptions;
}

/**
 * Knowledge distillation (Hinton, Vinyals & Dean 2015): of a batch, the loss is
 * `(1 - weight) * crossEntropy(labels) + weight * temperature ** 2 * KL(teacher, model)`, where KL is the divergence of the classes'
 * probabilities, the softmax of logits divided by the temperature. An example counts as much in one as in the other; label smoothing
 * changes the labels alone. Of mixed or augmented images, the teacher sees what the model sees.
 */
export interface DistillOptions {
  /**
   * A trained classifier of the same images and classes, in the same order, with logits or probabilities. It is neither changed nor
   * disposed. Leave it out if the training set has its logits, as of `cacheFeatures` with a `teacher`.
   */
  teacher?: LayersModel;
  /** From 0.001 to 1000. The higher, the more the classes count that the teacher holds for unlikely. Default 4. */
  temperature?: number;
  /** How much the teacher counts, the labels having the rest: above 0, at most 1. Default 0.9. */
  weight?: number;
}

/** What the loss of a batch depends on besides the outputs. */
type Labels = Omit<Batch, 'xs'>;

/** The loss of a classifier, and its predictions. */
export interface Objective extends Logits {
  /**
   * Mean loss of a batch, from the model's output `[batch, outputs]`: the sum of the weighted losses over the count.
   *
   * @param count what the sum is divided by; of a part of a batch the count of the whole, so that the losses of parts add up.
   */
  loss(output: Tensor, batch: Labels, count?: Scalar): Scalar;
  /** Whether the loss is that of the labels, without a teacher. */
  labelsAlone: boolean;
  /** The part of the loss that is the labels', unweighted, and how many examples are classified correctly. */
  measure(output: Tensor, batch: Labels, count?: Scalar): { loss: Scalar; correct: Scalar };
  /** The sum of the weights of a batch: of the examples, times those of their classes unless labels are probabilities. */
  count(batch: Labels): Scalar;
  /** The number of examples in a batch that are classified correctly; of class probabilities the largest counts. */
  correct(output: Tensor, ys: Tensor): Scalar;
}

/**
 * Cross-entropy of a model that returns logits or probabilities, and its divergence from a teacher. One output stands for two classes: it is the logit, or with a
 * sigmoid the probability, of class 1 (binary cross-entropy).
 *
 * @throws RangeError for outputs that are neither.
 */
export function objectiveOf(
  where: string,
  model: LayersModel,
  { labelSmoothing = 0, classWeights, distill }: ObjectiveOptions = {},
): Objective {
  const { classes, logits } = logitsOf(where, model);
  const isFraction = (n: number) => n >= 0 && n < 1;
  numberThat(where, 'labelSmoothing', labelSmoothing, isFraction, 'at least 0 and below 1, such as 0.1');
  checkClassWeights(where, classWeights, classes);
  // It is used at each step, when the caller's list may be another.
  const weightsOfClasses = classWeights && [...classWeights];
  const classesOf = (ys: Tensor) => (ys.rank === 1 ? ys : argMax(ys, -1));
  const predict = (output: Tensor) => argMax(logits(output), -1) as Tensor1D;
  // tfjs's wasm backend writes whole numbers where oneHot is asked for float32.
  const targetsOf = (ys: Tensor) => (ys.rank === 1 ? cast(oneHot(ys as Tensor1D, classes), 'float32') : ys);
  const weighted = (targets: Tensor, { weights }: Labels) => {
    const byClass = weightsOfClasses ? mul(targets, tensor1d(weightsOfClasses)) : targets;
    return weights ? mul(byClass, expandDims(weights, 1)) : byClass;
  };
  const countOf = ({ ys, weights }: Labels): Scalar => {
    if (classWeights && ys.rank === 1) return sum(weighted(targetsOf(ys), { ys, weights }));
    return weights ? sum(weights) : scalar(ys.shape[0]!);
  };
  const labelLoss: Objective['loss'] = (output, batch, count = countOf(batch)) => {
    const targets = targetsOf(batch.ys);
    const smooth =
      labelSmoothing === 0 ? targets : add(mul(targets, 1 - labelSmoothing), labelSmoothing / classes);
    const total = sum(mul(weighted(smooth, batch), neg(logSoftmax(logits(output)))));
    return div(total, count);
  };
  const teacherLoss: Objective['loss'] = (output, batch, count = countOf(batch)) => {
    const { temperature } = withDefaults(distill!);
    const each = sum(weighted(targetsOf(batch.ys), batch), 1, true);
    const terms = divergence(batch.teacherLogits!, logits(output), temperature);
    return div(mul(sum(mul(each, terms)), temperature ** 2), count);
  };
  const distilled: Objective['loss'] = (...all) => {
    const { weight } = withDefaults(distill!);
    return add(mul(labelLoss(...all), 1 - weight), mul(teacherLoss(...all), weight));
  };
  const correct: Objective['correct'] = (output, ys) => sum(equal(predict(output), classesOf(ys)));
  return {
    classes,
    logits,
    loss: distill ? distilled : labelLoss,
    labelsAlone: !distill,
    measure(output, batch, count) {
      const { ys, weights } = batch;
      const isPlain = labelSmoothing === 0 && !classWeights && !weights && ys.dtype === 'int32';
      return isPlain && ys.rank === 1 && hasKernel('CrossEntropy')
        ? plainCrossEntropy(logits(output), ys, count)
        : { loss: labelLoss(output, batch, count), correct: correct(output, ys) };
    },
    count: countOf,
    correct,
  };
}

/** The mean cross-entropy and the number of correct examples, by one kernel that computes the gradient as well. */
function plainCrossEntropy(logits: Tensor2D, labels: Tensor, count?: Scalar) {
  const [sum, correct, gradient] = runOwnKernel(
    'CrossEntropy',
    { logits, labels },
    { count: count ? 1 : labels.shape[0]! },
  ) as [Scalar, Scalar, Tensor];
  const loss = recordAsOne(
    [logits],
    () => ({ y: sum.clone(), kept: [gradient] }),
    (dy, [gradient]) => [mul(gradient!, dy)],
  ) as Scalar;
  return { loss: count ? div<Scalar>(loss, count) : loss, correct };
}

/** The options that are numbers. */
export function withDefaults({ temperature = 4, weight = 0.9 }: DistillOptions) {
  return { temperature, weight };
}

/** The terms of the Kullback-Leibler divergence, by example and class, of probabilities softened by a temperature. */
function divergence(teacher: Tensor, model: Tensor, temperature: number): Tensor {
  const [wanted, actual] = [teacher, model].map((logits) => logSoftmax(div(logits, temperature)));
  return mul(exp(wanted!), sub(wanted!, actual!));
}

function checkClassWeights(where: string, weights: readonly number[] | undefined, classes: number): void {
  if (weights === undefined) return;
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
    // As float32, in which the loss is computed.
    const holds = (n: number) => Math.fround(n) > 0 && Math.fround(n) < Number.POSITIVE_INFINITY;
    numberThat(where, `classWeights[${i}]`, weight, holds, 'a number above 0 that float32 holds');
  }
}
