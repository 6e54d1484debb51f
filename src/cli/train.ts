import { join } from 'node:path';
import { Command, Option } from 'commander';
import { type OptimizerName, paramCount } from 'vgg-blocks';
import { PLAIN_PREPROCESSING } from 'vgg-blocks/images';
import { fileSystem, progressBar, writeFileAtomic } from 'vgg-blocks/node';
import {
  curves,
  type History,
  historyCsv,
  predictClasses,
  predictionSheet,
  type TrainOptions,
  train,
} from 'vgg-blocks/train';
import { saveModel } from 'vgg-blocks/weights';
import { checkFollowed, checkWarmup } from '../base/runChecks.js';
import { type BackendArguments, useBackend } from './backend.js';
import { checkArrays, loadData } from './data.js';
import { numberIn, shared } from './options.js';
import { stopOnSignal } from './process.js';
import { type RunArguments, withRun } from './runArguments.js';
import { inRunFolder, type RunFolder } from './runFolder.js';
import { checkAccuracy, divergence, epochLine, epochLineOfFile, verdict } from './runs.js';
import { type StartArguments, startingNetwork, withStart } from './startingNetwork.js';
import { loadTeacher, type TeacherArguments, withTeacher } from './teacher.js';
import { chooseThreads, threadsToTry } from './threads.js';
import {
  type RecipeArguments,
  recipeOptions,
  type TrainingArguments,
  withRecipe,
  withTraining,
} from './training.js';
import { inFlags, say } from './wording.js';

/** Without a recipe. */
const DEFAULTS: TrainOptions = { optimizer: 'adam', schedule: 'cosine', batchSize: 32 };

interface TrainArguments
  extends BackendArguments,
    RunArguments,
    StartArguments,
    TrainingArguments,
    RecipeArguments,
    TeacherArguments {
  data: string;
  epochs?: number;
  minAccuracy?: number;
}

/** `vgg-blocks train`: trains a VGG and writes the model, its history, learning curves and predictions. */
export function trainCommand(): Command {
  const command = new Command('train').description(
    'train a VGG on 28x28 images and write the model, its history, learning curves and predictions',
  );
  const training = withTraining(withRun(command, 'runs/latest'), DEFAULTS);
  return withStart(withTeacher(withRecipe(training)))
    .addOption(
      new Option(
        '--data <source>',
        "'generated' (drawn garments), 'fashion-mnist' or 'mnist' (downloaded), or a folder of IDX files or of two tables (CSV)",
      ).default('generated'),
    )
    .addOption(
      numberIn(
        'count',
        '--epochs <n>',
        "passes over the training images (default: the recipe's, or 4 to 20, for about 32000 examples in all)",
      ),
    )
    .addOption(
      numberIn(
        'seed',
        '--seed <n>',
        'seed of the weights, the order of the images, dropout and the generated garments',
        0,
      ),
    )
    .addOption(shared.backend())
    .addOption(
      numberIn(
        'threads',
        '--threads <n>',
        'threads of the wasm backend (default: what a short trial shows to be faster)',
      ),
    )
    .addOption(shared.relaxedSimd())
    .addOption(shared.tensorboard())
    .addOption(
      new Option('--log-steps', 'also write the loss, accuracy and rate of every step to steps.jsonl'),
    )
    .addOption(numberIn('fraction', '--min-accuracy <fraction>', 'fail if the final test accuracy is lower'))
    .action(run);
}

async function run(given: TrainArguments, command: Command): Promise<void> {
  await inRunFolder(command, given, { measured: 'train: test' }, trainIn);
}

