import { dispose, type Optimizer } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail, oneOf, wholeNumber } from '../base/check.js';
import { BestWeights } from './best.js';
import { evaluate } from './evaluate.js';
import type { Examples } from './examples.js';
import type { EpochRow, History } from './history.js';
import { checkFit } from './objective.js';
import { chooseOptimizer, type Decay, type OptimizerName } from './optimizer.js';
import type { TrainProgress } from './progress.js';
import { RunningMeans } from './running.js';
import { type Run, startRun, step } from './step.js';

/** How a model is trained; each option has a default. */
export interface TrainOptions {
  /** Times that every training example is seen. Default 10. */
  epochs?: number;
  /** Examples a step. Default 128. */
  batchSize?: number;
  /** Default 0.05 for SGD, as in the chapter; 0.01 with momentum, 0.001 for Adam. */
  learningRate?: number;
  /** By name (momentum is 0.9), or one of tfjs's own, which stays the caller's to dispose. Default `'sgd'`. */
  optimizer?: OptimizerName | Optimizer;
  /** `'cosine'` takes the rate down to 0 over the run, which steadies the last epochs. Default `'none'`, as in the chapter. */
  decay?: Decay;
  /** Draws the order of the examples and the dropout masks, 0 to 4294967295. Default 0. */
  seed?: number;
  /** Which weights the model has in the end: the last, or those of the best test accuracy. Default `'last'`. */
  keep?: 'last' | 'best';
  /** Called about ten times a second and after the last batch of each epoch. */
  onProgress?: (progress: TrainProgress) => void;
  /** Called after each epoch. */
  onEpoch?: (row: EpochRow) => void | Promise<void>;
  /** Stops after the batch that is running; the model keeps what it learned and the history what was measured. */
  signal?: AbortSignal;
}

/**
 * Trains a classifier as the chapter's `train_ch6` does: cross-entropy over shuffled batches, then the accuracy on the
 * test set, epoch by epoch. The model need not be compiled, and what it was compiled with stays.
 *
 * @param data the examples to train on, and those to test on after each epoch, if any.
 * @returns loss, accuracies and examples per second of each epoch.
 * @throws RangeError, before anything is trained, when an option is out of range or the examples do not fit the model.
 * @example
 * const { train: images, test } = garments();
 * const history = await train(smallArch(8, { inputShape: [28, 28, 1] }), { train: images, test }, { epochs: 3 });
 */
export async function train(
  model: LayersModel,
  data: { trainSet: Examples; testSet?: Examples },
  options: TrainOptions = {},
): Promise<History> {
  const { batchSize = 128, seed = 0, signal } = options;
  const epochs = wholeNumber('train', 'epochs', options.epochs ?? 10);
  wholeNumber('train', 'batchSize', batchSize);
  wholeNumber('train', 'seed', seed, 0);
  const keepBest = oneOf('train', 'keep', options.keep ?? 'last', ['last', 'best']) === 'best';
  checkFit('train', model, data.trainSet, 'training');
  if (data.testSet) checkFit('train', model, data.testSet, 'test');
  if (model.trainableWeights.length === 0) {
    fail('train', 'no layer of the model is trainable, so there is nothing to train; unfreeze some.');
  }
  const decay = oneOf('train', 'decay', options.decay ?? 'none', ['none', 'cosine']);
  const chosen = chooseOptimizer('train', options.optimizer, options.learningRate);
  const { name, learningRate, owned } = chosen;
  if (decay !== 'none' && !owned) {
    fail(
      'train',
      `decay is '${decay}', but the optimizer given has its own rate; name an optimizer or leave decay out.`,
    );
  }

  const history: History = {
    epochs: [],
    ended: 'finished',
    weightsOf: 0,
    optimizer: name,
    learningRate,
    batchSize,
    seed,
  };
  const decaySteps = decay === 'none' ? 0 : epochs * Math.ceil(data.trainSet.length / batchSize);
  const run = startRun(model, chosen, { seed, decaySteps });
  const best = new BestWeights(model);
  try {
    for (let epoch = 1; epoch <= epochs && history.ended === 'finished'; epoch++) {
      const { row, ended } = await trainEpoch(run, data.trainSet, epoch, {
        ...options,
        epochs,
        batchSize,
        seed,
      });
      history.ended = ended;
      if (row.examples === 0) break;
      if (ended === 'finished' && data.testSet && data.testSet.length > 0) {
        row.testAccuracy = await testAccuracy(model, data.testSet, batchSize, signal);
        if (row.testAccuracy === null) history.ended = 'aborted';
      }
      history.epochs.push(row);
      history.weightsOf = epoch;
      if (keepBest && row.testAccuracy !== null) best.offer(epoch, row.testAccuracy);
      await options.onEpoch?.(row);
    }
    if (best.epoch > 0) {
      best.restore();
      history.weightsOf = best.epoch;
    }
    return history;
  } finally {
    best.dispose();
    run.end();
  }
}

type EpochOptions = TrainOptions & { epochs: number; batchSize: number; seed: number };

async function trainEpoch(
  run: Run,
  examples: Examples,
  epoch: number,
  { epochs, batchSize, seed, signal, onProgress }: EpochOptions,
): Promise<{ row: EpochRow; ended: History['ended'] }> {
  const batches = Math.ceil(examples.length / batchSize);
  const means = new RunningMeans();
  const start = performance.now();
  let reported = start;
  let batch = 0;
  let seen = { loss: 0, accuracy: 0 };
  const seconds = () => (performance.now() - start) / 1000;
  const examplesPerSecond = () => means.examples / seconds();
  try {
    // Every epoch of every seed has an order of its own.
    for await (const data of examples.batches({ batchSize, seed: (seed + epoch * 0x9e3779b1) >>> 0 })) {
      if (signal?.aborted || !Number.isFinite(seen.loss)) {
        dispose([data.xs, data.ys]);
        break;
      }
      means.add(data.xs.shape[0]!, step(run, data));
      batch++;
      await run.breathe();
      if (performance.now() - reported < 100 && batch < batches) continue;
      reported = performance.now();
      seen = await means.read();
      const secondsLeft = (examples.length * (epochs - epoch + 1) - means.examples) / examplesPerSecond();
      onProgress?.({
        epoch,
        epochs,
        batch,
        batches,
        ...seen,
        examplesPerSecond: examplesPerSecond(),
        secondsLeft,
      });
    }
    seen = await means.read();
  } finally {
    means.dispose();
  }
  const row = {
    epoch,
    examples: means.examples,
    loss: seen.loss,
    trainAccuracy: seen.accuracy,
    testAccuracy: null,
    examplesPerSecond: examplesPerSecond(),
    seconds: seconds(),
  };
  const ended = !Number.isFinite(seen.loss) ? 'diverged' : batch < batches ? 'aborted' : 'finished';
  return { row, ended };
}

/** Accuracy on the test examples, or null when the signal stopped the test. */
async function testAccuracy(
  model: LayersModel,
  test: Examples,
  batchSize: number,
  signal: AbortSignal | undefined,
): Promise<number | null> {
  try {
    return (await evaluate(model, test, { batchSize, signal })).accuracy;
  } catch (error) {
    if (signal?.aborted) return null;
    throw error;
  }
}
