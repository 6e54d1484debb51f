import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { failureReason, isAbsent } from '../base/systemReason.js';
import { isFolder, isThere, namesIn } from './disk.js';

/** What commands write to the folder of a run beside its checkpoints and its description. */
const FILES = [
  ...['model', 'model.safetensors', 'classes.txt', 'result.json', 'history.json'],
  ...['history.csv', 'curves.svg', 'predictions.svg', 'steps.jsonl'],
];

/** What evaluate writes, which may be beside the model. */
const MEASURED = ['evaluation.json', 'confusion.svg'];

/** TensorBoard's event files, of which each process writes its own. */
const EVENTS = /^events\.out\.tfevents\./;

/** Whether a name is that of a file, or the model's folder, that a run writes to its folder and the next one removes. */
function isOfRun(name: string): boolean {
  return [...FILES, ...MEASURED].includes(name) || EVENTS.test(name);
}

/**
 * Refuses what is not a file where a run writes or removes one, and not a folder where it writes one: it is someone else's, and would
 * be removed, or fail the run in the end.
 *
 * @param parts the folders of checkpoints.
 */
export function checkPlaces(command: string, out: string, parts: readonly string[]): void {
  const checkpoints = ['checkpoints', ...parts.map((part) => join('checkpoints', part))];
  for (const name of ['model', ...checkpoints]) {
    const path = join(out, name);
    if (!isThere(path) || isFolder(path)) continue;
    throw new Error(`${command}: ${path} is a file, where the run writes a folder; move it away.`);
  }
  const files: [folder: string, isFile: (name: string) => boolean][] = [
    ['.', (name) => name !== 'model' && isOfRun(name)],
    ['model', (name) => /\.(json|bin)$/.test(name)],
    ...checkpoints.map((folder) => [folder, isCheckpoint] as [string, typeof isCheckpoint]),
  ];
  for (const [folder, isFile] of files) {
    for (const name of namesIn(join(out, folder)).filter(isFile)) {
      const path = join(out, folder, name);
      if (isFolder(path))
        throw new Error(`${command}: ${path} is a folder, where the run has a file; move it away.`);
    }
  }
}

/** Whether a name is that of a run's result. */
export function isResult(name: string): boolean {
  return FILES.includes(name);
}

/** Whether a name is that of a log that grows while a run trains, and cannot be written without. */
export function isLog(name: string): boolean {
  return name === 'steps.jsonl' || EVENTS.test(name);
}

/** What is in a folder under the names of a run's results. */
export function resultsIn(folder: string): string[] {
  return namesIn(folder).filter(isResult);
}

/** Removes what runs have written to a folder, besides checkpoints and description. */
export async function removeRunFiles(folder: string): Promise<void> {
  for (const file of namesIn(folder)) {
    if (isOfRun(file)) await rm(join(folder, file), { recursive: true, force: true });
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

function isCheckpoint(name: string): boolean {
  return name.endsWith('.safetensors');
}

async function filesOf(folder: string): Promise<string[]> {
  try {
    const files = await readdir(folder, { recursive: true });
    return files.filter(isCheckpoint);
  } catch (error) {
    // A folder that cannot be read may have checkpoints, which a run that begins anew would remove.
    if (isAbsent(error)) return [];
    throw new Error(
      `the checkpoints in ${folder} could not be read: ${failureReason(error)}; change its permissions, or begin another run with another --out.`,
    );
  }
}
