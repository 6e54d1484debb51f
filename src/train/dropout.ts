import type { LayersModel } from '@tensorflow/tfjs-layers';

/** Seeds the dropout layers of a model anew for each step, and gives them their own seeds back in the end. */
export interface DropoutSeeds {
  set(step: number): void;
  restore(): void;
}

/**
 * A tfjs dropout layer with a seed draws the same mask at every step, and without one another in every process. So
 * that a run can be repeated, each step gives each layer a seed that follows from the run's seed.
 */
export function dropoutSeeds(model: LayersModel, seed: number): DropoutSeeds {
  const layers = model.layers.filter((layer) => layer.getClassName() === 'Dropout') as unknown as {
    seed?: number;
  }[];
  const own = layers.map((layer) => layer.seed);
  return {
    set(step) {
      layers.forEach((layer, i) => {
        // A seed of 0 would be none to tfjs.
        layer.seed = 1 + i + layers.length * (step + 2 ** 20 * seed);
      });
    },
    restore() {
      layers.forEach((layer, i) => {
        layer.seed = own[i];
      });
    },
  };
}
