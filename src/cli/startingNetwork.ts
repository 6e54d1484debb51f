import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type Command, Option } from 'commander';
import { type ConvArch, INITIALIZERS, type Initializer, scaleArch, VGG11, vgg } from 'vgg-blocks';
import type { ImageSet } from 'vgg-blocks/data';
import { metadataOf, setMetadata } from 'vgg-blocks/weights';
import { areOtherClasses } from '../base/classNames.js';
import { isPlain } from './evaluatedArrays.js';
import { someOf } from './labels.js';
import { noClassesOf, readNetwork } from './network.js';
import { numberIn, shared, WEIGHT_FILES_HELP } from './options.js';
import { preprocessingOfArrays } from './preprocessings.js';

/** The options of {@link withStart}. */
export interface StartArguments {
  weights?: string;
  arch: ConvArch;
  ratio: number;
  size?: number;
  hidden: number;
  dropout: number;
  batchNorm?: true;
  initializer: Initializer;
  seed: number;
}

/** The side of images for a network that takes any. */
const SIZE = 32;

/** Adds the options that say which network is trained: a new one, or that of a file. */
export function withStart(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--weights <file>',
        `begin with this network instead of a new one: ${WEIGHT_FILES_HELP}`,
      ).conflicts(['arch', 'ratio', 'hidden', 'dropout', 'batchNorm', 'initializer']),
    )
    .addOption(shared.arch().default(VGG11, 'vgg11'))
    .addOption(shared.ratio(8))
    .addOption(
      numberIn(
        'side',
        '--size <pixels>',
        `height and width of the input (default: ${SIZE}, or that of --weights)`,
      ),
    )
    .addOption(numberIn('count', '--hidden <units>', 'units of each hidden fully connected layer', 256))
    .addOption(numberIn('belowOne', '--dropout <fraction>', 'fraction of hidden units to drop', 0.3))
    .addOption(shared.batchNorm())
    .addOption(
      new Option('--initializer <name>', 'distribution of the initial weights')
        .choices(INITIALIZERS.filter((name) => name !== 'zeros'))
        .default('heUniform'),
    );
}

/**
 * The network to train, and the training set at the size of its input.
 *
 * @throws Error, one sentence, when the network of a file is for other images or classes.
 */
export async function startingNetwork(
  args: StartArguments,
  images: ImageSet,
): Promise<{ model: LayersModel; trainSet: ImageSet }> {
  const { model, size } =
    args.weights === undefined ? newNetwork(args, images) : await fileNetwork(args, images);
  const trainSet = images.resize(size);
  const [height, width] = trainSet.shape;
  const preprocessing = height === width ? preprocessingOfArrays(images.storedShape, height) : undefined;
  setMetadata(model, {
    ...metadataOf(model),
    ...(preprocessing && { preprocessing }),
    classNames: images.classNames,
  });
  return { model, trainSet };
}

function newNetwork({ size = SIZE, ...args }: StartArguments, images: ImageSet) {
  const model = vgg(scaleArch(args.arch, args.ratio), {
    inputShape: images.resize(size).shape,
    classes: images.classNames.length,
    hiddenUnits: args.hidden,
    dropout: args.dropout,
    batchNorm: args.batchNorm,
    initializer: args.initializer,
    seed: args.seed,
  });
  return { model, size };
}

async function fileNetwork(
  { weights: source, size }: StartArguments,
  { storedShape, classNames: own }: ImageSet,
) {
  const channels = storedShape[2];
  const given = size === undefined ? {} : { inputShape: [size, size, channels] as const };
  const { model, classes, classNames, preprocessing } = await readNetwork(source!, {}, given);
  const refuse = (reason: string): never => {
    model.dispose();
    throw new Error(`train: ${source} ${reason}.`);
  };
  if (classes === undefined) {
    const orElse = model.outputs.length > 1 ? '' : ', or train it on image files with finetune';
    refuse(noClassesOf(model) + orElse);
  }
  if (Math.max(2, classes!) !== own.length) {
    refuse(`has ${classes} classes, but the images have ${own.length}; use data of the same classes`);
  }
  if (classNames && areOtherClasses(classNames, own)) {
    refuse(
      `has the classes ${someOf(classNames)}, but those of the images are ${someOf(own)}; use data of the same classes`,
    );
  }
  if (preprocessing && !isPlain(preprocessing)) {
    refuse(
      'normalizes its images, but those of --data are only scaled from 0 to 1; train it on image files with finetune',
    );
  }
  const [, height, width, depth] = model.inputs[0]!.shape;
  if (depth !== channels) {
    refuse(`takes images with ${depth} channels, but those of --data have ${channels}; use data of as many`);
  }
  const side = size ?? SIZE;
  return { model, size: [height ?? side, width ?? side] as [height: number, width: number] };
}
