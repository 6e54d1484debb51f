import { epochSeed } from '../base/random.js';
import { isStopped, unlessAborted } from '../base/unlessAborted.js';
import { disposeBatch } from './batch.js';
import { batchesOf } from './examples.js';
import { areFinite } from './finite.js';
import type { History, TrainProgress } from './history.js';
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
  const order = { batchSize, seed: epochSeed(seed, epoch.number), signal };
  let areWeightsFinite = true;
  await isStopped(signal, async () => {
    for await (const data of batchesOf('train', sets.trainSet, 'training', objective.classes, order)) {
      const done = passed++ < epoch.batch;
      if (done || signal?.aborted || !Number.isFinite(seen.loss)) {
        disposeBatch(data);
        if (done) continue;
        break;
      }
      const size = data.xs.shape[0]!;
      const results = await step(run, data, signal);
      const numbers = onStep && (await Promise.all(results.map((result) => result.data())));
      means.add(size, results);
      epoch.batch++;
      if (onStep && numbers) {
        const [loss, correct] = numbers.map(([number]) => number);
        const { steps, learningRate } = run;
        const accuracy = correct! / size;
        await unlessAborted(signal, () =>
          onStep({ step: steps, epoch: epoch.number, loss: loss!, accuracy, learningRate }),
        );
      }
      await run.breathe();
      if (checkpoints?.due && epoch.batch < batches) {
        areWeightsFinite = await areFinite(run.model.getWeights());
        await watch.check();
        if (!areWeightsFinite) break;
        await epoch.pause(() => checkpoints.save());
      }
      if (performance.now() - reported < 100 && epoch.batch < batches) continue;
      reported = performance.now();
      seen = await means.read();
      await watch.check();
      await report(training, seen);
    }
  });
  if (!areWeightsFinite) return 'diverged';
  seen = await means.read();
  await watch.check();
  if (!Number.isFinite(seen.loss) || !(await areFinite(run.model.getWeights()))) return 'diverged';
  return epoch.batch < batches ? 'aborted' : 'finished';
}

async function report(
  { epoch, settings }: Training,
  seen: { loss: number; accuracy: number },
): Promise<void> {
  const { sets, epochs, batches, onProgress, signal } = settings;
  const { number, batch, examplesPerSecond, means } = epoch;
  const progress: TrainProgress = {
    ...{ done: (number - 1) * batches + batch, total: epochs * batches, unit: 'batches' },
    ...{ epoch: number, epochs, batch, batches, ...seen, examplesPerSecond },
    secondsLeft: (sets.trainSet.length * (epochs - number + 1) - means.examples) / examplesPerSecond,
  };
  await unlessAborted(signal, () => onProgress?.(progress));
}
