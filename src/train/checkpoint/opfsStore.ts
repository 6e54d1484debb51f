import { fail, shown } from '../../base/check.js';
import { messageOf } from '../../base/realm.js';
import { originLock } from './originLock.js';
import { type CheckpointStore, checkedStore } from './store.js';

const EXTENSION = '.safetensors';

/** What Chromium appends to the name of a file for the bytes that are not yet in it. */
const SWAP = '.crswap';

/**
 * Checkpoints in a folder of the browser's origin private file system (OPFS), where they outlive the page, in a window or a
 * worker. Each is a file that is written tensor by tensor, completely or not at all. One tab at a time may use a folder.
 *
 * @param path of the folder, such as `'runs/garments'`.
 * @throws RangeError for another path, or where there is no such file system, as in Node and in Safari before 26.
 * @example
 * await train(model, sets, { checkpoint: { store: opfsStore('runs/garments'), resume: true } });
 */
export function opfsStore(path: string): CheckpointStore {
  if (typeof path !== 'string' || !path.split('/').every((name) => name !== '' && !/^\.\.?$/.test(name))) {
    fail(
      'opfsStore',
      `path is ${shown(path)}; pass the names of folders with slashes between them, such as 'runs/garments'.`,
    );
  }
  if (!globalThis.navigator?.storage?.getDirectory || !('createWritable' in FileSystemFileHandle.prototype)) {
    fail(
      'opfsStore',
      'this runtime has no private file system that can be written to; use folderStore in Node, or indexedDbStore.',
    );
  }
  const store = `the private folder ${path}`;
  const tried = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw new Error(
        `${store} could not be used: ${messageOf(error)}; free some space, or allow the page to store data.`,
        { cause: error },
      );
    }
  };
  return checkedStore('opfsStore', {
    name: store,
    async lock() {
      const release = await originLock(`vgg-blocks/opfs/${path}`, store);
      try {
        await tried(removeUnfinished(path));
        return release;
      } catch (error) {
        await release();
        throw error;
      }
    },
    list: () => tried(checkpointsIn(path)),
    open: (name) => tried(fileIn(path, name)),
    async write(name, content) {
      const file = await tried(createFile(path, name));
      // What is written is in the file once this is closed, and not before.
      const writable = await tried(file.createWritable());
      try {
        for await (const chunk of content) await tried(writable.write(chunk as Uint8Array<ArrayBuffer>));
        await tried(writable.close());
      } catch (error) {
        await writable.abort().catch(() => {});
        await removeUnfinished(path).catch(() => {});
        throw error;
      }
    },
    remove: (name) => tried(removeFile(path, name + EXTENSION)),
  });
}

async function folderAt(path: string): Promise<FileSystemDirectoryHandle> {
  let folder = await navigator.storage.getDirectory();
  for (const name of path.split('/')) folder = await folder.getDirectoryHandle(name, { create: true });
  return folder;
}

async function createFile(path: string, name: string): Promise<FileSystemFileHandle> {
  return (await folderAt(path)).getFileHandle(name + EXTENSION, { create: true });
}

async function fileIn(path: string, name: string): Promise<File> {
  return (await (await folderAt(path)).getFileHandle(name + EXTENSION)).getFile();
}

async function removeFile(path: string, file: string): Promise<void> {
  await (await folderAt(path)).removeEntry(file).catch((error: DOMException) => {
    if (error.name !== 'NotFoundError') throw error;
  });
}

/** The names of the checkpoints. A file without bytes is one that could not be written. */
async function checkpointsIn(path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const [file, handle] of await folderAt(path)) {
    if (!file.endsWith(EXTENSION)) continue;
    if ((await (handle as FileSystemFileHandle).getFile()).size > 0)
      names.push(file.slice(0, -EXTENSION.length));
  }
  return names;
}

/** Removes what a browser that was killed has left of a file. */
async function removeUnfinished(path: string): Promise<void> {
  const files: string[] = [];
  for await (const file of (await folderAt(path)).keys()) files.push(file);
  const whole = (await checkpointsIn(path)).map((name) => name + EXTENSION);
  for (const file of files) {
    const isUnfinished = file.endsWith(EXTENSION + SWAP) || file.endsWith(EXTENSION);
    if (isUnfinished && !whole.includes(file)) await removeFile(path, file);
  }
}
