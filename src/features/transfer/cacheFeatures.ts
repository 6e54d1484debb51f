import { dispose, type Tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkSeed, fail, wholeNumber } from '../../base/check.js';
import { epochSeed } from '../../base/random.js';
import { fits, shapeText, size } from '../../base/shapes.js';
import { inputShapeOf } from '../../tfjs/models.js';
import type { Examples } from '../../train/index.js';
import { FeatureSet } from './featureSet.js';
import { inMemory, type OpenRowStore, type RowStore } from './rowStore.js';

/** How features are computed and kept. */
export interface CacheOptions {
  /** Images that are computed at once; the features do not depend on it. Default 32. */
  batchSize?: number;
  /**
   * How many more times the images are gone through, in the order and with the augmentation that a seed gives. Each epoch then takes
   * one of the passes. Default 0: the images as they are.
   */
  augmentedPasses?: number;
  /** Draws the augmentation of the further passes, 0 to 4294967295. Default 0. */
  seed?: number;
  /** Bytes of features that are kept in memory. Default 1 GiB, 10000 images at VGG-16's `block5_pool` (7x7x512). */
  maxBytes?: number;
  /** Where features go that are more than `maxBytes`: `temporaryFile()` of `vgg-blocks/node`. Default: they are an error. */
  overflow?: OpenRowStore;
  /** Called after each batch with the images that are done, of all passes. */
  onProgress?: (progress: { done: number; total: number }) => void;
  /** Stops after a batch; what was computed is let go. */
  signal?: AbortSignal;
}

/**
 * Computes what a frozen network makes of examples, once, so that what comes after it is trained without computing it again in
 * every epoch. Training on the cache gives the very numbers that training the whole with that part frozen gives.
 *
 * @param base from images to features: `splitModel(model, 'block5').lower`, or a base before it gets its head.
 * @returns examples whose `xs` are the features, float32 `[batch, ...shape]`; dispose them when the training is done.
 * @throws RangeError when the examples do not fit the base, or the features are more than `maxBytes` and there is no
 *   `overflow`; the signal's reason; an Error when the disk is full.
 * @example
 * const { lower, upper } = splitModel(model, 'block5');
 * const features = await cacheFeatures(lower, folder.train, { overflow: temporaryFile() });
 * await train(upper, { train: features });
 * await features.dispose();
 */
export async function cacheFeatures(
  base: LayersModel,
  examples: Examples,
  options: CacheOptions = {},
): Promise<FeatureSet> {
  const { augmentedPasses = 0, batchSize = 32, seed = 0, maxBytes = 2 ** 30 } = options;
  wholeNumber('cacheFeatures', 'batchSize', batchSize);
  checkSeed('cacheFeatures', seed);
  wholeNumber('cacheFeatures', 'maxBytes', maxBytes, 0);
  const passes = 1 + wholeNumber('cacheFeatures', 'augmentedPasses', augmentedPasses, 0);
  const shape = featureShape(base, examples);
  const rowLength = size(shape);
  const rows = examples.length * passes;
  const store = await open({ rows, rowLength }, maxBytes, options.overflow);
  try {
    const labels = new Int32Array(rows);
    let done = 0;
    for (let pass = 0; pass < passes; pass++) {
      const draw = pass === 0 ? undefined : epochSeed(seed, pass);
      for await (const { xs, ys } of examples.batches({ batchSize, seed: draw })) {
        done += await keep(base, xs, ys, store, labels, done, options.signal);
        options.onProgress?.({ done, total: rows });
      }
      if (done !== (pass + 1) * examples.length) {
        fail(
          'cacheFeatures',
          `the examples gave ${done} images in ${pass + 1} passes, not ${examples.length} each.`,
        );
      }
    }
    return new FeatureSet({ store, labels, passes, shape, classNames: examples.classNames });
  } catch (error) {
    await store.dispose();
    throw error;
  }
}

/** Keeps the features of a batch from row `first` on, and disposes the batch; returns how many there are. */
async function keep(
  base: LayersModel,
  xs: Tensor,
  ys: Tensor,
  store: RowStore,
  labels: Int32Array,
  first: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const tensors = [xs, ys];
  try {
    // Timers and signals get a turn, which the backends that compute at once do not give them.
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    const features = tidy(() => base.apply(xs) as Tensor);
    tensors.push(features);
    const [values, classes] = await Promise.all([features.data<'float32'>(), ys.data<'int32'>()]);
    if (first + classes.length > labels.length) {
      fail('cacheFeatures', `the examples give more images than their length says.`);
    }
    labels.set(classes, first);
    await store.write(first, values);
    return classes.length;
  } finally {
    dispose(tensors);
  }
}

/** The shape of an example's features. */
function featureShape(base: LayersModel, examples: Examples): readonly number[] {
  const wanted = inputShapeOf(base);
  if (!fits(examples.shape, wanted)) {
    fail(
      'cacheFeatures',
      `the images are ${shapeText(examples.shape)}, but the base takes ${shapeText(wanted)}; prepare the images at that size.`,
    );
  }
  const shape = base.computeOutputShape([null, ...examples.shape]) as (number | null)[];
  if (base.outputs.length !== 1) {
    fail('cacheFeatures', `the base has ${base.outputs.length} outputs; give one that has one.`);
  }
  return shape.slice(1) as number[];
}

async function open(
  size: { rows: number; rowLength: number },
  maxBytes: number,
  overflow: OpenRowStore | undefined,
): Promise<RowStore> {
  const bytes = 4 * size.rows * size.rowLength;
  if (bytes <= maxBytes) return inMemory(size);
  if (overflow) return overflow(size);
  return fail(
    'cacheFeatures',
    `the features take ${megabytes(bytes)} and maxBytes allows ${megabytes(maxBytes)}; raise it, take a layer with a smaller output, or in Node pass overflow: temporaryFile().`,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
