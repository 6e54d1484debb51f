import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { npyWriter } from '../../src/node/index.js';
import { NPY_FILES, readNpy } from './npyFiles.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-npy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('npyWriter', () => {
  test.each([
    ['f32', [3], 2],
    ['f16', [1, 2, 2], 3],
  ] as const)('writes %s rows of [%s], byte for byte as numpy.save does', async (dtype, shape, rows) => {
    const path = join(folder, `${dtype}.npy`);
    const file = await npyWriter(path, shape, { dtype });
    const length = shape.reduce((a: number, b: number) => a * b, 1);
    for (let row = 0; row < rows; row++) {
      await file.append(Float32Array.from({ length }, (_, i) => (row * length + i) / 7));
    }
    await file.close();
    expect(readFileSync(path).toString('base64')).toBe(NPY_FILES[dtype]);
  });

  test('has no name before it is closed and leaves nothing when it is discarded', async () => {
    const path = join(folder, 'deep', 'later.npy');
    const discarded = await npyWriter(path, [2]);
    const beside = await npyWriter(join(folder, 'deep', 'beside.npy'), [2]);
    await discarded.append(Float32Array.of(1, 2));
    expect(readdirSync(join(folder, 'deep'))).toHaveLength(2);
    for (const file of [discarded, beside]) await file.discard();
    expect(existsSync(join(folder, 'deep'))).toBe(false);
    const file = await npyWriter(path, [2]);
    await file.close();
    await file.discard();
    expect(readNpy(readFileSync(path)).shape).toEqual([0, 2]);
  });

  test('has all rows that were appended before it is closed, as they were then', async () => {
    const path = join(folder, 'overlapping.npy');
    const file = await npyWriter(path, [2]);
    const row = Float32Array.of(1, 2);
    const appends = [file.append(row), file.append(Float32Array.of(3, 4))];
    row.fill(9);
    await file.close();
    await Promise.all(appends);
    const { shape, values } = readNpy(readFileSync(path));
    expect([shape, [...values]]).toEqual([
      [2, 2],
      [1, 2, 3, 4],
    ]);
  });

  test('refuses what comes after it is closed, without blaming the disk', async () => {
    const file = await npyWriter(join(folder, 'closed.npy'), [2]);
    await file.close();
    for (const use of [() => file.append(Float32Array.of(1, 2)), file.close]) {
      await expect(use()).rejects.toThrow('npyWriter: it is closed already; open another.');
    }
  });

  test('refuses a row of another length and a path that cannot be written', async () => {
    const file = await npyWriter(join(folder, 'short.npy'), [2, 2]);
    await expect(file.append(new Float32Array(3))).rejects.toThrow(
      'npyWriter: a row has 3 numbers; [2,2] needs 4.',
    );
    await file.discard();
    await expect(npyWriter(join(folder, 'f32.npy', 'x.npy'), [1])).rejects.toThrow(
      /x\.npy could not be written: there is a file where a folder is expected/,
    );
  });
});
