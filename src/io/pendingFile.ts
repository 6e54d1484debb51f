import { atExit } from './atExit.js';
import { makeFolders } from './makeFolders.js';
import { type FileModules, hasEnded, processMark } from './processes.js';
import { systemCode } from './runtime.js';

/** A file that is written chunk by chunk and gets its name once it is complete. */
export interface PendingFile {
  /**
   * Eight random hexadecimal digits. Files named `weights-TOKEN-...` beside this one belong to it, and are removed with it if the
   * process ends before `commit`: see {@link temporaryPath}.
   */
  readonly token: string;
  append(chunk: string | Uint8Array): Promise<void>;
  /** Overwrites the beginning of the file. */
  begin(chunk: Uint8Array): Promise<void>;
  /** Flushes the file to disk and gives it its name. */
  commit(): Promise<void>;
  /** Deletes the unfinished file; after `commit`, or a second time, it does nothing. */
  discard(): Promise<void>;
}

/** The names of unfinished files: the process that writes them, and their token. */
const TEMPORARY = /^\.vgg-blocks-([0-9a-f]{8}-\d+)-([0-9a-f]{8})\.tmp$/;

/** Unfinished files of other machines are left alone until they have not changed for a day, in milliseconds. */
const DAY = 24 * 60 * 60 * 1000;

/** The unfinished files of this process, with what gives up their removal at exit, and the folders in which those of earlier processes have been removed. */
const unfinished = new Map<string, () => void>();
const cleaned = new Set<string>();

/** The folders that were created for files of which none is complete. */
const createdFolders = new Set<string>();

/**
 * Opens a file that is written under a temporary name in the same folder and then renamed, so that it is replaced completely or
 * not at all. Missing folders are created, and removed again if the file is not completed and they are empty. Like `cp`, it follows symbolic links, keeps the mode and the owner of the file
 * that it replaces, refuses one that is write-protected, and writes to devices and pipes directly.
 *
 * The temporary file is removed when the process exits; if it is killed, by the next process that writes to the folder.
 *
 * @throws the file system's errors; after one, call `discard`.
 */
export async function openPending(modules: FileModules, path: string): Promise<PendingFile> {
  const { fs } = modules;
  const target = await targetOf(modules, path);
  if (target.inPlace) return openInPlace(modules, target.path);
  const folder = modules.path.dirname(modules.path.resolve(target.path));
  const created = await makeFolders(modules, folder);
  for (const one of foldersFrom(modules, folder, created)) createdFolders.add(one);
  const removeFolders = () => removeEmpty(modules, folder);
  const stay = atExit(removeFolders);
  const temporary = await temporaryPath(modules, folder);
  let isComplete = false;
  const giveUp = async () => {
    await fs.rm(temporary, { force: true }).catch(() => {});
    forget(temporary);
    stay();
    if (!isComplete) removeFolders();
  };
  const file = await fs.open(temporary, 'wx', target.replaced ? 0o600 : 0o666).catch(async (error) => {
    await giveUp();
    throw error;
  });
  const discard = async () => {
    await file.close().catch(() => {});
    await giveUp();
  };
  try {
    if (target.replaced) await resemble(modules, file, temporary, target.replaced);
  } catch (error) {
    await discard();
    throw error;
  }
  return {
    token: tokenOf(temporary),
    append: (chunk) => file.writeFile(chunk),
    begin: async (chunk) => void (await file.write(chunk, 0, chunk.length, 0)),
    async commit() {
      await file.sync();
      await file.close();
      await fs.rename(temporary, target.path);
      isComplete = true;
      forget(temporary);
      stay();
      for (let at = folder; createdFolders.delete(at); ) at = modules.path.dirname(at);
      await syncFolder(modules, folder);
      if (created) await syncFolder(modules, modules.path.dirname(created));
    },
    discard,
  };
}

/**
 * A name for a temporary file in a folder, which the next process removes if this one is killed; with it go the files named
 * `weights-TOKEN-...`, unless a `.json` file of the folder names them. What earlier processes left in the folder is removed first.
 */
export async function temporaryPath(
  modules: FileModules,
  folder: string,
  token = globalThis.crypto.randomUUID().slice(0, 8),
): Promise<string> {
  const { path } = modules;
  if (!cleaned.has(path.resolve(folder))) {
    cleaned.add(path.resolve(folder));
    await removeStale(modules, folder).catch(() => {});
  }
  const temporary = path.join(folder, `.vgg-blocks-${await processMark(modules)}-${token}.tmp`);
  unfinished.set(
    temporary,
    atExit(() => remove(modules, temporary)),
  );
  return temporary;
}

/** Says that a temporary file is gone. */
export function forget(temporary: string): void {
  unfinished.get(temporary)?.();
  unfinished.delete(temporary);
}

