import { dispose, type Tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, EXAMPLES, FUNCTION, MODEL, optionsOf } from '../../base/arguments.js';
import { checkSeed, fail, wholeNumber } from '../../base/check.js';
import { crc32 } from '../../base/crc32.js';
import type { Progress } from '../../base/progress.js';
import { epochSeed } from '../../base/random.js';
import { fits, shapeText, size } from '../../base/shapes.js';
import { unlessAborted } from '../../base/unlessAborted.js';
import { graphOf } from '../../tfjs/graph.js';
import { checkImageSize, layerShapes } from '../../tfjs/imageSize.js';
import { inUse } from '../../tfjs/inUse.js';
import { inputShapeOf } from '../../tfjs/models.js';
import { givenBatches } from '../../train/examples.js';
import { checkWeights, overflow, strayNumber } from '../../train/finite.js';
import type { Batch, Examples } from '../../train/index.js';
import { type Teacher, teacherName, teacherOf } from '../../train/teacher.js';
import { checkedRows, FeatureSet, inMemory, type OpenRowStore, type RowStore } from './featureSet.js';

/** Options of {@link cacheFeatures}. */
export interface CacheOptions {
  /** Images per forward pass; the features do not depend on it. Default 32. */
  batchSize?: number;
  /**
   * Additional passes over the examples, each with its own augmentation. Each epoch then uses one of the passes, drawn at
   * random. Default 0: no augmentation.
   */
  augmentedPasses?: number;
  /**
   * A trained classifier of the same images and classes, whose logits are kept in memory with the features, for `train`'s `distill`
   * without a teacher of its own. Default: none.
   */
  teacher?: LayersModel;
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
    teacher: 1,
    seed: 1,
    maxBytes: 1,
    overflow: FUNCTION,
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
  const teacher =
    options.teacher === undefined ? undefined : teacherOf('cacheFeatures', options.teacher, examples);
  const rows = examples.length * passes;
  const { signal } = options;
  return inUse('cacheFeatures', { base, teacher: teacher?.model }, async () => {
    const store = await open({ rows, rowLength }, maxBytes, options.overflow, signal);
    try {
      await checkWeights('cacheFeatures', base);
      const labels = new Int32Array(rows);
      const logits = teacher && new Float32Array(rows * teacher.classes);
      const most = examples.classNames?.length ?? Number.POSITIVE_INFINITY;
      let done = 0;
      let checksum = 0;
      const keepLogits = async (xs: Tensor, first: number) => {
        if (teacher) logits!.set(await logitsFor(teacher, xs), first * teacher.classes);
      };
      const write: RowStore['write'] = (first, values) => {
        checksum = crc32(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), checksum);
        return unlessAborted(signal, () => store.write(first, values));
      };
      const kept = { write, labels, keepLogits, most, length: examples.length };
      for (let pass = 0; pass < passes; pass++) {
        const draw = pass === 0 ? undefined : epochSeed(seed, pass);
        for await (const batch of givenBatches('cacheFeatures', 'given', examples, {
          batchSize,
          seed: draw,
          signal,
        })) {
          done += await keep(base, batch, kept, done, signal);
          await unlessAborted(signal, () => options.onProgress?.({ done, total: rows, unit: 'images' }));
        }
        if (done !== (pass + 1) * examples.length) {
          fail(
            'cacheFeatures',
            `the examples returned ${done} images in ${pass + 1} passes, not ${examples.length} each; correct their length.`,
          );
        }
      }
      const { classNames } = examples;
      const teacherLogits = teacher && {
        teacher: await teacherName(teacher.model),
        classes: teacher.classes,
        values: logits!,
      };
      return new FeatureSet({ store, checksum, labels, passes, shape, classNames, teacherLogits });
    } catch (error) {
      const disposing = store.dispose().catch(() => undefined);
      // A store that is still writing may never end.
      if (!signal?.aborted) await disposing;
      throw error;
    }
  });
}

/** Stores the features of a batch from row `first` on, disposes the batch, and returns its length. */
async function keep(
  base: LayersModel,
  { xs, ys, weights, teacherLogits }: Batch,
  {
    write,
    labels,
    keepLogits,
    most,
    length,
  }: {
    /** The number of classes, if known. */
    most: number;
    /** Examples in a pass. */
    length: number;
    write: RowStore['write'];
    labels: Int32Array;
    keepLogits: (xs: Tensor, first: number) => Promise<void>;
  },
  first: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const tensors: Tensor[] = [xs, ys, weights, teacherLogits].filter((one) => one !== undefined);
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
    const [values, classes, stray] = await Promise.all([
      features.data<'float32'>(),
      ys.data<'int32'>(),
      strayNumber(xs),
    ]);
    if (stray) {
      fail(
        'cacheFeatures',
        `the given set has the number ${stray.value} in the image of example ${(first % length) + stray.image}; return images of finite numbers.`,
      );
    }
    if (!values.every(Number.isFinite)) fail('cacheFeatures', overflow(base));
    const label = classes.find((one) => !(one >= 0 && one < most));
    if (ys.dtype !== 'int32' || label !== undefined) {
      const given = label === undefined ? `of the type ${ys.dtype}` : `such as ${label}`;
      fail(
        'cacheFeatures',
        `the examples have labels ${given}; return int32, each the index of a class from 0.`,
      );
    }
    labels.set(classes, first);
    await keepLogits(xs, first);
    await write(first, values);
    return classes.length;
  } finally {
    dispose(tensors);
  }
}

/** A teacher's logits for a batch. */
async function logitsFor(teacher: Teacher, xs: Tensor): Promise<Float32Array> {
  const logits = teacher.logits(xs);
  try {
    const values = await logits.data<'float32'>();
    if (values.every(Number.isFinite)) return values;
  } finally {
    logits.dispose();
  }
  return fail(
    'cacheFeatures',
    'the teacher returns NaN or infinity; pass one whose training did not diverge.',
  );
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
  const graph = graphOf('cacheFeatures', base);
  checkImageSize('cacheFeatures', graph, examples.shape);
  if (base.outputs.length !== 1) {
    fail('cacheFeatures', `the base has ${base.outputs.length} outputs; pass one with a single output.`);
  }
  const [output] = graph.outputs;
  let shape: readonly (number | null)[] = [null, ...examples.shape];
  // Not by the model's own method, for which a sequential one must have been run.
  for (const { call, shapes } of layerShapes(graph, graph.outputs, [...shape])) {
    if (call === output!.call) shape = shapes[output!.index]!;
  }
  return shape.slice(1) as number[];
}

async function open(
  rows: { rows: number; rowLength: number },
  maxBytes: number,
  overflow: OpenRowStore | undefined,
  signal: AbortSignal | undefined,
): Promise<RowStore> {
  const bytes = 4 * rows.rows * rows.rowLength;
  if (bytes <= maxBytes) return inMemory(rows);
  if (overflow) {
    const opened = await unlessAborted(
      signal,
      () => overflow(rows),
      (store) => store.dispose(),
    );
    return checkedRows(opened, rows);
  }
  return fail(
    'cacheFeatures',
    `the features take ${megabytes(bytes)} and maxBytes allows ${megabytes(maxBytes)}; raise it, use a layer with a smaller output, or in Node pass overflow: temporaryFile().`,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
