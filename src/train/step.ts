import { dispose, keep, type Scalar, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fuseReluLayers } from '../tfjs/reluLayers.js';
import { withTape } from '../tfjs/tape.js';
import { type SeededDropout, seedDropout } from './dropout.js';
import type { Batch } from './examples.js';
import { holdFrozenNorms } from './frozenNorms.js';
import { type Objective, objectiveOf } from './objective.js';
import { type ChosenOptimizer, decayRate, disposeOptimizer } from './optimizer.js';
import { breathing } from './running.js';

/** A model that is being trained. */
export interface Run {
  readonly model: LayersModel;
  readonly chosen: ChosenOptimizer;
  readonly objective: Objective;
  /** Steps over which the rate goes down; 0 where it stays. */
  readonly decaySteps: number;
  /** Steps done. */
  steps: number;
  readonly dropout: SeededDropout;
  /** To await after each step: over epochs however short, others get their turn. */
  readonly breathe: () => Promise<void>;
  /** Makes the model's layers again what they were, and disposes an optimizer that was made here. */
  end(): void;
}

/** Makes a model ready for steps, until the run is ended. */
export function startRun(
  model: LayersModel,
  chosen: ChosenOptimizer,
  { seed, decaySteps = 0 }: { seed: number; decaySteps?: number },
): Run {
  const objective = objectiveOf(model);
  const dropout = seedDropout(model, seed);
  const releaseNorms = holdFrozenNorms(model);
  const releaseReluLayers = fuseReluLayers(model);
  return {
    ...{ model, chosen, objective, decaySteps, dropout, breathe: breathing(), steps: 0 },
    end() {
      releaseReluLayers();
      releaseNorms();
      dropout.release();
      disposeOptimizer(chosen);
    },
  };
}

/** One step of the optimizer. Disposes the batch; returns its mean loss and how many it got right. */
export function step(run: Run, { xs, ys }: Batch): Scalar[] {
  const { model, chosen, objective } = run;
  const weights = model.trainableWeights.map((weight) => weight.read() as Variable);
  let correct: Scalar | undefined;
  if (run.decaySteps > 0) decayRate(chosen, run.steps / run.decaySteps);
  run.dropout.setStep(run.steps++);
  try {
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
