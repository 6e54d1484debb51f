import type { LayersModel } from '@tensorflow/tfjs-layers';
import { Command, Option } from 'commander';
import type { Augmentation, ImageFileSet, ImageFiles } from 'vgg-blocks/data';
import { cacheFeatures, freeze, splitModel, transferHead, unfreeze } from 'vgg-blocks/features';
import type { Preprocessing } from 'vgg-blocks/images';
import { countBar, imageFolder, progressBar, temporaryFile } from 'vgg-blocks/node';
import {
  confusion,
  evaluate,
  predictClasses,
  RECIPES,
  storedEpochs,
  type TrainOptions,
  train,
} from 'vgg-blocks/train';
import { setMetadata } from 'vgg-blocks/weights';
import { type Finetuned, listing, type Phase, percent, writeFinetuned } from './finetuned.js';
import { loadNetwork, type NetworkArguments, withNetwork } from './network.js';
import { numberIn, numeric, shared } from './options.js';
import { stopOnSignal } from './process.js';
import { inRunFolder, type RunArguments, type RunFolder, withRun } from './runFolder.js';
import { openRunLog, type RunLog } from './runLog.js';
import { checkAccuracy, epochLine } from './runs.js';
import { type TrainingArguments, trainingOptions, withTraining } from './training.js';

/** The changes of `--augment`, which rarely alter the class of an image. */
const AUGMENTATIONS = {
  usual: {
    flip: 0.5,
    crop: { scale: [0.5, 1] },
    jitter: { brightness: 0.2, contrast: 0.2, saturation: 0.2 },
  },
  paper: RECIPES.paper.augmentFiles,
} as const satisfies Record<string, Augmentation>;

/** For the optimizer's options without an argument. */
const DEFAULTS: TrainOptions = { optimizer: 'adam', schedule: 'cosine' };

/** Augmented passes over the training images in a cache, in addition to the plain one. */
const PASSES = 4;

interface FinetuneArguments extends NetworkArguments, RunArguments, Omit<TrainingArguments, 'lr' | 'batch'> {
  folder?: string;
  size?: number;
  validationFraction?: number;
  pooling: 'avg' | 'max' | 'flatten';
  hidden: number;
  dropout?: number;
  epochs: number;
  lr: number;
  unfreeze?: string;
  unfreezeEpochs: number;
  unfreezeLr: number;
  batch: number;
  augment?: keyof typeof AUGMENTATIONS;
  memory: number;
  seed: number;
  tensorboard?: true;
  json?: true;
  minAccuracy?: number;
}

/** `vgg-blocks finetune`: teaches a trained network the classes of a folder of images. */
export function finetuneCommand(): Command {
  const command = withRun(
    withNetwork(
      new Command('finetune')
        .description('train a network on your own images, starting from existing weights')
        .argument('[folder]', 'a folder with one subfolder of images per class, or with train and val'),
    ),
    'runs/finetune',
  );
  return withTraining(command, DEFAULTS, ['lr', 'batch'])
    .addOption(
      numeric('--size <pixels>', "height and width of the input (default: the network's own, or 224)"),
    )
    .addOption(
      numberIn(
        'fraction',
        '--validation-fraction <fraction>',
        'fraction of each class held out for validation (default: 0.2, or the folder val, valid or validation beside train)',
      ),
    )
    .addOption(
      new Option('--pooling <name>', 'how feature maps become a vector')
        .choices(['avg', 'max', 'flatten'])
        .default('avg'),
    )
    .addOption(numeric('--hidden <units>', 'units of an additional hidden layer', 0, 'none'))
    .addOption(
      numeric('--dropout <fraction>', 'fraction of units to drop (default: 0.5 with a hidden layer)'),
    )
    .addOption(numberIn('count', '--epochs <n>', 'epochs for the new layers, on cached features', 30))
    .addOption(numberIn('positive', '--lr <rate>', 'learning rate for the new layers', 0.003))
    .option('--unfreeze <layer>', 'then also train this layer or block and all after it, e.g. block5')
    .addOption(numberIn('count', '--unfreeze-epochs <n>', 'epochs with --unfreeze', 10))
    .addOption(numberIn('positive', '--unfreeze-lr <rate>', 'learning rate with --unfreeze', 1e-4))
    .addOption(numberIn('count', '--batch <n>', 'batch size', 32))
    .addOption(
      new Option(
        '--augment [name]',
        "augment the training images: 'usual' for flips, crops and color jitter, 'paper' for flips and scale jitter",
      )
        .choices(Object.keys(AUGMENTATIONS))
        .preset('usual'),
    )
    .addOption(
      numeric(
        '--memory <MB>',
        'memory for images, and as much again for features; beyond it, images are reread and features go to disk',
        1000,
      ),
    )
    .addOption(
      numeric(
        '--seed <n>',
        'seed of the split, the new weights, the order of the images and the augmentation',
        0,
      ),
    )
    .addOption(shared.tensorboard())
    .option('--json', 'print the result as one line of JSON')
    .addOption(numberIn('fraction', '--min-accuracy <fraction>', 'fail if the validation accuracy is lower'))
    .action(run);
}

