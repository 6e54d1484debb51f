import { dispose, keep, type Scalar, type Variable } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { breathing } from '../base/breathing.js';
import { attempted, fail } from '../base/check.js';
import { numbersIn } from '../tfjs/disposed.js';
import { changedInPlace } from '../tfjs/finiteWeights.js';
import { fuseLayers } from '../tfjs/fusedLayers.js';
import { fuseNorms } from '../tfjs/fusedNorm.js';
import { held, hold } from '../tfjs/held.js';
import { isFrozen, layersWithin } from '../tfjs/models.js';
import { type Replacement, together } from '../tfjs/replaceCalls.js';
import { withTape } from '../tfjs/tape.js';
import type { AverageWeights } from './averageWeights.js';
import { type Batch, disposeBatch } from './batch.js';
import type { LeanOptimizer } from './leanOptimizer.js';
import { accumulate, type BatchPart, partsOf } from './microBatches.js';
import { trainNorms } from './normRules.js';
import { type Objective, objectiveOf } from './objective.js';
import { type ChosenOptimizer, disposeOptimizer, setRate, trainedWeights } from './optimizer.js';
import { checkOwnState, minimizedBy, noteOwnState } from './ownOptimizer.js';
import { computeBatch, keepResults, type Results } from './results.js';
import { type SeededLayers, seedLayers } from './seededLayers.js';
import { type Teacher, taught } from './teacher.js';

/** A model that is being trained. */
export interface Run {
  readonly model: LayersModel;
  readonly chosen: ChosenOptimizer;
  readonly objective: Objective;
  /** Whose logits the objective needs, unless the batches have them. */
  readonly teacher: Teacher | undefined;
  /** The learning rate's factor at a step, from 0. */
  readonly rateFactor: (step: number) => number;
  /** Rate of the last step; null for an optimizer that was passed. */
  learningRate: number | null;
  /** Takes in the weights after each step. */
  readonly average: AverageWeights | undefined;
  /** Steps done. */
  steps: number;
  /** The most examples whose activations exist at a time; larger batches are taken in parts. */
  microBatchSize: number;
  drawing: SeededLayers;
  /** How layers compute in a step; between steps they are as they were. */
  layers: Replacement;
  /** Awaited after each step, so that timers and the page can run however short the epochs are. */
  readonly breathe: () => Promise<void>;
  /** Makes layers that were frozen or unfrozen since the last step compute as they should. */
  followFreezing(): void;
  /** Gives up the model's layers while `work` runs, which may train the model itself, for instance, or freeze some. */
  paused<T>(work: () => T | Promise<T>): Promise<T>;
  /** Gives up the model's layers, and disposes the optimizer if it was created here. */
  end(): void;
}

/** The layers of runs that go on. */
const busy = new WeakSet<layers.Layer>();

/** How a run computes; the defaults are those of `train`. */
export interface RunOptions {
  seed: number;
  objective?: Objective;
  teacher?: Teacher;
  rateFactor?: Run['rateFactor'];
  /** Disposed by the run. */
  average?: AverageWeights;
  microBatchSize?: number;
}

/**
 * Prepares a model for training steps, until `end` is called.
 *
 * @param where the public function, for messages.
 * @throws RangeError while another run trains some of its layers.
 */
export function startRun(
  where: string,
  model: LayersModel,
  chosen: ChosenOptimizer,
  { seed, objective = objectiveOf(where, model), ...options }: RunOptions,
): Run {
  const { teacher, rateFactor = () => 1, average, microBatchSize = Number.POSITIVE_INFINITY } = options;
  // Not by instanceof, for which tfjs counts every optimizer as every other.
  const optimizer = chosen.owned ? (chosen.optimizer as LeanOptimizer) : undefined;
  const all = layersWithin(model);
  const frozen = () => all.map((layer) => Number(isFrozen(layer))).join('');
  const prepare = () => {
    const taken = all.find((layer) => busy.has(layer));
    if (taken) fail(where, `another run trains the layer ${taken.name} now; await that run first.`);
    const drawing = seedLayers(model, seed);
    const layers = together([
      drawing,
      trainNorms(where, model),
      fuseLayers(model, optimizer),
      fuseNorms(model),
    ]);
    for (const layer of all) busy.add(layer);
    return { drawing, layers, frozen: frozen() };
  };
  let prepared: ReturnType<typeof prepare> | undefined = prepare();
  const release = () => {
    if (prepared) for (const layer of all) busy.delete(layer);
    prepared = undefined;
  };
  const run: Run = {
    ...{ model, chosen, objective, teacher, rateFactor, average, ...prepared, breathe: breathing() },
    ...{ steps: 0, learningRate: chosen.learningRate, microBatchSize },
    followFreezing() {
      if (prepared?.frozen === frozen()) return;
      if (trainedWeights(model).length === 0)
        fail(where, 'all layers were frozen while the model was trained; leave one that is trained.');
      release();
      prepared = prepare();
      Object.assign(run, prepared);
    },
    async paused(work) {
      const goOn = () => {
        prepared = prepare();
        Object.assign(run, prepared);
      };
      release();
      try {
        const result = await work();
        goOn();
        return result;
      } catch (error) {
        // The model may be disposed, of which the error says nothing.
        if (!prepared) attempted(goOn);
        throw error;
      }
    },
    end() {
      average?.dispose();
      release();
      disposeOptimizer(chosen);
    },
  };
  return run;
}

