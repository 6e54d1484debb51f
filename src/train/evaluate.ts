import { tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, EXAMPLES, MODEL, optionsOf } from '../base/arguments.js';
import { breathing } from '../base/breathing.js';
import { fail, wholeNumber } from '../base/check.js';
import { inUse } from '../base/inUse.js';
import type { Progress } from '../base/progress.js';
import { type Batch, disposeBatch, type Examples } from './batch.js';
import { batchesOf, checkExamples } from './examples.js';
import { type Evaluation, Metrics } from './metrics.js';
import { objectiveOf } from './objective.js';

/** Options of {@link evaluate} and {@link predictClasses}. */
export interface EvaluateOptions {
  /** Images per batch; the result does not depend on it. Default 128. */
  batchSize?: number;
  /** Called after each batch; counts `'images'`. */
  onProgress?: (progress: Required<Progress>) => void;
  /** Stops after the current batch: rejects with the signal's reason. */
  signal?: AbortSignal;
}

const OPTIONS = { batchSize: 1, onProgress: 1, signal: 1 } as const;

/**
 * Loss, accuracy, calibration and confusions of a classifier on labeled examples, in one pass, without dropout and with batch
 * normalization's moving statistics.
 *
 * @throws RangeError when the examples do not fit the model, a label is out of range, or there are not as many as they say.
 * @example
 * const { loss, accuracy, confusion } = await evaluate(model, testSet);
 * confusion.classes; // [{ name: 'T-shirt', examples: 1000, recall: 0.87, precision: 0.84, f1: 0.855 }, ...]
 */
export function evaluate(
  model: LayersModel,
  examples: Examples,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  return evaluated('evaluate', model, examples, 'test', options);
}

/**
 * As `evaluate`, for the function that error messages name.
 *
 * @param which what messages call the examples.
 */
export async function evaluated(
  where: string,
  model: LayersModel,
  examples: Examples,
  which: string,
  options: EvaluateOptions,
): Promise<Evaluation> {
  checkArguments(where, { model, examples }, { model: MODEL, examples: EXAMPLES });
  optionsOf(where, options, OPTIONS);

  checkExamples(where, model, examples, which);
  const objective = objectiveOf(where, model);
  const metrics = new Metrics(objective.classes, examples.classNames);
  await eachBatch(where, model, examples, which, objective.classes, options, async ({ xs, ys }) => {
    if (ys.rank !== 1) {
      fail(
        where,
        'the examples have a probability for each class, as mixed images do; pass examples with one class each.',
      );
    }
    const logits = tidy(() => objective.logits(model.apply(xs) as typeof xs));
    try {
      metrics.add(await logits.data(), await ys.data());
    } finally {
      logits.dispose();
    }
  });
  return metrics.result();
}

/**
 * The most probable class of each example, in stored order.
 *
 * @throws RangeError when the examples do not fit the model.
 */
export async function predictClasses(
  model: LayersModel,
  examples: Examples,
  options: EvaluateOptions = {},
): Promise<Int32Array> {
  checkArguments('predictClasses', { model, examples }, { model: MODEL, examples: EXAMPLES });
  optionsOf('predictClasses', options, OPTIONS);

  checkExamples('predictClasses', model, examples, 'given');
  const batches: Int32Array[] = [];
  const objective = objectiveOf('predictClasses', model);
  await eachBatch('predictClasses', model, examples, 'given', objective.classes, options, async ({ xs }) => {
    const best = tidy(() => objective.predict(model.apply(xs) as typeof xs));
    try {
      batches.push(await best.data<'int32'>());
    } finally {
      best.dispose();
    }
  });
  const classes = new Int32Array(examples.length);
  let done = 0;
  for (const batch of batches) {
    classes.set(batch, done);
    done += batch.length;
  }
  return classes;
}

function eachBatch(
  where: string,
  model: LayersModel,
  examples: Examples,
  which: string,
  classes: number,
  { batchSize = 128, onProgress, signal }: EvaluateOptions,
  use: (batch: Batch) => Promise<void>,
): Promise<void> {
  wholeNumber(where, 'batchSize', batchSize);
  return inUse(where, { model }, async () => {
    const breathe = breathing();
    let done = 0;
    for await (const batch of batchesOf(where, examples, which, classes, { batchSize })) {
      try {
        signal?.throwIfAborted();
        await use(batch);
        done += batch.xs.shape[0]!;
      } finally {
        disposeBatch(batch);
      }
      await onProgress?.({ done, total: examples.length, unit: 'images' });
      await breathe();
    }
  });
}
