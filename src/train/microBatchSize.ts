import { getBackend } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { OPTIMIZERS, type OptimizerName } from '../core/optimizers.js';
import { isFrozen, layersWithin } from '../tfjs/models.js';
import type { RunFacts } from './checkpoint/facts.js';
import type { Settings } from './settings.js';
import { roomForStep, type StepOfRun } from './stepMemory.js';

/** How a run takes its batches. */
export interface MicroBatches {
  /** The most examples of a part; undefined for batches in one piece. */
  size: number | undefined;
  /** What that changes, in one sentence, if it was not asked for or changes more than the rounding. */
  note?: string;
  /** The most examples of a step that tfjs takes by itself, which keeps about three times as much as a run does. */
  plain: number;
}

/**
 * Decides whether batches are taken in parts: as asked, as the run began, or else if the backend's memory has no room for them in
 * one piece.
 *
 * @param given the option; as large as a batch, it means one piece.
 * @param before what a run that goes on has taken so far.
 * @throws RangeError when what is asked, or even one example, does not fit.
 */
export function chooseMicroBatches(
  where: string,
  model: LayersModel,
  run: StepOfRun,
  { given, before }: { given?: number; before?: { size: number | undefined } } = {},
): MicroBatches {
  const { batchSize } = run;
  const room = roomForStep(model, run);
  const fits = (size: number) => (size < batchSize ? size <= room.part : batchSize <= room.whole);
  const needs = (size: number) =>
    `a step of ${size} examples needs ${room.needed(size)} on the ${getBackend()} backend`;
  const chosen = (size: number, why?: string): MicroBatches => {
    const plain = Math.max(1, Math.floor(room.whole / 3));
    if (size >= batchSize) return { size: undefined, plain };
    const parts = `batches are taken in parts of at most ${size} examples, whose gradients are added`;
    const norms = 'batch normalization uses the mean and variance of each part';
    const clauses = [why && `${why}, so ${parts}`, hasNorms(model) && (why ? norms : `${parts}; ${norms}`)];
    const note = clauses.filter(Boolean).join('; ');
    return { size, plain, ...(note !== '' && { note: `${note}.` }) };
  };
  if (given !== undefined) {
    if (fits(given)) return chosen(given);
    const size = Math.min(given, batchSize);
    fail(where, `${needs(size)}; ${remedy(room.part, room.whole, batchSize)}`);
  }
  const size = before && (before.size ?? batchSize);
  if (size !== undefined && fits(size)) return chosen(size);
  if (fits(batchSize)) return chosen(batchSize);
  if (room.part < 1) fail(where, `${needs(batchSize)}; ${remedy(0, room.whole, batchSize)}`);
  const parts = Math.ceil(batchSize / room.part);
  return chosen(Math.ceil(batchSize / parts), needs(batchSize));
}

/** How a run of `train` takes its batches; one that goes on as before, if that fits. */
export function microBatchesOf(model: LayersModel, settings: Settings, before?: RunFacts): MicroBatches {
  const { sets, batchSize, microBatchSize, chosen, ema, keep, teacher } = settings;
  const { shape, length } = sets.trainSet;
  const run = {
    ...{ shape, batchSize: Math.min(batchSize, length), average: ema !== undefined, best: keep === 'best' },
    teacher: teacher?.model,
    // Of an optimizer that was passed as many as Adam's.
    slots: chosen.owned ? OPTIMIZERS[chosen.name as OptimizerName].slots.length : 2,
  };
  return chooseMicroBatches('train', model, run, {
    given: microBatchSize,
    ...(before && { before: { size: before.engine.microBatchSize as number | undefined } }),
  });
}

function remedy(part: number, whole: number, batchSize: number): string {
  if (part >= 1) return `pass a microBatchSize of at most ${Math.min(part, batchSize - 1)}.`;
  if (whole >= 1) return `pass a batchSize of at most ${whole}.`;
  return "not even one example fits; use smaller images, a narrower network (scaleArch) or the optimizer 'sgd', which keeps nothing.";
}

/** Whether a model has batch normalization that is trained; frozen layers use their moving statistics. */
function hasNorms(model: LayersModel): boolean {
  return layersWithin(model).some(
    (layer) => layer.getClassName() === 'BatchNormalization' && !isFrozen(layer),
  );
}