/** Removes an unfinished file after the files that belong to it. */
function remove({ fsSync, path }: FileModules, temporary: string): void {
  try {
    const folder = path.dirname(temporary);
    const names = fsSync.readdirSync(folder);
    const prefix = `weights-${tokenOf(temporary)}-`;
    const own = names.filter((name) => name.startsWith(prefix));
    const isNamed = (name: string) => fsSync.readFileSync(path.join(folder, name), 'utf8').includes(prefix);
    if (own.length > 0 && !names.some((name) => name.endsWith('.json') && isNamed(name))) {
      for (const name of own) fsSync.rmSync(path.join(folder, name), { force: true });
    }
    fsSync.rmSync(temporary, { force: true });
  } catch {}
}

async function removeStale(modules: FileModules, folder: string): Promise<void> {
  const { fs, path } = modules;
  for (const name of await fs.readdir(folder)) {
    const mark = TEMPORARY.exec(name)?.[1];
    const temporary = path.join(folder, name);
    if (mark === undefined || unfinished.has(temporary)) continue;
    const changed = await fs.stat(temporary).then(
      ({ mtimeMs }) => mtimeMs,
      () => Number.POSITIVE_INFINITY,
    );
    if ((await hasEnded(modules, mark, changed)) ?? Date.now() - changed > DAY) remove(modules, temporary);
  }
}

/** A folder and those that it lies in, up to the topmost one that was created, if any was. */
function foldersFrom(
  { path }: Pick<FileModules, 'path'>,
  folder: string,
  topmost: string | undefined,
): string[] {
  if (topmost === undefined) return [];
  return folder === topmost ? [folder] : [folder, ...foldersFrom({ path }, path.dirname(folder), topmost)];
}

/** Removes a folder and those above it that were created for files that are not complete, unless they have files meanwhile. */
function removeEmpty({ fsSync, path }: FileModules, folder: string): void {
  try {
    for (let at = folder; createdFolders.has(at); at = path.dirname(at)) {
      fsSync.rmdirSync(at);
      createdFolders.delete(at);
    }
  } catch {}
}

function tokenOf(temporary: string): string {
  return temporary.slice(-'12345678.tmp'.length, -'.tmp'.length);
}

/** What a file that replaces another takes over. */
interface Replaced {
  uid: number;
  gid: number;
  mode: number;
}

type FileHandle = Awaited<ReturnType<FileModules['fs']['open']>>;

/** Names of the process's own open files, which must be written where they are. */
const OPEN_FILES = /^\/(dev\/(std(out|err)$|fd\/)|proc\/)/;

/** Where to write for a path: past symbolic links, or in place. */
async function targetOf(
  { fs, path }: FileModules,
  given: string,
): Promise<{ path: string; inPlace?: true; replaced?: Replaced }> {
  const found = await fs.stat(given).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
    return undefined;
  });
  if (!found) return { path: await linked(fs, path, given) };
  if (found.isDirectory()) throw Object.assign(new Error('EISDIR: it is a folder'), { code: 'EISDIR' });
  if (!found.isFile() || OPEN_FILES.test(path.resolve(given))) return { path: given, inPlace: true };
  await fs.access(given, fs.constants.W_OK);
  return { path: await fs.realpath(given), replaced: found };
}

/** Where a chain of symbolic links leads whose end does not exist. */
async function linked(fs: FileModules['fs'], path: FileModules['path'], given: string): Promise<string> {
  const link = await fs.readlink(given).catch(() => undefined);
  if (link === undefined) return given;
  return linked(fs, path, path.resolve(await fs.realpath(path.dirname(given)), link));
}

/** Gives a new file the owner, if that is allowed, and the mode of another. */
async function resemble(
  { fs }: FileModules,
  file: FileHandle,
  path: string,
  { uid, gid, mode }: Replaced,
): Promise<void> {
  const own = await file.stat();
  if (own.uid !== uid || own.gid !== gid) await file.chown(uid, gid).catch(() => {});
  // By its path, because Node's permission model forbids it by the open file.
  await fs.chmod(path, mode & 0o7777);
}

/** A device or a pipe. */
async function openInPlace({ fs }: FileModules, path: string): Promise<PendingFile> {
  const file = await fs.open(path, 'w');
  return {
    token: '00000000',
    append: (chunk) => file.writeFile(chunk),
    begin: async (chunk) => void (await file.write(chunk, 0, chunk.length, 0)),
    commit: () => file.close(),
    discard: () => file.close().catch(() => {}),
  };
}

/** Makes a rename survive a power cut. Windows cannot sync a folder. */
async function syncFolder({ fs }: FileModules, path: string): Promise<void> {
  try {
    const folder = await fs.open(path);
    await folder.sync().finally(() => folder.close());
  } catch {}
}
