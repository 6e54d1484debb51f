import { mkdir } from 'node:fs/promises';
import { memory } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { Command, Option } from 'commander';
import type { Augmentation, ImageFileSet, ImageFiles } from 'vgg-blocks/data';
import { cacheFeatures, freeze, splitModel, transferHead, unfreeze } from 'vgg-blocks/features';
import type { Preprocessing } from 'vgg-blocks/images';
import { countBar, imageFolder, progressBar, temporaryFile } from 'vgg-blocks/node';
import { confusion, predictClasses, train } from 'vgg-blocks/train';
import type { Finetuned } from './finetuned.js';
import { listing, type Phase, write } from './finetuneReport.js';
import { loadNetwork, type NetworkArguments, withNetwork } from './network.js';
import { number } from './options.js';
import { checkAccuracy, epochLine, stopOnInterrupt } from './training.js';

/** What `--augment` does: nothing that would make another class of most things. */
const AUGMENTATION: Augmentation = {
  flip: 0.5,
  crop: { scale: [0.5, 1] },
  jitter: { brightness: 0.2, contrast: 0.2, saturation: 0.2 },
};

/** Augmented passes that a cache holds beside the plain one. */
const PASSES = 4;

interface FinetuneArguments extends NetworkArguments {
  size?: number;
  validation: number;
  pooling: 'avg' | 'max' | 'flatten';
  hidden: number;
  dropout?: number;
  epochs: number;
  lr: number;
  unfreeze?: string;
  unfreezeEpochs: number;
  unfreezeLr: number;
  batch: number;
  augment?: true;
  memory: number;
  seed: number;
  out: string;
  json?: true;
  minAccuracy?: number;
}

/** `vgg-blocks finetune`: teaches a trained network the classes of a folder of pictures. */
export function finetuneCommand(): Command {
  const numeric = (flags: string, description: string) => new Option(flags, description).argParser(number);
  return withNetwork(
    new Command('finetune')
      .description('train a network on your own pictures, a folder for each class, from weights that exist')
      .argument('<folder>', 'a folder with a folder of pictures for each class'),
  )
    .addOption(numeric('--size <pixels>', "height and width of the input (default: the network's, or 224)"))
    .addOption(numeric('--validation <share>', 'share of each class that is not trained on').default(0.2))
    .addOption(
      new Option('--pooling <how>', 'what makes a vector of the features')
        .choices(['avg', 'max', 'flatten'])
        .default('avg'),
    )
    .addOption(numeric('--hidden <units>', 'units of a hidden layer before the last').default(0, 'none'))
    .addOption(numeric('--dropout <share>', 'share of units dropped (default: 0.5 with a hidden layer)'))
    .addOption(
      numeric('--epochs <n>', 'epochs of the new layers, on features that are computed once').default(30),
    )
    .addOption(numeric('--lr <rate>', 'learning rate of the new layers').default(0.003))
    .option('--unfreeze <layer>', 'then train on from this layer or block, such as block5')
    .addOption(numeric('--unfreeze-epochs <n>', 'epochs of that').default(10))
    .addOption(numeric('--unfreeze-lr <rate>', 'learning rate of that').default(1e-4))
    .addOption(numeric('--batch <n>', 'pictures a step').default(32))
    .option('--augment', 'vary the training pictures: mirrored, cut out, lighter and darker')
    .addOption(
      numeric(
        '--memory <MB>',
        'of pictures, and of features, before they are read anew or go to disk',
      ).default(1000),
    )
    .addOption(
      numeric('--seed <n>', 'draws the split, the new weights, the order and the augmentation').default(0),
    )
    .addOption(new Option('--out <folder>', 'where the results go').default('runs/finetune'))
    .option('--json', 'print the result as a line of JSON')
    .addOption(numeric('--min-accuracy <share>', 'fail when the validation accuracy is below'))
    .action(run);
}

