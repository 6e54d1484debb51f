import { expect, test } from 'vitest';
import { indexedDbStore, opfsStore } from '../../src/train/index.js';

test('the stores of browsers name that of Node', () => {
  expect(() => indexedDbStore('garments')).toThrow(
    'indexedDbStore: this runtime has no IndexedDB; use folderStore in Node, or memoryStore.',
  );
  expect(() => opfsStore('garments')).toThrow(
    'opfsStore: this runtime has no private file system that can be written to; use folderStore in Node, or indexedDbStore.',
  );
});

test.each(['', '/runs', 'runs/../other', 7 as unknown as string])('opfsStore refuses the path %j', (path) => {
  expect(() => opfsStore(path)).toThrow(
    `opfsStore: path is ${JSON.stringify(path)}; pass the names of folders with slashes between them, such as 'runs/garments'.`,
  );
});
