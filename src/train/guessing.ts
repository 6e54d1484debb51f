import type { Diagnosis } from './diagnose.js';
import type { EpochRow, History } from './history.js';

/** Whether none of an epoch's losses is below that of guessing; by 2 %, within which they scatter. */
export function isGuessing({ loss, testLoss, validationLoss }: EpochRow, chance: number): boolean {
  return ![loss, testLoss, validationLoss].some((one) => one !== null && one < 0.98 * chance);
}

/** Why the network is no better than guessing with the weights that a run ends with, if so and if it was found. */
export function whyGuessing({ epochs, weightsOf }: History): Diagnosis | undefined {
  const row = epochs[weightsOf - 1];
  const found = epochs.findLast(({ diagnosis }) => diagnosis)?.diagnosis;
  return row && found && isGuessing(row, found.chance) ? found : undefined;
}
