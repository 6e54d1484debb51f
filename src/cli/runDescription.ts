import { join } from 'node:path';
import { textAt } from './disk.js';

/** What a command began with, in `run.json` of its folder. */
export interface Begun {
  command: string;
  /** How it ended, once its results have been written. */
  outcome?: Outcome;
  /** The folder that relative paths in the arguments start from. */
  cwd: string;
  args: Record<string, unknown>;
}

/** How a run ended. */
export interface Outcome {
  /** On held-out images; null without any. */
  accuracy: number | null;
  /** The number of images that were left out. */
  leftOut?: number;
  /** Why it failed, in one sentence. */
  failure?: string;
}

/** The path of the description of the run in a folder. */
export function descriptionOf(folder: string): string {
  return join(folder, 'run.json');
}

/**
 * Reads the description of the run in a folder; undefined if there is none.
 *
 * @throws Error, one sentence, when it cannot be read or is not one.
 */
export function readBegun(folder: string): Begun | undefined {
  const path = descriptionOf(folder);
  const text = textAt(path);
  const begun = text === undefined ? undefined : parsed(text);
  if (text === undefined || begun) return begun;
  throw new Error(`${path} is not the description of a run; restore it, or begin another run with --out.`);
}

function parsed(text: string): Begun | undefined {
  try {
    const begun = JSON.parse(text) as Begun;
    return typeof begun.args === 'object' ? begun : undefined;
  } catch {
    return undefined;
  }
}

/** The command whose run in a folder has not written its results yet; undefined if there is none, or its `run.json` is another's. */
export function unfinishedRun(folder: string): string | undefined {
  const text = textAt(descriptionOf(folder));
  const begun = text === undefined ? undefined : parsed(text);
  return begun && !begun.outcome ? begun.command : undefined;
}
