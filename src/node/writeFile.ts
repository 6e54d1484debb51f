import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../base/realm.js';

/**
 * Writes a file so that it is there whole or not at all: under a temporary name in the same folder, flushed to the
 * disk, then renamed. Folders that are missing are made.
 *
 * @param content text, bytes, or pieces of bytes that follow each other.
 * @throws Error, one sentence with the path, when the disk is full or the folder cannot be written to; what was there
 *   before is then still there.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | Uint8Array[],
): Promise<void> {
  const pending = await openPending(path);
  try {
    for (const piece of Array.isArray(content) ? content : [content]) await pending.append(piece);
    await pending.commit();
  } catch (error) {
    await pending.discard();
    throw error;
  }
}

/** A file that is written piece by piece, and takes its place only when it is whole. */
export interface PendingFile {
  append(piece: string | Uint8Array): Promise<void>;
  /** Writes over what the file begins with. */
  begin(piece: Uint8Array): Promise<void>;
  /** Flushes the file to the disk and gives it its name. */
  commit(): Promise<void>;
  /** Takes away what was written; after `commit` or a second time it does nothing. */
  discard(): Promise<void>;
}

/** Begins a file as {@link writeFileAtomic} writes one. Errors are sentences with the path; whoever meets one discards. */
export async function openPending(path: string): Promise<PendingFile> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const told = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw new Error(`${path} could not be written: ${because(error)}`, { cause: error });
    }
  };
  const file = await told(async () => {
    await mkdir(dirname(path), { recursive: true });
    return open(temporary, 'wx');
  });
  return {
    append: (piece) => told(() => file.writeFile(piece)),
    begin: (piece) => told(async () => void (await file.write(piece, 0, piece.length, 0))),
    commit: () =>
      told(async () => {
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

/** Makes a rename outlast a power cut, where the system can do that to a folder; Windows cannot. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path);
    await folder.sync().finally(() => folder.close());
  } catch {}
}

/** What a system call's error means, and what to do. */
export function because(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
      return 'the disk is full; free some space and try again.';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'writing or reading there is not allowed; choose another folder or change its permissions.';
    case 'ENOENT':
      return 'there is no such file; check the path.';
    case 'ENOTDIR':
    case 'EEXIST':
    case 'EISDIR':
      return 'a file stands where a folder should be, or the other way round; choose another path.';
    default:
      return `${messageOf(error)}.`;
  }
}
