import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockFolder } from '../../src/node/index.js';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg-blocks-'));
  path = join(folder, 'lock');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Rewrites the lock's process. */
async function heldBy(pid: number): Promise<void> {
  const release = await lockFolder(folder);
  const text = await readFile(path, 'utf8');
  await release();
  await writeFile(path, text.replace(/-\d+/, `-${pid}`));
}

test('a folder that a running process has is refused, and free once it is released', async () => {
  const release = await lockFolder(join(folder, 'new'));
  await expect(lockFolder(join(folder, 'new'))).rejects.toThrow(
    new RegExp(`new is in use by process ${process.pid}; wait for it, .* or delete .*lock if it is certain`),
  );
  await release();
  expect(await readdir(join(folder, 'new'))).toEqual([]);
  await heldBy(process.ppid);
  await expect(lockFolder(folder)).rejects.toThrow(`in use by process ${process.ppid};`);
});

test('the lock of a dead process is taken over, and so is an empty one', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  await heldBy(child.pid!);
  await (await lockFolder(folder))();
  await writeFile(path, '');
  await (await lockFolder(folder))();
  expect(await readdir(folder)).toEqual([]);
});

test('the lock of another machine is refused', async () => {
  await writeFile(path, '00000000-1 0 0\n');
  await expect(lockFolder(folder)).rejects.toThrow('in use by process 1;');
});

test('a folder that cannot be made is one sentence', async () => {
  await writeFile(path, '');
  await expect(lockFolder(join(path, 'run'))).rejects.toThrow(
    /lock\/run could not be written: .* choose another path\.$/,
  );
});
