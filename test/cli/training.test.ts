import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import {
  augmentationOf,
  type FinetuneArguments,
  finetuneOptions,
  withFinetuning,
} from '../../src/cli/finetuneArguments.js';
import {
  type RecipeArguments,
  recipeOptions,
  type TrainingArguments,
  withRecipe,
  withTraining,
} from '../../src/cli/training.js';
import { RECIPES, type TrainOptions } from '../../src/train/index.js';

const DEFAULTS: TrainOptions = { optimizer: 'adam', learningRate: 0.002, schedule: 'cosine' };

/** What `train` receives for a command line, and the augmentation. */
function parsed(...args: string[]) {
  const command = withRecipe(withTraining(new Command('train'), DEFAULTS))
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  command.parse(args, { from: 'user' });
  const { options, augment } = recipeOptions(command.opts<TrainingArguments & RecipeArguments>(), DEFAULTS);
  // An option that is undefined is one that is left out.
  return { options: JSON.parse(JSON.stringify(options)), augment };
}

test.each<[string, string, TrainOptions]>([
  ['--batch', '8', { batchSize: 8 }],
  ['--micro-batch', '4', { microBatchSize: 4 }],
  ['--lr', '0.1', { learningRate: 0.1 }],
  ['--weight-decay', '5e-4', { weightDecay: 5e-4 }],
  ['--clip-norm', '1', { clipNorm: 1 }],
  ['--schedule', 'plateau', { schedule: 'plateau' }],
  ['--schedule', '{"name":"step","every":30}', { schedule: { name: 'step', every: 30 } }],
  ['--warmup', '0.5', { warmupEpochs: 0.5 }],
  ['--label-smoothing', '0.1', { labelSmoothing: 0.1 }],
  ['--ema', '0.999', { ema: 0.999 }],
  ['--patience', '3', { patience: 3 }],
  ['--validation-fraction', '0.2', { validationFraction: 0.2 }],
])('%s %s reaches train', (flag, value, option) => {
  expect(parsed(flag, value)).toEqual({ options: { ...DEFAULTS, ...option }, augment: {} });
});

test('what decays is refused where nothing does', () => {
  expect(parsed('--weight-decay-of', 'kernels', '--weight-decay', '5e-4').options).toEqual({
    ...DEFAULTS,
    ...{ weightDecay: 5e-4, weightDecayOf: 'kernels' },
  });
  expect(parsed('--optimizer', 'adamw', '--weight-decay-of', 'kernels').options.weightDecayOf).toBe(
    'kernels',
  );
  for (const args of [[], ['--weight-decay', '0'], ['--recipe', 'fast', '--optimizer', 'sgd']])
    expect(() => parsed('--weight-decay-of', 'kernels', ...args)).toThrow(
      '--weight-decay-of is given without weight decay, and would change nothing; add --weight-decay, or leave it out.',
    );
});

test('another optimizer has its own rate and decay', () => {
  expect(parsed('--optimizer', 'momentum').options).toEqual({ optimizer: 'momentum', schedule: 'cosine' });
  const { optimizer, learningRate, weightDecay, weightDecayOf, ...rest } = RECIPES.fast.train;
  expect(parsed('--recipe', 'fast', '--optimizer', 'sgd').options).toEqual({ ...rest, optimizer: 'sgd' });
});

test('flags change a recipe and its augmentation, which they can also turn off', () => {
  expect(parsed('--recipe', 'fast')).toEqual({
    options: RECIPES.fast.train,
    augment: RECIPES.fast.augment,
  });
  const { options, augment } = parsed(
    ...['--recipe', 'fast', '--lr', '0.001', '--shift', '0', '--erase', '0.25', '--mixup', '0.2'],
  );
  expect(options).toEqual({ ...RECIPES.fast.train, learningRate: 0.001 });
  expect(augment).toEqual({ shift: 0, flip: 0.5, erase: 0.25, mixup: 0.2 });
});

test.each([
  ['--batch', '0'],
  ['--lr', '-1'],
  ['--optimizer', 'lion'],
  ['--weight-decay', '2'],
  ['--schedule', '{"every":3}'],
  ['--patience', '1.5'],
  ['--shift', '1.5'],
  ['--recipe', 'slow'],
])('%s %s is refused at once', (flag, value) => {
  expect(() => parsed(flag, value)).toThrow(`argument '${value}' is invalid`);
});

describe('finetune', () => {
  /** What the two phases and the images receive for a command line. */
  function finetuned(...args: string[]) {
    const command = withFinetuning(new Command('finetune')).parse(args, { from: 'user' });
    const given = command.opts<FinetuneArguments>();
    return { ...finetuneOptions(given), augment: augmentationOf(given, 112) };
  }

  test('has its own rates, and those of an optimizer by name', () => {
    const { first, unfrozen, augment } = finetuned();
    expect(first).toMatchObject({ optimizer: 'adam', schedule: 'cosine', learningRate: 0.003, epochs: 30 });
    expect(unfrozen).toMatchObject({ optimizer: 'adam', learningRate: 1e-4, epochs: 10 });
    expect(augment).toBeUndefined();
    expect(finetuned('--recipe', 'paper', '--optimizer', 'adam').unfrozen).toMatchObject({
      ...{ optimizer: 'adam', learningRate: 1e-4 },
      schedule: RECIPES.paper.train.schedule,
    });
  });

  test('takes the steps and the images of a recipe, but not its batches, epochs and validation set', () => {
    const { optimizer, weightDecay, schedule } = RECIPES.paper.train;
    const { first, unfrozen, augment } = finetuned('--recipe', 'paper', '--epochs', '7');
    const steps = { optimizer, weightDecay, schedule };
    expect(JSON.parse(JSON.stringify(first))).toEqual({ ...steps, learningRate: 0.01, epochs: 7 });
    expect(JSON.parse(JSON.stringify(unfrozen))).toEqual({ ...steps, learningRate: 0.001, epochs: 10 });
    expect(augment).toEqual({ flip: 0.5, crop: { shorterSide: [128, 256] } });
    expect(finetuned('--recipe', 'paper', '--lr', '0.02', '--augment', 'none')).toMatchObject({
      first: { learningRate: 0.02 },
      augment: undefined,
    });
    expect(finetuned('--recipe', 'chapter').first).toMatchObject({ optimizer: 'sgd', learningRate: 0.05 });
  });

  test('refuses a recipe for images in memory', () => {
    expect(() => finetuned('--recipe', 'fast')).toThrow(
      `finetune: the recipe fast augments small images in memory (${Object.keys(RECIPES.fast.augment).join(', ')}), not files; choose chapter or paper, or pass --optimizer, --schedule and --augment.`,
    );
  });
});
