import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { fits, shapeText } from '../base/shapes.js';
import { checkImageSize } from '../tfjs/imageSize.js';
import { inputShapeOf } from '../tfjs/models.js';

/** A batch of examples as tensors. The receiver disposes both. */
export interface Batch {
  /** The images, float32 `[batch, height, width, channels]`. */
  xs: Tensor;
  /** The correct classes, int32 `[batch]`, each from 0 to classes - 1. */
  ys: Tensor1D;
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
  if (examples.length === 0) fail(where, `the ${which} set is empty; pass at least one example.`);
}
