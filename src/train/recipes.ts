import type { TrainOptions } from './settings.js';

/** How a network is trained: options of `train`, and of the sets. */
export interface Recipe {
  train: TrainOptions;
  /** For `ImageSet.augment`. */
  augment?: { shift?: number; flip?: number; erase?: number; mixup?: number };
  /** The augmentation of `imageFolder` and `imageFiles`, with lengths for crops of 224. */
  augmentFiles?: { crop: { shorterSide: readonly [low: number, high: number] }; flip: number };
}

/**
 * Recipes by name: `chapter` is that of Dive into Deep Learning, section 8.2; `paper` that of Simonyan & Zisserman (2015, section
 * 3.1), who divided the rate when the validation accuracy stopped rising, and whose 74 epochs are those of a million images; `fast`
 * learns more in few epochs.
 *
 * @example
 * const { train: options, augment } = RECIPES.fast;
 * await train(model, { trainSet: trainSet.augment(augment), testSet }, { ...options, epochs: 5 });
 */
export const RECIPES = {
  chapter: { train: { optimizer: 'sgd', learningRate: 0.05, batchSize: 128, epochs: 10 } },
  paper: {
    train: {
      ...{ optimizer: 'momentum', learningRate: 0.01, batchSize: 256, weightDecay: 5e-4, epochs: 74 },
      schedule: { name: 'plateau', patience: 3, factor: 0.1 },
      validationFraction: 0.1,
    },
    augmentFiles: { crop: { shorterSide: [256, 512] }, flip: 0.5 },
  },
  fast: {
    train: {
      ...{
        optimizer: 'nesterov',
        learningRate: 0.05,
        weightDecay: 5e-4,
        weightDecayOf: 'kernels',
        batchSize: 64,
      },
      ...{ schedule: 'cosine', warmupEpochs: 0.5, epochs: 18 },
    },
    augment: { shift: 2, flip: 0.5 },
  },
} as const satisfies Record<string, Recipe>;

/** The name of a recipe. */
export type RecipeName = keyof typeof RECIPES;