async function trainIn(folder: RunFolder<TrainArguments>): Promise<void> {
  const { args, log } = folder;
  const { options, augment } = recipeOptions(args, DEFAULTS);
  checkFollowed('train', options, Boolean(options.validationFraction));
  const known = args.epochs ?? options.epochs;
  if (known !== undefined) checkWarmup('train', options, known);
  checkArrays('train', args.data, 'train on folders of images with vgg-blocks finetune');
  await useBackend({ ...args, threads: threadsToTry(args) });
  const bar = progressBar({ print: (text) => say(...text.split('\n')) });
  const data = await loadData(args.data, args.seed, bar.log);
  const { model, trainSet: plainSet } = await startingNetwork(args, data.trainSet);
  const trainSet = plainSet.augment(augment);
  const testSet = data.testSet.resize([trainSet.shape[0], trainSet.shape[1]]);
  const teacher = await loadTeacher('train', args, {
    preprocessing: { ...PLAIN_PREPROCESSING, channels: trainSet.shape[2] === 1 ? 'gray' : 'RGB' },
    classNames: trainSet.classNames,
  });
  const epochs = known ?? Math.min(20, Math.max(4, Math.round(32000 / trainSet.length)));
  checkWarmup('train', options, epochs);
  if (args.threads === undefined) {
    const { batchSize, optimizer } = { ...DEFAULTS, ...options };
    const trial = { ...args, batch: batchSize!, optimizer: optimizer as OptimizerName };
    args.threads = await chooseThreads(trial, model, epochs * trainSet.length);
  }
  const { backend, threads } = args;
  say(
    `${trainSet.length} training and ${testSet.length} test images of ${trainSet.classNames.length} classes at ${trainSet.shape.join('x')}; ${paramCount(model).total.toLocaleString('en-US')} parameters on ${backend}${backend === 'wasm' ? `, ${threads} thread${threads === 1 ? '' : 's'}` : ''}`,
  );
  const signal = stopOnSignal();
  const checkpoint = folder.checkpoint();
  const before = await folder.before();
  if (before.length > 0) say(`going on after epoch ${before.length}`);
  const history = await train(
    model,
    { trainSet, testSet },
    {
      ...options,
      ...(teacher && { distill: { ...teacher.distill, teacher: teacher.model } }),
      epochs,
      seed: args.seed,
      checkpoint,
      signal,
      onNote: (note) => bar.log(inFlags(note)),
      onProgress: bar.update,
      onStep: log.onStep,
      onEpoch(row) {
        bar.log(inFlags((args.weights === undefined ? epochLine : epochLineOfFile)(row, epochs)));
        return log.onEpoch(row);
      },
    },
  ).finally(bar.stop);
  const { ended, weightsOf } = history;
  if (history.epochs.length === 0) throw folder.stopped();
  const failure = failureOf(history, trainSet.classNames.length, args.out);
  if (ended === 'diverged' && weightsOf === 0) {
    await folder.finish({ accuracy: null, failure });
    throw new Error(failure);
  }
  const shown = testSet.take(0, Math.min(40, testSet.length));
  const files = {
    'history.json': `${JSON.stringify({ ...history, backend, threads }, null, 2)}\n`,
    'history.csv': historyCsv(history),
    'curves.svg': curves(history),
    'predictions.svg': await predictionSheet(shown, await predictClasses(model, shown)),
  };
  const accuracy = history.epochs[weightsOf - 1]?.testAccuracy ?? null;
  await folder.writing(async () => {
    await saveModel(model, fileSystem(join(args.out, 'model'))); // first, in case the disk has room for nothing else
    for (const [name, content] of Object.entries(files)) await writeFileAtomic(join(args.out, name), content);
    if (ended !== 'aborted') await folder.finish({ accuracy, failure });
  });
  say(`${verdict(history, args.out)}; wrote model/, ${Object.keys(files).join(', ')} to ${args.out}`);
  model.dispose();
  teacher?.model.dispose();
  if (failure !== undefined) throw new Error(failure);
  if (ended !== 'aborted') checkAccuracy('train: test', accuracy, args.minAccuracy);
}

/** Why a run failed, and what to do. */
function failureOf(history: History, classes: number, out: string): string | undefined {
  const { ended, weightsOf } = history;
  if (ended !== 'diverged') return undefined;
  const kept =
    weightsOf === 0
      ? ', and before the first checkpoint of trained weights, so there is no model'
      : `; model/ has the weights of epoch ${weightsOf}`;
  return `train: diverged: ${divergence(history, classes)}${kept}. Train again with --out ${out} and a smaller --lr, or --batch-norm.`;
}
