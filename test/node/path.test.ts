import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  fileSystem,
  folderStore,
  imageFolder,
  lockFolder,
  npyWriter,
  openLog,
  temporaryFile,
  tensorBoardWriter,
  writeFileAtomic,
  writeImage,
} from '../../src/node/index.js';

const image = { data: new Uint8Array(3), width: 1, height: 1 };

test.each<[name: string, call: (path: string) => unknown, argument?: string]>([
  ['fileSystem', (path) => fileSystem(path)],
  ['folderStore', (path) => folderStore(path), 'folder'],
  ['imageFolder', (path) => imageFolder(path, {})],
  ['lockFolder', (path) => lockFolder(path), 'folder'],
  ['npyWriter', (path) => npyWriter(path, [1])],
  ['openLog', (path) => openLog(path)],
  ['temporaryFile', (folder) => temporaryFile({ folder }), 'folder'],
  ['tensorBoardWriter', (path) => tensorBoardWriter(path), 'folder'],
  ['writeFileAtomic', (path) => writeFileAtomic(path, '')],
  ['writeImage', (path) => writeImage(path, image)],
])('%s takes no address for the names of folders', async (name, call, argument = 'path') => {
  for (const address of ['file:///tmp/x', 'https://example.com/x.png', 'indexeddb://x']) {
    await expect((async () => call(address))()).rejects.toThrow(
      `${name}: ${argument} is ${JSON.stringify(address)}; it must be a path, not an address.`,
    );
  }
  expect(['file:', 'https:', 'indexeddb:'].filter((folder) => existsSync(folder))).toEqual([]);
});
