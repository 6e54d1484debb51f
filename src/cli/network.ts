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
import { shared, WEIGHT_FILES_HELP } from './options.js';

const PREPROCESSINGS = {
  torchvision: PUBLISHED['torchvision/vgg16'].preprocessing,
  keras: PUBLISHED['keras/vgg16'].preprocessing,
  plain: PLAIN_PREPROCESSING,
} satisfies Record<string, Preprocessing>;

/** The options of {@link withNetwork}. */
export interface NetworkArguments {
  weights?: string;
  pretrained?: PublishedName;
  preprocessing?: keyof typeof PREPROCESSINGS;
  backend: Backend;
  threads: number;
}

/** Adds the options that choose a network. */
export function withNetwork(command: Command): Command {
  return command
    .option('--weights <file>', `weights: ${WEIGHT_FILES_HELP}, or a folder written by 'finetune'`)
    .addOption(
      new Option('--pretrained <name>', 'published weights, downloaded once and cached')
        .choices(Object.keys(PUBLISHED))
        .conflicts('weights'),
    )
    .addOption(
      new Option(
        '--preprocessing <name>',
        'how images are preprocessed (default: as by the framework of the weights)',
      ).choices(Object.keys(PREPROCESSINGS)),
    )
    .addOption(shared.backend())
    .addOption(shared.threads());
}

/** A network, and how to prepare images for it. */
export interface ReadyNetwork {
  model: LayersModel;
  /** Its name, for display. */
  title: string;
  /** Its number of classes; undefined without a top. */
  classes?: number;
  /** The names of the classes, if known. */
  classNames?: readonly string[];
  /** The file, the folder or the name of the published weights. */
  source: string;
  preprocessing: Preprocessing;
}

/** A network, with its preprocessing if that is known. */
type Found = Omit<ReadyNetwork, 'source' | 'preprocessing'> & Partial<Pick<ReadyNetwork, 'preprocessing'>>;

/** Starts the backend and loads the network that the arguments name. */
export async function loadNetwork(
  command: string,
  args: NetworkArguments,
  options: FromWeightsOptions = {},
): Promise<ReadyNetwork> {
  const source = args.weights ?? args.pretrained;
  if (source === undefined) {
    throw new Error(`${command}: no network given; pass --weights FILE or --pretrained NAME.`);
  }
  await useBackend(args.backend, args.threads);
  const { preprocessing: known, ...found } = args.weights
    ? await fromFile(args.weights, options)
    : await download(args.pretrained!, options);
  const chosen = args.preprocessing ? PREPROCESSINGS[args.preprocessing] : known;
  if (!chosen) {
    found.model.dispose();
    throw new Error(
      `${command}: ${source} does not say whether it comes from PyTorch or Keras, which prepare images differently; pass --preprocessing.`,
    );
  }
  const preprocessing = sizedFor(`${command}: ${source}`, chosen, found.model.inputs[0]!.shape);
  return { ...found, source, preprocessing };
}

/** Loads a network with a top, and the names of its classes. */
export async function loadClassifier(
  command: string,
  args: NetworkArguments & { labels?: string },
): Promise<ReadyNetwork & { labels: readonly string[] }> {
  const ready = await loadNetwork(command, args);
  if (ready.classes === undefined) {
    throw new Error(
      `${command}: ${ready.source} has no top; use a file that includes the fully connected layers.`,
    );
  }
  return { ...ready, labels: await labelsOf(command, args.labels, ready) };
}

/** The option of {@link loadClassifier}. */
export function labelsOption(): Option {
  return new Option(
    '--labels <file>',
    "class names, one per line (default: ImageNet's for 1000 classes, otherwise numbers)",
  );
}

/** Loads a weight file, or the network in a folder written by `finetune`. */
async function fromFile(file: string, options: FromWeightsOptions): Promise<Found> {
  const finetuned = await readFinetuned(file);
  if (finetuned && options.includeTop !== false) {
    const { classNames, network, preprocessing } = finetuned;
    const model = await loadLayersModel(fileSystem(finetuned.model));
    return { model, title: network, classes: classNames.length, classNames, preprocessing };
  }
  const loaded = await fromWeights(finetuned?.model ?? file, options);
  // Keras' names outside Keras' formats may be those of a converted PyTorch network.
  const keras = loaded.report.format.startsWith('Keras') ? PREPROCESSINGS.keras : undefined;
  const framework = (loaded.network?.names ?? 'keras') === 'keras' ? keras : PREPROCESSINGS.torchvision;
  return { ...described(loaded), preprocessing: finetuned?.preprocessing ?? framework };
}

function described({ model, network }: LoadedNetwork): Found {
  const output = model.outputs[0]!.shape as number[];
  const classes = network ? network.top?.classes : output.length === 2 ? output[1] : undefined;
  return { model, title: network?.title ?? model.name, classes };
}

async function download(name: PublishedName, options: FromWeightsOptions): Promise<Found> {
  const bar = countBar({ label: 'downloading' });
  const onProgress = bar.update;
  const loaded = await fromPretrained(name, { ...options, onProgress }).finally(bar.stop);
  return { ...described(loaded), preprocessing: loaded.published.preprocessing };
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
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new Error(
      `${command}: the labels in ${file} could not be read (${error.message}); check --labels.`,
    );
  });
  const labels = text.split(/\r?\n/).filter((line) => line !== '');
  if (labels.length !== classes) {
    throw new Error(
      `${command}: ${file} lists ${labels.length} classes, but the network has ${classes}; write one per line.`,
    );
  }
  return labels;
}
