import { isDeepStrictEqual } from 'node:util';
import { Command } from 'commander';
import type { Preprocessing } from 'vgg-blocks/images';
import {
  inspectWeights,
  type ModelMetadata,
  type WeightFileInfo,
  type WeightFileOptions,
} from 'vgg-blocks/weights';
import { table } from '../figures/table.js';
import { isFolder } from './disk.js';
import { modelFile } from './modelFile.js';
import { WEIGHT_FILES_HELP } from './options.js';
import { PREPROCESSINGS } from './preprocessings.js';
import { printing } from './process.js';
import { isHubName, oneLine, type ReadingArguments, readingOptions, withReading } from './reading.js';
import { say } from './wording.js';

/** `vgg-blocks inspect`: describes a weight file. */
export function inspectCommand(): Command {
  const command = new Command('inspect')
    .description('describe a weight file: its format, network, types and tensors, and the call that loads it')
    .argument('<file>', `${WEIGHT_FILES_HELP}, as a path or URL`);
  return withReading(printing(command))
    .option('--json', 'print JSON')
    .action(async (file: string, { json, ...args }: ReadingArguments & { json?: true }) => {
      const reading = readingOptions(args);
      if (isHubName(file)) {
        throw new Error(
          `inspect: ${file} is not a file; run "vgg-blocks convert ${file} copy.safetensors", or download its weights, and inspect that.`,
        );
      }
      const info = await inspectWeights(isFolder(file) ? modelFile(file).file : file, reading);
      if (json) console.log(JSON.stringify(info, null, 2));
      else say(...describe(info, reading));
    });
}

function describe(info: WeightFileInfo, reading: WeightFileOptions): string[] {
  const { file, bytes, format, parameters, dtypes, tensors } = info;
  const size = format === 'tfjs model.json' ? '' : `, ${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const rows = tensors.map(({ name, dtype, shape, weight = '' }) => [
    name,
    dtype,
    shape.join('x') || 'scalar',
    weight,
  ]);
  return [
    `${file}: ${format}${size}`,
    ...networkLines(info),
    ...(info.leftAside
      ? [`left aside: ${info.leftAside.map((path) => oneLine(path) || "''").join(', ')} (choose by --key)`]
      : []),
    ...metadataLines(info.metadata),
    `${parameters.toLocaleString('en-US')} ${info.network || info.layers ? 'parameters' : 'numbers'}, stored as ${dtypes.join(', ') || 'nothing'}`,
    '',
    ...table([['tensor', 'type', 'shape', 'weight of the network'], ...rows]).split('\n'),
    '',
    ...endLines(info, reading),
  ];
}

type Network = NonNullable<WeightFileInfo['network']>;
type Top = NonNullable<Network['top']>;

function networkLines(info: WeightFileInfo): string[] {
  if (info.layers) {
    const [first, ...more] = info.network ? vggLines(info.network) : [];
    return [...layerLines(info.layers, info.inputShape), ...(first ? [`in it: ${first}`] : []), ...more];
  }
  return info.network ? vggLines(info.network, info.problem) : [`not a known VGG: ${info.problem}`];
}

/** What a configuration describes, in lines that come before those of a VGG in it. */
function layerLines(
  layers: NonNullable<WeightFileInfo['layers']>,
  inputShape: WeightFileInfo['inputShape'],
): string[] {
  const kinds = [...new Set(layers.map(({ kind }) => oneLine(kind)))];
  const leftOut = layers.filter((layer) => layer.leftOut).map(({ name }) => oneLine(name));
  return [
    `a model of ${layers.length} layers by its configuration: ${kinds.join(', ')}`,
    ...(inputShape ? [`for images of ${imagesText(inputShape)}`] : []),
    ...(leftOut.length > 0 ? [`left out, since they do nothing in prediction: ${leftOut.join(', ')}`] : []),
  ];
}

function imagesText([height, width, channels]: NonNullable<WeightFileInfo['inputShape']>): string {
  return `${height && width ? `${height}x${width}` : 'any size'} with ${channels} channel${channels === 1 ? '' : 's'}`;
}

function vggLines(network: Network, problem?: string): string[] {
  const { title, names, arch, inputChannels, batchNorm, convBias, padding, top } = network;
  const blocks = arch.map(
    ([convs, channels, pointwise]) => `${convs}${pointwise ? `+${pointwise}` : ''}x${channels}`,
  );
  const convolutions = [
    `${inputChannels} input channels`,
    padding === 'valid' && "padding 'valid'",
    !convBias && 'convolutions without bias',
    batchNorm &&
      `batch normalization ${batchNorm.afterRelu ? 'after the ReLU ' : ''}with epsilon ${batchNorm.epsilon}`,
  ].filter((part) => part !== false);
  return [
    `${title} with ${names} names: blocks ${blocks.join(' ')}, ${convolutions.join(', ')}`,
    top ? topLine(top, network) : withoutTop(problem),
  ];
}

function withoutTop(problem: string | undefined): string {
  return problem === undefined ? 'without top: features only' : 'without a top that can be built';
}

function topLine(top: Top, network: Network): string {
  const { classes, hiddenUnits } = top;
  const hidden =
    hiddenUnits.length === 0
      ? 'no hidden layers'
      : `${hiddenUnits.length === 1 ? 'a hidden layer' : 'hidden layers'} of ${hiddenUnits.join(', ')}`;
  return `${classes} classes, ${hidden}, ${inputText(top, network)}`;
}

/** The images that the file records, or else the smallest with the features that a top is for, or how features are pooled. */
function inputText({ pooling, featureSize }: Top, { arch, padding, config }: Network): string {
  const [height, width] = config?.inputShape ?? [];
  if (height && width) return `for images of ${height}x${width}`;
  if (!featureSize) return `on features pooled by ${pooling === 'max' ? 'maximum' : 'average'}`;
  const imageSize = (positions: number) =>
    arch.reduceRight((size, [convs]) => 2 * size + (padding === 'valid' ? 2 * convs : 0), positions);
  return `for images of ${featureSize.map((positions) => imageSize(positions)).join('x')}`;
}

function metadataLines({ preprocessing, classNames }: ModelMetadata): string[] {
  return [
    ...(preprocessing ? [`images preprocessed as ${preprocessingText(preprocessing)}`] : []),
    ...(classNames
      ? [
          `classes named ${classNames.slice(0, 5).map(oneLine).join(', ')}${classNames.length > 5 ? `, ... (${classNames.length})` : ''}`,
        ]
      : []),
  ];
}

/** A preprocessing in words, with its name if it has one. */
function preprocessingText(preprocessing: Preprocessing): string {
  const { channels, white, mean, std, resize, crop, interpolation } = preprocessing;
  const name = Object.entries(PREPROCESSINGS).find(([, one]) => isDeepStrictEqual(one, preprocessing))?.[0];
  const size = 'height' in resize ? `${resize.height}x${resize.width}` : `shorter side ${resize.shorterSide}`;
  return `${name ? `${name}: ` : ''}${channels} from 0 to ${white}, mean ${mean.join(' ')}, std ${std.join(' ')}, resized to ${size} (${interpolation}), center ${crop}x${crop}`;
}

/** The call that loads a file, or why it fails. */
function endLines({ file, network, layers, problem }: WeightFileInfo, reading: WeightFileOptions): string[] {
  if (problem !== undefined) return network || layers ? [`fromWeights refuses it: ${problem}`] : [];
  const options = Object.keys(reading).length > 0 ? `, ${JSON.stringify(reading)}` : '';
  return ['load it with', `  const { model } = await fromWeights(${JSON.stringify(file)}${options});`];
}
