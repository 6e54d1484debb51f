import { kind, listOf, NUMBER, nullable, recordOf } from '../base/arguments.js';
import type { Progress } from '../base/progress.js';
import type { Diagnosis } from './diagnose.js';

/** Progress of a training run, after a batch: `done` and `total` count the batches of all epochs. */
export interface TrainProgress extends Progress {
  total: number;
  unit: 'batches';
  /** The current epoch, from 1. */
  epoch: number;
  /** Number of epochs in the run. */
  epochs: number;
  /** Batches done in this epoch, from 1. */
  batch: number;
  /** Batches in an epoch. */
  batches: number;
  /** Mean cross-entropy of this epoch's examples so far. */
  loss: number;
  /** Fraction of this epoch's examples classified correctly so far, 0 to 1. */
  accuracy: number;
  /** Training examples per second since the epoch began. */
  examplesPerSecond: number;
  /** Estimated seconds until the last epoch is trained. */
  secondsLeft: number;
}

/** The results of one step. */
export interface StepRow {
  /** From 1, over all epochs. */
  step: number;
  /** From 1. */
  epoch: number;
  /** Mean cross-entropy of its batch. */
  loss: number;
  /** Fraction of its batch classified correctly, 0 to 1. */
  accuracy: number;
  /** Null for an optimizer that was passed. */
  learningRate: number | null;
}

/** A history, or what of it the figures and the table need. */
export const HISTORY = recordOf('a history, from train', {
  epochs: listOf(
    kind(
      'an epoch',
      (value) =>
        NUMBER.holds((value as EpochRow).epoch) &&
        Object.entries(value as EpochRow).every(
          ([name, one]) => name === 'diagnosis' || nullable(NUMBER).holds(one),
        ),
    ),
  ),
});

/** The results of one epoch. */
export interface EpochRow {
  /** From 1. */
  epoch: number;
  /** Training examples seen in the epoch; fewer than the set has if training was stopped. */
  examples: number;
  /** Mean cross-entropy of the training examples as they were seen, with dropout. */
  loss: number;
  /** Fraction of them classified correctly, 0 to 1. */
  trainAccuracy: number;
  /** Mean cross-entropy of the test set after the epoch; null without a test set, or if training was stopped. */
  testLoss: number | null;
  /** Fraction of the test set classified correctly after the epoch; null without a test set, or if training was stopped. */
  testAccuracy: number | null;
  /** Mean cross-entropy of the validation set after the epoch; null without one, or if training was stopped. */
  validationLoss: number | null;
  /** Fraction of the validation set classified correctly after the epoch; null without one, or if training was stopped. */
  validationAccuracy: number | null;
  /**
   * What keeps the network from learning, if the loss is within 2 % of ln(classes), that of guessing, or above it, in the first
   * epoch those measured after it too; in the first such epoch of a run.
   */
  diagnosis?: Diagnosis;
  /** Learning rate of its last step; null for an optimizer that was passed. */
  learningRate: number | null;
  /** Training examples per second, excluding evaluation. */
  examplesPerSecond: number;
  /** Seconds of training, excluding evaluation. */
  seconds: number;
}

/** The results of a training run; plain data that survives JSON. */
export interface History {
  epochs: EpochRow[];
  /**
   * Whether all epochs ran, the accuracy stopped rising (`patience`), the signal stopped the run, or it diverged: the loss or a
   * weight became infinite or NaN, or the last epoch's losses are no better than that of guessing, ln(classes), although an
   * earlier one was, or one of them is more than twice that. With checkpoints, a run that diverged ends with the weights of its
   * best epoch or, if no accuracy was measured, of the last checkpoint.
   */
  ended: 'finished' | 'converged' | 'aborted' | 'diverged';
  /** The epoch, from 1, whose weights the model holds now; 0 for the weights from before the first. */
  weightsOf: number;
  /**
   * What keeps the network from learning, if it is no better than guessing: none of the losses of that epoch is below ln(classes)
   * by more than 2 %.
   */
  diagnosis?: Diagnosis;
  optimizer: string;
  learningRate: number | null;
  batchSize: number;
  /** The most examples of a part, if batches were taken in parts. */
  microBatchSize?: number;
  seed: number;
  /** One sentence for each checkpoint that could not be written or was damaged. */
  problems?: string[];
}
