import { readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { folderStore, lockFolder, writeFileAtomic } from 'vgg-blocks/node';
import { type CheckpointOptions, type EpochRow, storedEpochs } from 'vgg-blocks/train';
import { numeric } from './options.js';
import { checkAccuracy } from './runs.js';

/** The options of commands that train. */
export interface RunArguments {
  out: string;
  resume?: string;
  overwrite?: true;
  allow?: 'data' | 'engine' | 'both';
  checkpointMinutes: number;
}

/** What may be passed with `--resume`; everything else is as the run began. */
const CHANGEABLE = ['resume', 'allow', 'checkpointMinutes', 'minAccuracy', 'json'];

/** What may be passed besides if the engine may differ. */
const ENGINE = ['backend', 'threads', 'relaxedSimd', 'microBatch'];

/** What commands write to their folders beside checkpoints and logs. */
const RESULTS = [
  ...['model', 'model.safetensors', 'classes.txt', 'result.json', 'history.json'],
  ...['history.csv', 'curves.svg', 'predictions.svg'],
  // Of evaluate, which may write beside the model.
  ...['evaluation.json', 'confusion.svg'],
];

/** Adds the options of {@link RunArguments}. */
export function withRun(command: Command, out: string): Command {
  return command
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
        'with --resume: go on although the images or the engine (backend, threads, SIMD, versions) have changed',
      ).choices(['data', 'engine', 'both']),
    )
    .addOption(new Option('--overwrite', 'discard an unfinished run in the output folder'))
    .addOption(
      numeric('--checkpoint-minutes <n>', 'minutes between checkpoints, besides that after each epoch', 5),
    );
}

/** What a command began with, in `run.json` of its folder. */
interface Begun {
  command: string;
  /** How it ended, once its results have been written. */
  outcome?: Outcome;
  /** The folder that relative paths in the arguments start from. */
  cwd: string;
  args: Record<string, unknown>;
}

/** How a run ended. */
interface Outcome {
  /** On held-out images; null without any. */
  accuracy: number | null;
  /** Why it failed, in one sentence. */
  failure?: string;
}

/** A folder that a run has for itself. */
export interface RunFolder<T> {
  /** The arguments: those given, or with `--resume` those that the run began with. */
  args: T;
  /** How the run that `--resume` names ended, if it is complete already. */
  outcome?: Outcome;
  /**
   * Begins the run, unless it has begun: notes the arguments for `--resume`, those that were chosen meanwhile included, and removes
   * what an earlier run left, so that nothing takes its results for those of this one.
   */
  begin(): Promise<void>;
  /** The options of `train`, for a part of the run with its own checkpoints. The run begins when `train` takes them, having refused nothing. */
  checkpoint(part?: string): CheckpointOptions;
  /** The epochs of a part of the run before it was interrupted. */
  before(part?: string): Promise<EpochRow[]>;
  /** Notes that the results have been written. */
  finish(outcome: Outcome): Promise<void>;
  /** Gives the folder back. */
  release(): Promise<void>;
}

/**
 * Trains in the output folder of a command, which is its own meanwhile; of a run that is complete, it reports the outcome.
 *
 * @param given the command's options and arguments.
 * @param measured what the outcome's accuracy is of, such as 'train: test'.
 */
export async function inRunFolder<T extends RunArguments & { minAccuracy?: number }>(
  command: Command,
  given: T,
  measured: string,
  work: (folder: RunFolder<T>) => Promise<void>,
): Promise<void> {
  const folder = await openRunFolder(command, given);
  try {
    if (folder.outcome) reportComplete(measured, folder.args, folder.outcome);
    else await work(folder);
  } finally {
    await folder.release();
  }
}

/**
 * Takes the output folder of a command, and tries to write to it.
 *
 * @param given its options and arguments.
 */
