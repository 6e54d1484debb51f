import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Preprocessing } from 'vgg-blocks/images';
import {
  type FromWeightsOptions,
  type HubName,
  type LoadedNetwork,
  PUBLISHED,
  type PublishedName,
} from 'vgg-blocks/weights';
import { type BackendArguments, useBackend } from './backend.js';
import { labelsOf } from './labels.js';
import { modelFile } from './modelFile.js';
import { shared, WEIGHT_FILES_HELP } from './options.js';
import {
  type KnownPreprocessing,
  type PreprocessingName,
  preprocessingFor,
  preprocessingOption,
} from './preprocessings.js';
import {
  type BuildingArguments,
  downloadWeights,
  isHubName,
  loadingOptions,
  openWeights,
  withBuilding,
} from './reading.js';

/** The options of {@link withNetwork}. */
export interface NetworkArguments extends BuildingArguments, BackendArguments {
  weights?: string;
  pretrained?: PublishedName | HubName;
  preprocessing?: PreprocessingName;
}

/** Adds the options that choose a network. */
export function withNetwork(command: Command): Command {
  command
    .option('--weights <file>', `weights: ${WEIGHT_FILES_HELP}, or hf:OWNER/NAME[@REVISION]`)
    .addOption(
      new Option(
        '--pretrained <name>',
        `published weights, downloaded once and cached: hf:OWNER/NAME[@REVISION], ${Object.keys(PUBLISHED).join(', ')}`,
      )
        .argParser(publishedName)
        .conflicts('weights'),
    )
    .addOption(
      preprocessingOption(
        'how images are preprocessed (default: as the weights say; if they do not, it is required)',
      ),
    );
  return withBuilding(command)
    .addOption(shared.backend())
    .addOption(shared.threads())
    .addOption(shared.relaxedSimd());
}

function publishedName(name: string): PublishedName | HubName {
  if (isHubName(name) || Object.hasOwn(PUBLISHED, name)) return name as PublishedName | HubName;
  throw new InvalidArgumentError(`It must be hf:OWNER/NAME or one of ${Object.keys(PUBLISHED).join(', ')}.`);
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
  /** The first weight that has NaN or infinity, if there is one. */
  nonFinite?: string;
  /** The file, the folder or the name of the published weights. */
  source: string;
  preprocessing: Preprocessing;
}

/** A network, and what is known of its preprocessing. */
export interface Found extends Omit<ReadyNetwork, 'source' | 'preprocessing'>, KnownPreprocessing {}

/** A network as it is in its file. */
export interface OpenNetwork extends Found {
  /** The file, the folder or the name of the published weights. */
  source: string;
}

/** Starts the backend and loads the network that the arguments name. */
export async function openNetwork(
  command: string,
  args: NetworkArguments,
  options: FromWeightsOptions = {},
): Promise<OpenNetwork> {
  const source = args.weights ?? args.pretrained;
  if (!source) {
    throw new Error(`${command}: no network given; pass --weights FILE or --pretrained NAME.`);
  }
  await useBackend(args);
  return { ...(await find(source, args, options)), source };
}

/** The network with its preprocessing, or, disposed, an error if that is unknown. */
export function prepared(command: string, args: NetworkArguments, network: OpenNetwork): ReadyNetwork {
  const { preprocessing, problem, usual, source, ...found } = network;
  try {
    const { shape } = found.model.inputs[0]!;
    const known = { preprocessing, problem, usual };
    return {
      ...found,
      source,
      preprocessing: preprocessingFor(`${command}: ${source}`, shape, args.preprocessing, known),
    };
  } catch (error) {
    found.model.dispose();
    throw error;
  }
}

/** Starts the backend and loads the network that the arguments name, with its preprocessing. */
export async function loadNetwork(
  command: string,
  args: NetworkArguments,
  options: FromWeightsOptions = {},
): Promise<ReadyNetwork> {
  return prepared(command, args, await openNetwork(command, args, options));
}

/** Why a network has no classes, and what to do. */
export function noClassesOf({ outputs }: LayersModel): string {
  return outputs.length > 1
    ? `has ${outputs.length} outputs; use a network with a single output`
    : 'has no top; use a file that includes the fully connected layers';
}

/** Loads a network with a top, and the names of its classes. */
export async function loadClassifier(
  command: string,
  args: NetworkArguments & { labels?: string },
): Promise<ReadyNetwork & { labels: readonly string[] }> {
  if (args.featuresOnly)
    throw new Error(`${command}: it needs the fully connected layers; leave out --features-only.`);
  const ready = await loadNetwork(command, args);
  if (ready.classes === undefined)
    throw new Error(`${command}: ${ready.source} ${noClassesOf(ready.model)}.`);
  // One output tells two classes apart.
  const classes = Math.max(2, ready.classes);
  return { ...ready, classes, labels: await labelsOf(command, args.labels, { ...ready, classes }) };
}

/** Loads weights by name, or from a file or a folder. */
async function find(source: string, args: NetworkArguments, options: FromWeightsOptions): Promise<Found> {
  if (args.weights) return readNetwork(source, args, options);
  return described(await downloadWeights(args.pretrained!, loadingOptions(source, args, options)));
}

/** Loads the network of a weight file, or of a folder written by `train` or `finetune`. The backend has been started. */
export async function readNetwork(
  source: string,
  args: BuildingArguments = {},
  options: FromWeightsOptions = {},
): Promise<Found> {
  const { file, finetuned } = modelFile(source);
  const found = described(await openWeights(file, args, options));
  if (!finetuned) return found;
  const { network: title, classNames, preprocessing } = finetuned;
  const isWhole = options.includeTop !== false && !args.featuresOnly;
  if (isWhole && found.classes !== undefined && Math.max(2, found.classes) !== classNames.length) {
    found.model.dispose();
    throw new Error(
      `${source}: result.json names ${classNames.length} classes, but the model has ${found.classes}; restore the one that was replaced, or pass the model itself.`,
    );
  }
  return { ...found, title, classNames, preprocessing };
}

function described({ model, network, report, metadata, preprocessingProblem }: LoadedNetwork): Found {
  return {
    model,
    title: network?.title ?? 'network',
    classes: network?.top?.classes ?? outputsOf(model),
    ...metadata,
    problem: preprocessingProblem,
    usual: report.names === 'keras' ? 'keras' : 'torchvision',
    nonFinite: report.nonFinite[0]?.weight,
  };
}

/** The number of classes of a network with another top: the length of its output, if that is a vector and not of pooled features. */
function outputsOf(model: LayersModel): number | undefined {
  if (!model.layers.some((layer) => layer.getClassName() === 'Dense')) return undefined;
  const [, length, ...more] = model.outputs[0]!.shape as (number | null)[];
  return model.outputs.length === 1 && more.length === 0 ? (length ?? undefined) : undefined;
}
