import { encode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { imageFormatOf, isAppleDouble } from '../../src/base/imageFormat.js';
import { toRgb } from '../../src/images/index.js';
import { noise } from '../support/bytes.js';
import { FORMATS } from './encodedFormats.js';

const bytes = (base64: string) => Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
const ascii = (text: string) => Uint8Array.from(text, (one) => one.charCodeAt(0));
const file = (name: string) => bytes(FORMATS[name]![0]);

test.each(Object.entries(FORMATS))('%s gives the pixels that PIL reads', async (_, [encoded, rgb]) => {
  const { data, width, height } = await toRgb(bytes(encoded));
  expect([width, height]).toEqual([7, 4]);
  expect([...data]).toEqual([...bytes(rgb)]);
});

test.each<[string, Uint8Array, string]>([
  ['a cut BMP', file('rgb565').subarray(0, 90), 'it is BMP, but damaged'],
  ['a cut header of a BMP', file('rgb565').subarray(0, 20), 'it is BMP, but damaged'],
  ['a cut run of a BMP', file('rle8').subarray(0, -10), '(it is truncated); get the file again.'],
  ['a cut PPM', file('P6 of 12 bits').subarray(0, 80), '(it is truncated); get the file again.'],
  ['a cut PPM as text', ascii('P3 2 2 255 1 2 3'), '(it is truncated); get the file again.'],
  ['a word in a PPM', ascii('P3 2 2 red'), 'there is something else where a number should be'],
  [
    'a letter behind a number of a PPM',
    ascii('P6 1 1 25<123'),
    'there is something else where a number should be',
  ],
  ['a PPM without white', ascii('P2 2 2 0 0 0 0 0'), 'its largest value is 0, not from 1 to 65535'],
  ['a PPM without pixels', ascii('P2 0 2 255 '), 'its size is 0x2'],
  [
    'a huge PPM',
    ascii('P6 100000 100000 255 '),
    'it is 100000x100000, more than the limit of 100000000 pixels',
  ],
  ['a huge number', ascii('P6 99999999999 1 255 '), 'one of its numbers is too large'],
  ['a bit that is none', ascii('P1 2 1 02'), 'one of its bits is 2, more than 1'],
  // PIL: Channel value too large for this mode: 16.
  ['a value above the largest', ascii('P2 2 2 15 0 16 7 3'), 'one of its values is 16, more than 15'],
  ['a text', ascii('hello'), 'it is not an image, judging by its first bytes'],
  ['nothing', new Uint8Array(), 'it is empty (0 bytes)'],
  [
    "macOS' companion of a file",
    Uint8Array.of(0, 5, 22, 7, 0, 2, 0, 0),
    'it is not an image, but what macOS keeps',
  ],
  ['HEIC', ascii('\0\0\0\x18ftypheic\0\0\0\0mif1heic'), ' not decode; convert it to JPEG or PNG.'],
])('%s is refused in one sentence', async (_, content, message) => {
  const refusal = await toRgb(content, 'classify').catch((error: Error) => error);
  expect(refusal).toMatchObject({ name: 'RangeError', message: expect.stringContaining(message) });
  expect((refusal as Error).message).toMatch(/^classify: the image could not be read: [^\n]*\.$/);
});

test('a binary value above the largest is white, as in PIL', async () => {
  const { data } = await toRgb(Uint8Array.of(...ascii('P5 2 1 15\n'), 16, 7));
  expect([...data]).toEqual([255, 255, 255, 119, 119, 119]);
});

test.each<[string, () => Uint8Array]>([
  ['BMP', () => enlarged(file('rgb565'))],
  ['run-length encoded BMP', () => enlarged(file('rle8').subarray(0, -10))],
  ['PPM as text', () => ascii('P3 9000 9000 255 1 2 3')],
  ['PPM', () => ascii('P6 9000 9000 255 123')],
])('a cut %s that claims to be large is refused before its pixels are allocated', async (_, make) => {
  const content = make();
  const Allocated = globalThis.Uint8Array;
  let largest = 0;
  globalThis.Uint8Array = new Proxy(Allocated, {
    construct(target, args, newTarget) {
      if (typeof args[0] === 'number') largest = Math.max(largest, args[0]);
      return Reflect.construct(target, args, newTarget);
    },
  });
  try {
    await expect(toRgb(content)).rejects.toThrow('it is truncated');
  } finally {
    globalThis.Uint8Array = Allocated;
  }
  expect(largest).toBeLessThan(1e6);
});

/** A BMP whose header says 9000x9000. */
function enlarged(bmp: Uint8Array): Uint8Array {
  const copy = bmp.slice();
  new DataView(copy.buffer).setInt32(18, 9000, true);
  new DataView(copy.buffer).setInt32(22, 9000, true);
  return copy;
}

/** A BMP with a number of 32 bits changed. */
function changed(name: string, at: number, value: number): Uint8Array {
  const copy = file(name).slice();
  new DataView(copy.buffer).setUint32(at, value, true);
  return copy;
}

// As Pillow reads them.
test.each(['rgb555', 'top-down', 'four bits', 'rle8'])(
  'the pixels of a BMP that does not say where they are follow its colors: %s',
  async (name) => {
    expect((await toRgb(changed(name, 10, 0))).data).toEqual((await toRgb(file(name))).data);
  },
);

test('a BMP whose pixels begin within its header, or have no bits, is refused, and 32 bits without masks are BGRA', async () => {
  await expect(toRgb(changed('top-down', 10, 53))).rejects.toThrow('its pixels begin within its header');
  const without = (name: string) => {
    const copy = file(name).slice();
    copy.fill(0, 54, 66);
    return copy;
  };
  await expect(toRgb(without('rgb565'))).rejects.toThrow('its pixels have no bits of color');
  const bmp = without('masks32');
  const [b, g, r] = bmp.subarray(66);
  const { data } = await toRgb(bmp);
  // The first pixel of the file begins the lowest row.
  expect([...data.subarray(3 * 7 * 3, 3 * 7 * 3 + 3)]).toEqual([r, g, b]);
});

test('PGM and PPM of 12 bits in 16 are refused, as PNG and TIFF are', async () => {
  const pgm = (kind: string, white: number, value: number) =>
    ascii(
      `${kind} 1 1 ${white}\n${String.fromCharCode(value >> 8, value & 255).repeat(kind === 'P6' ? 3 : 1)}`,
    );
  for (const kind of ['P5', 'P6']) {
    await expect(toRgb(pgm(kind, 65535, 4095))).rejects.toThrow(
      'none of its 16-bit values is above 4095, as if a camera of 12 bits had taken it',
    );
    for (const [white, value, byte] of [
      [65535, 0, 0],
      [65535, 4096, 16],
      [4095, 4095, 255],
    ] as const)
      expect((await toRgb(pgm(kind, white, value))).data).toEqual(Uint8Array.of(byte, byte, byte));
  }
  await expect(toRgb(ascii('P2 1 1 65535 4095'))).rejects.toThrow('none of its 16-bit values is above 4095');
});

test('BMP without a place for its compression is refused', async () => {
  const jpegInside = file('rle8').slice();
  jpegInside[30] = 4;
  await expect(toRgb(jpegInside)).rejects.toThrow('its pixels have 8 bits in compression 4');
});

test.each([
  ['JPEG', '\xff\xd8\xff\xe0'],
  ['PNG', '\x89PNG\r\n\x1a\n'],
  ['GIF', 'GIF89a'],
  ['WebP', 'RIFF\x10\0\0\0WEBPVP8 '],
  ['TIFF', 'II*\0'],
  ['TIFF', 'MM\0*'],
  ['TIFF', 'II+\0'],
  ['AVIF', '\0\0\0\x20ftypavif\0\0\0\0avifmif1'],
  ['AVIF', '\0\0\0\x20ftypmif1\0\0\0\0miafavif'],
  ['HEIC', '\0\0\0\x20ftypmif1\0\0\0\0miafheic'],
  ...['heic', 'heix', 'heim', 'hevc', 'hevx', 'msf1', 'mif2', 'miaf'].map((brand): [string, string] => [
    'HEIC',
    `\0\0\0\x1cftyp${brand}\0\0\0\0mif1heic`,
  ]),
  ['SVG', '<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg">'],
  ['SVG', `${'<!-- <svg> -->\n'.repeat(50)}<svg>`],
  [undefined, `${'<!---->'.repeat(140)}<html>`],
  ['JPEG XL', '\xff\x0a'],
  ['DICOM', `${'\0'.repeat(128)}DICM`],
  [undefined, 'P9 2 2'],
  [undefined, 'BM is how this text begins, not an image'],
  [undefined, '\0\0\0\x20ftypisom\0\0\0\0avc1mp41'],
  [undefined, '<html><svg>'],
])('%s is recognized by its first bytes', (format, head) => {
  expect(imageFormatOf(ascii(head))).toBe(format);
});

test('what macOS keeps beside files is known by its first bytes', () => {
  expect([ascii('\0\x05\x16\x07'), ascii('\0\x05\x16'), ascii('GIF89a')].map(isAppleDouble)).toEqual([
    true,
    false,
    false,
  ]);
});

describe('an encoded image may be', () => {
  const [width, height] = [9, 5];
  const data = noise(3 * width * height, 4);
  const png = encode({ data, width, height, channels: 3 });
  const base64 = btoa(String.fromCharCode(...png));

  test.each([
    ['bytes', png],
    ['an ArrayBuffer', png.slice().buffer],
    ['a Blob', new Blob([png as BlobPart])],
    ['a File of any name', new File([png as BlobPart], 'notes.txt', { type: 'text/plain' })],
    ['a URL', new URL(`data:image/png;base64,${base64}`)],
    ['a URL as text', `data:image/png;base64,${base64}`],
  ] as const)('%s', async (_, image) => {
    expect(await toRgb(image as Parameters<typeof toRgb>[0])).toEqual({ data, width, height });
  });

  test('but is named where it cannot be read', async () => {
    await expect(toRgb(new File(['hello'], 'cat.png'), 'embed')).rejects.toThrow(
      'embed: cat.png could not be read: it is not an image',
    );
    await expect(toRgb(Promise.resolve(png) as never, 'embed')).rejects.toThrow(
      'embed: the image is a Promise (await it first); pass pixels',
    );
    await expect(toRgb(7 as never, 'embed')).rejects.toThrow('embed: the image is 7; pass pixels');
    await expect(toRgb(null as never, 'embed')).rejects.toThrow('embed: the image is null; pass pixels');
  });
});
