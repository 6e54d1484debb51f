import { fail, numberThat } from './check.js';

/** What of the options of a run depends on one another, and not on the examples. */
interface RunOptions {
  schedule?: unknown;
  patience?: number;
  warmupEpochs?: number;
}

/** Throws unless the warm-up is shorter than the run. */
export function checkWarmup(where: string, { warmupEpochs = 0 }: RunOptions, epochs: number): void {
  const isShorter = (n: number) => n >= 0 && n < epochs;
  numberThat(where, 'warmupEpochs', warmupEpochs, isShorter, `at least 0 and below the ${epochs} epochs`);
}

/** Throws when options follow the accuracy on a validation set, and there is none. */
export function checkFollowed(where: string, { schedule, patience }: RunOptions, isValidated: boolean): void {
  const name = typeof schedule === 'object' ? (schedule as { name?: unknown } | null)?.name : schedule;
  if (isValidated || (patience === undefined && name !== 'plateau')) return;
  fail(
    where,
    `${patience === undefined ? "schedule 'plateau'" : 'patience'} follows the accuracy on a validation set, and there is none; pass a validationSet, or validationFraction: 0.1.`,
  );
}
