import { tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { wholeNumber } from '../base/check.js';
import { type Batch, checkExamples, disposeBatch, type Examples } from './examples.js';
import { objectiveOf } from './objective.js';
import { breathing, RunningMeans } from './running.js';

/** Options of {@link evaluate} and {@link predictClasses}. */
export interface EvaluateOptions {
  /** Images per batch; the result does not depend on it. Default 128. */
  batchSize?: number;
  /** Stops after the current batch: rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Loss and accuracy of a classifier on labeled examples, without dropout and with batch normalization's moving
 * statistics.
 *
 * @returns `loss`, the mean cross-entropy, and `accuracy`, the fraction classified correctly, 0 to 1.
 * @throws RangeError when the examples do not fit the model.
 */
export async function evaluate(
  model: LayersModel,
  examples: Examples,
  options: EvaluateOptions = {},
): Promise<{ loss: number; accuracy: number }> {
  checkExamples('evaluate', model, examples, 'test');
  const objective = objectiveOf('evaluate', model);
  const means = new RunningMeans();
  try {
    await eachBatch('evaluate', examples, options, async ({ xs, ys }) => {
      means.add(
        xs.shape[0]!,
        tidy(() => {
          const output = model.apply(xs) as typeof xs;
          return [objective.loss(output, { ys }), objective.correct(output, ys)];
        }),
      );
    });
    return await means.read();
  } finally {
    means.dispose();
  }
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
  checkExamples('predictClasses', model, examples, 'given');
  const classes = new Int32Array(examples.length);
  const objective = objectiveOf('predictClasses', model);
  let done = 0;
  await eachBatch('predictClasses', examples, options, async ({ xs }) => {
    const best = tidy(() => objective.predict(model.apply(xs) as typeof xs));
    try {
      classes.set(await best.data<'int32'>(), done);
      done += xs.shape[0]!;
    } finally {
      best.dispose();
    }
  });
  return classes;
}

async function eachBatch(
  where: string,
  examples: Examples,
  { batchSize = 128, signal }: EvaluateOptions,
  use: (batch: Batch) => Promise<void>,
): Promise<void> {
  wholeNumber(where, 'batchSize', batchSize);
  const breathe = breathing();
  for await (const batch of examples.batches({ batchSize })) {
    try {
      signal?.throwIfAborted();
      await use(batch);
    } finally {
      disposeBatch(batch);
    }
    await breathe();
  }
}
