import { dispose, type Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { owning } from '../base/owning.js';
import type { Batch } from './batch.js';
import type { Fault, Finding } from './finding.js';
import type { Objective } from './objective.js';
import { chooseOptimizer, type OptimizerOptions } from './optimizer.js';
import { startRun, step } from './step.js';

/** Steps of a trial with a learning rate. */
const STEPS = 10;

/** The loss of a batch before some steps on it, and after each. */
type Losses = number[];

/** Takes the rate on trial, then tenths of it or multiples, and the optimizer's usual one. */
export async function rateFindings(
  rate: number,
  usual: number,
  chance: number,
  trial: (rate: number) => Promise<Losses>,
): Promise<Finding[]> {
  const losses = await trial(rate);
  const found = (fault: Fault, is: string, does: string, better: number): Finding[] => {
    const learningRate = Number(better.toPrecision(2));
    return [
      {
        fault,
        layers: [],
        text: `the learning rate of ${rate} is ${is}: in ${STEPS} steps the loss of a batch ${does}`,
        advice: `try ${learningRate}, with which it falls`,
        learningRate,
      },
    ];
  };
  const { from, to } = steepestRise(losses);
  const leaps = (other: Losses) => {
    const rise = steepestRise(other);
    return !(rise.to - rise.from <= chance / 3);
  };
  const change = changeOf(losses);
  // A network that dies has the loss of guessing, which can be far below that of its first weights.
  const isGuessing = losses[0]! > 1.1 * chance && losses[STEPS]! > 0.98 * chance;
  if (!(change <= 1.1) || leaps(losses) || isGuessing) {
    const does = leaps(losses) ? `rises from ${number(from)} to ${number(to)}` : `goes to ${percent(change)}`;
    const enough = isGuessing ? 0.95 * Math.min(chance, losses[0]!) : 0.95 * losses[0]!;
    for (const smaller of [rate / 10, rate / 100, rate / 1000]) {
      const other = await trial(smaller);
      if (other[STEPS]! < enough && !leaps(other)) return found('rate-too-high', 'too high', does, smaller);
    }
  }
  if (change > 0.99 && change <= 1.1 && !leaps(losses)) {
    const larger = [100 * rate, 1000 * rate, usual, 10 * usual].filter((other) => other > 10 * rate);
    for (const better of larger) {
      if (changeOf(await trial(better)) < 0.9)
        return found('rate-too-low', 'too low', `goes to ${percent(change)}`, better);
    }
  }
  return [];
}

/** Takes some steps on one batch. */
export async function tryRate(
  model: LayersModel,
  objective: Objective,
  batch: Batch,
  seed: number,
  options: OptimizerOptions,
): Promise<Losses> {
  return owning(async (own) => {
    const chosen = chooseOptimizer('diagnose', options);
    const run = own(startRun('diagnose', model, chosen, { seed, objective }), ({ end }) => end());
    const losses: Losses = [];
    for (let i = 0; i <= STEPS; i++) {
      // The same dropout in all of them, so that the losses compare.
      run.steps = 0;
      const results: Tensor[] = await step(run, cloneOf(batch));
      losses.push((await results[0]!.data())[0]!);
      dispose(results);
    }
    return losses;
  });
}

/** The loss after the steps, as a fraction of that before. */
function changeOf(losses: Losses): number {
  return losses[STEPS]! / losses[0]!;
}

/** The largest rise above the lowest loss so far; to NaN if a loss is. On one batch a rate that fits makes none to speak of. */
function steepestRise(losses: Losses): { from: number; to: number } {
  let [lowest, steepest] = [losses[0]!, { from: losses[0]!, to: losses[0]! }];
  for (const loss of losses) {
    lowest = Math.min(lowest, loss);
    if (Number.isNaN(loss)) return { from: losses[0]!, to: loss };
    if (loss - lowest > steepest.to - steepest.from) steepest = { from: lowest, to: loss };
  }
  return steepest;
}

function cloneOf({ xs, ys, weights }: Batch): Batch {
  return { xs: xs.clone(), ys: ys.clone(), ...(weights && { weights: weights.clone() }) };
}

function number(loss: number): string {
  return Number.isFinite(loss) ? String(Number(loss.toPrecision(3))) : 'NaN';
}

function percent(fraction: number): string {
  return Number.isFinite(fraction) ? `${(100 * fraction).toPrecision(3)} %` : 'NaN';
}
