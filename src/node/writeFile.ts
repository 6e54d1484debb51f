import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../base/realm.js';
import { systemCode } from '../io/runtime.js';

/**
 * Writes a file completely or not at all: it is written under a temporary name in the same folder, flushed to disk, then renamed.
 * Missing folders are created.
 *
 * @param content text, bytes, or chunks of bytes.
 * @throws Error, one sentence with the path, if the disk is full or the folder cannot be written to; an earlier file is
 *   then untouched.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | Uint8Array[],
): Promise<void> {
  const pending = await openPending(path);
  try {
    for (const chunk of Array.isArray(content) ? content : [content]) await pending.append(chunk);
    await pending.commit();
  } catch (error) {
    await pending.discard();
    throw error;
  }
}

/** A file that is written chunk by chunk and gets its name once it is complete. */
export interface PendingFile {
  append(chunk: string | Uint8Array): Promise<void>;
  /** Overwrites the beginning of the file. */
  begin(chunk: Uint8Array): Promise<void>;
  /** Flushes the file to disk and gives it its name. */
  commit(): Promise<void>;
  /** Deletes the unfinished file; after `commit`, or a second time, it does nothing. */
  discard(): Promise<void>;
}

/** Opens a file like {@link writeFileAtomic}. Errors are sentences with the path; after one, call `discard`. */
export async function openPending(path: string): Promise<PendingFile> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw new Error(`${path} could not be written: ${because(error)}`, { cause: error });
    }
  };
  const file = await guarded(async () => {
    await mkdir(dirname(path), { recursive: true });
    return open(temporary, 'wx');
  });
  return {
    append: (chunk) => guarded(() => file.writeFile(chunk)),
    begin: (chunk) => guarded(async () => void (await file.write(chunk, 0, chunk.length, 0))),
    commit: () =>
      guarded(async () => {
        await file.sync();
        await file.close();
        await rename(temporary, path);
        await syncFolder(dirname(path));
      }),
    async discard() {
      await file.close().catch(() => {});
      await rm(temporary, { force: true }).catch(() => {});
    },
  };
}

/** Makes a rename survive a power cut. Windows cannot sync a folder. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path);
    await folder.sync().finally(() => folder.close());
  } catch {}
}

/** Explains a system call's error and what to do about it. */
export function because(error: unknown): string {
  switch (systemCode(error)) {
    case 'ENOSPC':
      return 'the disk is full; free some space and try again.';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'permission denied; choose another folder or change its permissions.';
    case 'ENOENT':
      return 'there is no such file; check the path.';
    case 'ENOTDIR':
    case 'EEXIST':
    case 'EISDIR':
      return 'there is a file where a folder is expected, or a folder where a file is; choose another path.';
    default:
      return `${messageOf(error)}.`;
  }
}