async function run(folder: string | undefined, given: FinetuneArguments, command: Command): Promise<void> {
  if ((folder === undefined) === (given.resume === undefined)) {
    throw new Error('finetune: pass a folder of images, or --resume with the folder of a run.');
  }
  await inRunFolder(command, { ...given, folder }, 'finetune: validation', finetuneIn);
}

async function finetuneIn(taken: RunFolder<FinetuneArguments>): Promise<void> {
  const { args } = taken;
  const folder = args.folder!;
  const say = args.json ? () => {} : (line: string) => console.log(line);
  const loaded = await loadNetwork('finetune', args, {
    includeTop: false,
    ...(args.size !== undefined && { inputShape: [args.size, args.size, 3] as const }),
  });
  const { model: base, preprocessing } = loaded;
  const signal = stopOnSignal();
  const images = await read(folder, args, preprocessing, signal);
  const { classNames, problems } = images;
  say(
    `${images.trainSet.length} training and ${images.validationSet.length} validation images of ${classNames.length} classes at ${images.trainSet.shape.join('x')}${problems.length > 0 ? `; ${problems.length} left out` : ''}`,
  );
  const model = transferHead(freeze(base), {
    classes: classNames.length,
    // A network from an earlier run already pools its features.
    pooling: base.outputs[0]!.shape.length === 2 ? undefined : args.pooling,
    hiddenUnits: args.hidden,
    dropout: args.dropout,
    seed: args.seed,
    name: `${base.name}_finetuned`,
  });
  setMetadata(model, { preprocessing, classNames });
  const before = [];
  for (const part of PARTS) before.push(...(await storedEpochs(taken.checkpoint(part).store)));
  const log = await openRunLog(args.out, {
    ...args,
    before: before.map((row, i) => ({ ...row, epoch: i + 1 })),
  });
  const { phases, predicted } = await trainPhases(model, base, images, taken, { signal, say, log });
  await log.close();
  if (phases[0]!.epochs.length === 0)
    throw new Error(`finetune: stopped before the first batch; go on with --resume ${args.out}.`);
  const last = phases.at(-1)!;
  const failure = last.ended === 'diverged' ? diverged(last.name) : undefined;
  if (failure !== undefined && phases.every(({ weightsOf }) => weightsOf === 0)) {
    await taken.finish({ accuracy: null, failure });
    throw new Error(failure);
  }
  const { labels } = images.validationSet;
  const found = labels.length > 0 ? confusion(labels, predicted, classNames) : undefined;
  // Looked at once, after everything has been chosen by other images.
  const tested = images.testSet && (await evaluate(model, images.testSet, { batchSize: args.batch }));
  const result = {
    folder,
    weights: loaded.source,
    network: loaded.title,
    classNames,
    preprocessing,
    train: images.trainSet.length,
    validation: images.validationSet.length,
    test: tested ? { images: tested.examples, loss: tested.loss, accuracy: tested.accuracy } : null,
    leftOut: problems,
    accuracy: found?.accuracy ?? null,
    confusion: found?.counts ?? null,
    phases: phases.map(({ name, ended, epochs, weightsOf }) => ({
      name,
      ended,
      epochs: epochs.length,
      weightsOf,
    })),
    out: args.out,
  } satisfies Finetuned & Record<string, unknown>;
  const { files, without } = await writeFinetuned(args.out, {
    model,
    images,
    phases,
    predicted,
    args,
    result,
  });
  if (!signal.aborted) await taken.finish({ accuracy: found?.accuracy ?? null, failure });
  model.dispose();
  say(
    found
      ? `validation accuracy ${percent(found.accuracy)}\n${listing(found)}`
      : 'no images were held out, so the accuracy is unknown',
  );
  if (tested) say(`test accuracy ${percent(tested.accuracy)} of ${tested.examples} images`);
  say(`wrote ${files.join(', ')} to ${args.out}`);
  if (without) say(`model.safetensors was not written: ${without}`);
  if (args.json) console.log(JSON.stringify(result));
  if (failure !== undefined) throw new Error(failure);
  if (signal.aborted) say(`stopped; go on with --resume ${args.out}`);
  else checkAccuracy('finetune: validation', found?.accuracy ?? null, args.minAccuracy);
}

