import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Tensor1D, tensor1d } from '@tensorflow/tfjs-core';
import { Command, Option } from 'commander';
import type { ImageFileSet, ImageProblem } from 'vgg-blocks/data';
import { LABELS } from 'vgg-blocks/imagenet';
import type { Preprocessing } from 'vgg-blocks/images';
import { countBar, imageFolder, writeFileAtomic } from 'vgg-blocks/node';
import { type Batch, confusionChart, type Examples, evaluate } from 'vgg-blocks/train';
import { areParts, isIgnored, partOf, type SetPart } from '../base/setLayout.js';
import { isSetFolder, loadData } from './data.js';
import { listing, percent } from './finetuned.js';
import { labelsOf, labelsOption } from './labels.js';
import { type NetworkArguments, type OpenNetwork, openNetwork, prepared, withNetwork } from './network.js';
import { numberIn, numeric } from './options.js';
import { printing } from './process.js';
import { checkAccuracy } from './runs.js';

interface EvaluateArguments extends NetworkArguments {
  data: string;
  labels?: string;
  batch: number;
  memory: number;
  out?: string;
  json?: true;
  minAccuracy?: number;
}

/** `vgg-blocks evaluate`: measures a network on labeled images. */
export function evaluateCommand(): Command {
  const command = new Command('evaluate').description(
    'measure a network on labeled images: loss, accuracy, calibration, and each class',
  );
  return withNetwork(printing(command, ({ out }: EvaluateArguments) => out !== undefined))
    .requiredOption(
      '--data <source>',
      "a folder with one subfolder of images per class (its test or val folder, if it has one), a folder of IDX files or of two tables (CSV), 'fashion-mnist', 'mnist' or 'generated'",
    )
    .addOption(labelsOption())
    .addOption(numberIn('count', '--batch <n>', 'batch size', 32))
    .addOption(numeric('--memory <MB>', 'memory for images; beyond it, they are read twice', 1000))
    .addOption(new Option('--out <folder>', 'write evaluation.json and confusion.svg to this folder'))
    .option('--json', 'print the result as one line of JSON')
    .addOption(numberIn('fraction', '--min-accuracy <fraction>', 'fail if the accuracy is lower'))
    .action(run);
}

async function run(args: EvaluateArguments): Promise<void> {
  const network = await openNetwork('evaluate', args);
  const { model, title, source } = network;
  if (network.classes === undefined) {
    throw new Error(`evaluate: ${source} has no top; use a file that includes the fully connected layers.`);
  }
  // One output tells two classes apart.
  const classes = Math.max(2, network.classes);
  const names =
    args.labels === undefined
      ? (network.classNames ?? (classes === LABELS.length ? LABELS : undefined))
      : await labelsOf('evaluate', args.labels, { ...network, classes });
  const isImages = isFolder(args.data) && !isSetFolder(args.data);
  const { examples, problems } = isImages
    ? await imagesOf(args, network, classes, names)
    : await arraysOf(args, network, names);
  const { confusion, ...measured } = await evaluate(model, examples, { batchSize: args.batch });
  model.dispose();
  if (!Number.isFinite(measured.loss)) {
    throw new Error(
      `evaluate: the loss is ${measured.loss}, since ${source} computes numbers that are not finite; its training diverged, or the file is damaged.`,
    );
  }
  const { classNames, counts, classes: each } = confusion;
  const result = {
    weights: source,
    network: title,
    data: args.data,
    ...measured,
    leftOut: problems,
    classNames,
    classes: each,
    confusion: counts,
  };
  if (args.out !== undefined) {
    await writeFileAtomic(join(args.out, 'evaluation.json'), `${JSON.stringify(result, null, 2)}\n`);
    await writeFileAtomic(join(args.out, 'confusion.svg'), confusionChart(confusion));
  }
  if (args.json) console.log(JSON.stringify(result));
  else {
    const { loss, accuracy, top5Accuracy, calibrationError } = measured;
    const top5 = top5Accuracy === null ? '' : `, top-5 ${percent(top5Accuracy)}`;
    console.log(
      `${measured.examples} images: loss ${loss.toFixed(4)}, accuracy ${percent(accuracy)}${top5}, calibration error ${percent(calibrationError)}\n${listing(confusion)}`,
    );
    if (args.out !== undefined) console.log(`wrote evaluation.json, confusion.svg to ${args.out}`);
  }
  if (problems.length > 0) {
    console.error(`evaluate: ${problems.length} images could not be read, and are not counted.`);
    process.exitCode ??= 1;
  }
  checkAccuracy('evaluate:', measured.accuracy, args.minAccuracy);
}

/** Labeled examples, and the files that could not be read. */
interface Found {
  examples: Examples;
  problems: readonly ImageProblem[];
}

