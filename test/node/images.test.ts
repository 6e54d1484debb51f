import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode, encode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { jpegSize } from '../../src/images/formats/jpegSize.js';
import { imageFolder, readImage, writeImage } from '../../src/node/index.js';
import { inspectWeights } from '../../src/weights/index.js';
import { SHARP_FORMATS } from '../images/encodedFormats.js';
import { noise } from '../support/bytes.js';
import { IMAGES } from './encodedImages.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vgg-images-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytes = (name: keyof typeof IMAGES) => new Uint8Array(Buffer.from(IMAGES[name], 'base64'));
const color = (x: number, y: number) => [20 * x, 30 * y, 12 * (x + y)];
const [WIDTH, HEIGHT] = [12, 8];
const upright = Array.from({ length: WIDTH * HEIGHT }, (_, i) =>
  color(i % WIDTH, Math.floor(i / WIDTH)),
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

  test('decodes AVIF, and names HEIC, which sharp as it is published does not decode', async () => {
    const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
    const avif = await sharp(Buffer.from(upright), { raw }).avif({ lossless: true }).toBuffer();
    const { data } = await readImage(avif);
    expect(Math.max(...upright.map((value, i) => Math.abs(value - data[i]!)))).toBeLessThanOrEqual(3);
    await expect(readImage(Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic'))).rejects.toThrow(
      /it is HEIC, which sharp, as it is published, does not decode; convert it to JPEG or PNG\.$/,
    );
  });

  // Other systems have no such names.
  test.runIf(process.platform === 'linux')(
    'says that a name is not UTF-8, by which nothing is found',
    async () => {
      const name = Buffer.concat([Buffer.from(`${folder}/latin-`), Buffer.from([0xe9])]);
      writeFileSync(name, bytes('png'));
      const reason = 'could not be read: its name is not UTF-8; rename it.';
      await expect(readImage(name.toString())).rejects.toThrow(reason);
      await expect(imageFolder(join(folder, 'nowhere\ufffd'))).rejects.toThrow(reason);
      await expect(inspectWeights(name.toString())).rejects.toThrow('its name is not UTF-8; rename it.');
      // Removing the folder would not find it.
      unlinkSync(name);
    },
  );

  test('rotates an image upright by its EXIF orientation', async () => {
    const { data, width, height } = await readImage(bytes('jpeg'));
    expect([width, height]).toEqual([HEIGHT, WIDTH]);
    // A quarter turn clockwise: row x of the new image is column x of the old one, from the bottom up.
    const expected = Array.from({ length: WIDTH * HEIGHT }, (_, i) =>
      color(Math.floor(i / HEIGHT), HEIGHT - 1 - (i % HEIGHT)),
    ).flat();
    const worst = Math.max(...expected.map((value, i) => Math.abs(value - data[i]!)));
    // Pillow's decoder of the same file is off by up to 3.
    expect(worst).toBeLessThanOrEqual(4);
  });

  test.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'too many pixels',
      () => readImage(bytes('png'), { maxPixels: 95 }),
      /it is 12x8, more than the limit of 95 pixels; make it smaller\.$/,
    ],
    [
      'half an image',
      () => readImage(bytes('png').subarray(0, 60)),
      /it is PNG, but damaged or of a kind that cannot be decoded here; get the file again\.$/,
    ],
    [
      'something else',
      () => readImage(new TextEncoder().encode('hello')),
      /^readImage: the image could not be read: it is not an image, judging by its first bytes/,
    ],
    [
      'nothing',
      () => readImage(new Uint8Array()),
      /^readImage: the image could not be read: it is empty \(0 bytes\); get the file again\.$/,
    ],
    [
      'a missing file',
      () => readImage('/nowhere/cat.png'),
      /^\/nowhere\/cat\.png could not be read: there is no such file; check the path\.$/,
    ],
    [
      'an address',
      () => readImage('https://example.com/cat.png'),
      /^https:\/\/example\.com\/cat\.png could not be read: it is an address, and images are read from files; download it and pass its path\.$/,
    ],
    ['a folder', () => readImage(folder), /could not be read: it is not a file; pass an image\.$/],
    [
      'a URL',
      () => readImage(new URL('file:///cat.png') as never),
      /^readImage: source is an object of class URL; it must be text or a Uint8Array\.$/,
    ],
  ])('refuses %s in one sentence', async (_, read, message) => {
    await expect(read()).rejects.toThrow(message);
  });

  test('of images that state a huge size, and of damaged ones, the sentence is ours, and nothing else is printed', async () => {
    const avif = await sharp({ create: { width: 24, height: 16, channels: 3, background: '#456' } })
      .avif()
      .toBuffer();
    for (let at = avif.indexOf('ispe'); at >= 0; at = avif.indexOf('ispe', at + 1)) {
      avif.writeUInt32BE(0x10000018, at + 8);
    }
    const svg = (attributes: string) =>
      Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" ${attributes}/>`);
    const box = 'viewBox="0 0 1e9 1e9"';
    const files = [avif, svg(box), svg(`width="5" height="3"><broken`), bytes('png').subarray(0, 60)];
    // What libraries print goes past this process.
    const script = `
      import { decodeImage } from './src/images/decode.ts';
      const said = [];
      for (const file of ${JSON.stringify(files.map((file) => Buffer.from(file).toString('base64')))}) {
        for (const maxPixels of [undefined, 1e20]) {
          said.push(await decodeImage(new Uint8Array(Buffer.from(file, 'base64')), maxPixels).catch(String));
        }
      }
      console.log(JSON.stringify(said));`;
    const options = ['--import', 'tsx', '--input-type=module', '--eval', script];
    const { stdout, stderr } = spawnSync(process.execPath, options, { cwd: root, encoding: 'utf8' });
    const damaged = 'damaged or of a kind that cannot be decoded here; get the file again';
    const limit = 'more than the limit of 100000000 pixels; make it smaller.';
    const side = 'and a side may have 10000000 pixels at most; make it smaller.';
    expect([stderr, JSON.parse(stdout)]).toEqual([
      '',
      [
        `Error: it is 268435480x16, ${limit}`,
        `Error: it is 268435480x16, ${side}`,
        `Error: it is 1000000000x1000000000, ${limit}`,
        `Error: it is 1000000000x1000000000, ${side}`,
        ...Array(2).fill(`Error: it is SVG, but ${damaged}, or convert it to PNG or JPEG.`),
        ...Array(2).fill(`Error: it is PNG, but ${damaged}.`),
      ],
    ]);
    expect(await readImage(svg(`${box} width="7" height="5"`))).toMatchObject({ width: 7, height: 5 });
    await expect(readImage(files[3]!)).rejects.toMatchObject({ cause: { cause: expect.any(Error) } });
  });

  test.each([
    ['b-w', false],
    ['srgb', false],
    ['srgb', true],
  ])('a JPEG (%s, progressive: %s) says how large it is', async (space, progressive) => {
    const raw = { width: 23, height: 17, channels: 3 as const };
    const image = sharp(noise(23 * 17 * 3), { raw }).withMetadata({ orientation: 6 });
    const jpeg = await image.toColourspace(space).jpeg({ progressive }).toBuffer();
    expect(jpegSize(jpeg)).toEqual({ width: 23, height: 17 });
    await expect(readImage(jpeg, { maxPixels: 390 })).rejects.toThrow(
      /it is 23x17, more than the limit of 390/,
    );
    expect(await readImage(jpeg)).toMatchObject({ width: 17, height: 23 });
    for (let end = 0; end < 30; end++) expect(jpegSize(jpeg.subarray(0, end))).toBeUndefined();
  });

  test('a JPEG of four inks is not taken for one of colors', () => {
    const [encoded] = SHARP_FORMATS['CMYK JPEG']!;
    expect(jpegSize(Buffer.from(encoded, 'base64'))).toBeUndefined();
  });

  test('refuses a GIF whose frame ends early, as PIL does, though the rest is there', async () => {
    const data = noise(64 * 48 * 3);
    const gif = await sharp(data, { raw: { width: 64, height: 48, channels: 3 } })
      .gif()
      .toBuffer();
    expect(await readImage(gif)).toMatchObject({ width: 64, height: 48 });
    const tableOf = (flags: number) => (flags & 128 ? 3 * 2 ** ((flags & 7) + 1) : 0);
    let at = 13 + tableOf(gif[10]!);
    for (; gif[at] === 0x21; at++) for (at += 2; gif[at] !== 0; ) at += gif[at]! + 1;
    // Behind the descriptor, the colors and the width of the codes, blocks follow with their lengths; the second one ends them.
    const block = at + 11 + tableOf(gif[at + 9]!);
    gif[block + gif[block]! + 1] = 0;
    const refused = await readImage(gif).catch((error: Error) => error);
    expect(refused).toMatchObject({
      message: expect.stringMatching(/it is GIF, but damaged/),
      cause: { cause: { message: expect.stringMatching(/Invalid frame data/) } },
    });
  });

  test('names the missing package', async () => {
    const { getBuiltinModule } = process;
    const withoutPackages = {
      createRequire: () => () => {
        throw Object.assign(new Error("Cannot find module 'sharp'"), { code: 'MODULE_NOT_FOUND' });
      },
    };
    const spy = vi
      .spyOn(process, 'getBuiltinModule')
      .mockImplementation((name) => (name === 'node:module' ? withoutPackages : getBuiltinModule(name)));
    onTestFinished(() => spy.mockRestore());
    await expect(readImage(bytes('png'))).rejects.toThrow(
      'readImage: the image could not be read: the package sharp, which decodes it, is not installed; run npm install sharp.',
    );
  });

  test.each(Object.entries(SHARP_FORMATS))('%s gives the pixels that PIL reads', async (_, [file, rgb]) => {
    const { data } = await readImage(Buffer.from(file, 'base64'));
    expect([...data]).toEqual([...Buffer.from(rgb, 'base64')]);
  });

  test('refuses values of 12 bits in 16, which would be almost black, but not black itself', async () => {
    const png = (value: number) =>
      encode({ data: new Uint16Array(12).fill(value), width: 4, height: 3, channels: 1, depth: 16 });
    await expect(readImage(png(4095))).rejects.toThrow(
      'none of its 16-bit values is above 4095, as if a camera of 12 bits had taken it',
    );
    for (const value of [0, 4096, 65535]) {
      expect([...(await readImage(png(value))).data]).toEqual(Array(36).fill(value >> 8));
    }
  });

  test('refuses floats, whose white is unknown', async () => {
    const tiff = Buffer.from(
      'SUkqAAgAAAAKAAABBAABAAAAAgAAAAEBBAABAAAAAQAAAAIBAwABAAAAIAAAAAMBAwABAAAAAQAAAAYBAwABAAAAAQAAABEBBAABAAAAhgAAABYBBAABAAAAAQAAABcBBAABAAAACAAAABwBAwABAAAAAQAAAFMBAwABAAAAAwAAAAAAAAAAAAA/AAAAPw==',
      'base64',
    );
    await expect(readImage(tiff)).rejects.toThrow('its values are of the type float');
  });
});

describe('writeImage', () => {
  test('writes a PNG of the same pixels', async () => {
    const path = join(folder, 'new', 'image.png');
    const data = Uint8ClampedArray.of(1, 2, 3, 4, 5, 6);
    await writeImage(path, { data, width: 1, height: 2 });
    const png = decode(readFileSync(path));
    expect([png.width, png.height, ...png.data]).toEqual([1, 2, ...data]);
  });

  test('refuses other formats, but no name that ends in .png', async () => {
    const image = { data: new Uint8Array(1), width: 1, height: 1 };
    await writeImage(join(folder, '.png'), image);
    expect(decode(readFileSync(join(folder, '.png'))).width).toBe(1);
    await expect(writeImage(join(folder, 'image.jpg'), image)).rejects.toThrow(
      'image.jpg could not be written: only PNG is supported; use a path that ends in .png.',
    );
  });
});
