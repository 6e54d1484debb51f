import { dispose, keep, type Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Part, PartState } from './checkpoint/part.js';

/**
 * The epoch with the best accuracy and, if they are to be kept, its weights, which share the model's memory until training
 * changes them.
 */
export class BestWeights implements Part {
  /** 0 before the first. */
  epoch = 0;
  private accuracy = Number.NEGATIVE_INFINITY;
  private weights: Tensor[] = [];

  constructor(
    private readonly model: LayersModel,
    private readonly keep: boolean,
  ) {}

  /** Notes the epoch, and keeps the model's current weights, if the accuracy is the best so far. */
  offer(epoch: number, accuracy: number): void {
    if (accuracy <= this.accuracy) return;
    this.dispose();
    if (this.keep) this.weights = this.model.getWeights().map((weight) => keep(weight.clone()));
    this.accuracy = accuracy;
    this.epoch = epoch;
  }

  /** Gives the model the kept weights. */
  apply(): void {
    this.model.setWeights(this.weights);
  }

  state(): PartState {
    if (this.epoch === 0) return {};
    return {
      values: { epoch: this.epoch, accuracy: this.accuracy },
      tensors: Object.fromEntries(this.weights.entries()),
    };
  }

  restore({ values, tensors }: Required<PartState>): void {
    this.dispose();
    this.weights = Object.values(tensors);
    const { epoch = 0, accuracy = Number.NEGATIVE_INFINITY } = values as {
      epoch?: number;
      accuracy?: number;
    };
    this.epoch = epoch;
    this.accuracy = accuracy;
  }

  dispose(): void {
    dispose(this.weights);
    this.weights = [];
  }
}
