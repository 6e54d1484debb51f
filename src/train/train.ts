import { dispose, type Optimizer, type Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkSeed, fail, oneOf, wholeNumber } from '../base/check.js';
import { epochSeed } from '../base/random.js';
import type { OptimizerName } from '../core/optimizers.js';
import { evaluate } from './evaluate.js';
import { checkExamples, type Examples } from './examples.js';
import type { EpochRow, History, TrainProgress } from './history.js';
import { chooseOptimizer, SCHEDULES, type Schedule } from './optimizer.js';
import { RunningMeans } from './running.js';
import { type Run, startRun, step } from './step.js';

/** The examples of {@link train}. Those measured after each epoch are not trained on. */
export interface TrainSets {
  /** Examples to train on. */
  trainSet: Examples;
  /** Measured after each epoch. */
  testSet?: Examples;
  /** Measured after each epoch, and used by `keep: 'best'` to choose the weights. */
  validationSet?: Examples;
}

/** Options of {@link train}. */
export interface TrainOptions {
  /** Passes over the training set. Default 10. */
  epochs?: number;
  /** Examples per step. Default 128. */
  batchSize?: number;
  /** Default: the optimizer's in `OPTIMIZERS` of `vgg-blocks`; 0.05 for SGD, as in the chapter. */
  learningRate?: number;
  /** A name (momentum is 0.9), or one of tfjs's own, which the caller disposes. Default `'sgd'`. */
  optimizer?: OptimizerName | Optimizer;
  /**
   * Learning-rate schedule: `'cosine'` lowers the rate to 0 over the run, which steadies the last epochs. Default
   * `'constant'`, as in the chapter.
   */
  schedule?: Schedule;
  /** Seed of the order of examples and of the dropout masks, 0 to 4294967295. Default 0. */
  seed?: number;
  /**
   * Which weights the model ends with: those of the last epoch, or those of the epoch with the best accuracy on the
   * validation set, or on the test set if there is no validation set. Default `'last'`.
   */
  keep?: 'last' | 'best';
  /** Called about ten times a second and after the last batch of each epoch. */
  onProgress?: (progress: TrainProgress) => void;
  /** Called after each epoch. */
  onEpoch?: (row: EpochRow) => void | Promise<void>;
  /** Stops after the current batch; the model keeps its weights, and the history its measurements so far. */
  signal?: AbortSignal;
}

/**
 * Trains a classifier like the chapter's `train_ch6`: cross-entropy over shuffled batches, then the accuracy on the other sets,
 * epoch by epoch. The model need not be compiled; if it is, it stays compiled.
 *
 * @returns loss, accuracies and examples per second of each epoch.
 * @throws RangeError, before training starts, when an option is out of range or the examples do not fit the model.
 * @example
 * const model = smallArch(8, { inputShape: [28, 28, 1] });
 * const history = await train(model, garments(), { epochs: 3 });
 */
export async function train(
  model: LayersModel,
  sets: TrainSets,
  options: TrainOptions = {},
): Promise<History> {
  const { batchSize = 128, seed = 0, signal } = options;
  const { trainSet, testSet, validationSet } = sets;
  if (!trainSet) fail('train', 'there is no trainSet; pass { trainSet, testSet?, validationSet? }.');
  const epochs = wholeNumber('train', 'epochs', options.epochs ?? 10);
  wholeNumber('train', 'batchSize', batchSize);
  checkSeed('train', seed);
  const keepBest = oneOf('train', 'keep', options.keep ?? 'last', ['last', 'best']) === 'best';
  checkExamples('train', model, trainSet, 'training');
  if (testSet) checkExamples('train', model, testSet, 'test');
  if (validationSet) checkExamples('train', model, validationSet, 'validation');
  if (model.trainableWeights.length === 0) {
    fail('train', 'no layer of the model is trainable, so there is nothing to train; unfreeze some.');
  }
  const schedule = oneOf('train', 'schedule', options.schedule ?? 'constant', SCHEDULES);
  const chosen = chooseOptimizer('train', options.optimizer, options.learningRate);
  const { name, learningRate, owned } = chosen;
  if (schedule !== 'constant' && !owned) {
    fail(
      'train',
      `schedule is '${schedule}', but the optimizer passed has its own rate; name an optimizer or leave schedule out.`,
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
  const cosineSteps = schedule === 'cosine' ? epochs * Math.ceil(trainSet.length / batchSize) : 0;
  const run = startRun(model, chosen, { seed, cosineSteps });
  const best = new BestWeights(model);
  try {
    for (let epoch = 1; epoch <= epochs && history.ended === 'finished'; epoch++) {
      const { row, ended } = await trainEpoch(run, trainSet, epoch, { ...options, epochs, batchSize, seed });
      history.ended = ended;
      if (row.examples === 0) break;
      const measured = { testAccuracy: testSet, validationAccuracy: validationSet };
      for (const key of ['testAccuracy', 'validationAccuracy'] as const) {
        const set = measured[key];
        if (!set || history.ended !== 'finished') continue;
        row[key] = await accuracyOn(set, model, batchSize, signal);
        if (row[key] === null) history.ended = 'aborted';
      }
      history.epochs.push(row);
      history.weightsOf = epoch;
      const accuracy = validationSet ? row.validationAccuracy : row.testAccuracy;
      if (keepBest && accuracy !== null) best.offer(epoch, accuracy);
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
    // Every epoch of every seed has its own order.
    for await (const data of examples.batches({ batchSize, seed: epochSeed(seed, epoch) })) {
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
        done: (epoch - 1) * batches + batch,
        total: epochs * batches,
        unit: 'batches',
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
    validationAccuracy: null,
    examplesPerSecond: examplesPerSecond(),
    seconds: seconds(),
  };
  const ended = !Number.isFinite(seen.loss) ? 'diverged' : batch < batches ? 'aborted' : 'finished';
  return { row, ended };
}

/** Accuracy on a set, or null when the signal stopped the measurement. */
async function accuracyOn(
  examples: Examples,
  model: LayersModel,
  batchSize: number,
  signal: AbortSignal | undefined,
): Promise<number | null> {
  try {
    return (await evaluate(model, examples, { batchSize, signal })).accuracy;
  } catch (error) {
    if (signal?.aborted) return null;
    throw error;
  }
}

/** The weights of the epoch with the best accuracy. They share the model's memory until training changes its weights. */
class BestWeights {
  /** Their epoch; 0 before the first. */
  epoch = 0;
  private accuracy = Number.NEGATIVE_INFINITY;
  private weights: Tensor[] = [];

  constructor(private readonly model: LayersModel) {}

  /** Keeps the model's current weights if their accuracy is the best so far. */
  offer(epoch: number, accuracy: number): void {
    if (accuracy <= this.accuracy) return;
    this.dispose();
    this.weights = this.model.getWeights().map((weight) => weight.clone());
    this.accuracy = accuracy;
    this.epoch = epoch;
  }

  /** Restores the kept weights. */
  restore(): void {
    this.model.setWeights(this.weights);
  }

  dispose(): void {
    dispose(this.weights);
    this.weights = [];
  }
}
