/** What one epoch came to. */
export interface EpochRow {
  /** From 1. */
  epoch: number;
  /** Training examples seen in it; fewer than the set holds where training was stopped. */
  examples: number;
  /** Mean cross-entropy of the training examples as they were seen, with dropout. */
  loss: number;
  /** Share of them classified right, 0 to 1. */
  trainAccuracy: number;
  /** Share of the test examples classified right after the epoch; null where none were given or training stopped. */
  testAccuracy: number | null;
  /** Training examples per second, without the test. */
  examplesPerSecond: number;
  /** Seconds of training, without the test. */
  seconds: number;
}

/** What a training run came to; plain data that survives JSON. */
export interface History {
  epochs: EpochRow[];
  /** Whether all epochs ran, the signal stopped it, or the loss became infinite or not a number. */
  ended: 'finished' | 'aborted' | 'diverged';
  /** The epoch, from 1, whose weights the model holds now; 0 where they are those from before the first. */
  weightsOf: number;
  optimizer: string;
  learningRate: number | null;
  batchSize: number;
  seed: number;
}
