import { isDeepStrictEqual } from 'node:util';
import { type Command, Option } from 'commander';
import { attempted, shown } from '../base/check.js';
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

/** What the description of a run does not have, since it is of one process. */
const UNKEPT = ['resume', 'allow', 'overwrite'];

/** The arguments of a run as its description keeps them. */
export function keptArguments(args: RunArguments): Record<string, unknown> {
  return Object.fromEntries(Object.entries(args).filter(([name]) => !UNKEPT.includes(name)));
}

/** What is wrong with the arguments in the description of a run, as a clause; undefined if they may have been given so. */
export function faultOfArguments(command: Command, args: Record<string, unknown>): string | undefined {
  for (const [name, value] of Object.entries(args)) {
    const option = command.options.find((one) => one.attributeName() === name);
    const isKnown = option || command.registeredArguments.some((argument) => argument.name() === name);
    if (!isKnown || UNKEPT.includes(name)) return `it has an unknown args.${name}`;
    if (!couldBeGiven(option, value)) return `its args.${name} is ${shown(value)}`;
  }
  return undefined;
}

/** Whether an option, or an argument where there is none, may be given so that it has a value. */
function couldBeGiven(option: Option | undefined, value: unknown): boolean {
  if (option && (option.isBoolean() || option.negate)) return typeof value === 'boolean';
  const parse = option?.parseArg;
  if (!parse) return typeof value === 'string' && value !== '';
  return waysToGive(value).some((texts) => {
    const given = attempted(() => texts.reduce<unknown>((before, text) => parse(text, before), undefined));
    return given !== undefined && isDeepStrictEqual(given, value);
  });
}

/** The texts by which options of any kind may have got a value, of those that may be repeated one after another. */
function waysToGive(value: unknown): string[][] {
  if (typeof value === 'string') return [[value]];
  const asJson = [JSON.stringify(value)];
  if (Array.isArray(value)) return [asJson, [value.join('x')]];
  const pairs = Object.entries(Object(value)).map(([name, one]) => `${name}=${one}`);
  return [asJson, pairs];
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
