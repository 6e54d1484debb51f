import { isStopped, unlessAborted } from '../base/unlessAborted.js';
import type { Examples } from './batch.js';
import { diagnose } from './diagnose.js';
import { evaluated } from './evaluate.js';
import { isGuessing } from './guessing.js';
import type { EpochRow, History } from './history.js';
import { trainBatches } from './trainBatches.js';
import type { Training } from './training.js';

/** Trains an epoch, or what is left of it, measures the other sets, and notes the results in the history. */
export async function trainEpoch(training: Training): Promise<void> {
  const { settings, run, epoch, history, best, plateau, stopping, watch, checkpoints } = training;
  const { signal } = settings;
  // Measured, kept and shown are the averaged weights, if there are any.
  const averaged = <T>(work: () => Promise<T>) => (run.average ? run.average.during(work) : work());
  let ended = await trainBatches(training);
  const row = await epoch.row(run.learningRate);
  if (ended === 'finished') {
    ended = await averaged(() => measure(row, training));
    await watch.check();
  }
  // Such a run goes on in the middle of the epoch.
  if (ended === 'aborted') await checkpoints?.save();
  history.ended = ended;
  if (row.examples === 0) return;
  if (ended === 'finished') await isStopped(signal, () => run.paused(() => diagnoseOnce(row, training)));
  history.epochs.push(row);
  history.weightsOf = epoch.number;
  const accuracy = settings.sets.validationSet ? row.validationAccuracy : row.testAccuracy;
  await averaged(async () => {
    if (accuracy !== null) best.offer(epoch.number, accuracy);
    await isStopped(signal, () => run.paused(() => unlessAborted(signal, () => settings.onEpoch?.(row))));
  });
  const isLast = epoch.number === settings.epochs;
  if (row.validationAccuracy !== null) {
    plateau.runsOut(row.validationAccuracy);
    if (stopping.runsOut(row.validationAccuracy) && !isLast) history.ended = 'converged';
  }
  const isEnd = ended === 'finished' && (isLast || history.ended === 'converged');
  if (isEnd && isBlownUp(row, training)) history.ended = 'diverged';
  epoch.next();
  if (ended === 'finished') await checkpoints?.save();
}

/** Measures the other sets and notes their losses and accuracies in the row. */
async function measure(row: EpochRow, { run, settings }: Training): Promise<History['ended']> {
  const { model, microBatchSize: batchSize } = run;
  const { sets, signal } = settings;
  const measured = (set: Examples, which: string) =>
    evaluated('train', model, set, which, { batchSize, signal }, 'measured');
  try {
    if (sets.testSet) {
      const { loss, accuracy } = await measured(sets.testSet, 'test');
      Object.assign(row, { testLoss: loss, testAccuracy: accuracy });
    }
    if (sets.validationSet) {
      const { loss, accuracy } = await measured(sets.validationSet, 'validation');
      Object.assign(row, { validationLoss: loss, validationAccuracy: accuracy });
    }
    return 'finished';
  } catch (error) {
    if (signal?.aborted) return 'aborted';
    throw error;
  }
}

/**
 * Whether a network is no better than guessing after an epoch, although it was, or its loss has grown far above that, as it does
 * before all units die. The first epoch's mean, which counts the loss of the first weights, does not say so alone.
 */
function isBlownUp(row: EpochRow, { settings, history }: Training): boolean {
  const chance = Math.log(settings.objective.classes);
  const others = [row.testLoss, row.validationLoss].filter((other) => other !== null);
  if (row.epoch === 1 && others.length === 0) return false;
  const hadLearned = history.epochs.some((before) => before.loss < 0.9 * chance);
  return isGuessing(row, chance) && (hadLearned || [row.loss, ...others].some((one) => one > 2 * chance));
}

/** Looks for the reason when the loss is that of guessing, or stays above it; once in a run. */
async function diagnoseOnce(
  row: EpochRow,
  { settings, options, run, history, micro }: Training,
): Promise<void> {
  const { sets, objective, batchSize, seed, signal } = settings;
  const chance = Math.log(objective.classes);
  const isNear = Math.abs(row.loss - chance) <= 0.02 * chance;
  // The first epoch's is the mean from the first weights on, whose loss can be well above it, unlike those measured after it.
  const isTold =
    history.epochs.length > 0 || ((row.testLoss ?? row.validationLoss) !== null && isGuessing(row, chance));
  const isWorse = row.loss > chance && isTold;
  if (!(isNear || isWorse) || history.epochs.some(({ diagnosis }) => diagnosis)) return;
  const { optimizer, learningRate, weightDecay, weightDecayOf, clipNorm } = options;
  const own = { optimizer, learningRate, weightDecay, weightDecayOf, clipNorm };
  const examples = Math.min(32, batchSize, micro.plain);
  row.diagnosis = await diagnose(run.model, sets.trainSet, { ...own, batchSize: examples, seed, signal });
}
