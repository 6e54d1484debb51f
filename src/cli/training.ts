import { type Command, InvalidArgumentError, Option } from 'commander';
import { OPTIMIZERS } from 'vgg-blocks';
import type { BatchAugmentation } from 'vgg-blocks/data';
import {
  RECIPES,
  type RecipeName,
  SCHEDULES,
  type Schedule,
  type ScheduleName,
  type TrainOptions,
} from 'vgg-blocks/train';
import { attempted } from '../base/check.js';
import { messageOf } from '../base/realm.js';
import { numberIn, parseIn } from './options.js';

/** The options of `train` that have a flag, by the flag's name. */
const FLAGS = {
  batch: ['batchSize', () => numberIn('count', '--batch <n>', 'batch size')],
  microBatch: [
    'microBatchSize',
    () =>
      numberIn(
        'count',
        '--micro-batch <n>',
        'take batches in parts of at most n images and add their gradients, to need less memory (default: as large as fits)',
      ),
  ],
  optimizer: [
    'optimizer',
    () => new Option('--optimizer <name>', 'optimizer').choices(Object.keys(OPTIMIZERS)),
  ],
  lr: [
    'learningRate',
    () => numberIn('positive', '--lr <rate>', `learning rate (default: ${usual('learningRate')})`),
  ],
  weightDecay: [
    'weightDecay',
    () =>
      numberIn(
        'fraction',
        '--weight-decay <fraction>',
        `weight decay; the paper has 0.0005 (default: ${usual('weightDecay')})`,
      ),
  ],
  weightDecayOf: [
    'weightDecayOf',
    () =>
      new Option('--weight-decay-of <which>', 'what decays: all weights, or kernels but not biases').choices([
        'all',
        'kernels',
      ]),
  ],
  clipNorm: [
    'clipNorm',
    () =>
      numberIn(
        'positive',
        '--clip-norm <norm>',
        'scale gradients down until the norm of all of them together is at most this',
      ),
  ],
  schedule: [
    'schedule',
    () =>
      new Option(
        '--schedule <name>',
        `learning-rate schedule: ${Object.keys(SCHEDULES).join(', ')}, or JSON, e.g. {"name":"step","every":30}`,
      ).argParser(parseSchedule),
  ],
  warmup: [
    'warmupEpochs',
    () => numberIn('notNegative', '--warmup <epochs>', 'epochs in which the learning rate first rises'),
  ],
  labelSmoothing: [
    'labelSmoothing',
    () =>
      numberIn(
        'fraction',
        '--label-smoothing <fraction>',
        'fraction of each label to spread over all classes',
      ),
  ],
  ema: [
    'ema',
    () => numberIn('between', '--ema <decay>', 'end with a moving average of the weights, e.g. 0.999'),
  ],
  patience: [
    'patience',
    () =>
      numberIn(
        'count',
        '--patience <epochs>',
        'stop when the validation accuracy has not risen for this many epochs',
      ),
  ],
} as const satisfies Record<string, readonly [keyof TrainOptions, () => Option]>;

/** The arguments of {@link withTraining}. */
export type TrainingArguments = {
  -readonly [Flag in keyof typeof FLAGS]?: TrainOptions[(typeof FLAGS)[Flag][0]];
};

/** Adds the flags of `train`'s options. Those without an argument are as in `defaults`, which the help states. */
export function withTraining(
  command: Command,
  defaults: TrainOptions,
  without: readonly (keyof TrainingArguments)[] = [],
): Command {
  for (const [flag, [option, create]] of Object.entries(FLAGS)) {
    if (without.includes(flag as keyof TrainingArguments)) continue;
    const added: Option = create();
    const value = defaults[option];
    if (value !== undefined) added.description += ` (default: ${JSON.stringify(value)})`;
    command.addOption(added);
  }
  return command;
}

