import { join, resolve, sep } from 'node:path';
import { Command } from 'commander';
import type { ImageFiles } from 'vgg-blocks/data';
import { freeze, transferHead } from 'vgg-blocks/features';
import type { Preprocessing } from 'vgg-blocks/images';
import { countBar, imageFolder } from 'vgg-blocks/node';
import { confusion, evaluate } from 'vgg-blocks/train';
import { inspectWeights, setMetadata } from 'vgg-blocks/weights';
import { checkFollowed, checkWarmup } from '../base/runChecks.js';
import { decoding } from './decoder.js';
import { namesIn } from './disk.js';
import {
  augmentationOf,
  type FinetuneArguments,
  finetuneOptions,
  withFinetuning,
} from './finetuneArguments.js';
import { type Finetuned, listing, percent, writeFinetuned } from './finetuned.js';
import { diverged, PARTS, trainPhases } from './finetunePhases.js';
import { modelFile, realPath } from './modelFile.js';
import { loadNetwork } from './network.js';
import { stopOnSignal } from './process.js';
import { isHubName, readingOptions } from './reading.js';
import type { RunArguments } from './runArguments.js';
import { readBegun } from './runDescription.js';
import { inRunFolder, type RunFolder } from './runFolder.js';
import { checkAccuracy, reportLeftOut } from './runs.js';
import { loadTeacher } from './teacher.js';
import { complain, inFlags, say } from './wording.js';

/** `vgg-blocks finetune`: teaches a trained network the classes of a folder of images. */
export function finetuneCommand(): Command {
  const command = new Command('finetune')
    .description('train a network on your own images, starting from existing weights')
    .argument('[folder]', 'a folder with one subfolder of images per class, or with train and val');
  return withFinetuning(decoding(command, imagesOf)).action(run);
}

/** The folder of images, or that of the run that goes on. */
function imagesOf({ resume }: RunArguments, args: readonly string[]): readonly string[] {
  if (resume === undefined) return args;
  const begun = readBegun(resume);
  const folder = begun?.args.folder;
  return typeof folder === 'string' && !begun!.outcome ? [resolve(begun!.cwd, folder)] : [];
}

async function run(folder: string | undefined, given: FinetuneArguments, command: Command): Promise<void> {
  if ((folder === undefined) === (given.resume === undefined)) {
    throw new Error('finetune: pass a folder of images, or --resume with the folder of a run.');
  }
  if (folder !== undefined) checkOutside(folder, given.out);
  await inRunFolder(
    command,
    { ...given, folder },
    { measured: 'finetune: validation', parts: PARTS },
    finetuneIn,
  );
}

/** Refuses an output folder among the images, links followed, whose files would be read as images of a class. */
function checkOutside(folder: string, out: string): void {
  const within = (path: string) => `${realPath(out)}${sep}`.startsWith(`${realPath(path)}${sep}`);
  const classes = namesIn(folder).map((name) => join(folder, name));
  if (![folder, ...classes].some(within)) return;
  throw new Error(
    `finetune: --out ${out} is in the folder of images ${folder}, where it would be read as a class; write to a folder outside.`,
  );
}

async function finetuneIn(taken: RunFolder<FinetuneArguments>): Promise<void> {
  const { args } = taken;
  const folder = args.folder!;
  const options = finetuneOptions(args);
  checkWarmup('finetune', options.first, options.first.epochs!);
  if (args.unfreeze) checkWarmup('finetune', options.unfrozen, options.unfrozen.epochs!);
  const tell = args.json ? () => {} : say;
  const loaded = await loadNetwork('finetune', args, {
    includeTop: false,
    ...(args.size !== undefined && { inputShape: [args.size, args.size, await channelsOf(args)] as const }),
  });
  const { model: base, preprocessing } = loaded;
  // A network from an earlier run already pools its features.
  const isPooled = base.outputs[0]!.shape.length === 2;
  if (isPooled && args.pooling) {
    base.dispose();
    throw new Error(
      `finetune: --pooling is ${args.pooling}, but ${loaded.source} already pools its features; leave it out.`,
    );
  }
  const images = await read(folder, args, preprocessing);
  const { classNames, problems } = images;
  checkFollowed('finetune', options.first, images.validationSet.length > 0);
  tell(
    `${images.trainSet.length} training and ${images.validationSet.length} validation images of ${classNames.length} classes at ${images.trainSet.shape.join('x')}${problems.length > 0 ? `; ${problems.length} left out` : ''}`,
  );
  const teacher = await loadTeacher('finetune', args, { preprocessing, classNames });
  const model = transferHead(freeze(base), {
    classes: classNames.length,
    pooling: isPooled ? undefined : (args.pooling ?? 'avg'),
    hiddenUnits: args.hidden === 0 ? [] : args.hidden,
    dropout: args.dropout,
    seed: args.seed,
    name: `${base.name}_finetuned`,
  });
  setMetadata(model, { preprocessing, classNames });
  const signal = stopOnSignal();
  const { phases, predicted } = await trainPhases(model, base, images, taken, options, {
    teacher,
    signal,
    tell,
  });
  if (!phases[0]?.epochs.length) throw taken.stopped();
  const last = phases.at(-1)!;
  const failure = last.ended === 'diverged' ? diverged(phases, classNames.length, args.out) : undefined;
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
  const outcome = { accuracy: found?.accuracy ?? null, leftOut: problems.length, failure };
  const { files, without } = await taken.writing(async () => {
    const results = { model, images, phases, predicted, args, result };
    const written = await writeFinetuned(args.out, results);
    if (!signal.aborted) await taken.finish(outcome);
    return written;
  });
  model.dispose();
  teacher?.model.dispose();
  if (found) tell(`validation accuracy ${percent(found.accuracy)}`, ...listing(found).split('\n'));
  else tell('no images were held out, so the accuracy is unknown');
  if (tested) tell(`test accuracy ${percent(tested.accuracy)} of ${tested.examples} images`);
  tell(`wrote ${files.join(', ')} to ${args.out}`);
  if (without) tell(`model.safetensors was not written: ${inFlags(without)}`);
  if (args.json) say(result);
  reportLeftOut('finetune', problems.length);
  if (failure !== undefined) throw new Error(failure);
  if (signal.aborted) tell(`stopped; go on with --resume ${args.out}`);
  else checkAccuracy('finetune: validation', outcome.accuracy, args.minAccuracy);
}

/** The channels of the images that a network takes: those of published ones have colors. */
async function channelsOf(args: FinetuneArguments): Promise<number> {
  const { weights } = args;
  if (weights === undefined || isHubName(weights)) return 3;
  const info = await inspectWeights(modelFile(weights).file, readingOptions(args));
  return info.inputShape?.[2] ?? info.network?.inputChannels ?? 3;
}

async function read(
  folder: string,
  args: FinetuneArguments,
  preprocessing: Preprocessing,
): Promise<ImageFiles> {
  const bar = countBar({ label: 'reading' });
  return imageFolder(folder, {
    preprocessing,
    validationFraction: args.validationFraction,
    seed: args.seed,
    maxBytes: Math.round(args.memory * 1e6),
    onProgress: bar.update,
    onProblem({ reason }) {
      bar.stop();
      complain(reason);
    },
    augment: augmentationOf(args, preprocessing.crop),
  }).finally(bar.stop);
}
