import { dispose, type Tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, EXAMPLES, MODEL, optionsOf } from '../../base/arguments.js';
import { checkSeed, fail, wholeNumber } from '../../base/check.js';
import { crc32 } from '../../base/crc32.js';
import type { Progress } from '../../base/progress.js';
import { epochSeed } from '../../base/random.js';
import { fits, shapeText, size } from '../../base/shapes.js';
import { graphOf } from '../../tfjs/graph.js';
import { checkImageSize } from '../../tfjs/imageSize.js';
import { inputShapeOf } from '../../tfjs/models.js';
import type { Batch, Examples } from '../../train/index.js';
import { FeatureSet, inMemory, type OpenRowStore, type RowStore } from './featureSet.js';

/** Options of {@link cacheFeatures}. */
export interface CacheOptions {
  /** Images per forward pass; the features do not depend on it. Default 32. */
  batchSize?: number;
  /**
   * Additional passes over the examples, each with its own augmentation. Each epoch then uses one of the passes, drawn at
   * random. Default 0: no augmentation.
   */
  augmentedPasses?: number;
  /** Seed of the augmentation of the additional passes, 0 to 4294967295. Default 0. */
  seed?: number;
  /** Limit in bytes on features in memory. Default 1 GiB, 10000 images at VGG-16's `block5_pool` (7x7x512). */
  maxBytes?: number;
  /** Storage for features that exceed `maxBytes`: `temporaryFile()` of `vgg-blocks/node`. Default: an error. */
  overflow?: OpenRowStore;
  /** Called after each batch; counts the `'images'` of all passes. */
  onProgress?: (progress: Required<Progress>) => void;
  /** Stops after the current batch: rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Computes the features of examples once with a frozen network, so that training the layers above does not compute them again in
 * every epoch. The results are exactly those of training the whole model with that part frozen.
 *
 * @param base a model from images to features: `splitModel(model, 'block5').lower`, or a network without its top.
 * @returns examples whose `xs` are the features, float32 `[batch, ...shape]`; dispose them after training.
 * @throws RangeError when the examples do not fit the base or have more than a class each, or the features exceed `maxBytes` and there is no `overflow`; the
 *   signal's reason; an Error when the disk is full.
 * @example
 * const { lower, upper } = splitModel(model, 'block5');
 * const features = await cacheFeatures(lower, folder.trainSet, { overflow: temporaryFile() });
 * await train(upper, { trainSet: features });
 * await features.dispose();
 */
export async function cacheFeatures(
  base: LayersModel,
  examples: Examples,
  options: CacheOptions = {},
): Promise<FeatureSet> {
  checkArguments('cacheFeatures', { base, examples }, { base: MODEL, examples: EXAMPLES });
  optionsOf('cacheFeatures', options, {
    batchSize: 1,
    augmentedPasses: 1,
    seed: 1,
    maxBytes: 1,
    overflow: 1,
    onProgress: 1,
    signal: 1,
  });

  const { augmentedPasses = 0, batchSize = 32, seed = 0, maxBytes = 2 ** 30 } = options;
  checkSeed('cacheFeatures', seed);
  wholeNumber('cacheFeatures', 'batchSize', batchSize);
  wholeNumber('cacheFeatures', 'maxBytes', maxBytes, 0);
  const passes = 1 + wholeNumber('cacheFeatures', 'augmentedPasses', augmentedPasses, 0);
  const shape = featureShape(base, examples);
  const rowLength = size(shape);
  const rows = examples.length * passes;
  const store = await open({ rows, rowLength }, maxBytes, options.overflow);
  try {
    const labels = new Int32Array(rows);
    let done = 0;
    let checksum = 0;
    const write: RowStore['write'] = (first, values) => {
      checksum = crc32(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), checksum);
      return store.write(first, values);
    };
    for (let pass = 0; pass < passes; pass++) {
      const draw = pass === 0 ? undefined : epochSeed(seed, pass);
      for await (const batch of examples.batches({ batchSize, seed: draw })) {
        done += await keep(base, batch, write, labels, done, options.signal);
        await options.onProgress?.({ done, total: rows, unit: 'images' });
      }
      if (done !== (pass + 1) * examples.length) {
        fail(
          'cacheFeatures',
          `the examples returned ${done} images in ${pass + 1} passes, not ${examples.length} each; correct their length.`,
        );
      }
    }
    return new FeatureSet({ store, checksum, labels, passes, shape, classNames: examples.classNames });
  } catch (error) {
    await store.dispose();
    throw error;
  }
}

/** Stores the features of a batch from row `first` on, disposes the batch, and returns its length. */
async function keep(
  base: LayersModel,
  { xs, ys, weights }: Batch,
  write: RowStore['write'],
  labels: Int32Array,
  first: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const tensors: Tensor[] = [xs, ys, ...(weights ? [weights] : [])];
  try {
    if (weights || ys.rank !== 1) {
      fail(
        'cacheFeatures',
        `the examples have ${weights ? 'weights' : 'a probability for each class, as mixed images do'}, but only a class for each is kept; leave them out, or train the whole model.`,
      );
    }
    // Lets timers and signals run, which synchronous backends would not.
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    const features = tidy(() => base.apply(xs) as Tensor);
    tensors.push(features);
    const [values, classes] = await Promise.all([features.data<'float32'>(), ys.data<'int32'>()]);
    if (first + classes.length > labels.length) {
      fail('cacheFeatures', `the examples returned more images than their length of ${labels.length}.`);
    }
    labels.set(classes, first);
    await write(first, values);
    return classes.length;
  } finally {
    dispose(tensors);
  }
}

/** The shape of the features of one example. */
function featureShape(base: LayersModel, examples: Examples): readonly number[] {
  const wanted = inputShapeOf(base);
  if (!fits(examples.shape, wanted)) {
    fail(
      'cacheFeatures',
      `the images are ${shapeText(examples.shape)}, but the base takes ${shapeText(wanted)}; prepare the images at that size.`,
    );
  }
  checkImageSize('cacheFeatures', graphOf('cacheFeatures', base), examples.shape);
  if (base.outputs.length !== 1) {
    fail('cacheFeatures', `the base has ${base.outputs.length} outputs; pass one with a single output.`);
  }
  const shape = base.computeOutputShape([null, ...examples.shape]) as (number | null)[];
  return shape.slice(1) as number[];
}

async function open(
  rows: { rows: number; rowLength: number },
  maxBytes: number,
  overflow: OpenRowStore | undefined,
): Promise<RowStore> {
  const bytes = 4 * rows.rows * rows.rowLength;
  if (bytes <= maxBytes) return inMemory(rows);
  if (overflow) return overflow(rows);
  return fail(
    'cacheFeatures',
    `the features take ${megabytes(bytes)} and maxBytes allows ${megabytes(maxBytes)}; raise it, use a layer with a smaller output, or in Node pass overflow: temporaryFile().`,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
