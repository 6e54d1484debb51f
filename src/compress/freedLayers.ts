import type { LayersModel, layers } from '@tensorflow/tfjs-layers';

/** The layers of a model, whose weights are freed one layer after another instead of all at once by `dispose`. */
export class FreedLayers {
  private readonly left: Set<layers.Layer>;

  constructor({ layers: all }: LayersModel) {
    this.left = new Set(all);
  }

  /** Frees the weights of layers; again for a layer has no effect. */
  free(some: Iterable<layers.Layer>): void {
    for (const layer of some) {
      if (this.left.delete(layer)) for (const weight of layer.weights) weight.dispose();
    }
  }

  /** Frees what is left. */
  freeAll(): void {
    this.free([...this.left]);
  }
}