async function run(folder: string, args: FinetuneArguments): Promise<void> {
  const say = args.json ? () => {} : (line: string) => console.log(line);
  await mkdir(args.out, { recursive: true }).catch((error: Error) => {
    throw new Error(
      `finetune: the folder ${args.out} could not be made (${error.message}); choose another with --out.`,
    );
  });
  const loaded = await loadNetwork('finetune', args, {
    includeTop: false,
    ...(args.size !== undefined && { inputShape: [args.size, args.size, 3] as const }),
  });
  const { model: base, preprocessing } = loaded;
  const stop = stopOnInterrupt();
  try {
    const pictures = await read(folder, args, preprocessing, stop.signal);
    const { classNames, problems } = pictures;
    say(
      `${pictures.trainSet.length} training and ${pictures.validationSet.length} validation pictures of ${classNames.length} classes at ${pictures.trainSet.shape.join('x')}${problems.length > 0 ? `; ${problems.length} left out` : ''}`,
    );
    const model = transferHead(freeze(base), {
      classes: classNames.length,
      // The network of an earlier run pools its features already.
      pooling: base.outputs[0]!.shape.length === 2 ? undefined : args.pooling,
      hiddenUnits: args.hidden,
      dropout: args.dropout,
      seed: args.seed,
      name: `${base.name}_finetuned`,
    });
    const { phases, predicted } = await teach(model, base, pictures, args, stop.signal, say);
    if (phases[0]!.epochs.length === 0)
      throw new Error('finetune: stopped before the first batch, so nothing is written.');
    const { labels } = pictures.validationSet;
    const found = labels.length > 0 ? confusion(labels, predicted, classNames) : undefined;
    const result = {
      folder,
      weights: loaded.source,
      network: loaded.title,
      classNames,
      preprocessing,
      train: pictures.trainSet.length,
      validation: pictures.validationSet.length,
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
    const files = await write(args.out, { model, pictures, phases, predicted, result });
    model.dispose();
    say(found ? listing(found) : 'no picture was set aside, so nothing is known of the accuracy');
    say(`${files.join(', ')} are in ${args.out}`);
    if (args.json) console.log(JSON.stringify(result));
    checkAccuracy('finetune: validation', found?.accuracy ?? null, args.minAccuracy);
  } finally {
    stop.forget();
  }
  if (memory().numTensors > 0)
    throw new Error(`finetune: ${memory().numTensors} tensors were left behind; please report it.`);
}

async function read(
  folder: string,
  args: FinetuneArguments,
  preprocessing: Preprocessing,
  signal: AbortSignal,
): Promise<ImageFiles> {
  const bar = countBar('pictures read');
  return imageFolder(folder, {
    preprocessing,
    validation: args.validation,
    seed: args.seed,
    maxBytes: args.memory * 1e6,
    signal,
    onProgress: ({ done, total }) => bar.update(done, total),
    onProblem({ reason }) {
      bar.stop();
      console.error(reason);
    },
    ...(args.augment && { augment: AUGMENTATION }),
  }).finally(bar.stop);
}

/** What training came to. */
interface Taught {
  phases: Phase[];
  /** What each validation picture is taken for in the end; empty where there are none. */
  predicted: Int32Array;
}

/** Trains the new layers on cached features, and then, where it is asked for, the upper layers of the base too. */
async function teach(
  model: LayersModel,
  base: LayersModel,
  pictures: ImageFiles,
  args: FinetuneArguments,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Taught> {
  const top = base.layers.at(-1)!.name;
  // A layer that there is not is told before the training, not in the middle of it.
  if (args.unfreeze) freeze(unfreeze(model, args.unfreeze), top);
  const taught: Taught = { phases: [], predicted: new Int32Array() };
  for (const { from, epochs, learningRate } of [
    { from: undefined, epochs: args.epochs, learningRate: args.lr },
    ...(args.unfreeze
      ? [{ from: args.unfreeze, epochs: args.unfreezeEpochs, learningRate: args.unfreezeLr }]
      : []),
  ]) {
    if (from !== undefined) unfreeze(model, from);
    const { lower, upper } = splitModel(model, from === undefined ? top : lastFrozen(model));
    const cached = await cache(lower, pictures, args, signal).catch((error: unknown) => {
      if (taught.phases.length > 0 && signal.aborted) return undefined;
      throw error;
    });
    if (!cached) break;
    const name = from === undefined ? 'new layers' : `from ${from}`;
    const bar = progressBar({ print: say });
    try {
      const history = await train(upper, cached, {
        epochs,
        learningRate,
        batchSize: args.batch,
        seed: args.seed,
        optimizer: 'adam',
        schedule: 'cosine',
        keep: cached.testSet ? 'best' : 'last',
        signal,
        onProgress: bar.update,
        onEpoch: (row) => bar.log(`${name}, ${epochLine(row, epochs, 'validation')}`),
      });
      bar.stop();
      taught.phases.push({ name, ...history });
      if (history.ended === 'diverged')
        throw new Error(
          `finetune: the loss of the ${name} is no longer a number; try a smaller learning rate.`,
        );
      if (cached.testSet) taught.predicted = await predictClasses(upper, cached.testSet);
    } finally {
      bar.stop();
      await cached.trainSet.dispose();
      await cached.testSet?.dispose();
    }
    if (signal.aborted) break;
  }
  return taught;
}

/** The layer before the first that is trained. */
function lastFrozen(model: LayersModel): string {
  const first = model.layers.findIndex((layer) => layer.trainableWeights.length > 0);
  return model.layers[first - 1]!.name;
}

async function cache(lower: LayersModel, pictures: ImageFiles, args: FinetuneArguments, signal: AbortSignal) {
  const bar = countBar('features computed');
  const features = (set: ImageFileSet, augmentedPasses: number) =>
    cacheFeatures(lower, set, {
      batchSize: args.batch,
      augmentedPasses,
      seed: args.seed,
      maxBytes: args.memory * 1e6,
      overflow: temporaryFile({ folder: args.out }),
      onProgress: ({ done, total }) => bar.update(done, total),
      signal,
    });
  try {
    const trained = await features(pictures.trainSet, args.augment ? PASSES : 0);
    if (pictures.validationSet.length === 0) return { trainSet: trained, testSet: undefined };
    const test = await features(pictures.validationSet, 0).catch(async (error: unknown) => {
      await trained.dispose();
      throw error;
    });
    return { trainSet: trained, testSet: test };
  } finally {
    bar.stop();
  }
}
