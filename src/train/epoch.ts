import type { Part, PartState } from './checkpoint/part.js';
import type { EpochRow } from './history.js';
import { RunningMeans } from './running.js';

/** The epoch that is being trained: its number, how many of its batches are done, and the means over them. */
export class Epoch implements Part {
  /** From 1. */
  number = 1;
  /** Batches done. */
  batch = 0;
  readonly means = new RunningMeans();
  /** When its training would have begun without pauses, in milliseconds of `performance.now()`. */
  #start = performance.now();

  /** Seconds of training so far. */
  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  get examplesPerSecond(): number {
    return this.means.examples / this.seconds;
  }

  /** Does work that does not count as training. */
  async pause<T>(work: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    try {
      return await work();
    } finally {
      this.#start += performance.now() - begin;
    }
  }

  /** The results so far, before the other sets are measured. */
  async row(learningRate: number | null): Promise<EpochRow> {
    const { number: epoch, seconds, examplesPerSecond, means } = this;
    const { loss, accuracy: trainAccuracy } = await means.read();
    return {
      ...{ epoch, examples: means.examples, loss, trainAccuracy },
      ...{ testLoss: null, testAccuracy: null, validationLoss: null, validationAccuracy: null },
      ...{ learningRate, examplesPerSecond, seconds },
    };
  }

  /** Begins the next epoch. */
  next(): void {
    this.number++;
    this.batch = 0;
    this.means.reset();
    this.#start = performance.now();
  }

  state(): PartState {
    const { number, batch, seconds, means } = this;
    return { values: { number, batch, seconds, examples: means.examples }, tensors: means.tensors() };
  }

  restore({ values, tensors }: Required<PartState>): void {
    const { number, batch, seconds, examples } = values as Record<string, number>;
    this.number = number!;
    this.batch = batch!;
    this.#start = performance.now() - 1000 * seconds!;
    this.means.restore(examples!, tensors);
  }

  dispose(): void {
    this.means.dispose();
  }
}
