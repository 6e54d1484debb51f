import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { folderStore, lockFolder } from '../../src/node/index.js';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg-blocks-'));
  path = join(folder, 'lock');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Writes the lock of a process, with what `change` makes of it. */
async function heldBy(pid: number, change = (lock: string) => lock): Promise<void> {
  const release = await lockFolder(folder);
  const text = await readFile(path, 'utf8');
  await release();
  const lock = text.replace(/-\d+/, `-${pid}`).replace(/(?<=\/)\d+/, await startOf(pid));
  await writeFile(path, change(lock));
}

/** The start of a process, in ticks since the boot; of what is gone, that of none. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') ');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
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
  for (const blank of ['', '\0'.repeat(60)]) {
    await writeFile(path, blank);
    await (await lockFolder(folder))();
  }
  expect(await readdir(folder)).toEqual([]);
});

// Process ids are told apart by Linux's /proc alone.
describe.runIf(existsSync('/proc/self/stat'))('with /proc', () => {
  test.each([
    ['whose id another one has', /(?<=\/)\d+/, '1'],
    ['of an earlier boot', /[\da-f-]{36}/, '00000000-0000-4000-8000-000000000000'],
  ])('the lock of a process %s is taken over', async (_, field, other) => {
    for (const pid of [process.ppid, process.pid]) {
      await heldBy(pid);
      await expect(lockFolder(folder)).rejects.toThrow(`in use by process ${pid};`);
      await rm(path);
      await heldBy(pid, (lock) => lock.replace(field, other));
      await (await lockFolder(folder))();
    }
  });

  test('the lock of a zombie is taken over', async () => {
    // The shell becomes a process that does not wait for what the shell has started.
    const parent = spawn('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600']);
    const found = (pid: number | undefined) => readFileSync(`/proc/${pid}/stat`, 'utf8');
    try {
      const [line] = await once(parent.stdout, 'data');
      const pid = Number(String(line));
      await vi.waitFor(() => expect(found(parent.pid)).toContain('(sleep)'), { timeout: 60_000 });
      process.kill(pid, 'SIGKILL');
      await vi.waitFor(() => expect(found(pid)).toContain(') Z '), { timeout: 60_000 });
      await heldBy(pid);
      await (await lockFolder(folder))();
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

test.runIf(process.platform === 'linux')(
  'the lock of a killed process of another container is taken over; that of a running one is refused',
  async () => {
    // Its socket has a name of its own, and as a path it would be too long.
    folder = join(folder, 'deep'.repeat(30));
    path = join(folder, 'lock');
    const release = await lockFolder(folder);
    const [, , , birth, device] = (await readFile(path, 'utf8')).trim().split(' ');
    await release();
    const listen = `process.chdir(process.argv[1]); net.createServer().listen('lock-cafe0001', () => console.log())`;
    const other = spawn(process.execPath, ['-e', listen, folder]);
    await once(other.stdout, 'data');
    const lock = (boot = birth, on = device) => writeFile(path, `00000000-7 0 cafe0001 ${boot} ${on}\n`);
    const seen = /in use by process 7; wait/;
    const unseen = /in use by process 7 of another machine or container/;
    await lock();
    await expect(lockFolder(folder)).rejects.toThrow(seen);
    other.kill('SIGKILL');
    await once(other, 'exit');
    for (const [boot, on] of [
      [birth, '1'],
      ['0/1', device],
    ]) {
      await lock(boot, on);
      await expect(lockFolder(folder)).rejects.toThrow(unseen);
    }
    await lock();
    await (await lockFolder(folder))();
    expect(await readdir(folder)).toEqual([]);
    await lock();
    await expect(lockFolder(folder)).rejects.toThrow(unseen);
  },
);

test('a lock without the start of its process is judged by the id', async () => {
  await heldBy(process.ppid, (lock) => `${lock.split(' ').slice(0, 3).join(' ')}\n`);
  await expect(lockFolder(folder)).rejects.toThrow(`in use by process ${process.ppid};`);
});

test('a folder in place of the lock is one sentence, and stays', async () => {
  await mkdir(path);
  await expect(lockFolder(folder)).rejects.toThrow(/\/lock could not be written: .* choose another path\.$/);
  expect(await readdir(folder)).toEqual(['lock']);
});

test('the lock of another machine is refused', async () => {
  await writeFile(path, '00000000-1 0 0\n');
  await expect(lockFolder(folder)).rejects.toThrow(
    /in use by process 1 of another machine or container, which cannot be seen from here; .* if it has ended, delete .*lock\.$/,
  );
});

test('a folder that cannot be made is one sentence', async () => {
  await writeFile(path, '');
  await expect(lockFolder(join(path, 'run'))).rejects.toThrow(
    /lock\/run could not be written: .* choose another path\.$/,
  );
});

test.each(['../zz', 'a/b', '..\\zz', ''])('a folder of checkpoints has no file %j', async (name) => {
  const store = folderStore(join(folder, 'run'));
  async function* content() {
    yield new Uint8Array(2);
  }
  for (const use of [() => store.write(name, content()), () => store.open(name), () => store.remove(name)]) {
    await expect(use()).rejects.toThrow(
      `folderStore: name is ${JSON.stringify(name)}; it must be a name without slashes.`,
    );
  }
  expect(await readdir(folder)).toEqual([]);
});

test('a folder with the name of a checkpoint is none, and is not removed', async () => {
  const store = folderStore(folder);
  const inTheWay = join(folder, 'epoch-9.safetensors');
  await mkdir(inTheWay);
  await store.write('epoch-1', (async function* () {})());
  expect(await store.list()).toEqual(['epoch-1']);
  await expect(store.remove('epoch-9')).rejects.toThrow(`${inTheWay}: it is a folder; choose another path.`);
  await store.remove('epoch-1');
  expect(await readdir(folder)).toEqual(['epoch-9.safetensors']);
});
