import { attempted } from '../base/check.js';
import { DataError } from './errors.js';
import { makeFolders } from './makeFolders.js';
import { openPending } from './pendingFile.js';
import { nodeModules } from './runtime.js';

/**
 * Keeps downloads between runs. A cache that fails behaves like an empty one; its methods throw only a DataError, for what is not a file
 * under the name of one.
 */
export interface FileCache {
  /** A file's bytes; undefined if there is no such file. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Stores a file, of which readers never see a part; returns whether it did. Where not, an older one may be there still. */
  write(name: string, bytes: Uint8Array): Promise<boolean>;
  /** Stores a piece of a growing file, if the cache supports that; offset 0 starts the file over. */
  writeAt(name: string, offset: number, piece: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  /** The file for reading it piece by piece: its path, or a Blob that the browser keeps on disk. */
  locate(name: string): Promise<string | Blob | undefined>;
}

/**
 * The cache of this runtime: a folder in Node, the Cache API in a browser, none elsewhere, and none for a user without a home.
 *
 * @param where another folder, or another name for the browser's cache; `false` for none. Default
 *   `$XDG_CACHE_HOME/vgg-blocks`, `~/.cache/vgg-blocks` or `%LOCALAPPDATA%\vgg-blocks`; in browsers `vgg-blocks`.
 */
export function openCache(where?: string | false): FileCache {
  if (where === false) return NOTHING;
  const node = nodeModules();
  if (node) {
    const folder = where ?? defaultFolder(node);
    return folder === undefined ? NOTHING : folderCache(node, folder);
  }
  return globalThis.caches ? browserCache(where ?? 'vgg-blocks') : NOTHING;
}

type Node = NonNullable<ReturnType<typeof nodeModules>>;

const NOTHING: FileCache = {
  read: async () => undefined,
  write: async () => false,
  writeAt: async () => {},
  remove: async () => {},
  locate: async () => undefined,
};

/** Relative paths do not count, as the XDG specification says. */
function defaultFolder({ env, os, path, platform }: Node): string | undefined {
  const local = platform === 'win32' ? env.LOCALAPPDATA : env.XDG_CACHE_HOME;
  // Throws where the user is not known to the system, as in some containers.
  const home = attempted(() => os.homedir()) ?? '';
  const folders = [local ?? '', path.join(home, '.cache')];
  const folder = folders.find((one) => path.isAbsolute(one));
  return folder && path.join(folder, 'vgg-blocks');
}

function folderCache(node: Node, folder: string): FileCache {
  const { fs, path } = node;
  const locate = async (name: string) => {
    const at = path.join(folder, name);
    const found = await fs.stat(at).catch(() => undefined);
    // A pipe that nobody writes to would be read forever.
    if (found && !found.isFile()) throw inTheWay(at, found.isDirectory() ? 'a folder' : 'a pipe or a device');
    return found && at;
  };
  return {
    locate,
    async read(name) {
      const found = await locate(name);
      if (found === undefined) return undefined;
      return fs.readFile(found).then(
        (bytes) => new Uint8Array(bytes),
        () => undefined,
      );
    },
    async write(name, bytes) {
      try {
        const file = await openPending(node, path.join(folder, name));
        try {
          await file.append(bytes);
          await file.commit();
          return true;
        } catch {
          await file.discard();
        }
      } catch {}
      return false;
    },
    async writeAt(name, offset, piece) {
      try {
        if (offset === 0) await makeFolders(node, folder);
        // Two processes that download the same file write the same bytes to the same positions.
        const file = await fs.open(path.join(folder, name), offset === 0 ? 'w' : 'r+');
        try {
          for (let done = 0; done < piece.length; ) {
            done += (await file.write(piece, done, piece.length - done, offset + done)).bytesWritten;
          }
        } finally {
          await file.close();
        }
      } catch {}
    },
    remove: (name) => fs.rm(path.join(folder, name), { force: true }).catch(() => {}),
  };
}

function inTheWay(path: string, kind: string): DataError {
  return new DataError(
    path,
    'unreadable',
    `it is ${kind}, where the cache keeps a downloaded file; move it away.`,
  );
}

function browserCache(cacheName: string): FileCache {
  // The Cache API stores by URL; this one does not exist.
  const address = (name: string) => `https://vgg-blocks.invalid/${name}`;
  const attempt = <T>(use: (cache: Cache) => Promise<T>) =>
    globalThis.caches
      .open(cacheName)
      .then(use)
      .catch(() => undefined);
  return {
    read: (name) =>
      attempt(async (cache) => {
        const response = await cache.match(address(name));
        return response && new Uint8Array(await response.arrayBuffer());
      }),
    write: async (name, bytes) =>
      (await attempt(async (cache) => {
        await cache.put(address(name), new Response(bytes as BodyInit));
        return true;
      })) ?? false,
    writeAt: NOTHING.writeAt,
    remove: async (name) => {
      await attempt((cache) => cache.delete(address(name)));
    },
    locate: (name) => attempt(async (cache) => (await cache.match(address(name)))?.blob()),
  };
}
