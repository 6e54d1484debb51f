import { dispose, type Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';

/** Remembers the weights of the epoch with the best accuracy. They share the model's memory until training moves on. */
export class BestWeights {
  /** The epoch they are of; 0 before the first. */
  epoch = 0;
  private accuracy = Number.NEGATIVE_INFINITY;
  private weights: Tensor[] = [];

  constructor(private readonly model: LayersModel) {}

  /** Keeps the model's weights if their accuracy is above all before. */
  offer(epoch: number, accuracy: number): void {
    if (accuracy <= this.accuracy) return;
    this.dispose();
    this.weights = this.model.getWeights().map((weight) => weight.clone());
    this.accuracy = accuracy;
    this.epoch = epoch;
  }

  /** Gives the model the weights that were kept. */
  restore(): void {
    this.model.setWeights(this.weights);
  }

  dispose(): void {
    dispose(this.weights);
    this.weights = [];
  }
}
