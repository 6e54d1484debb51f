import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { io } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fileSystem, writeFileAtomic } from '../../src/node/index.js';

/** Which calls of the file system fail, by their number from 0, and with what; and the calls so far. */
const disk = vi.hoisted(() => ({
  calls: [] as string[],
  fails: (_call: number, _name: string): boolean => false,
  code: 'ENOSPC',
}));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const check = (name: string) => {
    disk.calls.push(name);
    if (disk.fails(disk.calls.length - 1, name)) {
      throw Object.assign(new Error(`${disk.code}: simulated`), { code: disk.code });
    }
  };
  const guarded = (name: 'mkdir' | 'rename' | 'rm') => {
    const call = real[name] as (...args: unknown[]) => Promise<unknown>;
    return async (...args: unknown[]) => {
      check(name);
      return call(...args);
    };
  };
  const open: typeof real.open = async (path, flags, mode) => {
    check('open');
    const file = await real.open(path, flags, mode);
    const { writeFile, sync, close } = file;
    file.writeFile = async (content) => {
      // A disk that fills up has taken a part of the file.
      const half = (content as Uint8Array).subarray?.(0, content.length / 2);
      try {
        check('write');
      } catch (error) {
        if (half) await writeFile.call(file, half);
        throw error;
      }
      await writeFile.call(file, content);
    };
    file.sync = async () => {
      check('sync');
      await sync.call(file);
    };
    file.close = async () => {
      // The descriptor is given back even by a process that dies.
      await close.call(file);
      check('close');
    };
    return file;
  };
  return { ...real, open, mkdir: guarded('mkdir'), rename: guarded('rename'), rm: guarded('rm') };
});

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg-blocks-'));
  await saved(1);
});

afterEach(async () => {
  working();
  await rm(folder, { recursive: true, force: true });
});

const working = () => {
  disk.fails = () => false;
  disk.calls = [];
  disk.code = 'ENOSPC';
};

/** A model of 40 bytes in four files, all of whose bytes are `value`. */
const artifacts = (value: number): io.ModelArtifacts => ({
  modelTopology: { node: [], value },
  weightSpecs: [{ name: 'w', shape: [10], dtype: 'float32' }],
  weightData: new Uint8Array(40).fill(value).buffer,
});

const saved = (value: number) => fileSystem(folder, { shardBytes: 12 }).save!(artifacts(value));

/** The value of the model that is on disk, of which no byte may come from another. */
async function valueOnDisk(): Promise<number> {
  const { modelTopology, weightData } = await fileSystem(folder).load!();
  const { value } = modelTopology as { value: number };
  const bytes = (weightData as ArrayBuffer[]).flatMap((buffer) => [...new Uint8Array(buffer)]);
  expect(bytes).toEqual(Array(40).fill(value));
  return value;
}

/** The calls of a successful save; its last rename puts the new model in place. */
async function callsOfSave(): Promise<string[]> {
  working();
  await saved(1);
  const calls = disk.calls;
  working();
  return calls;
}

const message = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing was thrown',
    (error: Error) => error.message,
  );

test('a save writes, flushes and closes each file before renaming it, and removes old weights at the end', async () => {
  const file = ['mkdir', 'open', 'write', 'sync', 'close', 'rename', 'open', 'sync', 'close'];
  const weights = Array(4).fill(file).flat();
  expect(await callsOfSave()).toEqual([
    ...['mkdir', 'open', ...weights, ...file.slice(2)],
    ...['rm', 'rm', 'rm', 'rm', 'rm'],
  ]);
});

describe('wherever a process dies in the middle of a save', () => {
  test('either the old or the new model is intact, and the next save succeeds', async () => {
    const calls = await callsOfSave();
    const replaced = calls.lastIndexOf('rename');
    for (let death = 0; death < calls.length; death++) {
      working();
      await saved(1);
      working();
      disk.fails = (call) => call >= death;
      await saved(2).catch(() => {});
      working();
      expect([death, await valueOnDisk()]).toEqual([death, death <= replaced ? 1 : 2]);
      await saved(3);
      expect(await valueOnDisk()).toBe(3);
    }
  });
});

describe('wherever the disk fills up in the middle of a save', () => {
  test('the save says so, the old model stays, and no files are left over', async () => {
    const calls = await callsOfSave();
    const replaced = calls.lastIndexOf('rename');
    const before = (await readdir(folder)).sort();
    for (let full = 0; full <= replaced; full++) {
      // A folder that cannot be flushed is not a failure: not every system can do it.
      const ofFolder = full > 1 && full < 38 && (full - 2) % 9 > 5;
      // A folder that exists need not be made.
      if (ofFolder || calls[full] === 'mkdir') continue;
      working();
      disk.fails = (call) => call === full;
      const text = await message(saved(2));
      expect(text).toMatch(
        /(weights-\w+-\dof4\.bin|model\.json) could not be written: the disk is full; free some space and try again\.$/,
      );
      working();
      expect((await readdir(folder)).sort()).toEqual(before);
      expect(await valueOnDisk()).toBe(1);
    }
  });

  test('a folder that cannot be flushed does not stop the save', async () => {
    let renamed = false;
    disk.fails = (_, name) => {
      const flush = renamed && name === 'open';
      renamed = name === 'rename';
      return flush;
    };
    await saved(2);
    working();
    expect(await valueOnDisk()).toBe(2);
  });

  test('old weights that cannot be removed do not fail the save', async () => {
    working();
    disk.fails = (_, name) => name === 'rm';
    await saved(2);
    working();
    expect(await valueOnDisk()).toBe(2);
  });
});

describe('errors of the system are explained', () => {
  test.each([
    ['ENOSPC', 'the disk is full; free some space and try again.'],
    ['EACCES', 'permission denied; choose another folder or change its permissions.'],
    ['EROFS', 'permission denied; choose another folder or change its permissions.'],
    [
      'EISDIR',
      'there is a file where a folder is expected, or a folder where a file is; choose another path.',
    ],
    ['EIO', 'the system cannot read or write it; choose another path.'],
  ])('%s', async (code, sentence) => {
    working();
    disk.fails = (_, name) => name === 'open';
    disk.code = code;
    const path = join(folder, 'curves.svg');
    expect(await message(writeFileAtomic(path, '<svg/>'))).toBe(`${path} could not be written: ${sentence}`);
    const json = join(folder, 'model.json');
    expect(await message(fileSystem(folder).load!())).toBe(`${json} could not be read: ${sentence}`);
  });
});
