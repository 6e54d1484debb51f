import { type Tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, EXAMPLES, MODEL, optionsOf } from '../base/arguments.js';
import { breathing } from '../base/breathing.js';
import { fail, wholeNumber } from '../base/check.js';
import { largestOf } from '../base/numbers.js';
import type { Progress } from '../base/progress.js';
import { unlessAborted } from '../base/unlessAborted.js';
import { inUse } from '../tfjs/inUse.js';
import { type Batch, disposeBatch, type Examples } from './batch.js';
import { batchesOf, checkExamples } from './examples.js';
import { checkWeights, overflow, strayNumber } from './finite.js';
import { type Evaluation, Metrics } from './metrics.js';
import { type Objective, objectiveOf } from './objective.js';

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
 * @throws RangeError when the examples do not fit the model, a label is out of range, there are not as many as they say, or a weight, a
 *   pixel or an output is NaN or infinite.
 * @example
 * const { loss, accuracy, confusion } = await evaluate(model, testSet);
 * confusion.classes; // [{ name: 'T-shirt', examples: 1000, recall: 0.87, precision: 0.84, f1: 0.855 }, ...]
 */
export function evaluate(
  model: LayersModel,
  examples: Examples,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  return evaluated('evaluate', model, examples, 'test', options, 'refused');
}

/**
 * As `evaluate`, for the function that error messages name.
 *
 * @param which what messages call the examples.
 * @param divergence whether a network that returns NaN or infinity is refused, or has a loss of NaN.
 */
export async function evaluated(
  where: string,
  model: LayersModel,
  examples: Examples,
  which: string,
  options: EvaluateOptions,
  divergence: 'refused' | 'measured',
): Promise<Evaluation> {
  checkArguments(where, { model, examples }, { model: MODEL, examples: EXAMPLES });
  optionsOf(where, options, OPTIONS);

  checkExamples(where, model, examples, which);
  const objective = objectiveOf(where, model);
  if (divergence === 'refused') await checkWeights(where, model);
  const metrics = new Metrics(objective.classes, examples.classNames);
  await eachBatch(where, model, examples, which, objective.classes, options, async ({ xs, ys }, done) => {
    if (ys.rank !== 1) {
      fail(
        where,
        'the examples have a probability for each class, as mixed images do; pass examples with one class each.',
      );
    }
    const logits = await logitsFor(where, which, model, objective, xs, done);
    if (divergence === 'refused') checkLogits(where, model, logits);
    metrics.add(logits, await ys.data());
  });
  return metrics.result();
}

/** The logits of a batch that follows `done` examples, of which the images are checked. */
async function logitsFor(
  where: string,
  which: string,
  model: LayersModel,
  objective: Objective,
  xs: Tensor,
  done: number,
): Promise<Float32Array> {
  const logits = tidy(() => objective.logits(model.apply(xs) as Tensor));
  try {
    const [numbers, stray] = await Promise.all([logits.data<'float32'>(), strayNumber(xs)]);
    if (!stray) return numbers;
    return fail(
      where,
      `the ${which} set has the number ${stray.value} in the image of example ${done + stray.image}; return images of finite numbers.`,
    );
  } finally {
    logits.dispose();
  }
}

/** Throws for a network that has diverged. A logit of negative infinity is that of a class of no probability. */
function checkLogits(where: string, model: LayersModel, logits: Float32Array): void {
  if (!logits.every((logit) => logit < Number.POSITIVE_INFINITY)) fail(where, overflow(model));
}

/**
 * The most probable class of each example, in stored order.
 *
 * @throws RangeError like `evaluate`.
 */
export async function predictClasses(
  model: LayersModel,
  examples: Examples,
  options: EvaluateOptions = {},
): Promise<Int32Array> {
  const where = 'predictClasses';
  checkArguments(where, { model, examples }, { model: MODEL, examples: EXAMPLES });
  optionsOf(where, options, OPTIONS);

  checkExamples(where, model, examples, 'given');
  await checkWeights(where, model);
  const found: number[] = [];
  const objective = objectiveOf(where, model);
  const { classes } = objective;
  await eachBatch(where, model, examples, 'given', classes, options, async ({ xs }, done) => {
    const logits = await logitsFor(where, 'given', model, objective, xs, done);
    checkLogits(where, model, logits);
    for (let at = 0; at < logits.length; at += classes) found.push(largestOf(logits, at, classes));
  });
  return Int32Array.from(found);
}

function eachBatch(
  where: string,
  model: LayersModel,
  examples: Examples,
  which: string,
  classes: number,
  { batchSize = 128, onProgress, signal }: EvaluateOptions,
  use: (batch: Batch, done: number) => Promise<void>,
): Promise<void> {
  wholeNumber(where, 'batchSize', batchSize);
  return inUse(where, { model }, async () => {
    const breathe = breathing();
    let done = 0;
    for await (const batch of batchesOf(where, examples, which, classes, { batchSize, signal })) {
      try {
        signal?.throwIfAborted();
        await use(batch, done);
        done += batch.xs.shape[0]!;
      } finally {
        disposeBatch(batch);
      }
      await unlessAborted(signal, () => onProgress?.({ done, total: examples.length, unit: 'images' }));
      await breathe();
    }
  });
}
