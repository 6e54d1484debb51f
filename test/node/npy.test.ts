import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { afterAll, describe, expect, test } from 'vitest';
import { npyWriter, writeImage } from '../../src/node/index.js';
import { NPY_FILES, readNpy } from './npyFiles.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-npy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('npyWriter', () => {
  test.each([
    ['f32', [3], 2],
    ['f16', [1, 2, 2], 3],
  ] as const)('writes %s rows of [%s] to the very bytes of numpy.save', async (dtype, shape, rows) => {
    const path = join(folder, `${dtype}.npy`);
    const file = await npyWriter(path, shape, dtype);
    const length = shape.reduce((a: number, b: number) => a * b, 1);
    for (let row = 0; row < rows; row++) {
      await file.append(Float32Array.from({ length }, (_, i) => (row * length + i) / 7));
    }
    await file.close();
    expect(readFileSync(path).toString('base64')).toBe(NPY_FILES[dtype]);
  });

  test('has no name before it is closed, and none after it is discarded', async () => {
    const path = join(folder, 'deep', 'later.npy');
    const discarded = await npyWriter(path, [2]);
    await discarded.append(Float32Array.of(1, 2));
    expect(readdirSync(join(folder, 'deep'))).toHaveLength(1);
    await discarded.discard();
    expect(readdirSync(join(folder, 'deep'))).toEqual([]);
    const file = await npyWriter(path, [2]);
    await file.close();
    await file.discard();
    expect(readNpy(readFileSync(path)).shape).toEqual([0, 2]);
  });

  test('says what is wrong', async () => {
    const file = await npyWriter(join(folder, 'short.npy'), [2, 2]);
    await expect(file.append(new Float32Array(3))).rejects.toThrow(
      'npyWriter: a row has 3 numbers, and [2,2] needs 4.',
    );
    await file.discard();
    await expect(npyWriter(join(folder, 'f32.npy', 'x.npy'), [1])).rejects.toThrow(
      /x\.npy could not be written: a file stands where a folder should be/,
    );
  });
});

describe('writeImage', () => {
  test('writes a PNG of the same bytes', async () => {
    const path = join(folder, 'pictures', 'image.png');
    const data = Uint8ClampedArray.of(1, 2, 3, 4, 5, 6);
    await writeImage(path, { data, width: 1, height: 2 });
    const png = decode(readFileSync(path));
    expect([png.width, png.height, ...png.data]).toEqual([1, 2, ...data]);
  });

  test('writes nothing else', async () => {
    const image = { data: new Uint8Array(1), width: 1, height: 1 };
    await expect(writeImage(join(folder, 'image.jpg'), image)).rejects.toThrow(
      'image.jpg could not be written: PNG alone is; give a path that ends in .png.',
    );
  });
});
