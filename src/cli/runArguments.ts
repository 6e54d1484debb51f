import { type Command, Option } from 'commander';
import { belonging, isGiven, numberIn } from './options.js';

/** The options of commands that train. */
export interface RunArguments {
  out: string;
  resume?: string;
  overwrite?: true;
  allow?: 'data' | 'engine' | 'both';
  checkpointMinutes: number;
  logSteps?: true;
  tensorboard?: true;
}

/** What may be passed with `--resume`; everything else is as the run began. */
const CHANGEABLE = ['resume', 'allow', 'checkpointMinutes', 'minAccuracy', 'json'];

/** What may be passed besides if the engine may differ. */
const ENGINE = ['backend', 'threads', 'relaxedSimd', 'microBatch'];

/** Adds the options of {@link RunArguments}. */
export function withRun(command: Command, out: string): Command {
  return belonging(command, { allow: 'resume' })
    .addOption(new Option('--out <folder>', 'output folder').default(out))
    .addOption(
      new Option(
        '--resume <folder>',
        'go on with the run in this folder, with the options that it began with, after it was interrupted in any way',
      ),
    )
    .addOption(
      new Option(
        '--allow <difference>',
        'with --resume: go on even though the images or the engine (backend, threads, SIMD, versions) have changed',
      ).choices(['data', 'engine', 'both']),
    )
    .addOption(
      new Option(
        '--overwrite',
        'discard an unfinished run in the output folder, or files with the names of results',
      ),
    )
    .addOption(
      numberIn(
        'notNegative',
        '--checkpoint-minutes <n>',
        'minutes between checkpoints, besides the one after each epoch',
        5,
      ),
    );
}

/** The arguments of a run that goes on: those that it began with, changed by what may change. */
export function resumedArguments<T extends RunArguments>(
  command: Command,
  given: T,
  before: Record<string, unknown>,
  out: string,
): T {
  const changed = Object.keys(command.opts()).filter((name) => isGiven(command, name)) as (keyof T &
    string)[];
  const engine = given.allow === 'engine' || given.allow === 'both' ? ENGINE : [];
  for (const name of changed) {
    if (CHANGEABLE.includes(name) || engine.includes(name)) continue;
    if (JSON.stringify(given[name]) === JSON.stringify(before[name])) continue;
    const { long } = command.options.find((option) => option.attributeName() === name)!;
    throw new Error(
      `${command.name()}: ${long} is given with --resume, but a run goes on with the options that it began with; leave it out${ENGINE.includes(name) ? ', or add --allow engine' : ''}.`,
    );
  }
  return { ...given, ...before, ...Object.fromEntries(changed.map((name) => [name, given[name]])), out };
}
