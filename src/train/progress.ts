/** How far a training run is, after a batch. */
export interface TrainProgress {
  /** The epoch now running, from 1. */
  epoch: number;
  /** Epochs asked for. */
  epochs: number;
  /** Batches done in this epoch, from 1. */
  batch: number;
  /** Batches in an epoch. */
  batches: number;
  /** Mean cross-entropy of this epoch's examples so far. */
  loss: number;
  /** Share of this epoch's examples classified right so far, 0 to 1. */
  accuracy: number;
  /** Training examples per second since the epoch began. */
  examplesPerSecond: number;
  /** Estimated seconds until the last epoch is trained. */
  secondsLeft: number;
}
