import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { checkArguments } from '../base/arguments.js';
import { printedPath } from '../base/printable.js';
import { atExit } from '../io/atExit.js';
import { makeFolders } from '../io/makeFolders.js';
import { hasEnded, processBirth, processMark } from '../io/processes.js';
import { systemCode } from '../io/runtime.js';
import { isDeserted, type LockSocket, listenIn, removeFrom } from './lockSocket.js';
import { PATH } from './path.js';
import { because, FILE_MODULES } from './writeFile.js';

/**
 * Takes a folder for this process by a file in it, `lock`. One that a killed process left is taken over, also when, after a
 * restart of the machine, another process has its id, and on Linux from another container on the same machine. The folder is created
 * if it is missing. A process that exits releases what it has.
 *
 * @returns a function that releases it.
 * @throws Error, one sentence, when a running process has the folder, or it cannot be written to.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  checkArguments('lockFolder', { folder }, { folder: PATH });

  const path = join(folder, 'lock');
  const token = randomBytes(4).toString('hex');
  let socket: LockSocket | undefined;
  let own: string | undefined;
  const full = resolve(folder);
  const stay = atExit(() => {
    rmSync(join(full, socketOf(token)), { force: true });
    const lock = join(full, 'lock');
    if (readFileSync(lock, 'utf8') === own) rmSync(lock);
  });
  try {
    await makeFolders(FILE_MODULES, folder);
    // It listens before the lock exists, so that nobody takes this process for dead.
    socket = await listenIn(folder, socketOf(token));
    const fields = [await processMark(FILE_MODULES), Date.now(), token, await processBirth(FILE_MODULES)];
    own = `${[...fields, socket?.device].join(' ').trimEnd()}\n`;
    if (!(await create(path, own))) {
      const held = await read(path);
      const ended = await hasEndedThat(folder, held);
      if (!ended || !(await remove(path, held)) || !(await create(path, own))) {
        throw new InUse(folder, held, path, ended);
      }
    }
    return async () => {
      if ((await readFile(path, 'utf8').catch(() => '')) === own) await rm(path, { force: true });
      await socket?.close();
      stay();
    };
  } catch (error) {
    await socket?.close();
    stay();
    if (error instanceof InUse) throw error;
    const inTheWay = systemCode(error) === 'EISDIR' ? path : folder;
    throw new Error(`${printedPath(inTheWay)} could not be written: ${because(error)}`, { cause: error });
  }
}

class InUse extends Error {
  constructor(folder: string, held: string, path: string, ended: boolean | undefined) {
    const pid = /^\w+-(\d+)/.exec(held)?.[1];
    const who = pid === undefined ? 'another process' : `process ${pid}`;
    super(
      ended === undefined
        ? `${folder} is in use by ${who} of another machine or container, which cannot be seen from here; wait for it, choose another folder, or if it has ended, delete ${path}.`
        : `${folder} is in use by ${who}; wait for it, choose another folder, or delete ${path} if it is certain that no run uses it.`,
    );
  }
}

/** The name of the socket that goes with a lock. */
function socketOf(token: string): string {
  return `lock-${token}`;
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
  try {
    const found = await stat(path);
    // A pipe that nobody writes to would be read forever.
    if (!found.isFile() && !found.isDirectory())
      throw new Error(`${printedPath(path)} is a pipe or a device; move it away`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/**
 * Whether the process that wrote a lock has ended; one that was killed, or lost power, before its lock was on disk has. Undefined if
 * that cannot be seen.
 */
async function hasEndedThat(folder: string, held: string): Promise<boolean | undefined> {
  if (held.replaceAll('\0', '') === '') return true;
  const [mark, since, token, birth, device] = held.trimEnd().split(' ');
  const ended = await hasEnded(FILE_MODULES, mark!, Number(since), birth);
  if (ended !== undefined || device === undefined) return ended;
  // Without a restart since then, its socket answers if it lives.
  const isThisBoot = bootOf(birth) === bootOf(await processBirth(FILE_MODULES));
  return isThisBoot ? isDeserted(folder, socketOf(token!), device) : undefined;
}

/** The boot of the machine in which a process began. */
function bootOf(birth: string | undefined): string | undefined {
  return birth?.split('/')[0];
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
  const token = held.split(' ')[2] ?? '';
  if (/^[\da-f]{8}$/.test(token)) await removeFrom(dirname(path), socketOf(token));
  return true;
}