async function openRunFolder<T extends RunArguments>(command: Command, given: T): Promise<RunFolder<T>> {
  const name = command.name();
  const folder = given.resume === undefined ? given.out : await enter(name, given.resume);
  const path = join(folder, 'run.json');
  const checkpoints = join(folder, 'checkpoints');
  const release = await lockFolder(folder);
  try {
    const begun = await readBegun(path);
    let args = given;
    const write = async (outcome?: Outcome) => {
      const { resume, allow, overwrite, ...kept } = args;
      const run: Begun = { command: name, outcome, cwd: process.cwd(), args: kept };
      await writeFileAtomic(path, `${JSON.stringify(run, null, 2)}\n`);
    };
    if (given.resume !== undefined) {
      checkUnchanged(command, begun!.args, given.allow);
      args = { ...given, ...begun!.args, ...changed(command), out: folder };
    } else {
      if (begun && !begun.outcome && !given.overwrite && (await hasTrained(checkpoints))) {
        throw new Error(
          `${name}: ${folder} has an unfinished run; go on with --resume ${folder}, choose another --out, or discard it with --overwrite.`,
        );
      }
    }
    let hasBegun = false;
    const begin = async () => {
      if (hasBegun) return;
      hasBegun = true;
      if (given.resume === undefined) {
        const old = begun ? ['checkpoints', ...RESULTS] : ['checkpoints'];
        for (const one of old) await rm(join(folder, one), { recursive: true, force: true });
      } else if (!(await hasCheckpoints(checkpoints))) {
        console.error(`${name}: there is no checkpoint in ${checkpoints}, so the run begins anew.`);
      }
      await write();
    };
    const storeOf = (part: string) => folderStore(join(checkpoints, part));
    return {
      args,
      outcome: given.resume === undefined ? undefined : begun!.outcome,
      begin,
      checkpoint(part = '.') {
        const store = storeOf(part);
        const lock = async () => {
          await begin();
          return store.lock();
        };
        return {
          store: { ...store, lock },
          everySeconds: 60 * args.checkpointMinutes,
          resume: true,
          allow: args.allow === 'both' ? ['data', 'engine'] : args.allow ? [args.allow] : [],
          onProblem: (problem) => console.error(problem),
        };
      },
      before: async (part = '.') => (given.resume === undefined ? [] : storedEpochs(storeOf(part))),
      finish: write,
      release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * Returns the folder of a run that goes on, and enters the folder that the run began in, if that exists, where its relative paths
 * start from.
 */
async function enter(command: string, folder: string): Promise<string> {
  const begun = await readBegun(join(folder, 'run.json'));
  if (begun?.command !== command) {
    throw new Error(
      `${command}: there is no run of ${command} in ${folder}; begin one with --out ${folder}.`,
    );
  }
  if (begun.cwd === process.cwd()) return folder;
  const path = resolve(folder);
  try {
    process.chdir(begun.cwd);
  } catch {}
  return path;
}

/** Says that a run is complete, and fails if it did. */
function reportComplete(
  what: string,
  { out, minAccuracy }: { out: string; minAccuracy?: number },
  { accuracy, failure }: Outcome,
): void {
  console.log(`the run in ${out} is complete, and its results are there`);
  if (failure !== undefined) throw new Error(failure);
  checkAccuracy(what, accuracy, minAccuracy);
}

/** Whether there is a checkpoint besides that of the beginning. */
async function hasTrained(checkpoints: string): Promise<boolean> {
  return (await filesOf(checkpoints)).some((file) => !/epoch-0*1-batch-0+\.\w+$/.test(file));
}

async function hasCheckpoints(checkpoints: string): Promise<boolean> {
  return (await filesOf(checkpoints)).length > 0;
}

async function filesOf(checkpoints: string): Promise<string[]> {
  const files = await readdir(checkpoints, { recursive: true }).catch(() => []);
  return files.filter((file) => file.endsWith('.safetensors'));
}

/** The command whose run in a folder has not written its results yet; undefined if there is none. */
export async function unfinishedRun(folder: string): Promise<string | undefined> {
  const begun = await readBegun(join(folder, 'run.json')).catch(() => undefined);
  return begun && !begun.outcome ? begun.command : undefined;
}

async function readBegun(path: string): Promise<Begun | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const begun = JSON.parse(text) as Begun;
    if (typeof begun.args === 'object') return begun;
  } catch {}
  throw new Error(`${path} is not the description of a run; restore it, or begin another run with --out.`);
}

/** The options that were given beside `--resume`. */
function changed(command: Command): Record<string, unknown> {
  const names = Object.keys(command.opts()).filter((name) => command.getOptionValueSource(name) === 'cli');
  return Object.fromEntries(names.map((name) => [name, command.getOptionValue(name)]));
}

function checkUnchanged(command: Command, before: Begun['args'], allow: RunArguments['allow']): void {
  const engine = allow === 'engine' || allow === 'both' ? ENGINE : [];
  for (const [name, value] of Object.entries(changed(command))) {
    if (CHANGEABLE.includes(name) || engine.includes(name)) continue;
    if (JSON.stringify(value) === JSON.stringify(before[name])) continue;
    const { long } = command.options.find((option) => option.attributeName() === name)!;
    throw new Error(
      `${command.name()}: ${long} is given with --resume, but a run goes on with the options that it began with; leave it out${ENGINE.includes(name) ? ', or add --allow engine' : ''}.`,
    );
  }
}
