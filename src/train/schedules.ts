import { fail, keyOf, numberThat, wholeNumber } from '../base/check.js';
import { checkWarmup } from '../base/runChecks.js';

/** Where a run is, after its warm-up. */
interface Position {
  /** Epochs done; whole at the start of each. */
  epochs: number;
  /** Fraction of the steps done, 0 to 1. */
  done: number;
  /** How often the validation accuracy has stopped rising. */
  plateaus: number;
}

/**
 * Learning-rate schedules by name, with the defaults of their options: what the rate is multiplied by at each step. `step` divides
 * it by 10 every ten epochs, `cosine` lowers it to 0 along half a cosine (Loshchilov & Hutter 2017), and `plateau` divides it by
 * 10 whenever the validation accuracy has not risen for three epochs, as the VGG paper did by hand.
 */
export const SCHEDULES = {
  constant: { options: {}, factor: () => 1 },
  step: {
    options: { every: 10, factor: 0.1 },
    factor: (position: Position, options: { every: number; factor: number }) =>
      options.factor ** Math.floor(position.epochs / options.every),
  },
  cosine: { options: {}, factor: (position: Position) => (1 + Math.cos(Math.PI * position.done)) / 2 },
  plateau: {
    options: { patience: 3, factor: 0.1 },
    factor: (position: Position, options: { factor: number }) => options.factor ** position.plateaus,
  },
} as const;

/** The name of a learning-rate schedule. */
export type ScheduleName = keyof typeof SCHEDULES;

/** A learning-rate schedule: a name, or one with options, such as `{ name: 'step', every: 30 }`. */
export type Schedule =
  | ScheduleName
  | { name: 'step'; every?: number; factor?: number }
  | { name: 'plateau'; patience?: number; factor?: number };

/** A checked schedule. */
export interface RatePlan {
  name: ScheduleName;
  options: { every?: number; patience?: number; factor?: number };
  /** Steps in which the rate rises to its full value. */
  warmup: number;
  /** Steps of an epoch and of the run. */
  batches: number;
  steps: number;
}

/** Throws unless a schedule is known, its options fit it, and the warm-up is shorter than the run. */
export function checkSchedule(
  where: string,
  schedule: Schedule = 'constant',
  { warmupEpochs = 0, epochs, batches }: { warmupEpochs?: number; epochs: number; batches: number },
): RatePlan {
  const { name: given, ...own } =
    typeof schedule === 'object' && schedule !== null ? schedule : { name: schedule };
  const name = keyOf(where, 'schedule', given, SCHEDULES);
  const defaults: RatePlan['options'] = SCHEDULES[name].options;
  for (const option of Object.keys(own)) {
    if (option in defaults) continue;
    const known = Object.keys(defaults).join(', ') || 'none';
    fail(where, `schedule '${name}' has no option ${option}; its options are: ${known}.`);
  }
  const options = { ...defaults, ...own };
  if (options.every !== undefined) wholeNumber(where, 'schedule.every', options.every);
  if (options.patience !== undefined) wholeNumber(where, 'schedule.patience', options.patience);
  if (options.factor !== undefined) {
    const isFactor = (n: number) => n > 0 && n < 1;
    numberThat(where, 'schedule.factor', options.factor, isFactor, 'above 0 and below 1, such as 0.1');
  }
  checkWarmup(where, { warmupEpochs }, epochs);
  return { name, options, warmup: Math.round(warmupEpochs * batches), batches, steps: epochs * batches };
}

/**
 * What the learning rate is multiplied by at a step, from 0. During the warm-up it rises in equal parts to 1; the schedule starts
 * after it.
 */
export function rateFactor(
  { name, options, warmup, batches, steps }: RatePlan,
  step: number,
  plateaus = 0,
): number {
  if (step < warmup) return (step + 1) / warmup;
  const after = step - warmup;
  const position = { epochs: after / batches, done: after / (steps - warmup), plateaus };
  return SCHEDULES[name].factor(position, options as { every: number; patience: number; factor: number });
}
