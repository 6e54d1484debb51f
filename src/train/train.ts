import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { isOfCaller } from '../base/ofCaller.js';
import { owning } from '../base/owning.js';
import { isStopped } from '../base/unlessAborted.js';
import { inUse } from '../tfjs/inUse.js';
import { memoryFailure } from '../tfjs/outOfMemory.js';
import { areFinite } from './finite.js';
import { whyGuessing } from './guessing.js';
import type { History } from './history.js';
import { outOfMemory } from './outOfMemory.js';
import { checkSettings, type Settings, type TrainOptions, type TrainSets } from './settings.js';
import { trainEpoch } from './trainEpoch.js';
import { goOnFrom, startTraining, type Training, takeBatches } from './training.js';

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
  const { signal } = settings;
  return inUse('train', { model, teacher: settings.teacher?.model }, () =>
    owning(async (own) => {
      const training = startTraining(model, settings, options, own);
      const { epoch, history } = training;
      try {
        await checkFinite(settings);
        const isOver = await isStopped(signal, async () => {
          if (options.checkpoint) await goOnFrom(options.checkpoint, training, own);
          await takeBatches(training);
        });
        if (isOver) history.ended = 'aborted';
        while (epoch.number <= settings.epochs && history.ended === 'finished') await trainEpoch(training);
        await chooseWeights(training);
        const diagnosis = whyGuessing(history);
        if (diagnosis) history.diagnosis = diagnosis;
        return history;
      } catch (error) {
        const reason = isOfCaller(error) ? undefined : memoryFailure(error);
        throw reason === undefined ? error : outOfMemory(reason, training);
      }
    }),
  );
}

/** Refuses a teacher that would make the model's weights NaN. */
async function checkFinite({ teacher }: Settings): Promise<void> {
  if (!teacher || (await areFinite(teacher.model.getWeights()))) return;
  fail('train', 'the teacher has weights that are NaN or infinite; pass one whose training did not diverge.');
}

/** Gives the model the weights that the run ends with. */
async function chooseWeights({ settings, run, history, best, checkpoints }: Training): Promise<void> {
  if (history.ended === 'diverged') {
    await isStopped(settings.signal, async () => {
      const restored = await checkpoints?.restoreWeights(best.epoch);
      if (restored !== undefined) history.weightsOf = restored;
    });
  }
  run.average?.swap();
  if (settings.keep === 'best' && best.epoch > 0) {
    best.apply();
    history.weightsOf = best.epoch;
  }
}
