import { keep, type Scalar, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { fuseLayers } from '../tfjs/fusedLayers.js';
import { fuseNorms } from '../tfjs/fusedNorm.js';
import { layersWithin } from '../tfjs/models.js';
import { withTape } from '../tfjs/tape.js';
import type { AverageWeights } from './averageWeights.js';
import { type Batch, disposeBatch } from './examples.js';
import { holdFrozenNorms, type SeededDropout, seedDropout } from './layerRules.js';
import type { LeanOptimizer } from './leanOptimizer.js';
import { type Objective, objectiveOf } from './objective.js';
import { type ChosenOptimizer, disposeOptimizer, setRate } from './optimizer.js';
import { breathing } from './running.js';

/** A model that is being trained. */
export interface Run {
  readonly model: LayersModel;
  readonly chosen: ChosenOptimizer;
  readonly objective: Objective;
  /** The learning rate's factor at a step, from 0. */
  readonly rateFactor: (step: number) => number;
  /** Rate of the last step; null for an optimizer that was passed. */
  learningRate: number | null;
  /** Takes in the weights after each step. */
  readonly average: AverageWeights | undefined;
  /** Steps done. */
  steps: number;
  dropout: SeededDropout;
  /** Awaited after each step, so that timers and the page can run however short the epochs are. */
  readonly breathe: () => Promise<void>;
  /** Restores the model's layers while `work` runs, which may train the model itself, for instance. */
  paused<T>(work: () => T | Promise<T>): Promise<T>;
  /** Restores the model's layers, and disposes the optimizer if it was created here. */
  end(): void;
}

/** The layers of runs that go on. */
const busy = new WeakSet<layers.Layer>();

/** How a run computes; the defaults are those of `train`. */
export interface RunOptions {
  seed: number;
  objective?: Objective;
  rateFactor?: Run['rateFactor'];
  /** Disposed by the run. */
  average?: AverageWeights;
}

/**
 * Prepares a model for training steps, until `end` is called.
 *
 * @throws RangeError while another run trains some of its layers: each would restore what the other replaced.
 */
export function startRun(
  model: LayersModel,
  chosen: ChosenOptimizer,
  { seed, objective = objectiveOf('train', model), rateFactor = () => 1, average }: RunOptions,
): Run {
  // Not by instanceof, for which tfjs counts every optimizer as every other.
  const optimizer = chosen.owned ? (chosen.optimizer as LeanOptimizer) : undefined;
  const all = layersWithin(model);
  const prepare = () => {
    const taken = all.find((layer) => busy.has(layer));
    if (taken) fail('train', `another run trains the layer ${taken.name} now; await that run first.`);
    for (const layer of all) busy.add(layer);
    const dropout = seedDropout(model, seed);
    const releases = [
      dropout.release,
      holdFrozenNorms(model),
      fuseLayers(model, optimizer),
      fuseNorms(model),
    ];
    const release = () => {
      for (const restore of releases.splice(0).reverse()) restore();
      for (const layer of all) busy.delete(layer);
    };
    return { dropout, release };
  };
  let prepared: ReturnType<typeof prepare> | undefined = prepare();
  const run: Run = {
    ...{ model, chosen, objective, rateFactor, average, dropout: prepared.dropout, breathe: breathing() },
    ...{ steps: 0, learningRate: chosen.learningRate },
    async paused(work) {
      prepared?.release();
      prepared = undefined;
      try {
        return await work();
      } finally {
        prepared = prepare();
        run.dropout = prepared.dropout;
      }
    },
    end() {
      average?.dispose();
      prepared?.release();
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

/** One step of the optimizer. Disposes the batch; returns its mean loss and how many examples were classified correctly. */
export function step(run: Run, batch: Batch): Scalar[] {
  const { xs, ys } = batch;
  const { model, chosen, objective } = run;
  let correct: Scalar | undefined;
  run.learningRate = setRate(chosen, run.rateFactor(run.steps));
  run.dropout.setStep(run.steps++);
  try {
    const weights = model.trainableWeights.map((weight) => weight.read() as Variable);
    const compute = () => {
      const output = model.apply(xs, { training: true }) as Tensor;
      correct = keep(objective.correct(output, ys));
      return objective.loss(output, batch);
    };
    const loss = withTape(() => chosen.optimizer.minimize(compute, true, weights)!);
    run.average?.update();
    return [loss, correct!];
  } catch (error) {
    correct?.dispose();
    throw error;
  } finally {
    disposeBatch(batch);
  }
}
