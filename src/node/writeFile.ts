import * as fsSync from 'node:fs';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { BYTES, checkArguments, isListOf, kind } from '../base/arguments.js';
import { fail, isTransferred } from '../base/check.js';
import { printedPath } from '../base/printable.js';
import { messageOf } from '../base/realm.js';
import { isMisnamed, systemReason } from '../base/systemReason.js';
import * as pending from '../io/pendingFile.js';
import { systemCode } from '../io/runtime.js';
import { PATH } from './path.js';

const isPart = (part: unknown) => typeof part === 'string' || BYTES.holds(part);
const CONTENT = kind(
  'text, a Uint8Array, or a list of them',
  (value) => isPart(value) || isListOf(value, isPart),
);

/** The modules of this folder's files. */
export const FILE_MODULES = { fs, fsSync, os, path };

/**
 * Writes a file completely or not at all: it is written under a temporary name in the same folder, flushed to disk, then renamed.
 * Missing folders are created. As with `cp`, symbolic links are followed, an earlier file's mode is kept, and devices and
 * pipes are written to directly. A process that is killed leaves a hidden file, which the next to write to the folder removes.
 *
 * @param content text, bytes, or chunks of bytes.
 * @throws Error, one sentence with the path, if the disk is full or the folder cannot be written to; an earlier file is
 *   then untouched.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | Uint8Array[],
): Promise<void> {
  checkArguments('writeFileAtomic', { content }, { content: CONTENT });
  checkArguments('writeFileAtomic', { path }, { path: PATH });

  const file = await openPending(path);
  try {
    for (const chunk of Array.isArray(content) ? content : [content]) await file.append(chunk);
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** Opens a file like {@link writeFileAtomic}. Errors are sentences with the path; after one, call `discard`. */
export async function openPending(path: string): Promise<pending.PendingFile> {
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw new Error(`${printedPath(path)} could not be written: ${because(error)}`, { cause: error });
    }
  };
  const file = await guarded(() => pending.openPending(FILE_MODULES, path));
  return {
    ...file,
    append: (chunk) => guarded(() => file.append(chunk).finally(() => checkStill(chunk))),
    begin: (chunk) => guarded(() => file.begin(chunk)),
    commit: () => guarded(() => file.commit()),
  };
}

/** Throws if bytes went to another thread before they were all written: the rest would be missing. */
function checkStill(chunk: string | Uint8Array): void {
  if (typeof chunk === 'object' && isTransferred(chunk))
    throw new Error('its bytes were transferred to another thread; pass bytes that stay here');
}

/** Whether what a function returned is open still, and what it does. */
interface Openness {
  /** Refuses the use of what was closed, which is no fault of the disk. */
  check(): void;
  /** Does work after all work before it, also if that failed. */
  inOrder<T>(work: () => Promise<T>): Promise<T>;
  end(): void;
}

export function openness(where: string): Openness {
  let isOpen = true;
  let last: Promise<unknown> = Promise.resolve();
  return {
    check() {
      if (!isOpen) fail(where, 'it is closed already; open another.');
    },
    inOrder(work) {
      const done = last.then(work);
      last = done.catch(() => {});
      return done;
    },
    end() {
      isOpen = false;
    },
  };
}

/** Explains a system call's error and what to do about it. */
export function because(error: unknown): string {
  switch (systemCode(error)) {
    case 'ENOSPC':
      return 'the disk is full; free some space and try again.';
    case 'EDQUOT':
      return 'your disk quota is exceeded; free some space and try again.';
    case 'ESPIPE':
      return 'it is a pipe, and its beginning is written last; use a file.';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'permission denied; choose another folder or change its permissions.';
    case 'ERR_ACCESS_DENIED':
      return 'Node was started without the permission for it; add --allow-fs-read and --allow-fs-write with the path.';
    case 'ENOENT':
      return isMisnamed(error)
        ? 'its name is not UTF-8; rename it.'
        : 'there is no such file; check the path.';
    case 'ENOTDIR':
    case 'EEXIST':
    case 'EISDIR':
      return 'there is a file where a folder is expected, or a folder where a file is; choose another path.';
    default: {
      const reason = systemReason(error);
      return reason === undefined ? `${messageOf(error)}.` : `${reason}; choose another path.`;
    }
  }
}
