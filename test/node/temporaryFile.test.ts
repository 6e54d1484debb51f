import '@tensorflow/tfjs-backend-cpu';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispose, memory, setBackend } from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { garments } from '../../src/data/index.js';
import { cacheFeatures } from '../../src/features/index.js';
import { vgg } from '../../src/index.js';
import { temporaryFile } from '../../src/node/index.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-temporary-'));
beforeAll(() => setBackend('cpu'));
afterEach(() => vi.restoreAllMocks());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rows = (first: number, count: number) =>
  Float32Array.from({ length: count * 3 }, (_, i) => Math.sin(first * 3 + i));

/** The class of open files. */
async function fileClass() {
  const file = await open(join(folder, 'any'), 'w');
  await file.close();
  rmSync(join(folder, 'any'));
  return Object.getPrototypeOf(file) as { write(...all: unknown[]): Promise<unknown> };
}

describe('temporaryFile', () => {
  test('returns the rows it was given, in any order', async () => {
    const store = await temporaryFile({ folder })({ rows: 6, rowLength: 3 });
    await store.write(2, rows(2, 4));
    // A view into a larger array.
    await store.write(0, rows(0, 6).subarray(0, 6));
    expect(await store.read([5, 0, 3, 3])).toEqual(
      Float32Array.of(...rows(5, 1), ...rows(0, 1), ...rows(3, 1), ...rows(3, 1)),
    );
    await store.dispose();
    await store.dispose();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('holds features beyond maxBytes, equal to those in memory', async () => {
    const { trainSet: images } = garments({ trainImages: 40, testImages: 10 });
    const base = vgg([[1, 2]], { inputShape: [28, 28, 1], includeTop: false });
    const before = memory().numTensors;
    const kept = await cacheFeatures(base, images);
    const spilled = await cacheFeatures(base, images, {
      maxBytes: 1000,
      overflow: temporaryFile({ folder }),
    });
    const read = async (set: typeof kept) => {
      const all: string[] = [];
      for await (const { xs, ys } of set.batches({ batchSize: 16, seed: 3 })) {
        all.push(xs.dataSync().join(), ys.dataSync().join());
        dispose([xs, ys]);
      }
      return all;
    };
    expect(await read(spilled)).toEqual(await read(kept));
    for await (const { xs, ys } of spilled.batches({ batchSize: 16 })) {
      dispose([xs, ys]);
      break;
    }
    await spilled.dispose();
    expect(memory().numTensors).toBe(before);
    expect(readdirSync(folder)).toEqual([]);
    base.dispose();
  });

  test('reports too little room before anything is written', async () => {
    await expect(temporaryFile({ folder })({ rows: 1e12, rowLength: 1e3 })).rejects.toThrow(
      /^temporaryFile: the file needs 4000000\.00 GB and \S+ has \d+\.\d\d GB free; free some space or choose another folder\.$/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test('reports a full disk, and leaves no file and no tensor', async () => {
    const { trainSet: images } = garments({ trainImages: 20, testImages: 10 });
    const base = vgg([[1, 2]], { inputShape: [28, 28, 1], includeTop: false });
    const before = memory().numTensors;
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    vi.spyOn(await fileClass(), 'write').mockRejectedValue(full);
    await expect(
      cacheFeatures(base, images, { maxBytes: 0, overflow: temporaryFile({ folder }) }),
    ).rejects.toThrow(
      new RegExp(
        `^temporaryFile: the file in ${folder} failed: the disk is full; free some space and try again\\.$`,
      ),
    );
    expect(memory().numTensors).toBe(before);
    expect(readdirSync(folder)).toEqual([]);
    base.dispose();
  });

  test('refuses rows outside its size, half rows, and use after dispose', async () => {
    const open = temporaryFile({ folder });
    await expect(open({ rows: 2 } as never)).rejects.toThrow(
      'temporaryFile: size is {"rows":2}; it must be an object as { rows, rowLength }.',
    );
    const store = await open({ rows: 4, rowLength: 3 });
    for (const [first, numbers] of [
      [3, 6],
      [0, 4],
      [4, 3],
    ] as const) {
      await expect(store.write(first, new Float32Array(numbers))).rejects.toThrow(
        `temporaryFile: ${numbers} numbers are to be written from row ${first} on, but there are 4 rows of 3; pass whole rows that fit.`,
      );
    }
    await store.dispose();
    for (const use of [() => store.read([0]), () => store.write(0, rows(0, 1))]) {
      await expect(use()).rejects.toThrow('temporaryFile: it is closed already; open another.');
    }
  });

  test('a file in place of the folder is an error', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(temporaryFile({ folder: join(folder, 'file') })({ rows: 1, rowLength: 1 })).rejects.toThrow(
      /^temporaryFile: the file in \S+ failed: there is a file where a folder is expected/,
    );
    rmSync(join(folder, 'file'));
  });
});
