import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { ImageFileSet, ImageFiles } from 'vgg-blocks/data';
import { cacheFeatures, freeze, splitModel, unfreeze } from 'vgg-blocks/features';
import { countBar, progressBar, temporaryFile } from 'vgg-blocks/node';
import { predictClasses, type TrainOptions, train } from 'vgg-blocks/train';
import { augmentationOf, type FinetuneArguments } from './finetuneArguments.js';
import type { Phase } from './finetuned.js';
import type { RunFolder } from './runFolder.js';
import { divergence, epochLineOfFile } from './runs.js';
import type { LoadedTeacher } from './teacher.js';
import { inFlags } from './wording.js';

/** Augmented passes over the training images in a cache, in addition to the plain one. */
const PASSES = 4;

/** The checkpoints of the two phases. */
export const PARTS = ['new-layers', 'unfrozen'] as const;

/** The outcome of the training. */
interface Trained {
  phases: Phase[];
  /** The predicted class of each validation image. */
  predicted: Int32Array;
}

/** Trains the new layers on cached features, then, with `--unfreeze`, the upper layers of the base too. */
export async function trainPhases(
  model: LayersModel,
  base: LayersModel,
  images: ImageFiles,
  taken: RunFolder<FinetuneArguments>,
  options: { first: TrainOptions; unfrozen: TrainOptions },
  {
    teacher,
    signal,
    tell,
  }: { teacher?: LoadedTeacher; signal: AbortSignal; tell: (...lines: string[]) => void },
): Promise<Trained> {
  const { args, log } = taken;
  const top = base.layers.at(-1)!.name;
  // Fail on an unknown layer before the training, not in the middle of it.
  if (args.unfreeze) freeze(unfreeze(model, args.unfreeze), top);
  const trained: Trained = { phases: [], predicted: new Int32Array() };
  for (const { from, settings } of [
    { from: undefined, settings: options.first },
    ...(args.unfreeze ? [{ from: args.unfreeze, settings: options.unfrozen }] : []),
  ]) {
    if (from !== undefined) unfreeze(model, from);
    const { lower, upper } = splitModel(model, from === undefined ? top : lastFrozen(model));
    const cached = await cache(lower, images, args, { teacher: teacher?.model, signal }).catch(
      (error: unknown) => {
        if (signal.aborted) return undefined;
        throw error;
      },
    );
    if (!cached) break;
    const name = from === undefined ? 'new layers' : `from ${from}`;
    const bar = progressBar({ print: (text) => tell(...text.split('\n')) });
    try {
      const history = await train(upper, cached, {
        ...settings,
        distill: teacher?.distill,
        batchSize: args.batch,
        seed: args.seed,
        keep: cached.validationSet ? 'best' : 'last',
        checkpoint: taken.checkpoint(PARTS[from === undefined ? 0 : 1]),
        signal,
        onNote: (note) => bar.log(inFlags(note)),
        onProgress: bar.update,
        onEpoch(row) {
          bar.log(inFlags(`${name}, ${epochLineOfFile(row, settings.epochs!)}`));
          return log.onEpoch(row);
        },
      });
      bar.stop();
      trained.phases.push({ name, ...history });
      if (history.ended === 'diverged' && history.weightsOf === 0) break;
      if (cached.validationSet) trained.predicted = await predictClasses(upper, cached.validationSet);
    } finally {
      bar.stop();
      await cached.trainSet.dispose();
      await cached.validationSet?.dispose();
    }
    if (signal.aborted || trained.phases.at(-1)!.ended === 'diverged') break;
  }
  return trained;
}

/** Why a run failed, and what to do. */
export function diverged(phases: readonly Phase[], classes: number, out: string): string {
  const last = phases.at(-1)!;
  const kept = phases.some(({ weightsOf }) => weightsOf > 0)
    ? 'the last good weights are kept'
    : 'there are none to keep';
  return `finetune: diverged (${last.name}): ${divergence(last, classes)}; ${kept}. Finetune again with --out ${out} and a smaller learning rate.`;
}

/** The layer before the first trainable one. */
function lastFrozen(model: LayersModel): string {
  const first = model.layers.findIndex((layer) => layer.trainableWeights.length > 0);
  return model.layers[first - 1]!.name;
}

async function cache(
  lower: LayersModel,
  images: ImageFiles,
  args: FinetuneArguments,
  { teacher, signal }: { teacher: LayersModel | undefined; signal: AbortSignal },
) {
  const bar = countBar({ label: 'computing features' });
  const features = (set: ImageFileSet, augmentedPasses: number, by?: LayersModel) =>
    cacheFeatures(lower, set, {
      batchSize: args.batch,
      augmentedPasses,
      teacher: by,
      seed: args.seed,
      maxBytes: Math.round(args.memory * 1e6),
      overflow: temporaryFile({ folder: args.out }),
      onProgress: bar.update,
      signal,
    });
  try {
    const trainSet = await features(
      images.trainSet,
      augmentationOf(args, images.trainSet.shape[0]) ? PASSES : 0,
      teacher,
    );
    if (images.validationSet.length === 0) return { trainSet, validationSet: undefined };
    const validationSet = await features(images.validationSet, 0).catch(async (error: unknown) => {
      await trainSet.dispose();
      throw error;
    });
    return { trainSet, validationSet };
  } finally {
    bar.stop();
  }
}
