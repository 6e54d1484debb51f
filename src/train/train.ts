import type { LayersModel } from '@tensorflow/tfjs-layers';
import { epochSeed } from '../base/random.js';
import { type MemoryWatch, memoryFailure, watchMemory } from '../tfjs/outOfMemory.js';
import { AverageWeights } from './averageWeights.js';
import { BestWeights } from './bestWeights.js';
import { Checkpoints } from './checkpoint/checkpoints.js';
import { factsOf } from './checkpoint/facts.js';
import { historyPart, optimizerPart, weightsPart } from './checkpoint/parts.js';
import { diagnose } from './diagnose.js';
import { Epoch } from './epoch.js';
import { evaluate } from './evaluate.js';
import { batchesOf, disposeBatch } from './examples.js';
import type { EpochRow, History } from './history.js';
import type { LeanOptimizer } from './leanOptimizer.js';
import { microBatchesOf } from './microBatchSize.js';
import { outOfMemory } from './outOfMemory.js';
import { Patience } from './patience.js';
import { rateFactor } from './schedules.js';
import {
  checkSettings,
  decisiveOptions,
  type Settings,
  type TrainOptions,
  type TrainSets,
} from './settings.js';
import { goOnAfter, type Run, startRun, step } from './step.js';

/**
 * Trains a classifier like the chapter's `train_ch6`: cross-entropy over shuffled batches, then the accuracy on the other sets,
 * epoch by epoch. The model need not be compiled; if it is, it stays compiled.
 *
 * The same arguments give the same weights, bit for bit, in every run on one engine and backend. On wasm, Node 22 and Chrome round
 * differently from Node 20, unless `installWasmKernels({ relaxedSimd: false })` is called.
 *
 * @returns loss, accuracies and examples per second of each epoch.
 * @throws RangeError, before training starts, when an option is out of range or the examples do not fit the model.
 * @example
 * const model = smallArch(8, { inputShape: [28, 28, 1] });
 * const history = await train(model, garments(), { epochs: 3 });
 */
export async function train(
  model: LayersModel,
  sets: TrainSets,
  options: TrainOptions = {},
): Promise<History> {
  const settings = checkSettings(model, sets, options);
  const { epochs, batchSize, batches, seed, chosen, keep, rates, objective } = settings;
  const { validationSet } = settings.sets;
  const history: History = {
    epochs: [],
    ended: 'finished',
    weightsOf: 0,
    optimizer: chosen.name,
    learningRate: chosen.learningRate,
    batchSize,
    seed,
  };
  const plateau = new Patience(rates.options.patience ?? Number.POSITIVE_INFINITY);
  const stopping = new Patience(settings.patience ?? Number.POSITIVE_INFINITY);
  const average = settings.ema === undefined ? undefined : new AverageWeights(model, settings.ema);
  const rateFactorAt = (step: number) => rateFactor(rates, step, plateau.times);
  let micro = microBatchesOf(model, settings);
  const run = startRun(model, chosen, { seed, objective, average, rateFactor: rateFactorAt });
  const epoch = new Epoch();
  const best = new BestWeights(model, keep === 'best');
  // Measured, kept and shown are the averaged weights, if there are any.
  const averaged = <T>(work: () => Promise<T>) => (average ? average.during(work) : work());
  let checkpoints: Checkpoints | undefined;
  const watch = watchMemory();
  try {
    if (options.checkpoint) {
      const weights = weightsPart(model);
      const optimizer = optimizerPart(chosen.optimizer as LeanOptimizer, model);
      const parts = { weights, optimizer, history: historyPart(history), epoch, best, plateau, stopping };
      checkpoints = await Checkpoints.open(options.checkpoint, {
        async facts(before) {
          if (before) micro = microBatchesOf(model, settings, before);
          return factsOf(model, { ...settings.sets }, decisiveOptions(options, settings), micro.size);
        },
        parts: average ? { ...parts, average } : parts,
        position: () => ({
          ...{ epoch: epoch.number, batch: epoch.batch, best: best.epoch },
          done: epoch.number > epochs || history.ended !== 'finished',
        }),
        note(problem) {
          history.problems = [...(history.problems ?? []), problem];
        },
      });
      goOnAfter((epoch.number - 1) * batches + epoch.batch, run);
    }
    run.microBatchSize = micro.size ?? batchSize;
    if (micro.size !== undefined) history.microBatchSize = micro.size;
    if (micro.note !== undefined) settings.onNote?.(micro.note);
    while (epoch.number <= epochs && history.ended === 'finished') {
      let ended = await trainBatches(run, epoch, settings, watch, checkpoints);
      if (ended === 'finished' && !(await hasFiniteWeights(model))) ended = 'diverged';
      const row = await epoch.row(run.learningRate);
      if (ended === 'finished') {
        ended = await averaged(() => measure(row, run, settings));
        await watch.check();
      }
      // Such a run goes on in the middle of the epoch.
      if (ended === 'aborted') await checkpoints?.save();
      history.ended = ended;
      if (row.examples === 0) break;
      if (ended === 'finished')
        await run.paused(() => diagnoseOnce(row, history, model, options, settings, micro.plain));
      history.epochs.push(row);
      history.weightsOf = epoch.number;
      const accuracy = validationSet ? row.validationAccuracy : row.testAccuracy;
      await averaged(async () => {
        if (accuracy !== null) best.offer(epoch.number, accuracy);
        await run.paused(() => settings.onEpoch?.(row));
      });
      if (row.validationAccuracy !== null) {
        plateau.runsOut(row.validationAccuracy);
        if (stopping.runsOut(row.validationAccuracy) && epoch.number < epochs) history.ended = 'converged';
      }
      epoch.next();
      if (ended === 'finished') await checkpoints?.save();
    }
    const restored = history.ended === 'diverged' ? await checkpoints?.restoreWeights() : undefined;
    if (restored !== undefined) history.weightsOf = restored;
    average?.swap();
    if (keep === 'best' && best.epoch > 0) {
      best.apply();
      history.weightsOf = best.epoch;
    }
    return history;
  } catch (error) {
    const reason = memoryFailure(error);
    if (reason !== undefined) throw outOfMemory(reason, run, settings, checkpoints?.newest);
    throw error;
  } finally {
    watch.release();
    best.dispose();
    epoch.dispose();
    run.end();
    // Last, since it may fail.
    await checkpoints?.close();
  }
}

