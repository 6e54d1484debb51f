import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Own } from '../base/owning.js';
import { unlessAborted } from '../base/unlessAborted.js';
import { type MemoryWatch, watchMemory } from '../tfjs/outOfMemory.js';
import { AverageWeights } from './averageWeights.js';
import { BestWeights } from './bestWeights.js';
import { type CheckpointOptions, Checkpoints } from './checkpoint/checkpoints.js';
import { factsOf } from './checkpoint/facts.js';
import { historyPart, optimizerPart, weightsPart } from './checkpoint/parts.js';
import { Epoch } from './epoch.js';
import type { History } from './history.js';
import type { LeanOptimizer } from './leanOptimizer.js';
import { type MicroBatches, microBatchesOf } from './microBatchSize.js';
import { Patience } from './patience.js';
import { rateFactor } from './schedules.js';
import { decisiveOptions, type Settings, type TrainOptions } from './settings.js';
import { goOnAfter, type Run, startRun } from './step.js';
import { teacherFacts } from './teacher.js';

/** A call of `train`: what it holds, and how far it is. */
export interface Training {
  readonly settings: Settings;
  readonly options: TrainOptions;
  readonly run: Run;
  readonly epoch: Epoch;
  readonly history: History;
  readonly best: BestWeights;
  readonly plateau: Patience;
  readonly stopping: Patience;
  readonly watch: MemoryWatch;
  micro: MicroBatches;
  checkpoints?: Checkpoints;
}

/** Takes the model for a run, which is at its beginning. */
export function startTraining(
  model: LayersModel,
  settings: Settings,
  options: TrainOptions,
  own: Own,
): Training {
  const { seed, chosen, keep, rates, objective, teacher, batchSize, ema, patience } = settings;
  const plateau = new Patience(rates.options.patience ?? Number.POSITIVE_INFINITY);
  const average = ema === undefined ? undefined : new AverageWeights(model, ema);
  const factorAt = (step: number) => rateFactor(rates, step, plateau.times);
  return {
    ...{ settings, options, plateau },
    run: own(
      startRun('train', model, chosen, { seed, objective, teacher, average, rateFactor: factorAt }),
      ({ end }) => end(),
    ),
    epoch: own(new Epoch(), (epoch) => epoch.dispose()),
    best: own(new BestWeights(model, keep === 'best'), (best) => best.dispose()),
    stopping: new Patience(patience ?? Number.POSITIVE_INFINITY),
    watch: own(watchMemory(), (watch) => watch.release()),
    micro: microBatchesOf(model, settings),
    history: {
      ...{ epochs: [], ended: 'finished', weightsOf: 0 },
      ...{ optimizer: chosen.name, learningRate: chosen.learningRate, batchSize, seed },
    },
  };
}

/** Opens the checkpoints, and brings back the run in them. */
export async function goOnFrom(checkpoint: CheckpointOptions, training: Training, own: Own): Promise<void> {
  const { settings, options, run, epoch, history, best, plateau, stopping } = training;
  const { model, average } = run;
  const { epochs, batches, chosen, signal } = settings;
  const parts = {
    weights: weightsPart(model),
    optimizer: optimizerPart(chosen.optimizer as LeanOptimizer, model),
    history: historyPart(history),
    ...{ epoch, best, plateau, stopping },
  };
  const opened = await Checkpoints.open(checkpoint, {
    async facts(before) {
      if (before) training.micro = microBatchesOf(model, settings, before);
      const { size } = training.micro;
      const taught = await teacherFacts(options.distill, settings.sets.trainSet);
      return factsOf(
        model,
        { ...settings.sets },
        { ...decisiveOptions(options, settings), ...taught },
        size,
        signal,
      );
    },
    parts: average ? { ...parts, average } : parts,
    position: () => ({
      ...{ epoch: epoch.number, batch: epoch.batch, best: best.epoch },
      done: epoch.number > epochs || history.ended !== 'finished',
    }),
    signal,
    note(problem) {
      history.problems = [...(history.problems ?? []), problem];
    },
  });
  training.checkpoints = own(opened, (checkpoints) => checkpoints.close());
  goOnAfter((epoch.number - 1) * batches + epoch.batch, run);
}

/** Takes batches as was decided, and says so. */
export async function takeBatches({ run, settings, history, micro }: Training): Promise<void> {
  run.microBatchSize = micro.size ?? settings.batchSize;
  if (micro.size !== undefined) history.microBatchSize = micro.size;
  if (micro.note !== undefined) {
    await unlessAborted(settings.signal, () => settings.onNote?.(micro.note!));
  }
}
