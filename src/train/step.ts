import { dispose, keep, type Scalar, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fuseLayers } from '../tfjs/fusedLayers.js';
import { withTape } from '../tfjs/tape.js';
import type { Batch } from './examples.js';
import { holdFrozenNorms, type SeededDropout, seedDropout } from './layerRules.js';
import { type Objective, objectiveOf } from './objective.js';
import { type ChosenOptimizer, disposeOptimizer, setCosineRate } from './optimizer.js';
import { breathing } from './running.js';

/** A model that is being trained. */
export interface Run {
  readonly model: LayersModel;
  readonly chosen: ChosenOptimizer;
  readonly objective: Objective;
  /** Steps over which the learning rate falls to 0; 0 for a constant rate. */
  readonly cosineSteps: number;
  /** Steps done. */
  steps: number;
  readonly dropout: SeededDropout;
  /** Awaited after each step, so that timers and the page can run however short the epochs are. */
  readonly breathe: () => Promise<void>;
  /** Restores the model's layers, and disposes the optimizer if it was created here. */
  end(): void;
}

/** Prepares a model for training steps, until `end` is called. */
export function startRun(
  model: LayersModel,
  chosen: ChosenOptimizer,
  { seed, cosineSteps = 0 }: { seed: number; cosineSteps?: number },
): Run {
  const objective = objectiveOf(model);
  const dropout = seedDropout(model, seed);
  const releaseNorms = holdFrozenNorms(model);
  const releaseLayers = fuseLayers(model);
  return {
    ...{ model, chosen, objective, cosineSteps, dropout, breathe: breathing(), steps: 0 },
    end() {
      releaseLayers();
      releaseNorms();
      dropout.release();
      disposeOptimizer(chosen);
    },
  };
}

/** One step of the optimizer. Disposes the batch; returns its mean loss and how many examples were classified correctly. */
export function step(run: Run, { xs, ys }: Batch): Scalar[] {
  const { model, chosen, objective } = run;
  let correct: Scalar | undefined;
  if (run.cosineSteps > 0) setCosineRate(chosen, run.steps / run.cosineSteps);
  run.dropout.setStep(run.steps++);
  try {
    const weights = model.trainableWeights.map((weight) => weight.read() as Variable);
    const compute = () => {
      const output = model.apply(xs, { training: true }) as Tensor;
      correct = keep(objective.correct(output, ys));
      return objective.loss(output, ys);
    };
    const loss = withTape(() => chosen.optimizer.minimize(compute, true, weights)!);
    return [loss, correct!];
  } catch (error) {
    correct?.dispose();
    throw error;
  } finally {
    dispose([xs, ys]);
  }
}
