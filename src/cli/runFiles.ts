import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { failureReason, isAbsent } from '../base/systemReason.js';
import { namesIn } from './disk.js';

/** What commands write to the folder of a run beside its checkpoints and its description. */
const FILES = [
  ...['model', 'model.safetensors', 'classes.txt', 'result.json', 'history.json'],
  ...['history.csv', 'curves.svg', 'predictions.svg', 'steps.jsonl'],
];

/** What evaluate writes, which may be beside the model. */
const MEASURED = ['evaluation.json', 'confusion.svg'];

/** TensorBoard's event files, of which each process writes its own. */
const EVENTS = /^events\.out\.tfevents\./;

/** Whether a name is that of a run's result. */
export function isResult(name: string): boolean {
  return FILES.includes(name);
}

/** What is in a folder under the names of a run's results. */
export function resultsIn(folder: string): string[] {
  return namesIn(folder).filter(isResult);
}

/** Removes what runs have written to a folder, besides checkpoints and description. */
export async function removeRunFiles(folder: string): Promise<void> {
  for (const file of namesIn(folder)) {
    if ([...FILES, ...MEASURED].includes(file) || EVENTS.test(file))
      await rm(join(folder, file), { recursive: true, force: true });
  }
}

/** Whether a folder of checkpoints has one. */
export async function hasCheckpoints(folder: string): Promise<boolean> {
  return (await filesOf(folder)).length > 0;
}

/** Whether it has one besides that of the beginning. */
export async function hasTrained(folder: string): Promise<boolean> {
  return (await filesOf(folder)).some((file) => !/epoch-0*1-batch-0+\.\w+$/.test(file));
}

async function filesOf(folder: string): Promise<string[]> {
  try {
    const files = await readdir(folder, { recursive: true });
    return files.filter((file) => file.endsWith('.safetensors'));
  } catch (error) {
    // A folder that cannot be read may have checkpoints, which a run that begins anew would remove.
    if (isAbsent(error)) return [];
    throw new Error(
      `the checkpoints in ${folder} could not be read: ${failureReason(error)}; change its permissions, or begin another run with another --out.`,
    );
  }
}