async function read(
  folder: string,
  args: FinetuneArguments,
  preprocessing: Preprocessing,
  signal: AbortSignal,
): Promise<ImageFiles> {
  const bar = countBar({ label: 'reading' });
  return imageFolder(folder, {
    preprocessing,
    validationFraction: args.validationFraction,
    seed: args.seed,
    maxBytes: args.memory * 1e6,
    signal,
    onProgress: bar.update,
    onProblem({ reason }) {
      bar.stop();
      console.error(reason);
    },
    ...(args.augment && { augment: AUGMENTATIONS[args.augment] }),
  }).finally(bar.stop);
}

/** The outcome of the training. */
interface Trained {
  phases: Phase[];
  /** The predicted class of each validation image. */
  predicted: Int32Array;
}

/** Trains the new layers on cached features, then, with `--unfreeze`, the upper layers of the base too. */
async function trainPhases(
  model: LayersModel,
  base: LayersModel,
  images: ImageFiles,
  taken: RunFolder<FinetuneArguments>,
  { signal, say, log }: { signal: AbortSignal; say: (line: string) => void; log: RunLog },
): Promise<Trained> {
  const { args } = taken;
  const top = base.layers.at(-1)!.name;
  // Fail on an unknown layer before the training, not in the middle of it.
  if (args.unfreeze) freeze(unfreeze(model, args.unfreeze), top);
  const trained: Trained = { phases: [], predicted: new Int32Array() };
  for (const { from, epochs, learningRate } of [
    { from: undefined, epochs: args.epochs, learningRate: args.lr },
    ...(args.unfreeze
      ? [{ from: args.unfreeze, epochs: args.unfreezeEpochs, learningRate: args.unfreezeLr }]
      : []),
  ]) {
    if (from !== undefined) unfreeze(model, from);
    const { lower, upper } = splitModel(model, from === undefined ? top : lastFrozen(model));
    const cached = await cache(lower, images, args, signal).catch((error: unknown) => {
      if (trained.phases.length > 0 && signal.aborted) return undefined;
      throw error;
    });
    if (!cached) break;
    const name = from === undefined ? 'new layers' : `from ${from}`;
    const bar = progressBar({ print: say });
    try {
      const history = await train(upper, cached, {
        ...trainingOptions({ ...args, lr: undefined, batch: undefined }, DEFAULTS),
        epochs,
        learningRate,
        batchSize: args.batch,
        seed: args.seed,
        keep: cached.validationSet ? 'best' : 'last',
        checkpoint: taken.checkpoint(PARTS[from === undefined ? 0 : 1]),
        signal,
        onProgress: bar.update,
        onEpoch(row) {
          bar.log(`${name}, ${epochLine(row, epochs)}`);
          return log.onEpoch(row);
        },
      });
      bar.stop();
      trained.phases.push({ name, ...history });
      if (history.ended === 'diverged' && history.weightsOf === 0) break;
      if (cached.validationSet) trained.predicted = await predictClasses(upper, cached.validationSet);
    } finally {
      bar.stop();
      await cached.trainSet.dispose();
      await cached.validationSet?.dispose();
    }
    if (signal.aborted || trained.phases.at(-1)!.ended === 'diverged') break;
  }
  return trained;
}

/** The checkpoints of the two phases. */
const PARTS = ['new-layers', 'unfrozen'] as const;

function diverged(phase: string): string {
  return `finetune: diverged (${phase}): the loss or the weights are no longer finite numbers, so the last good ones are kept; try a smaller learning rate.`;
}

/** The layer before the first trainable one. */
function lastFrozen(model: LayersModel): string {
  const first = model.layers.findIndex((layer) => layer.trainableWeights.length > 0);
  return model.layers[first - 1]!.name;
}

async function cache(lower: LayersModel, images: ImageFiles, args: FinetuneArguments, signal: AbortSignal) {
  const bar = countBar({ label: 'computing features' });
  const features = (set: ImageFileSet, augmentedPasses: number) =>
    cacheFeatures(lower, set, {
      batchSize: args.batch,
      augmentedPasses,
      seed: args.seed,
      maxBytes: args.memory * 1e6,
      overflow: temporaryFile({ folder: args.out }),
      onProgress: bar.update,
      signal,
    });
  try {
    const trainSet = await features(images.trainSet, args.augment ? PASSES : 0);
    if (images.validationSet.length === 0) return { trainSet, validationSet: undefined };
    const validationSet = await features(images.validationSet, 0).catch(async (error: unknown) => {
      await trainSet.dispose();
      throw error;
    });
    return { trainSet, validationSet };
  } finally {
    bar.stop();
  }
}
