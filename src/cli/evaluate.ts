import { join } from 'node:path';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { Command, Option } from 'commander';
import { fullyConvolutional } from 'vgg-blocks';
import type { ImageProblem } from 'vgg-blocks/data';
import { LABELS } from 'vgg-blocks/imagenet';
import { countBar, writeFileAtomic } from 'vgg-blocks/node';
import { confusionChart, type Evaluation, type Examples, evaluate } from 'vgg-blocks/train';
import { checkPresent, isSetFolder } from './data.js';
import { decoding } from './decoder.js';
import { checkNew, checkReplaced, checkWritable, isFolder, isThere } from './disk.js';
import { arraysOf } from './evaluatedArrays.js';
import { imagesOf } from './evaluatedImages.js';
import { measureViews } from './evaluatedViews.js';
import { listing, percent } from './finetuned.js';
import { labelsOf, labelsOption } from './labels.js';
import {
  type NetworkArguments,
  noClassesOf,
  type OpenNetwork,
  openNetwork,
  prepared,
  withNetwork,
} from './network.js';
import { isGiven, numberIn } from './options.js';
import { PREPROCESSINGS } from './preprocessings.js';
import { printing } from './process.js';
import { checkAccuracy, reportLeftOut } from './runs.js';
import { checkViews, type ViewArguments, viewsIn, withViews } from './views.js';
import { say } from './wording.js';

interface EvaluateArguments extends NetworkArguments, ViewArguments {
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
  const writes = ({ out }: EvaluateArguments) => out !== undefined;
  const imagesIn = ({ data }: EvaluateArguments) => (isImageFolder(data) ? [data] : []);
  return withViews(withNetwork(decoding(printing(command, writes), imagesIn)))
    .requiredOption(
      '--data <source>',
      "a folder with one subfolder of images per class (its test or val folder, if it has one), a folder of IDX files or of two tables (CSV), 'fashion-mnist', 'mnist' or 'generated'",
    )
    .addOption(labelsOption())
    .addOption(numberIn('count', '--batch <n>', 'batch size', 32))
    .addOption(
      numberIn('megabytes', '--memory <MB>', 'memory for images; beyond it, they are read twice', 1000),
    )
    .addOption(new Option('--out <folder>', 'write evaluation.json and confusion.svg to this folder'))
    .option('--json', 'print the result as one line of JSON')
    .addOption(numberIn('fraction', '--min-accuracy <fraction>', 'fail if the accuracy is lower'))
    .action(run);
}

async function run(args: EvaluateArguments, command: Command): Promise<void> {
  checkPresent(args.data);
  if (isGiven(command, 'memory') && (viewsIn(args) || !isImageFolder(args.data))) {
    throw new Error(
      'evaluate: --memory is for a folder of images that are read twice, without --dense, --crops and --scales; leave it out.',
    );
  }
  if (args.out !== undefined) checkPlace(args.out);
  const network = await openNetwork('evaluate', args);
  const { model, title, source } = network;
  if (network.classes === undefined) {
    throw new Error(`evaluate: ${source} ${noClassesOf(model)}.`);
  }
  // One output tells two classes apart.
  const classes = Math.max(2, network.classes);
  const names =
    args.labels === undefined
      ? (network.classNames ?? (classes === LABELS.length ? LABELS : undefined))
      : await labelsOf('evaluate', args.labels, { ...network, classes });
  const { evaluation, problems } = await measure(args, { ...network, classes, names });
  const { confusion, ...measured } = evaluation;
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
    ...viewsIn(args),
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
  if (args.json) say(result);
  else {
    const { loss, accuracy, top5Accuracy, calibrationError } = measured;
    const top5 = top5Accuracy === null ? '' : `, top-5 ${percent(top5Accuracy)}`;
    say(
      `${measured.examples} images: loss ${loss.toFixed(4)}, accuracy ${percent(accuracy)}${top5}, calibration error ${percent(calibrationError)}`,
      ...listing(confusion).split('\n'),
    );
    if (args.out !== undefined) say(`wrote evaluation.json, confusion.svg to ${args.out}`);
  }
  reportLeftOut('evaluate', problems.length);
  checkAccuracy('evaluate:', measured.accuracy, args.minAccuracy);
}

/** Refuses a folder in which files of something else would be replaced. */
function checkPlace(out: string): void {
  const report = join(out, 'evaluation.json');
  checkWritable('evaluate', report);
  checkReplaced('evaluate', report, ['weights', 'data', 'confusion']);
  // The chart of an evaluation lies beside it.
  if (!isThere(report)) checkNew('evaluate', [join(out, 'confusion.svg')], 'or choose another --out');
}

/** Whether `--data` names a folder of images, rather than one of arrays or a published set. */
function isImageFolder(data: string): boolean {
  return isFolder(data) && !isSetFolder(data);
}

/** Measures the network on what `--data` names; `problems` are the files of it that could not be. */
async function measure(
  args: EvaluateArguments,
  network: OpenNetwork & { classes: number; names?: readonly string[] },
): Promise<{ evaluation: Evaluation; problems: readonly ImageProblem[] }> {
  const { data, memory, batch: batchSize, preprocessing: named } = args;
  const { model, names } = network;
  const views = viewsIn(args);
  if (isImageFolder(data)) {
    const { preprocessing } = prepared('evaluate', args, network);
    const known = { ...network, preprocessing };
    if (views) {
      checkViews('evaluate', views, preprocessing);
      if (views.dense) {
        // What cannot be converted is refused now, and not once all images have been read.
        const { crop, channels } = preprocessing;
        const inputShape = [crop, crop, channels === 'gray' ? 1 : 3] as const;
        fullyConvolutional(model, { inputShape, logits: true }).dispose();
      }
      return measureViews(model, await imagesOf(data, known, 0), { ...views, batchSize });
    }
    const { examples, problems } = await imagesOf(data, known, Math.round(memory * 1e6));
    return { evaluation: await measured(model, examples, batchSize), problems };
  }
  if (views) {
    throw new Error(
      `evaluate: the images of ${data} have one size; --dense, --crops and --scales are for a folder of images, so leave them out.`,
    );
  }
  const preprocessing = named ? PREPROCESSINGS[named] : network.preprocessing;
  const classNames = args.labels === undefined ? network.classNames : names;
  const examples = await arraysOf(data, { ...network, preprocessing, classNames }, names);
  return { evaluation: await measured(model, examples, batchSize), problems: [] };
}

/** Measures the network, with a bar. */
function measured(model: LayersModel, examples: Examples, batchSize: number): Promise<Evaluation> {
  const bar = countBar({ label: 'measuring' });
  return evaluate(model, examples, { batchSize, onProgress: bar.update }).finally(bar.stop);
}
