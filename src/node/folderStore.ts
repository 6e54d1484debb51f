import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkArguments } from '../base/arguments.js';
import { printedPath } from '../base/printable.js';
import { systemCode } from '../io/runtime.js';
import { type CheckpointStore, checkedStore } from '../train/checkpoint/store.js';
import { lockFolder } from './lockFolder.js';
import { PATH } from './path.js';
import { because, openPending } from './writeFile.js';

const EXTENSION = '.safetensors';

/**
 * A folder on disk for the checkpoints of `train`. Each is a safetensors file that is written completely or not at all, and
 * flushed to disk. One process at a time may use the folder; that of a killed one is taken over.
 *
 * @example
 * await train(model, sets, { checkpoint: { store: folderStore('runs/vgg/checkpoints'), resume: true } });
 */
export function folderStore(folder: string): CheckpointStore {
  checkArguments('folderStore', { folder }, { folder: PATH });

  const pathOf = (name: string) => join(folder, `${name}${EXTENSION}`);
  return checkedStore('folderStore', {
    name: folder,
    lock: () => lockFolder(folder),
    async list() {
      const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
        if (systemCode(error) === 'ENOENT') return [];
        throw new Error(`${printedPath(folder)} could not be read: ${because(error)}`, { cause: error });
      });
      // A folder is no checkpoint, whatever its name.
      const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
      return files.filter((file) => file.endsWith(EXTENSION)).map((file) => file.slice(0, -EXTENSION.length));
    },
    open: async (name) => pathOf(name),
    async write(name, content) {
      const file = await openPending(pathOf(name));
      try {
        for await (const chunk of content) await file.append(chunk);
        await file.commit();
      } catch (error) {
        await file.discard();
        throw error;
      }
    },
    async remove(name) {
      const path = pathOf(name);
      await rm(path, { force: true }).catch((error: unknown) => {
        throw new Error(`${printedPath(path)}: ${because(error)}`, { cause: error });
      });
    },
  });
}
