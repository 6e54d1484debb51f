import { type Command, Option } from 'commander';
import type { Augmentation } from 'vgg-blocks/data';
import { RECIPES, type Recipe, type RecipeName, type TrainOptions } from 'vgg-blocks/train';
import { type NetworkArguments, withNetwork } from './network.js';
import { belonging, numberIn, shared } from './options.js';
import { type RunArguments, withRun } from './runArguments.js';
import { type TeacherArguments, withTeacher } from './teacher.js';
import { type TrainingArguments, trainingOptions, withTraining } from './training.js';

/** For the optimizer's options without an argument or a recipe. */
const DEFAULTS = { optimizer: 'adam', schedule: 'cosine', learningRate: 0.003 } satisfies TrainOptions;

/** The rate of layers that have been trained, without an argument or a recipe. */
const UNFREEZE_RATE = 1e-4;

/** The side of the crops that the lengths of recipes are for. */
const RECIPE_CROP = 224;

export interface FinetuneArguments
  extends NetworkArguments,
    RunArguments,
    TeacherArguments,
    Omit<TrainingArguments, 'batch'> {
  folder?: string;
  size?: number;
  validationFraction?: number;
  pooling?: 'avg' | 'max' | 'flatten';
  hidden: number;
  dropout?: number;
  epochs: number;
  recipe?: RecipeName;
  unfreeze?: string;
  unfreezeEpochs: number;
  unfreezeLr?: number;
  batch: number;
  augment?: 'usual' | 'paper' | 'none';
  memory: number;
  seed: number;
  json?: true;
  minAccuracy?: number;
}

/** Adds the options of {@link FinetuneArguments}. */
export function withFinetuning(command: Command): Command {
  const training = withTraining(withRun(withNetwork(command), 'runs/finetune'), DEFAULTS, ['lr', 'batch']);
  const run = withTeacher(training);
  return belonging(run, { unfreezeEpochs: 'unfreeze', unfreezeLr: 'unfreeze' })
    .addOption(
      numberIn(
        'side',
        '--size <pixels>',
        "height and width of the input (default: the network's own, or 224)",
      ).conflicts('inputShape'),
    )
    .addOption(
      numberIn(
        'fraction',
        '--validation-fraction <fraction>',
        'fraction of each class held out for validation (default: 0.2, or the folder val, valid or validation beside train)',
      ),
    )
    .addOption(
      new Option('--pooling <name>', 'how feature maps become a vector (default: avg)').choices([
        'avg',
        'max',
        'flatten',
      ]),
    )
    .addOption(numberIn('countOrNone', '--hidden <units>', 'units of an additional hidden layer', 0, 'none'))
    .addOption(
      numberIn(
        'belowOne',
        '--dropout <fraction>',
        'fraction of units to drop (default: 0.5 with a hidden layer)',
      ),
    )
    .addOption(
      new Option(
        '--recipe <name>',
        'optimizer, rates, schedule and augmentation of a known recipe; other options change it',
      ).choices(Object.keys(RECIPES)),
    )
    .addOption(numberIn('count', '--epochs <n>', 'epochs for the new layers, on cached features', 30))
    .addOption(
      numberIn(
        'positive',
        '--lr <rate>',
        `learning rate for the new layers (default: ${DEFAULTS.learningRate}, or the recipe's)`,
      ),
    )
    .option('--unfreeze <layer>', 'then also train this layer or block and all after it, e.g. block5')
    .addOption(numberIn('count', '--unfreeze-epochs <n>', 'epochs with --unfreeze', 10))
    .addOption(
      numberIn(
        'positive',
        '--unfreeze-lr <rate>',
        `learning rate with --unfreeze (default: ${UNFREEZE_RATE}, or a tenth of the recipe's)`,
      ),
    )
    .addOption(numberIn('count', '--batch <n>', 'batch size', 32))
    .addOption(
      new Option(
        '--augment [name]',
        "augment the training images: 'usual' for flips, crops and color jitter, 'paper' for flips and scale jitter, 'none'",
      )
        .choices(['usual', 'paper', 'none'])
        .preset('usual'),
    )
    .addOption(
      numberIn(
        'megabytes',
        '--memory <MB>',
        'memory for images, and as much again for features; beyond it, images are reread and features go to disk',
        1000,
      ),
    )
    .addOption(
      numberIn(
        'seed',
        '--seed <n>',
        'seed of the split, the new weights, the order of the images and the augmentation',
        0,
      ),
    )
    .addOption(shared.tensorboard())
    .option('--json', 'print the result as one line of JSON')
    .addOption(numberIn('fraction', '--min-accuracy <fraction>', 'fail if the validation accuracy is lower'));
}

/**
 * The options of `train` for the new layers and for unfrozen ones. Of a recipe they have neither the batch size nor the epochs,
 * which are those of training from scratch, nor the validation set.
 *
 * @throws Error, one sentence, when the recipe is for images in memory.
 */
export function finetuneOptions(args: FinetuneArguments): { first: TrainOptions; unfrozen: TrainOptions } {
  const recipe = recipeOf(args);
  const { epochs, batchSize, validationFraction, ...base }: TrainOptions = recipe?.train ?? DEFAULTS;
  // Without one if the arguments name another optimizer.
  const { learningRate, ...options } = trainingOptions({ ...args, lr: undefined, batch: undefined }, base);
  const unfrozenRate = recipe && learningRate !== undefined ? learningRate / 10 : UNFREEZE_RATE;
  return {
    first: {
      ...options,
      epochs: args.epochs,
      learningRate: args.lr ?? learningRate ?? DEFAULTS.learningRate,
    },
    unfrozen: { ...options, epochs: args.unfreezeEpochs, learningRate: args.unfreezeLr ?? unfrozenRate },
  };
}

/** How training images of a side are augmented, if they are. */
export function augmentationOf(args: FinetuneArguments, side: number): Augmentation | undefined {
  if (args.augment === 'none') return undefined;
  // Its changes rarely alter the class of an image.
  if (args.augment === 'usual') {
    const jitter = { brightness: 0.2, contrast: 0.2, saturation: 0.2 };
    return { flip: 0.5, crop: { scale: [0.5, 1] }, jitter };
  }
  const recipe: Recipe | undefined = args.augment === 'paper' ? RECIPES.paper : recipeOf(args);
  if (!recipe?.augmentFiles) return undefined;
  const { flip, crop } = recipe.augmentFiles;
  const [low, high] = crop.shorterSide.map((length) => (length * side) / RECIPE_CROP) as [number, number];
  return { flip, crop: { shorterSide: [low, high] } };
}

function recipeOf({ recipe: name }: FinetuneArguments): Recipe | undefined {
  const recipe: Recipe | undefined = name && RECIPES[name];
  if (!recipe?.augment || recipe.augmentFiles) return recipe;
  const known = Object.entries<Recipe>(RECIPES)
    .filter(([, { augment, augmentFiles }]) => !augment || augmentFiles)
    .map(([other]) => other);
  throw new Error(
    `finetune: the recipe ${name} augments small images in memory (${Object.keys(recipe.augment).join(', ')}), not files; choose ${known.join(' or ')}, or pass --optimizer, --schedule and --augment.`,
  );
}
