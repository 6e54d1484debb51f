import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

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
 * @throws Error, one sentence, when it is not one.
 */
export async function readBegun(folder: string): Promise<Begun | undefined> {
  const path = descriptionOf(folder);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const begun = JSON.parse(text) as Begun;
    if (typeof begun.args === 'object') return begun;
  } catch {}
  throw new Error(`${path} is not the description of a run; restore it, or begin another run with --out.`);
}

/** The command whose run in a folder has not written its results yet; undefined if there is none. */
export async function unfinishedRun(folder: string): Promise<string | undefined> {
  const begun = await readBegun(folder).catch(() => undefined);
  return begun && !begun.outcome ? begun.command : undefined;
}
