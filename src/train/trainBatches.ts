import { epochSeed } from '../base/random.js';
import { disposeBatch } from './batch.js';
import { batchesOf } from './examples.js';
import { areFinite } from './finite.js';
import type { History } from './history.js';
import { step } from './step.js';
import type { Training } from './training.js';

/** Trains on the batches that the epoch still has; returns how that ended. */
export async function trainBatches(training: Training): Promise<History['ended']> {
  const { run, epoch, settings, watch, checkpoints } = training;
  const { sets, batchSize, batches, seed, objective, signal, onStep } = settings;
  const { means } = epoch;
  let reported = performance.now();
  let seen = await means.read();
  let passed = 0;
  // Every epoch of every seed has its own order.
  const order = { batchSize, seed: epochSeed(seed, epoch.number) };
  for await (const data of batchesOf('train', sets.trainSet, 'training', objective.classes, order)) {
    const done = passed++ < epoch.batch;
    if (done || signal?.aborted || !Number.isFinite(seen.loss)) {
      disposeBatch(data);
      if (done && !signal?.aborted) continue;
      break;
    }
    const size = data.xs.shape[0]!;
    const results = await step(run, data, signal).catch((error: unknown) => {
      if (error === signal?.reason) return undefined;
      throw error;
    });
    if (!results) break;
    const numbers = onStep && (await Promise.all(results.map((result) => result.data())));
    means.add(size, results);
    epoch.batch++;
    if (onStep && numbers) {
      const [loss, correct] = numbers.map(([number]) => number);
      const { steps, learningRate } = run;
      await onStep({
        step: steps,
        epoch: epoch.number,
        loss: loss!,
        accuracy: correct! / size,
        learningRate,
      });
    }
    await run.breathe();
    if (checkpoints?.due && epoch.batch < batches) {
      const finite = await areFinite(run.model.getWeights());
      await watch.check();
      if (!finite) return 'diverged';
      await epoch.pause(() => checkpoints.save());
    }
    if (performance.now() - reported < 100 && epoch.batch < batches) continue;
    reported = performance.now();
    seen = await means.read();
    await watch.check();
    await report(training, seen);
  }
  seen = await means.read();
  await watch.check();
  if (!Number.isFinite(seen.loss) || !(await areFinite(run.model.getWeights()))) return 'diverged';
  return epoch.batch < batches ? 'aborted' : 'finished';
}

async function report(
  { epoch, settings }: Training,
  seen: { loss: number; accuracy: number },
): Promise<void> {
  const { sets, epochs, batches, onProgress } = settings;
  const { number, batch, examplesPerSecond, means } = epoch;
  await onProgress?.({
    ...{ done: (number - 1) * batches + batch, total: epochs * batches, unit: 'batches' },
    ...{ epoch: number, epochs, batch, batches, ...seen, examplesPerSecond },
    secondsLeft: (sets.trainSet.length * (epochs - number + 1) - means.examples) / examplesPerSecond,
  });
}
