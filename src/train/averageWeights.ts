import { add, dispose, keep, mul, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { held } from '../tfjs/held.js';
import type { Part, PartState } from './checkpoint/part.js';

/**
 * The exponential moving average of a model's weights that are trained from the start (Polyak & Juditsky 1992), as in PyTorch's `AveragedModel` and Keras:
 * the weights themselves after the first step, then decay * average + (1 - decay) * weights. The moving statistics of batch
 * normalization are averages already, and stay the model's.
 */
export class AverageWeights implements Part {
  #averages: Tensor[] = [];

  /** Those of the start, since layers may be frozen between epochs. */
  readonly #weights: readonly LayersModel['weights'][number][];

  constructor(
    model: LayersModel,
    private readonly decay: number,
  ) {
    this.#weights = model.trainableWeights;
  }

  /** Takes in the weights after a step. */
  update(): void {
    const averages = held(() =>
      this.#variables().map((weights, i) =>
        this.#averages[i]
          ? add(mul(this.#averages[i]!, this.decay), mul(weights, 1 - this.decay))
          : weights.clone(),
      ),
    );
    this.dispose();
    this.#averages = averages;
  }

  /** Gives the model the averages while `work` runs. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.swap();
    try {
      return await work();
    } finally {
      this.swap();
    }
  }

  /** Exchanges the model's weights and the averages; before the first step they are the same. */
  swap(): void {
    for (const [i, weights] of this.#variables().entries()) {
      const average = this.#averages[i];
      if (!average) continue;
      this.#averages[i] = keep(weights.clone());
      weights.assign(average);
      average.dispose();
    }
  }

  state(): PartState {
    return { tensors: Object.fromEntries(this.#averages.entries()) };
  }

  restore({ tensors }: Required<PartState>): void {
    this.dispose();
    this.#averages = Object.values(tensors);
  }

  dispose(): void {
    dispose(this.#averages);
    this.#averages = [];
  }

  #variables(): Variable[] {
    return this.#weights.map((weight) => weight.read() as Variable);
  }
}
