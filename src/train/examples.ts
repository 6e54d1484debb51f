import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';

/** Some examples as tensors. Whoever takes a batch disposes both. */
export interface Batch {
  /** The images, float32 `[batch, height, width, channels]`. */
  xs: Tensor;
  /** The right classes, int32 `[batch]`, each from 0 to below the number of classes. */
  ys: Tensor1D;
}

/** Labelled examples that come a batch at a time; `vgg-blocks/data`'s `ImageSet` is one, a class of your own may be. */
export interface Examples {
  /** How many there are. */
  readonly length: number;
  /** `[height, width, channels]` of an image as the batches bring it. */
  readonly shape: readonly number[];
  /** What the classes are called, where that is known. */
  readonly classNames?: readonly string[];
  /** All examples once, the last batch perhaps smaller; in an order drawn from `seed`, or as stored without one. */
  batches(options: { batchSize: number; seed?: number }): Iterable<Batch> | AsyncIterable<Batch>;
}
