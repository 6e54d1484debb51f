import { join } from 'node:path';
import type { Command } from 'commander';
import { COUNT, type Kind, kind, optional, orNull, plainObject, TEXT, tableOf } from '../base/arguments.js';
import { shown } from '../base/check.js';
import { textAt } from './disk.js';
import { faultOfArguments } from './runArguments.js';
import type { Written } from './runResults.js';

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
  /** What it wrote; undefined for runs of earlier versions. */
  written?: Written;
}

/** The path of the description of the run in a folder. */
export function descriptionOf(folder: string): string {
  return join(folder, 'run.json');
}

const FRACTION = kind(
  'a number from 0 to 1',
  (value) => typeof value === 'number' && value >= 0 && value <= 1,
);

const BEGUN = {
  command: TEXT,
  cwd: TEXT,
  args: plainObject('arguments'),
  outcome: optional(plainObject('an outcome')),
};

const OUTCOME = {
  accuracy: orNull(FRACTION),
  leftOut: optional(COUNT),
  failure: optional(TEXT),
  written: optional(tableOf('digests', TEXT)),
};

/**
 * Reads the description of the run in a folder; undefined if there is none.
 *
 * @param command the arguments of its runs are checked against its options.
 * @throws Error, one sentence, when it cannot be read or is not one.
 */
export function readBegun(folder: string, command?: Command): Begun | undefined {
  const path = descriptionOf(folder);
  const text = textAt(path);
  if (text === undefined) return undefined;
  const { begun, fault } = parsed(text, command);
  if (fault === undefined) return begun;
  throw new Error(
    `${path} is not the description of a run (${fault}); restore it, or begin another run with --out.`,
  );
}

function parsed(text: string, command?: Command): { begun?: Begun; fault?: string } {
  let begun: Begun;
  try {
    begun = JSON.parse(text) as Begun;
  } catch {
    return { fault: 'it is not JSON' };
  }
  if (!plainObject('a run').holds(begun)) return { fault: `it is ${shown(begun)}` };
  const { command: name, args, outcome } = begun;
  const fault =
    faultIn('', begun, BEGUN) ??
    (outcome && faultIn('outcome.', outcome, OUTCOME)) ??
    (name === command?.name() ? faultOfArguments(command, args) : undefined);
  return fault === undefined ? { begun } : { fault };
}

function faultIn<T extends object>(
  where: string,
  values: T,
  kinds: { readonly [K in keyof T]-?: Kind },
): string | undefined {
  const wrong = (Object.keys(kinds) as (keyof T & string)[]).find((name) => !kinds[name].holds(values[name]));
  const value = wrong && values[wrong];
  return wrong && `its ${where}${wrong} is ${value === undefined ? 'missing' : shown(value)}`;
}

/** The command whose run in a folder has not written its results yet; undefined if there is none, or its `run.json` is another's. */
export function unfinishedRun(folder: string): string | undefined {
  const text = textAt(descriptionOf(folder));
  const begun = text === undefined ? undefined : parsed(text).begun;
  return begun && !begun.outcome ? begun.command : undefined;
}
