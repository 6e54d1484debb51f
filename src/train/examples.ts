import { dispose, type Tensor, type Tensor1D } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { fits, shapeText } from '../base/shapes.js';
import { checkImageSize } from '../tfjs/imageSize.js';
import { inputShapeOf } from '../tfjs/models.js';

/** A batch of examples as tensors. The receiver disposes them. */
export interface Batch {
  /** The images, float32 `[batch, height, width, channels]`. */
  xs: Tensor;
  /**
   * The correct classes, int32 `[batch]`, each from 0 to classes - 1; or the probability of each class, float32
   * `[batch, classes]`, as of mixed images.
   */
  ys: Tensor;
  /** How much each example counts in the loss, float32 `[batch]`, at least 0. Default: 1 each. */
  weights?: Tensor1D;
}

/** Labeled examples in batches: an `ImageSet` of `vgg-blocks/data`, or an object of your own. */
export interface Examples {
  /** Number of examples. */
  readonly length: number;
  /** `[height, width, channels]` of an image in the batches. */
  readonly shape: readonly number[];
  /** Names of the classes, if known. */
  readonly classNames?: readonly string[];
  /** Each example once, in an order drawn from `seed`, or in stored order without one. The last batch may be smaller. */
  batches(options: { batchSize: number; seed?: number }): Iterable<Batch> | AsyncIterable<Batch>;
  /** The examples as two sets, with `fraction` of each class in the second. For `train`'s `validationFraction`. */
  split?(fraction: number, seed: number): { trainSet: Examples; validationSet: Examples };
}

/** Throws unless the examples fit the model's input and its number of classes. */
export function checkExamples(where: string, model: LayersModel, examples: Examples, which: string): void {
  const input = inputShapeOf(model);
  const output = model.outputs[0]!.shape.slice(1);
  if (!fits(examples.shape, input)) {
    fail(
      where,
      `the ${which} images are ${shapeText(examples.shape)}, but the model takes ${shapeText(input)}; resize the images or build the model with inputShape [${examples.shape.join(', ')}].`,
    );
  }
  checkImageSize(where, model, examples.shape);
  if (model.outputs.length !== 1) {
    fail(
      where,
      `the model has ${model.outputs.length} outputs; build one with the output to train, e.g. tf.model({ inputs: model.inputs, outputs: model.outputs[0] }).`,
    );
  }
  if (output.length !== 1) {
    fail(
      where,
      `the model's output is [batch, ${output.join(', ')}], not [batch, classes]; build it with its top or with pooling and a dense layer.`,
    );
  }
  const names = examples.classNames?.length ?? 0;
  // One output tells two classes apart.
  if (names > Math.max(2, output[0]!)) {
    fail(
      where,
      `the ${which} set has ${names} classes, but the model has ${output[0]} ${output[0] === 1 ? 'output' : 'outputs'}; build it with classes: ${names}.`,
    );
  }
  if (examples.length === 0) fail(where, `the ${which} set is empty; pass at least one example.`);
}

/** Disposes a batch's tensors. */
export function disposeBatch({ xs, ys, weights }: Batch): void {
  dispose(weights ? [xs, ys, weights] : [xs, ys]);
}
