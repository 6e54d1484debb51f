import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

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
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, 'wx');
    try {
      for (const piece of Array.isArray(content) ? content : [content]) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new Error(`${path} could not be written: ${because(error)}`, { cause: error });
  }
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
      return `${error instanceof Error ? error.message : error}.`;
  }
}
