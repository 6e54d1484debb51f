import type { Optimizer } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkSeed, fail, oneOf, wholeNumber } from '../base/check.js';
import type { OptimizerName } from '../core/optimizers.js';
import { checkExamples, type Examples } from './examples.js';
import type { EpochRow, TrainProgress } from './history.js';
import { type ChosenOptimizer, chooseOptimizer, SCHEDULES, type Schedule } from './optimizer.js';

/** The examples of `train`. Those measured after each epoch are not trained on. */
export interface TrainSets {
  /** Examples to train on. */
  trainSet: Examples;
  /** Measured after each epoch. */
  testSet?: Examples;
  /** Measured after each epoch, and used by `keep: 'best'` to choose the weights. */
  validationSet?: Examples;
}

/** Options of `train`. */
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

/** The checked options of a run, with the defaults filled in. */
export interface Settings extends Pick<TrainOptions, 'onProgress' | 'onEpoch' | 'signal'> {
  epochs: number;
  batchSize: number;
  /** Batches in an epoch. */
  batches: number;
  seed: number;
  keep: 'last' | 'best';
  schedule: Schedule;
  chosen: ChosenOptimizer;
}

/**
 * Checks the arguments of `train`. The optimizer, if it is created here, is disposed by the run.
 *
 * @throws RangeError when an option is out of range or the examples do not fit the model.
 */
export function checkSettings(model: LayersModel, sets: TrainSets, options: TrainOptions): Settings {
  const { batchSize = 128, seed = 0, signal, onProgress, onEpoch } = options;
  const { trainSet, testSet, validationSet } = sets;
  if (!trainSet) fail('train', 'there is no trainSet; pass { trainSet, testSet?, validationSet? }.');
  const epochs = wholeNumber('train', 'epochs', options.epochs ?? 10);
  wholeNumber('train', 'batchSize', batchSize);
  checkSeed('train', seed);
  const keep = oneOf('train', 'keep', options.keep ?? 'last', ['last', 'best']);
  if (keep === 'best' && !testSet && !validationSet) {
    fail(
      'train',
      "keep is 'best', but there is no set to measure it on; pass a validationSet, or leave keep out.",
    );
  }
  checkExamples('train', model, trainSet, 'training');
  if (testSet) checkExamples('train', model, testSet, 'test');
  if (validationSet) checkExamples('train', model, validationSet, 'validation');
  if (model.trainableWeights.length === 0) {
    fail('train', 'no layer of the model is trainable, so there is nothing to train; unfreeze some.');
  }
  const schedule = oneOf('train', 'schedule', options.schedule ?? 'constant', SCHEDULES);
  const chosen = chooseOptimizer('train', options.optimizer, options.learningRate);
  if (schedule !== 'constant' && !chosen.owned) {
    fail(
      'train',
      `schedule is '${schedule}', but the optimizer passed has its own rate; name an optimizer or leave schedule out.`,
    );
  }
  const batches = Math.ceil(trainSet.length / batchSize);
  return { ...{ epochs, batchSize, batches, seed, keep, schedule, chosen }, signal, onProgress, onEpoch };
}
