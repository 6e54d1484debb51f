import type { Tensor } from '@tensorflow/tfjs-core';

/** What a part of a run needs to go on later: plain data that survives JSON, and float32 tensors, which remain the part's. */
export interface PartState {
  values?: Record<string, unknown>;
  tensors?: Record<string, Tensor>;
}

/**
 * A part of a training run that a checkpoint stores: the weights, the optimizer, the epoch, the history. Whatever a run changes
 * from step to step belongs to a part, except what follows from the seed and the number of the step.
 */
export interface Part {
  /** The state after the last step. */
  state(): PartState;
  /** Goes on from a state; the tensors become the part's, which disposes them. */
  restore(state: Required<PartState>): void;
}