async function imagesOf(
  args: EvaluateArguments,
  network: OpenNetwork,
  classes: number,
  names: readonly string[] | undefined,
): Promise<Found> {
  const { preprocessing } = prepared('evaluate', args, network);
  const bar = countBar({ label: 'reading' });
  const { validationSet, problems } = await imageFolder(heldOut(args.data), {
    preprocessing,
    validationFraction: 1,
    maxBytes: args.memory * 1e6,
    onProgress: bar.update,
    onProblem({ reason }) {
      bar.stop();
      console.error(reason);
    },
  }).finally(bar.stop);
  const indices = indicesOf(args.data, validationSet.classNames, classes, names);
  const known = names ?? (isIdentity(indices) ? validationSet.classNames : undefined);
  return { examples: relabeled(validationSet, indices, known), problems };
}

/** The folder of held-out images, where a data set is already split: the test images, or else those for validation. */
function heldOut(folder: string): string {
  const folders = foldersIn(folder);
  const withClasses = (part: SetPart) =>
    folders.find((name) => partOf(name) === part && foldersIn(join(folder, name)).length > 0);
  const found = withClasses('test') ?? withClasses('validation');
  if (found !== undefined) return join(folder, found);
  if (!areParts(folders)) return folder;
  // Its training images would be measured.
  throw new Error(
    `evaluate: no test or validation folder in ${folder} has a folder for each class; pass the folder to measure, e.g. ${join(folder, folders[0]!)}.`,
  );
}

function foldersIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => !isIgnored(name) && isFolder(join(folder, name)));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The network's class for each folder: by name, by number, or in order. */
function indicesOf(
  data: string,
  folders: readonly string[],
  classes: number,
  names: readonly string[] | undefined,
): number[] {
  if (names && folders.every((folder) => names.includes(folder))) {
    return folders.map((folder) => names.indexOf(folder));
  }
  const numbers = folders.map(Number);
  const isNumber = (number: number) => Number.isInteger(number) && number >= 0 && number < classes;
  const inOrder = folders.map((_, i) => i);
  if (names === undefined) {
    if (numbers.every(isNumber)) return numbers;
    if (folders.length === classes) {
      console.error('the weights do not name their classes; the folders are taken in alphabetical order.');
      return inOrder;
    }
  } else if (folders.length === classes && folders.every((folder) => /^n\d{8}$/.test(folder))) {
    // ImageNet's own names of its classes, whose order is that of the weights.
    return inOrder;
  }
  const unknown = folders.find((folder) => !names?.includes(folder))!;
  const has = names ? `${classes} classes are ${some(names)}` : `${classes} classes have no names`;
  throw new Error(
    `evaluate: ${data} has ${folders.length} classes with '${unknown}' among them, but the network's ${has}; rename the folders, or name the classes with --labels.`,
  );
}

function some(names: readonly string[]): string {
  return `${names.slice(0, 5).join(', ')}${names.length > 5 ? ', ...' : ''}`;
}

function isIdentity(indices: readonly number[]): boolean {
  return indices.every((index, i) => index === i);
}

/** A set with other numbers for its classes. */
function relabeled(
  set: ImageFileSet,
  indices: readonly number[],
  classNames: readonly string[] | undefined,
): Examples {
  return {
    length: set.length,
    shape: set.shape,
    ...(classNames && { classNames }),
    async *batches(options): AsyncGenerator<Batch> {
      for await (const { xs, ys } of set.batches(options)) {
        const labels = await ys.data<'int32'>();
        ys.dispose();
        yield {
          xs,
          ys: tensor1d(
            labels.map((label) => indices[label]!),
            'int32',
          ) as Tensor1D,
        };
      }
    },
  };
}

/** Whether a preprocessing leaves pixels from 0 to 1 as they are. */
function isPlain({ white, mean, std }: Preprocessing): boolean {
  return white === 1 && mean.every((value) => value === 0) && std.every((value) => value === 1);
}

async function arraysOf(
  args: EvaluateArguments,
  { model, source, preprocessing, classNames }: OpenNetwork,
  names: readonly string[] | undefined,
): Promise<Found> {
  if (args.preprocessing ? args.preprocessing !== 'plain' : preprocessing && !isPlain(preprocessing)) {
    throw new Error(
      `evaluate: ${source} normalizes its images, but those of ${args.data} are only scaled from 0 to 1; pass a folder of images.`,
    );
  }
  const { testSet } = await loadData(args.data, 0, (line) => console.error(line));
  const own = testSet.classNames;
  const isNumbered = own.every((name, i) => name === String(i));
  if (
    classNames &&
    !isNumbered &&
    `${classNames}` !== `${own}` &&
    !classNames.every((name, i) => name === String(i))
  ) {
    throw new Error(
      `evaluate: the network's classes are ${some(classNames)}, but those of ${args.data} are ${some(own)}; use the data that it was trained for.`,
    );
  }
  const [, height, width] = model.inputs[0]!.shape;
  const examples = height && width ? testSet.resize([height, width]) : testSet;
  const { length, shape } = examples;
  const known = isNumbered && names ? names : own;
  return {
    examples: { length, shape, classNames: known, batches: (options) => examples.batches(options) },
    problems: [],
  };
}
