import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataError, parseIdx } from '../../src/data/index.js';
import { encodeIdx } from './idxFile.js';

const images = encodeIdx([2, 2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));

describe('parseIdx', () => {
  test('reads images and labels without copying them', () => {
    const { dims, values } = parseIdx(images);
    expect(dims).toEqual([2, 2, 3]);
    expect([...values]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(values.buffer).toBe(images.buffer);
    expect(parseIdx(encodeIdx([3], Uint8Array.of(7, 0, 9)))).toEqual({
      dims: [3],
      values: Uint8Array.of(7, 0, 9),
    });
  });

  test('reads a file from the middle of a larger buffer', () => {
    const around = new Uint8Array(images.length + 20).fill(99);
    around.set(images, 7);
    expect(parseIdx(around.subarray(7, 7 + images.length))).toEqual(parseIdx(images));
  });

  test('reads a file of no images', () => {
    expect(parseIdx(encodeIdx([0, 28, 28], new Uint8Array()))).toEqual({
      dims: [0, 28, 28],
      values: new Uint8Array(),
    });
  });

  test.each<[string, Uint8Array, string]>([
    ['no bytes', new Uint8Array(), 'it has 0 bytes, too few for an IDX file; get the file again.'],
    [
      'a web page',
      new TextEncoder().encode('<!doctype html>'),
      "it is text ('<!doctype html>'), for instance a web page that was saved in place of the file; get the file again.",
    ],
    [
      'a little-endian magic number',
      Uint8Array.of(3, 8, 0, 0, 1, 0, 0, 0),
      'it begins with 0x03080000, but an IDX file begins with 0x00000803 (images) or 0x00000801 (labels); check that it is the right file.',
    ],
    [
      'two dimensions',
      encodeIdx([2, 2], new Uint8Array(4)),
      'it begins with 0x00000802, but an IDX file begins with 0x00000803 (images) or 0x00000801 (labels); check that it is the right file.',
    ],
    [
      'floats',
      encodeIdx([2], new Uint8Array(8), 13),
      'it contains 32-bit floats (IDX type 0x0d); only unsigned bytes (0x08) can be read.',
    ],
    [
      'half a header',
      images.subarray(0, 10),
      'it ends after 10 bytes, within its header of 16; get the file again.',
    ],
    [
      'a byte too few',
      images.subarray(0, -1),
      'its header states 28 bytes, but it has 27: 1 are missing at its end; get the file again.',
    ],
    [
      'bytes too many',
      Uint8Array.of(...images, 0, 0),
      'its header states 28 bytes, but it has 30: 2 are left over at its end; get the file again.',
    ],
    [
      'dimensions whose product overflows 64 bits',
      encodeIdx([0xffffffff, 0xffffffff, 0xffffffff], new Uint8Array(4)),
      'its header asks for 4294967295 x 4294967295 x 4294967295 values, more than the limit of 1073741824 bytes; use an undamaged file.',
    ],
  ])('refuses %s', (_, bytes, sentence) => {
    expect(() => parseIdx(bytes, 'a-file')).toThrow(new DataError('a-file', 'damaged', sentence));
  });

  test('reads any array that was written', () => {
    const side = fc.nat({ max: 9 });
    const dims = fc.oneof(fc.tuple(side), fc.tuple(side, side, side));
    fc.assert(
      fc.property(dims, fc.nat({ max: 255 }), (lengths, value) => {
        const values = new Uint8Array(lengths.reduce((product, length) => product * length, 1)).fill(value);
        expect(parseIdx(encodeIdx(lengths, values))).toEqual({ dims: lengths, values });
      }),
      { seed: 1 },
    );
  });

  test('returns an array that fits its bytes or throws a DataError, for any bytes', () => {
    const header = fc
      .tuple(
        fc.constantFrom(0x801, 0x803, 0x802, 0x803, 0xd01, 0x1f8b0800),
        fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
      )
      .map(([magic, lengths]) => {
        const words = [magic, ...lengths];
        return Uint8Array.from(
          words.flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]),
        );
      });
    const bytes = fc
      .tuple(fc.oneof(header, fc.uint8Array({ maxLength: 20 })), fc.uint8Array({ maxLength: 80 }))
      .map(([head, body]) => Uint8Array.of(...head, ...body));
    let parsed = 0;
    fc.assert(
      fc.property(bytes, (file) => {
        try {
          const { dims, values } = parseIdx(file);
          expect(values.length).toBe(dims.reduce((product, length) => product * length, 1));
          expect(4 + 4 * dims.length + values.length).toBe(file.length);
          parsed++;
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
          expect((error as Error).message).toMatch(/^IDX file: it[s]? [^\n]+\.$/);
        }
      }),
      { numRuns: 5000, seed: 1 },
    );
    expect(parsed).toBeGreaterThan(20);
  });
});
