import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { failureReason, isAbsent } from '../base/systemReason.js';
import { isFolder, namesIn } from './disk.js';
import { hasCheckpoints, isLog, resultsIn } from './runFiles.js';
import { complain } from './wording.js';

/** The SHA-256 of each file that a run wrote, by its path in the folder of the run. */
export type Written = Record<string, string>;

/** The results and the logs of a run in a folder. */
export async function writtenIn(folder: string): Promise<Written> {
  const names = [...resultsIn(folder), ...namesIn(folder).filter(isLog)].flatMap((name) =>
    name === 'model' ? namesIn(join(folder, name)).map((file) => `${name}/${file}`) : name,
  );
  const files = [...new Set(names)].filter((name) => !isFolder(join(folder, name)));
  const written: Written = {};
  for (const name of files) written[name] = (await digestOf(join(folder, name)))!;
  return written;
}

/** What of a run is missing: results, which can be written again from its checkpoints, and logs, which only training writes. */
export interface Lost {
  results: string[];
  logs: string[];
}

/**
 * Looks whether everything that a run wrote is there.
 *
 * @throws Error, one sentence, when a file is another now: it may be damaged, or someone's work.
 */
export async function lostOf(command: string, folder: string, written: Written): Promise<Lost> {
  const lost: Lost = { results: [], logs: [] };
  for (const [name, digest] of Object.entries(written)) {
    const path = join(folder, name);
    const found = await digestOf(path);
    if (found === digest) continue;
    if (found !== undefined) {
      const remedy = isLog(name)
        ? 'restore it, since only training writes it'
        : `move it away, and --resume ${folder} writes it again from the checkpoints`;
      throw new Error(`${command}: ${path} is not as the run wrote it; ${remedy}.`);
    }
    lost[isLog(name) ? 'logs' : 'results'].push(path);
  }
  return lost;
}

/** Says that results are missing and will be written again, if the checkpoints that they are written from are there. */
export async function announceWriting(
  command: string,
  out: string,
  { results: missing }: Lost,
  written: Written = {},
): Promise<void> {
  const more = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
  const are = `${missing[0]}${more} of the complete run ${more ? 'are' : 'is'} missing`;
  const hasModel = Object.keys(written).some((file) => file.startsWith('model/'));
  if (!hasModel || !(await hasCheckpoints(join(out, 'checkpoints')))) {
    throw new Error(
      `${command}: ${are}, and no checkpoint has the trained weights; restore what is missing, or begin the run again with --out ${out}.`,
    );
  }
  complain(`${command}: ${are}; the results are written again from the checkpoints.`);
}

/** Throws if logs are missing. */
export function checkLogs(command: string, { logs: [path] }: Lost): void {
  if (path === undefined) return;
  throw new Error(
    `${command}: ${path} of the complete run is missing, and only training writes it; restore it, or begin the run again with another --out.`,
  );
}

/** The SHA-256 of a file; undefined if there is none. */
async function digestOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    // A pipe that nobody writes to would be read forever.
    if (!(await stat(path)).isFile()) throw new Error('it is not a file');
    await pipeline(createReadStream(path), hash);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw new Error(
      `${path} could not be read: ${failureReason(error)}; make it readable, or move it away.`,
      { cause: error },
    );
  }
  return hash.digest('hex');
}
