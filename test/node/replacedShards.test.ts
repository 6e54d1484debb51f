import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { watchSaves } from '../../src/node/replacedShards.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg-shards-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const OTHER = 'weights-0123abcd-1of1.bin';
const OWN = 'weights-ffffffff-1of1.bin';
const UNFINISHED = '.vgg-blocks-89abcdef-17-0123abcd.tmp';

const write = (name: string, text = '') => writeFileSync(join(folder, name), text);
/** What another save that is not complete has written. */
function begin(): void {
  write(OTHER);
  write(UNFINISHED);
}
const remove = (name: string) => rmSync(join(folder, name));

/** A `model.json` that is a link to one in another folder, where it is being written. */
function writeLinked(): void {
  mkdirSync(join(folder, 'elsewhere'));
  for (const name of ['model.json', UNFINISHED]) write(`elsewhere/${name}`);
  symlinkSync(join('elsewhere', 'model.json'), join(folder, 'linked.json'));
}

test.each<[string, () => void, () => void, boolean]>([
  ['came meanwhile and are named by no model', () => {}, () => write(OTHER), false],
  ['were being written, and are named by no model', begin, () => remove(UNFINISHED), false],
  ['were there before', () => write(OTHER), () => {}, true],
  [
    'came with another model',
    () => {},
    () => {
      write(OTHER);
      write('other.json', `{"paths":["${OTHER}"]}`);
    },
    true,
  ],
  ['are being written', () => {}, begin, true],
  ['are being written for a linked model.json', writeLinked, () => write(OTHER), true],
])('weights of another save that %s', async (_, before, meanwhile, stay) => {
  before();
  const removeReplaced = await watchSaves(folder);
  meanwhile();
  write(OWN);
  write('model.json', `{"paths":["${OWN}"]}`);
  await removeReplaced('ffffffff');
  const names = readdirSync(folder);
  expect(names).toContain(OWN);
  expect(names.includes(OTHER)).toBe(stay);
});