/** Goes on after a number of steps. */
export function goOnAfter(steps: number, run: Run): void {
  run.steps = steps;
  if (steps > 0) run.learningRate = setRate(run.chosen, run.rateFactor(steps - 1));
}

/**
 * One step of the optimizer. Disposes the batch; returns its mean loss and how many examples were classified correctly.
 *
 * @param signal stops between the parts of a batch, as if it had not begun: rejects with the signal's reason.
 */
export async function step(run: Run, given: Batch, signal?: AbortSignal): Promise<Scalar[]> {
  let batch = hold(given);
  try {
    run.followFreezing();
    const weights = trainedWeights(run.model);
    checkOwnState(run.chosen, weights);
    changedInPlace(weights);
    const parts = partsOf(batch.xs.shape[0]!, run.microBatchSize);
    const isWhole = parts.length === 1;
    // Before the tape is there, and with layers as they are otherwise. Of parts, each in its turn.
    if (isWhole) batch = taught(batch, run.teacher);
    const { loss, correct } = isWhole
      ? installed(run, () => wholeStep(run, batch, weights))
      : await stepOfParts(run, batch, parts, weights, signal);
    noteOwnState(run.chosen, weights);
    run.average?.update();
    run.steps++;
    return [loss, correct];
  } finally {
    disposeBatch(batch);
  }
}

/** Computes with the layers as they are in a step. */
function installed<T>(run: Run, compute: () => T): T {
  run.layers.install();
  try {
    return compute();
  } finally {
    run.layers.restore();
  }
}

/** Sets the rate of the step. */
function setStepRate(run: Run): void {
  run.learningRate = setRate(run.chosen, run.rateFactor(run.steps));
}

function wholeStep(run: Run, batch: Batch, weights: Variable[]): Results {
  run.drawing.setStep(run.steps);
  setStepRate(run);
  const { loss, correct } = keepResults(
    () => computeBatch(run, batch),
    (minimize) => ({ minimized: withTape(() => minimizedBy(run.chosen, minimize, weights)) }),
  );
  return { loss, correct };
}

/**
 * The same, but for rounding, from the sums of the parts' gradients. Only batch normalization, which sees one part at a time,
 * computes something else: from its mean and variance, and its moving averages move with each part.
 */
async function stepOfParts(
  run: Run,
  batch: Batch,
  parts: BatchPart[],
  weights: Variable[],
  signal: AbortSignal | undefined,
): Promise<Results> {
  const { model, chosen, objective, drawing } = run;
  // All slots before the first step, so that all steps lay out their memory alike.
  if (chosen.owned) (chosen.optimizer as LeanOptimizer).createSlots(weights);
  // Each part moves the statistics of batch normalization.
  const statistics = model.nonTrainableWeights
    .map((weight) => ({ weight, now: numbersIn(weight) }))
    .map(({ weight, now }) => ({ weight, before: keep(now.clone()) }));
  const count = held(() => objective.count(batch));
  const between = async () => {
    await run.breathe();
    signal?.throwIfAborted();
  };
  try {
    const { gradients, ...results } = await accumulate(
      batch,
      parts,
      weights,
      (part, { first }) =>
        installed(run, () => {
          drawing.setStep(run.steps, first);
          return computeBatch(run, part, count);
        }),
      { prepare: (part) => taught(part, run.teacher), between },
    ).catch((error: unknown) => {
      for (const { weight, before } of statistics) weight.write(before);
      throw error;
    });
    setStepRate(run);
    try {
      chosen.optimizer.applyGradients(
        weights.flatMap(({ name }) => (gradients[name] ? [{ name, tensor: gradients[name] }] : [])),
      );
    } catch (error) {
      dispose(Object.values(results));
      throw error;
    } finally {
      dispose(gradients);
    }
    return results;
  } finally {
    count.dispose();
    dispose(statistics.map(({ before }) => before));
  }
}
