import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { checkReplaced, checkWritable, isFolder, isThere, pathOf } from './disk.js';
import { type Finetuned, readFinetuned } from './finetuned.js';
import { descriptionOf, unfinishedRun } from './runDescription.js';
import { isResult } from './runFiles.js';

/** A weight file, and what `finetune` wrote beside it. */
interface ModelFile {
  file: string;
  finetuned?: Finetuned;
}

/**
 * The weight file of a folder that `train` or `finetune` wrote, or else the source itself.
 *
 * @throws Error for the folder of a run, or for one of its checkpoints, that has no model yet.
 */
export function modelFile(source: string): ModelFile {
  const finetuned = isFolder(source) ? readFinetuned(source) : undefined;
  if (finetuned) return { file: finetuned.model, finetuned };
  const trained = join(source, 'model', 'model.json');
  if (isThere(trained)) return { file: trained };
  checkFinished(source);
  return { file: source };
}

/**
 * @param source the file as {@link modelFile} returns it.
 * @param target the file that will be written; of a tfjs model its `model.json`.
 * @throws Error when the one would replace the other, or would lie where a model is read instead of it.
 */
export function checkNotItself(command: string, source: string, target: string): void {
  const file = pathOf(source);
  const read = isFolder(file) ? join(file, 'model.json') : file;
  checkKept(command, [read], [target]);
  const [from, to] = [realPath(read), realPath(target)];
  if (basename(to) === 'model.json' && from === join(dirname(to), 'model', 'model.json')) {
    throw new Error(
      `${command}: ${dirname(target)} is the run that is read, and its own model would hide the result there; write to another path.`,
    );
  }
}

/** Refuses a tfjs model's path where the model of a run, or a JSON file of something else, would be replaced. */
export function checkModelPlace(command: string, json: string): void {
  checkReplaced(command, json, ['modelTopology', 'weightsManifest']);
  const folder = dirname(realPath(json));
  const run = dirname(folder);
  if (basename(folder) !== 'model' || !isThere(descriptionOf(run))) return;
  throw new Error(
    `${command}: ${dirname(json)} has the model of the run in ${run}, which the result would replace; write to another path.`,
  );
}

/**
 * Refuses an output that cannot be written, or would replace a file that is read, by this path or another, or one in a folder of
 * images that are read.
 *
 * @param inputs files, folders, names of published weights; undefined for those that are not given.
 */
export function checkKept(
  command: string,
  inputs: readonly (string | undefined)[],
  outputs: readonly string[],
): void {
  for (const output of outputs) checkWritable(command, output);
  const replaced = outputs.filter((path) => isThere(path) && !isFolder(path));
  if (replaced.length === 0) return;
  const read = inputs
    .flatMap((input) => (input === undefined ? [] : pathOf(input)))
    .filter(isThere)
    .map(realPath);
  // A hard link is the file too.
  const identity = (path: string) => {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev} ${ino}`;
  };
  const files = new Set(read.map(identity));
  for (const output of replaced) {
    const to = realPath(output);
    if (files.has(identity(to)) || read.some((from) => to.startsWith(`${from}${sep}`))) {
      throw new Error(
        `${command}: ${output} is what is read, which the result would replace; write to another path.`,
      );
    }
  }
}

/** Refuses to train in a folder whose results, which will be removed, are what the training starts from. */
export function checkStart(command: string, flag: string, source: string | undefined, out: string): void {
  if (source === undefined || !isThere(pathOf(source))) return;
  const from = relative(realPath(out), realPath(modelFile(pathOf(source)).file));
  if (!isResult(from.split(sep)[0]!)) return;
  throw new Error(
    `${command}: ${flag} ${source} is among the results in --out ${out}, which the run would replace; write to another folder.`,
  );
}

/** A path without links, as far as it exists. */
export function realPath(path: string): string {
  const full = resolve(path);
  if (existsSync(full)) {
    const real = realpathSync(full);
    // The link of an open pipe leads to no path.
    return existsSync(real) ? real : full;
  }
  const folder = dirname(full);
  return folder === full ? full : join(realPath(folder), basename(full));
}

function checkFinished(source: string): void {
  const isCheckpoint = /^epoch-\d+-batch-\d+\.safetensors$/.test(basename(source));
  const folders = isCheckpoint ? [join(source, '../..'), join(source, '../../..')] : [source];
  for (const folder of folders) {
    const command = unfinishedRun(folder);
    if (command === undefined) continue;
    throw new Error(
      `${source} ${isCheckpoint ? 'is a checkpoint' : 'has no model yet, but the checkpoints'} of a run that has not finished; go on with ${command} --resume ${folder}, which writes the model when it ends or is stopped.`,
    );
  }
  if (isCheckpoint)
    throw new Error(`${source} is a checkpoint of training, not a model; pass the model of the run.`);
}
