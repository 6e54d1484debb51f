import { existsSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { folderStore, lockFolder, writeFileAtomic } from 'vgg-blocks/node';
import { type CheckpointOptions, type EpochRow, storedEpochs } from 'vgg-blocks/train';
import { attempted } from '../base/check.js';
import { owning } from '../base/owning.js';
import { messageOf } from '../base/realm.js';
import { textAt } from './disk.js';
import { checkStart } from './modelFile.js';
import { keptArguments, type RunArguments, resumedArguments } from './runArguments.js';
import { type Begun, descriptionOf, type Outcome, readBegun } from './runDescription.js';
import { checkPlaces, hasCheckpoints, hasTrained, isLog, removeRunFiles, resultsIn } from './runFiles.js';
import { type RunLog, runLog } from './runLog.js';
import { announceWriting, checkLogs, lostOf, writtenIn } from './runResults.js';
import { checkAccuracy, reportLeftOut } from './runs.js';
import { complain, inFlags, say } from './wording.js';

/** The file that `finetune --json` prints. */
const RESULT = 'result.json';

/** A folder that a run has for itself. */
export interface RunFolder<T> {
  /** The arguments: those given, or with `--resume` those that the run began with. */
  args: T;
  /** What the run writes while it goes on, from when it begins. */
  log: RunLog;
  /** The epochs of the run before it was interrupted, numbered consecutively. */
  before(): Promise<EpochRow[]>;
  /**
   * The options of `train`, for one of the parts of the run. The run begins when `train` takes them, having refused nothing: its
   * arguments are noted for `--resume`, those that were chosen meanwhile included, and what an earlier run left is removed, so
   * that nothing takes its results for those of this one.
   */
  checkpoint(part?: string): CheckpointOptions;
  /** Writes the results; an error says how to write them later, without training again. */
  writing<R>(write: () => Promise<R>): Promise<R>;
  /** Notes that the results have been written, and which. */
  finish(outcome: Omit<Outcome, 'written'>): Promise<void>;
  /** The error of a run that was stopped before it has trained. */
  stopped(): Error;
}

/**
 * Trains in the output folder of a command, which is its own meanwhile; of a run that is complete, it reports the outcome.
 *
 * @param given the command's options and arguments.
 * @param options `measured` is what the outcome's accuracy is of, such as 'train: test'; `parts` are the parts of the run with
 *   checkpoints of their own, in order.
 */
export async function inRunFolder<T extends RunArguments & { minAccuracy?: number; json?: true }>(
  command: Command,
  given: T,
  { measured, parts = ['.'] }: { measured: string; parts?: readonly string[] },
  work: (folder: RunFolder<T>) => Promise<void>,
): Promise<void> {
  const name = command.name();
  const isNew = given.resume === undefined;
  const out = isNew ? given.out : enter(command, given.resume!);
  await owning(async (own) => {
    // What was refused, or stopped before it began, leaves nothing behind; a folder with files cannot be removed so.
    const checkpoints = parts.flatMap((part) => missingFolders(join(out, 'checkpoints', part)));
    // The innermost first.
    const missing = [...new Set(checkpoints)].sort((a, b) => b.length - a.length);
    const removeEmpty = () => {
      for (const folder of missing) attempted(() => rmdirSync(folder));
    };
    process.on('exit', removeEmpty);
    own(removeEmpty, () => {
      removeEmpty();
      process.off('exit', removeEmpty);
    });
    own(await lockFolder(out), (release) => release());
    const begun = readBegun(out, isNew ? undefined : command);
    checkPlaces(name, out, parts);
    if (isNew) {
      const { weights, teacher } = given as { weights?: string; teacher?: string };
      checkStart(name, '--weights', weights, out);
      checkStart(name, '--teacher', teacher, out);
      await checkFree(name, out, begun, given.overwrite);
    }
    const args = isNew ? given : resumedArguments(command, given, begun!.args, out);
    const ended = isNew ? undefined : begun!.outcome;
    const lost = ended && (await lostOf(name, out, ended.written ?? {}));
    if (lost?.results.length === 0) {
      checkLogs(name, lost);
      return reportComplete(name, measured, args, ended!);
    }
    if (lost) await announceWriting(name, out, lost, ended!.written);
    const folder = folderOf(name, out, args, { begun, isNew, parts });
    own(folder.log, (log) => log.close());
    await work(folder);
    if (lost) checkLogs(name, lost);
  });
}

/** A folder and those that it lies in, as far as they do not exist, from the inside out. */
function missingFolders(folder: string): string[] {
  const path = resolve(folder);
  return existsSync(path) ? [] : [path, ...missingFolders(dirname(path))];
}

function folderOf<T extends RunArguments>(
  name: string,
  out: string,
  args: T,
  { begun, isNew, parts }: { begun: Begun | undefined; isNew: boolean; parts: readonly string[] },
): RunFolder<T> {
  const checkpoints = join(out, 'checkpoints');
  const storeOf = (part: string) => folderStore(join(checkpoints, part));
  const ended = isNew ? undefined : begun?.outcome;
  // What only writes results again has nothing to log.
  const log = runLog(out, ended ? {} : args);
  const describe = async (outcome?: Outcome) => {
    const run: Begun = { command: name, outcome, cwd: process.cwd(), args: keptArguments(args) };
    await writeFileAtomic(descriptionOf(out), `${JSON.stringify(run, null, 2)}\n`);
  };
  const before = async () => {
    const rows: EpochRow[] = [];
    if (!isNew) for (const part of parts) rows.push(...(await storedEpochs(storeOf(part))));
    return rows.map((row, i) => ({ ...row, epoch: i + 1 }));
  };
  let hasBegun = false;
  const begin = async () => {
    if (hasBegun) return;
    const isFresh = isNew || !(await hasCheckpoints(checkpoints));
    if (isFresh && !isNew)
      complain(`${name}: there is no checkpoint in ${checkpoints}, so the run begins anew.`);
    // In this order, a process that is killed on the way leaves a run that is complete or one that has begun.
    if (isFresh && begun) await rm(checkpoints, { recursive: true, force: true });
    await describe(ended);
    if (isFresh && begun) await removeRunFiles(out);
    await log.open(await before());
    hasBegun = true;
  };
  return {
    ...{ args, log, before },
    checkpoint(part = parts[0]!) {
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
        onProblem: (problem) => complain(inFlags(problem)),
      };
    },
    writing: (write) =>
      write().catch((error: unknown) => {
        throw new Error(
          `${messageOf(error)} Then go on with vgg-blocks ${name} --resume ${out}, which writes the results.`,
          { cause: error },
        );
      }),
    async finish(outcome) {
      await log.close();
      const logs = Object.entries(ended?.written ?? {}).filter(([file]) => isLog(file));
      await describe({ ...outcome, written: { ...Object.fromEntries(logs), ...(await writtenIn(out)) } });
    },
    stopped() {
      const wayOn = hasBegun || !isNew ? `go on with --resume ${out}` : 'nothing has been written';
      return new Error(`${name}: stopped before the first batch; ${wayOn}.`);
    },
  };
}

