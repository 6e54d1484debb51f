import { dispose, Tensor, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';
import { attempted, tag } from '../base/check.js';

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
  /** The logits of a teacher for the images, float32 `[batch, classes]`, where a set has them, for `train`'s `distill`. */
  teacherLogits?: Tensor2D;
}

/** Labeled examples in batches: an `ImageSet` of `vgg-blocks/data`, or an object of your own. */
export interface Examples {
  /** Number of examples. */
  readonly length: number;
  /** `[height, width, channels]` of an image in the batches. */
  readonly shape: readonly number[];
  /** Names of the classes, if known. */
  readonly classNames?: readonly string[];
  /** Names the teacher whose logits are in the batches, so that a run does not go on with another; none without them. */
  readonly teacher?: string;
  /**
   * Each example once, in an order drawn from `seed`, or in stored order without one. Every batch has `batchSize` examples, and
   * the last one the rest.
   */
  batches(options: { batchSize: number; seed?: number }): Iterable<Batch> | AsyncIterable<Batch>;
  /** The examples as two sets, with `fraction` of each class in the second. For `train`'s `validationFraction`. */
  split?(fraction: number, seed: number): { trainSet: Examples; validationSet: Examples };
  /**
   * Names the content of the set for checkpoints, so that a run does not go on with other data. Default: a checksum of the
   * first batch in stored order.
   */
  fingerprint?(): string | Promise<string>;
}

/**
 * Disposes the tensors of what was returned instead of a batch: its own, and those in its lists, maps and plain objects. Objects of a
 * class in it, such as models, keep theirs. What comes later of a promise is disposed then, and nobody else would see it reject.
 */
export function disposeWithin(refused: unknown): void {
  const seen = new Set<unknown>();
  // Of what cannot be read, the rest is disposed all the same.
  const visit = (value: unknown) => attempted(() => search(value));
  const search = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    const isPlain = seen.size === 0 || (value.constructor ?? Object).name === 'Object';
    seen.add(value);
    if (value instanceof Tensor) value.dispose();
    else if (tag(value) === 'Promise') (value as Promise<unknown>).then(disposeWithin).catch(() => undefined);
    else if (/^(Array|Map|Set)$/.test(tag(value))) for (const one of value as Iterable<unknown>) visit(one);
    else if (isPlain) for (const one of Object.values(value)) visit(one);
  };
  visit(refused);
}

/** Disposes a batch's tensors. */
export function disposeBatch({ xs, ys, weights, teacherLogits }: Batch): void {
  dispose([xs, ys, weights, teacherLogits].filter((tensor) => tensor !== undefined));
}
