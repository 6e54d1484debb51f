import { readFile } from 'node:fs/promises';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { type Command, Option } from 'commander';
import { LABELS } from 'vgg-blocks/imagenet';
import { PLAIN_PREPROCESSING, type Preprocessing, preprocessingAt } from 'vgg-blocks/images';
import { countBar, fileSystem } from 'vgg-blocks/node';
import {
  type FromWeightsOptions,
  fromPretrained,
  fromWeights,
  type LoadedNetwork,
  PUBLISHED,
  type PublishedName,
} from 'vgg-blocks/weights';
import { type Backend, useBackend } from './backend.js';
import { readFinetuned } from './finetuned.js';
import { shared } from './options.js';

const RECIPES = {
  torchvision: PUBLISHED['torchvision/vgg16'].preprocessing,
  keras: PUBLISHED['keras/vgg16'].preprocessing,
  plain: PLAIN_PREPROCESSING,
} satisfies Record<string, Preprocessing>;

/** Which network a command works with. */
export interface NetworkArguments {
  weights?: string;
  pretrained?: PublishedName;
  recipe?: keyof typeof RECIPES;
  backend: Backend;
  threads: number;
}

/** Adds the options that say which network a command works with. */
export function withNetwork(command: Command): Command {
  return command
    .option(
      '--weights <file>',
      "of the network: .safetensors, .pth, .h5, .keras or tfjs model.json, or the folder of 'finetune'",
    )
    .addOption(
      new Option('--pretrained <name>', 'a published network instead, downloaded once and kept')
        .choices(Object.keys(PUBLISHED))
        .conflicts('weights'),
    )
    .addOption(
      new Option(
        '--recipe <whose>',
        'how the pictures are prepared (default: as the file is one of PyTorch or of Keras)',
      ).choices(Object.keys(RECIPES)),
    )
    .addOption(shared.backend())
    .addOption(shared.threads());
}

/** A network that pictures are prepared for. */
export interface ReadyNetwork {
  model: LayersModel;
  /** What people call it. */
  title: string;
  /** How many classes it tells apart; undefined where it has no top. */
  classes?: number;
  /** What they are called, where that is known. */
  classNames?: readonly string[];
  /** The file, the folder or the published name. */
  source: string;
  preprocessing: Preprocessing;
}

/** A network, and how its pictures are prepared where that is known. */
interface Found extends Omit<ReadyNetwork, 'source' | 'preprocessing'> {
  recipe?: Preprocessing;
}

/** Starts the backend and loads the network that is asked for; `options` say what may differ from it. */
export async function loadNetwork(
  command: string,
  args: NetworkArguments,
  options: FromWeightsOptions = {},
): Promise<ReadyNetwork> {
  const source = args.weights ?? args.pretrained;
  if (source === undefined) {
    throw new Error(`${command}: no network is given; pass --weights FILE or --pretrained NAME.`);
  }
  await useBackend(args.backend, args.threads);
  const { recipe, ...found } = args.weights
    ? await fromFile(args.weights, options)
    : await download(args.pretrained!, options);
  const chosen = args.recipe ? RECIPES[args.recipe] : recipe;
  if (!chosen) {
    found.model.dispose();
    throw new Error(
      `${command}: ${source} does not say whether it is of PyTorch or of Keras, which prepare pictures differently; pass --recipe.`,
    );
  }
  const preprocessing = sizedFor(`${command}: ${source}`, chosen, found.model.inputs[0]!.shape);
  return { ...found, source, preprocessing };
}

/** As {@link loadNetwork}, for what needs classes, with what they are called. */
export async function loadClassifier(
  command: string,
  args: NetworkArguments & { labels?: string },
): Promise<ReadyNetwork & { labels: readonly string[] }> {
  const ready = await loadNetwork(command, args);
  if (ready.classes === undefined) {
    throw new Error(`${command}: ${ready.source} has no top; give a file with its fully connected layers.`);
  }
  return { ...ready, labels: await labelsOf(command, args.labels, ready) };
}

/** The option of {@link loadClassifier}. */
export function labelsOption(): Option {
  return new Option(
    '--labels <file>',
    "the classes' names, one a line (default: ImageNet's 1000, otherwise numbers)",
  );
}

/** A file's network and its framework's recipe, of a converted Keras one nobody can tell; or what `finetune` wrote. */
async function fromFile(file: string, options: FromWeightsOptions): Promise<Found> {
  const finetuned = await readFinetuned(file);
  if (finetuned && options.includeTop !== false) {
    const { classNames, network, preprocessing } = finetuned;
    const model = await loadLayersModel(fileSystem(finetuned.model));
    return { model, title: network, classes: classNames.length, classNames, recipe: preprocessing };
  }
  const loaded = await fromWeights(finetuned?.model ?? file, options);
  const { names } = loaded.network;
  const keras = loaded.report.format.startsWith('Keras') ? RECIPES.keras : undefined;
  const recipe = finetuned?.preprocessing ?? (names === 'keras' ? keras : RECIPES.torchvision);
  return { ...described(loaded), recipe };
}

function described({ model, network }: LoadedNetwork): Found {
  return { model, title: network.title, classes: network.top?.classes };
}

async function download(name: PublishedName, options: FromWeightsOptions): Promise<Found> {
  const bar = countBar('MB');
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  try {
    const loaded = await fromPretrained(name, {
      ...options,
      onProgress: ({ loadedBytes, totalBytes }) =>
        bar.update(megabytes(loadedBytes), megabytes(totalBytes ?? loadedBytes)),
    });
    return { ...described(loaded), recipe: loaded.published.preprocessing };
  } finally {
    bar.stop();
  }
}

/** A preprocessing at the input size of a network; published ones are for 224. */
export function sizedFor(
  where: string,
  preprocessing: Preprocessing,
  shape: readonly (number | null)[],
): Preprocessing {
  const [, height, width, channels] = shape;
  if (height !== width || channels !== 3) {
    throw new Error(
      `${where} takes images of ${height}x${width}x${channels}; only square RGB images can be prepared.`,
    );
  }
  return height ? preprocessingAt(preprocessing, height) : preprocessing;
}

async function labelsOf(
  command: string,
  file: string | undefined,
  { classes, classNames }: ReadyNetwork,
): Promise<readonly string[]> {
  if (file === undefined) {
    if (classNames) return classNames;
    return classes === LABELS.length ? LABELS : Array.from({ length: classes! }, (_, i) => `class ${i}`);
  }
  const labels = (await readFile(file, 'utf8')).split(/\r?\n/).filter((line) => line !== '');
  if (labels.length !== classes) {
    throw new Error(
      `${command}: ${file} names ${labels.length} classes, and the network has ${classes}; give one a line.`,
    );
  }
  return labels;
}