/** The options of `train` from the arguments, and from `base` where there is none. */
export function trainingOptions(args: TrainingArguments, base: TrainOptions): TrainOptions {
  const given = Object.fromEntries(
    Object.entries(FLAGS).flatMap(([flag, [option]]) => {
      const value = args[flag as keyof TrainingArguments];
      return value === undefined ? [] : [[option, value]];
    }),
  ) as TrainOptions;
  const { learningRate, weightDecay, weightDecayOf, ...rest } = base;
  // They are the optimizer's.
  const own = given.optimizer !== undefined && given.optimizer !== base.optimizer;
  const options = { ...rest, ...(!own && { learningRate, weightDecay, weightDecayOf }), ...given };
  const usual = typeof options.optimizer === 'string' ? OPTIMIZERS[options.optimizer].weightDecay : 0;
  if (given.weightDecayOf !== undefined && !(options.weightDecay ?? usual))
    throw new Error(
      '--weight-decay-of is given without weight decay, and would change nothing; add --weight-decay, or leave it out.',
    );
  return options;
}

/** The arguments of {@link withRecipe}. */
export interface RecipeArguments extends BatchAugmentation {
  recipe?: RecipeName;
  validationFraction?: number;
}

/** Adds the choice of a recipe, the augmentation of images in memory, and a validation set. */
export function withRecipe(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--recipe <name>',
        'options of a known recipe instead of the defaults; other options change it',
      ).choices(Object.keys(RECIPES)),
    )
    .addOption(numberIn('countOrNone', '--shift <pixels>', 'shift each training image by up to n pixels'))
    .addOption(numberIn('fraction', '--flip <probability>', 'mirror training images left to right'))
    .addOption(numberIn('fraction', '--erase <probability>', 'erase a rectangle of training images'))
    .addOption(numberIn('mixture', '--mixup <alpha>', 'mix training images in pairs, e.g. 0.2'))
    .addOption(
      numberIn(
        'fraction',
        '--validation-fraction <fraction>',
        'fraction of each class held out of the training images for validation',
      ),
    );
}

/** The options and the augmentation of the recipe, changed by the arguments; without one, from `defaults`. */
export function recipeOptions(
  args: TrainingArguments & RecipeArguments,
  defaults: TrainOptions,
): { options: TrainOptions; augment: BatchAugmentation } {
  const recipe = args.recipe && RECIPES[args.recipe];
  const options = trainingOptions(args, recipe?.train ?? defaults);
  const { shift, flip, erase, mixup, validationFraction = options.validationFraction } = args;
  const own = Object.entries({ shift, flip, erase, mixup }).filter(([, value]) => value !== undefined);
  const augment = { ...(recipe && 'augment' in recipe && recipe.augment), ...Object.fromEntries(own) };
  return { options: { ...options, validationFraction }, augment };
}

/** The default of each optimizer: '0.05 for sgd, 0.01 for momentum, ...'. */
function usual(name: 'learningRate' | 'weightDecay'): string {
  return Object.entries(OPTIMIZERS)
    .map(([optimizer, defaults]) => `${defaults[name]} for ${optimizer}`)
    .join(', ');
}

function parseSchedule(text: string): Schedule {
  if (Object.hasOwn(SCHEDULES, text)) return text as Schedule;
  const { name, ...own } = Object(attempted(() => JSON.parse(text))) as Record<string, unknown>;
  if (typeof name !== 'string' || !Object.hasOwn(SCHEDULES, name)) {
    throw new InvalidArgumentError(
      `It must be one of ${Object.keys(SCHEDULES).join(', ')}, or JSON with such a name.`,
    );
  }
  const known = Object.keys(SCHEDULES[name as ScheduleName].options);
  for (const [field, value] of Object.entries(own)) {
    if (!known.includes(field)) {
      const all = known.length === 0 ? `${name} has none` : `those of ${name} are ${known.join(', ')}`;
      throw new InvalidArgumentError(`It has the unknown option ${JSON.stringify(field)}; ${all}.`);
    }
    try {
      parseIn(field === 'factor' ? 'between' : 'count', JSON.stringify(value));
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error).replace(/^It /, `Its ${field} `));
    }
  }
  return { name, ...own } as Schedule;
}
