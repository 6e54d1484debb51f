import { dispose } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { epochSeed } from '../base/random.js';
import { BestWeights } from './bestWeights.js';
import { Epoch } from './epoch.js';
import { evaluate } from './evaluate.js';
import type { Examples } from './examples.js';
import type { EpochRow, History } from './history.js';
import { checkSettings, type Settings, type TrainOptions, type TrainSets } from './settings.js';
import { type Run, startRun, step } from './step.js';

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
  const { epochs, batchSize, batches, seed, chosen, schedule, keep } = settings;
  const history: History = {
    epochs: [],
    ended: 'finished',
    weightsOf: 0,
    optimizer: chosen.name,
    learningRate: chosen.learningRate,
    batchSize,
    seed,
  };
  const run = startRun(model, chosen, { seed, cosineSteps: schedule === 'cosine' ? epochs * batches : 0 });
  const epoch = new Epoch();
  const best = new BestWeights(model);
  try {
    while (epoch.number <= epochs && history.ended === 'finished') {
      history.ended = await trainBatches(run, epoch, sets.trainSet, settings);
      const row = await epoch.row();
      if (history.ended === 'finished') history.ended = await measure(row, model, sets, settings);
      if (row.examples === 0) break;
      history.epochs.push(row);
      history.weightsOf = epoch.number;
      const accuracy = sets.validationSet ? row.validationAccuracy : row.testAccuracy;
      if (keep === 'best' && accuracy !== null) best.offer(epoch.number, accuracy);
      await settings.onEpoch?.(row);
      epoch.next();
    }
    if (best.epoch > 0) {
      best.apply();
      history.weightsOf = best.epoch;
    }
    return history;
  } finally {
    best.dispose();
    epoch.dispose();
    run.end();
  }
}

/** Trains on the batches that the epoch still has. */
async function trainBatches(
  run: Run,
  epoch: Epoch,
  examples: Examples,
  { epochs, batchSize, batches, seed, signal, onProgress }: Settings,
): Promise<History['ended']> {
  const { means } = epoch;
  let reported = performance.now();
  let seen = await means.read();
  let passed = 0;
  // Every epoch of every seed has its own order.
  for await (const data of examples.batches({ batchSize, seed: epochSeed(seed, epoch.number) })) {
    const done = passed++ < epoch.batch;
    if (done || signal?.aborted || !Number.isFinite(seen.loss)) {
      dispose([data.xs, data.ys]);
      if (done && !signal?.aborted) continue;
      break;
    }
    means.add(data.xs.shape[0]!, step(run, data));
    epoch.batch++;
    await run.breathe();
    if (performance.now() - reported < 100 && epoch.batch < batches) continue;
    reported = performance.now();
    seen = await means.read();
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
  if (!Number.isFinite(seen.loss)) return 'diverged';
  return epoch.batch < batches ? 'aborted' : 'finished';
}

/** Measures the other sets and notes their accuracies in the row. */
async function measure(
  row: EpochRow,
  model: LayersModel,
  { testSet, validationSet }: TrainSets,
  { batchSize, signal }: Settings,
): Promise<History['ended']> {
  try {
    if (testSet) row.testAccuracy = (await evaluate(model, testSet, { batchSize, signal })).accuracy;
    if (validationSet) {
      row.validationAccuracy = (await evaluate(model, validationSet, { batchSize, signal })).accuracy;
    }
    return 'finished';
  } catch (error) {
    if (signal?.aborted) return 'aborted';
    throw error;
  }
}
