import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkArguments, TEXT } from '../base/arguments.js';
import { makeFolders } from '../io/makeFolders.js';
import { hasEnded, processBirth, processMark } from '../io/processes.js';
import { systemCode } from '../io/runtime.js';
import { because, FILE_MODULES } from './writeFile.js';

/**
 * Takes a folder for this process by a file in it, `lock`. One that a killed process left is taken over, also when, after a
 * restart of the machine, another process has its id. The folder is created if it is missing.
 *
 * @returns a function that releases it.
 * @throws Error, one sentence, when a running process has the folder, or it cannot be written to.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  checkArguments('lockFolder', { folder }, { folder: TEXT });

  const path = join(folder, 'lock');
  const fields = [await processMark(FILE_MODULES), Date.now(), randomBytes(4).toString('hex')];
  const own = `${[...fields, (await processBirth(FILE_MODULES)) ?? ''].join(' ').trimEnd()}\n`;
  try {
    await makeFolders(FILE_MODULES, folder);
    if (!(await create(path, own))) {
      const held = await read(path);
      if (!(await isStale(held)) || !(await remove(path, held)) || !(await create(path, own))) {
        throw new InUse(folder, held, path);
      }
    }
  } catch (error) {
    if (error instanceof InUse) throw error;
    const inTheWay = systemCode(error) === 'EISDIR' ? path : folder;
    throw new Error(`${inTheWay} could not be written: ${because(error)}`, { cause: error });
  }
  return async () => {
    if ((await readFile(path, 'utf8').catch(() => '')) === own) await rm(path, { force: true });
  };
}

class InUse extends Error {
  constructor(folder: string, held: string, path: string) {
    const pid = /^\w+-(\d+)/.exec(held)?.[1];
    super(
      `${folder} is in use by ${pid === undefined ? 'another process' : `process ${pid}`}; wait for it, choose another folder, or delete ${path} if it is certain that no run uses it.`,
    );
  }
}

/** Creates the file, unless it exists. */
async function create(path: string, content: string): Promise<boolean> {
  return writeFile(path, content, { flag: 'wx' }).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'EEXIST') return false;
      throw error;
    },
  );
}

/** A lock's content; empty if it has been released meanwhile. */
async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return '';
    throw error;
  });
}

/** Whether the process that wrote a lock has ended; one that was killed, or lost power, before its lock was on disk has. */
async function isStale(held: string): Promise<boolean> {
  const [mark, since, , birth] = held.trimEnd().split(' ');
  const isBlank = held.replaceAll('\0', '') === '';
  return isBlank || ((await hasEnded(FILE_MODULES, mark!, Number(since), birth)) ?? false);
}

/** Removes a stale lock; puts back what turns out to be that of a process which was faster. */
async function remove(path: string, held: string): Promise<boolean> {
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  await rename(path, aside).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
  });
  const moved = await readFile(aside, 'utf8').catch(() => held);
  if (moved !== held) {
    await rename(aside, path);
    return false;
  }
  await rm(aside, { force: true });
  return true;
}
