import { checkArguments } from '../base/arguments.js';
import { type EpochRow, HISTORY } from './history.js';

/**
 * The epochs of a history as comma-separated values: a line of names, then a line for each epoch. What was not measured is
 * empty; a diagnosis, which is no number, is left out.
 */
export function historyCsv(given: { epochs: readonly EpochRow[] }): string {
  checkArguments('historyCsv', { history: given }, { history: HISTORY });
  const { epochs } = given;

  const names = (Object.keys(epochs[0] ?? {}) as (keyof EpochRow)[]).filter((name) => name !== 'diagnosis');
  const lines = epochs.map((row) => names.map((name) => row[name] ?? '').join(','));
  return `${[names.join(','), ...lines].join('\n')}\n`;
}