/** Looks for the reason when the loss is still that of guessing, the first time in a run. */
async function diagnoseOnce(
  row: EpochRow,
  history: History,
  model: LayersModel,
  options: TrainOptions,
  { sets, objective, batchSize, seed }: Settings,
  most: number,
): Promise<void> {
  const chance = Math.log(objective.classes);
  if (Math.abs(row.loss - chance) > 0.02 * chance || history.epochs.some(({ diagnosis }) => diagnosis))
    return;
  const { optimizer, learningRate, weightDecay, weightDecayOf, clipNorm } = options;
  const own = { optimizer, learningRate, weightDecay, weightDecayOf, clipNorm };
  const examples = Math.min(32, batchSize, most);
  row.diagnosis = await diagnose(model, sets.trainSet, { ...own, batchSize: examples, seed });
}

/** Trains on the batches that the epoch still has. */
async function trainBatches(
  run: Run,
  epoch: Epoch,
  { sets, epochs, batchSize, batches, seed, objective, signal, onProgress, onStep }: Settings,
  watch: MemoryWatch,
  checkpoints: Checkpoints | undefined,
): Promise<History['ended']> {
  const { means } = epoch;
  const { trainSet: examples } = sets;
  let reported = performance.now();
  let seen = await means.read();
  let passed = 0;
  // Every epoch of every seed has its own order.
  const order = { batchSize, seed: epochSeed(seed, epoch.number) };
  for await (const data of batchesOf('train', examples, 'training', objective.classes, order)) {
    const done = passed++ < epoch.batch;
    if (done || signal?.aborted || !Number.isFinite(seen.loss)) {
      disposeBatch(data);
      if (done && !signal?.aborted) continue;
      break;
    }
    const size = data.xs.shape[0]!;
    const results = step(run, data);
    const numbers = onStep && (await Promise.all(results.map((result) => result.data())));
    means.add(size, results);
    epoch.batch++;
    if (onStep && numbers) {
      const [loss, correct] = numbers.map(([number]) => number);
      const { steps, learningRate } = run;
      onStep({ step: steps, epoch: epoch.number, loss: loss!, accuracy: correct! / size, learningRate });
    }
    await run.breathe();
    if (checkpoints?.due && epoch.batch < batches) {
      const areFinite = await hasFiniteWeights(run.model);
      await watch.check();
      if (!areFinite) return 'diverged';
      await epoch.pause(() => checkpoints.save());
    }
    if (performance.now() - reported < 100 && epoch.batch < batches) continue;
    reported = performance.now();
    seen = await means.read();
    await watch.check();
    const { examplesPerSecond } = epoch;
    onProgress?.({
      done: (epoch.number - 1) * batches + epoch.batch,
      total: epochs * batches,
      unit: 'batches',
      epoch: epoch.number,
      epochs,
      batch: epoch.batch,
      batches,
      ...seen,
      examplesPerSecond,
      secondsLeft: (examples.length * (epochs - epoch.number + 1) - means.examples) / examplesPerSecond,
    });
  }
  seen = await means.read();
  await watch.check();
  if (!Number.isFinite(seen.loss)) return 'diverged';
  return epoch.batch < batches ? 'aborted' : 'finished';
}

/** Measures the other sets and notes their losses and accuracies in the row. */
async function measure(
  row: EpochRow,
  { model, microBatchSize: batchSize }: Run,
  { sets: { testSet, validationSet }, signal }: Settings,
): Promise<History['ended']> {
  try {
    if (testSet) {
      const { loss, accuracy } = await evaluate(model, testSet, { batchSize, signal });
      Object.assign(row, { testLoss: loss, testAccuracy: accuracy });
    }
    if (validationSet) {
      const { loss, accuracy } = await evaluate(model, validationSet, { batchSize, signal });
      Object.assign(row, { validationLoss: loss, validationAccuracy: accuracy });
    }
    return 'finished';
  } catch (error) {
    if (signal?.aborted) return 'aborted';
    throw error;
  }
}

async function hasFiniteWeights(model: LayersModel): Promise<boolean> {
  for (const weights of model.getWeights()) {
    let sum = 0;
    // 0 for numbers; NaN for infinities.
    for (const value of await weights.data()) sum += value - value;
    if (sum !== 0) return false;
  }
  return true;
}
