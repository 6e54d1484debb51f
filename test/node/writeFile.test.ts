import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeFileAtomic } from '../../src/node/index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg-blocks-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('writes text, bytes and chunks of bytes, and leaves no temporary file', async () => {
  await writeFileAtomic(join(folder, 'text'), 'größer');
  await writeFileAtomic(join(folder, 'bytes'), Uint8Array.of(1, 2));
  await writeFileAtomic(join(folder, 'chunks'), [Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3)]);
  await writeFileAtomic(join(folder, 'nothing'), []);
  expect(await readFile(join(folder, 'text'), 'utf8')).toBe('größer');
  expect([...(await readFile(join(folder, 'bytes')))]).toEqual([1, 2]);
  expect([...(await readFile(join(folder, 'chunks')))]).toEqual([1, 2, 3]);
  expect([...(await readFile(join(folder, 'nothing')))]).toEqual([]);
  expect((await readdir(folder)).sort()).toEqual(['bytes', 'chunks', 'nothing', 'text']);
});

test('replaces a file and creates missing folders', async () => {
  const path = join(folder, 'runs/1/history.json');
  await writeFileAtomic(path, 'a longer, older text');
  await writeFileAtomic(path, 'new');
  expect(await readFile(path, 'utf8')).toBe('new');
});

test('two writers of one file leave the content of one of them', async () => {
  const path = join(folder, 'file');
  const contents = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(100_000));
  await Promise.all(contents.map((content) => writeFileAtomic(path, content)));
  expect(contents).toContain(await readFile(path, 'utf8'));
  expect(await readdir(folder)).toEqual(['file']);
});

test('reports a folder in place of the file, or a file in place of the folder', async () => {
  expect(await writeFileAtomic(folder, 'x').catch((error: Error) => error.message)).toBe(
    `${folder} could not be written: there is a file where a folder is expected, or a folder where a file is; choose another path.`,
  );
  await writeFile(join(folder, 'file'), '');
  const path = join(folder, 'file/below');
  await expect(writeFileAtomic(path, 'x')).rejects.toThrow(
    `${path} could not be written: there is a file where a folder is expected`,
  );
});

test('leaves no folder behind if one below it cannot be created', async () => {
  const path = join(folder, 'new', 'x'.repeat(300), 'file');
  await expect(writeFileAtomic(path, 'x')).rejects.toThrow('could not be written: the path is too long');
  expect(await readdir(folder)).not.toContain('new');
});