/** Throws if a new run would take a folder from an unfinished one, or from what is no run of this library. */
async function checkFree(
  name: string,
  folder: string,
  begun: Begun | undefined,
  overwrite: true | undefined,
): Promise<void> {
  const checkpoints = join(folder, 'checkpoints');
  if (!begun && (await hasCheckpoints(checkpoints))) {
    throw new Error(
      `${name}: ${checkpoints} has files, but ${folder} has no run.json of the run that they are of; choose another --out, or remove them.`,
    );
  }
  const [other] = begun || overwrite ? [] : resultsIn(folder);
  if (other !== undefined) {
    throw new Error(
      `${name}: ${folder} has ${other}, which the run would replace, but no run.json of the run that it is of; choose another --out, or add --overwrite.`,
    );
  }
  if (begun && !begun.outcome && !overwrite && (await hasTrained(checkpoints))) {
    throw new Error(
      `${name}: ${folder} has an unfinished run; go on with --resume ${folder}, choose another --out, or discard it with --overwrite.`,
    );
  }
}

/**
 * Returns the folder of a run that goes on, and enters the folder that the run began in, if that exists, where its relative paths
 * start from.
 */
function enter(command: Command, folder: string): string {
  const begun = readBegun(folder, command);
  const name = command.name();
  if (begun?.command !== name) {
    const remedy =
      begun === undefined
        ? `begin one with --out ${folder}`
        : `the one there is of ${begun.command}, so use vgg-blocks ${begun.command} --resume ${folder}`;
    throw new Error(`${name}: there is no run of ${name} in ${folder}; ${remedy}.`);
  }
  if (begun.cwd === process.cwd()) return folder;
  const path = resolve(folder);
  try {
    process.chdir(begun.cwd);
  } catch {}
  return path;
}

/** Says that a run is complete, and fails if it did, or left out images. */
function reportComplete(
  name: string,
  what: string,
  { out, minAccuracy, json }: { out: string; minAccuracy?: number; json?: true },
  { accuracy, leftOut = 0, failure, written }: Outcome,
): void {
  const results = written
    ? 'and its results are there'
    : 'but an earlier version did not note its results, so they were not looked at';
  if (!json) say(`the run in ${out} is complete, ${failure === undefined ? results : 'but it failed'}`);
  else if (!written && failure === undefined)
    throw new Error(`${name}: the run in ${out} is complete, ${results}; read ${join(out, RESULT)}.`);
  else if (written?.[RESULT]) say(JSON.parse(textAt(join(out, RESULT))!) as object);
  reportLeftOut(name, leftOut);
  if (failure !== undefined) throw new Error(failure);
  checkAccuracy(what, accuracy, minAccuracy);
}
