import type { FileModules } from './processes.js';
import { systemCode } from './runtime.js';

/**
 * Creates a folder and those above it that are missing, like `fs.mkdir` with `recursive`, which in Node 20 and 22 never returns for
 * a folder in /proc. If one cannot be created, none is.
 *
 * @returns the topmost folder that was created; undefined if the folder exists.
 * @throws the file system's errors.
 */
export async function makeFolders(
  { fs, path }: Pick<FileModules, 'fs' | 'path'>,
  folder: string,
): Promise<string | undefined> {
  const code = await create(fs, folder);
  if (code === undefined) return folder;
  const parent = path.dirname(folder);
  if (code !== 'ENOENT' || parent === folder) return undefined;
  const created = await makeFolders({ fs, path }, parent);
  // If it is missing still, its parent has no room for folders.
  try {
    const again = await create(fs, folder);
    if (again === 'ENOENT') await fs.mkdir(folder);
    return created ?? (again === undefined ? folder : undefined);
  } catch (error) {
    for (let at = parent; created !== undefined; at = path.dirname(at)) {
      await fs.rmdir(at).catch(() => {});
      if (at === created) break;
    }
    throw error;
  }
}

/** Creates one folder; returns why not if it exists, or its parent does not. */
async function create(fs: FileModules['fs'], folder: string): Promise<'EEXIST' | 'ENOENT' | undefined> {
  try {
    await fs.mkdir(folder);
    return undefined;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') return code;
    // On Windows a drive cannot be created, whatever the reason, and exists.
    const found = await fs.stat(folder).catch((reason: unknown) => {
      // There is something, but not a folder or a file.
      if (systemCode(reason) === 'ELOOP') throw reason;
    });
    if (found?.isDirectory()) return 'EEXIST';
    throw error;
  }
}
