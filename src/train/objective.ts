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
import { fail } from '../base/check.js';
import type { Examples } from './examples.js';

/** What a classifier is trained and measured by. */
export interface Objective {
  /** Mean cross-entropy of a batch, from the model's output `[batch, classes]`. */
  loss(output: Tensor, ys: Tensor1D): Scalar;
  /** How many of a batch are classified right. */
  correct(output: Tensor, ys: Tensor1D): Scalar;
}

/** Softmax cross-entropy, of logits or of what a last softmax layer made of them. */
export function objectiveOf(model: LayersModel): Objective {
  const classes = model.outputs[0]!.shape.at(-1)!;
  const last = model.layers.at(-1)!.getConfig();
  // The logarithm of a softmax is its logits but for a constant, which the cross-entropy's own softmax takes out.
  // 1e-7 is Keras' bound, below which float32 would give an infinite loss.
  const logits =
    last.activation === 'softmax'
      ? (output: Tensor) => log(clipByValue(output, 1e-7, 1))
      : (output: Tensor) => output;
  return {
    loss: (output, ys) => losses.softmaxCrossEntropy(oneHot(ys, classes), logits(output)) as Scalar,
    correct: (output, ys) => sum(equal(argMax(output as Tensor2D, -1), ys)),
  };
}

/** Throws unless the examples fit the model's input and its number of classes. */
export function checkFit(where: string, model: LayersModel, examples: Examples, which: string): void {
  const [input, output] = [model.inputs[0]!.shape.slice(1), model.outputs[0]!.shape.slice(1)];
  const fits =
    input.length === examples.shape.length &&
    input.every((side, i) => side === null || side === examples.shape[i]);
  if (!fits) {
    fail(
      where,
      `the ${which} images are ${examples.shape.join('x')}, but the model takes ${input.join('x')}; resize the images or build the model with inputShape [${examples.shape.join(', ')}].`,
    );
  }
  if (output.length !== 1) {
    fail(
      where,
      `the model's output is [batch, ${output.join(', ')}], not [batch, classes]; build it with its top or with pooling and a dense layer.`,
    );
  }
  const names = examples.classNames?.length ?? 0;
  if (names > output[0]!) {
    fail(
      where,
      `the ${which} set has ${names} classes, but the model has ${output[0]} outputs; build it with classes: ${names}.`,
    );
  }
  if (examples.length === 0) fail(where, `the ${which} set is empty; give at least one example.`);
}
