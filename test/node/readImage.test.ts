import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { readImage } from '../../src/node/index.js';
import { PICTURES } from './pictures.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-images-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytes = (name: keyof typeof PICTURES) => new Uint8Array(Buffer.from(PICTURES[name], 'base64'));
const colour = (x: number, y: number) => [20 * x, 30 * y, 12 * (x + y)];
const [WIDTH, HEIGHT] = [12, 8];
const upright = Array.from({ length: WIDTH * HEIGHT }, (_, i) =>
  colour(i % WIDTH, Math.floor(i / WIDTH)),
).flat();

describe('readImage', () => {
  test.each(['png', 'rgba', 'palette', 'webp'] as const)(
    'decodes %s to RGB, from bytes and from a path',
    async (name) => {
      const path = join(folder, name);
      writeFileSync(path, bytes(name));
      for (const source of [bytes(name), path]) {
        const { data, width, height } = await readImage(source);
        expect([width, height]).toEqual([WIDTH, HEIGHT]);
        expect([...data]).toEqual(upright);
      }
    },
  );

  test.each(['grey', 'grey16'] as const)('decodes %s to three equal channels of 8 bits', async (name) => {
    const { data } = await readImage(bytes(name));
    expect([...data]).toEqual(upright.map((_, i) => upright[i - (i % 3)]));
  });

  test('turns a picture as its camera was turned', async () => {
    const { data, width, height } = await readImage(bytes('jpeg'));
    expect([width, height]).toEqual([HEIGHT, WIDTH]);
    // A quarter to the right: the row x of the new picture is the column x of the old one, from the bottom up.
    const expected = Array.from({ length: WIDTH * HEIGHT }, (_, i) =>
      colour(Math.floor(i / HEIGHT), HEIGHT - 1 - (i % HEIGHT)),
    ).flat();
    const worst = Math.max(...expected.map((value, i) => Math.abs(value - data[i]!)));
    // Pillow's decoder of the same file is off by up to 3.
    expect(worst).toBeLessThanOrEqual(4);
  });

  test.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'an animation',
      () => readImage(bytes('animated')),
      /^the picture could not be read: it is animated or has 2 pages; give one picture\.$/,
    ],
    [
      'too many pixels',
      () => readImage(bytes('png'), { maxPixels: 95 }),
      /it has 12x8 pixels, and at most 95 are read; make it smaller\.$/,
    ],
    [
      'half a picture',
      () => readImage(bytes('png').subarray(0, 60)),
      /it is no picture that can be decoded, or is cut off \(/,
    ],
    [
      'no picture',
      () => readImage(new TextEncoder().encode('hello')),
      /it is no picture that can be decoded/,
    ],
    ['nothing', () => readImage(new Uint8Array()), /it is no picture that can be decoded/],
    [
      'a missing file',
      () => readImage('/nowhere/cat.png'),
      /^\/nowhere\/cat\.png could not be read: there is no such file; check the path\.$/,
    ],
    ['a folder', () => readImage(folder), /could not be read: it is no file; give a picture\.$/],
  ])('says what is wrong with %s', async (_, read, said) => {
    await expect(read()).rejects.toThrow(said);
  });

  test('says which package is missing', async () => {
    vi.doMock('sharp', () => {
      throw new Error('not found');
    });
    await expect(readImage(bytes('png'))).rejects.toThrow(
      'readImage: the package sharp is not installed; run npm install sharp.',
    );
    vi.doUnmock('sharp');
  });
});
