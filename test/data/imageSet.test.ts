import { dispose, memory, type Tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BatchOptions, ImageSet, type ImageSetOptions } from '../../src/data/index.js';
import { backends, useAnyBackend, useBackend } from '../support/backends.js';

const NAMES = ['zero', 'one', 'two'];

/** Images of 2x3x1 whose pixels are 10 times their index, plus 0 to 5. */
function counted(length: number, options: Partial<ImageSetOptions> = {}): ImageSet {
  return new ImageSet({
    images: Uint8Array.from({ length: length * 6 }, (_, i) => 10 * Math.floor(i / 6) + (i % 6)),
    labels: Uint8Array.from({ length }, (_, i) => i % 3),
    shape: [2, 3, 1],
    classNames: NAMES,
    ...options,
  });
}

/** The first pixel of each image, batch by batch, divided by 10: the images' indices. */
async function order(set: ImageSet, options: BatchOptions): Promise<number[][]> {
  const batches: number[][] = [];
  for (const { xs, ys } of set.batches(options)) {
    const [length, ...sides] = xs.shape;
    const size = sides.reduce((product, side) => product * side, 1);
    const [pixels, labels] = [await xs.data(), await ys.data()];
    const indices = Array.from({ length }, (_, i) => Math.round((pixels[i * size]! * 255) / 10));
    expect([...labels]).toEqual(indices.map((index) => index % 3));
    dispose([xs, ys]);
    batches.push(indices);
  }
  return batches;
}

let tensors: number;
beforeEach(async () => {
  await useAnyBackend();
  tensors = memory().numTensors;
});
afterEach(() => {
  expect(memory().numTensors).toBe(tensors);
});

describe('ImageSet', () => {
  test('returns float32 pixels from 0 to 1 and int32 labels', async () => {
    const [batch] = [...counted(2).batches({ batchSize: 2 })];
    const { xs, ys } = batch!;
    expect([xs.shape, xs.dtype, ys.shape, ys.dtype]).toEqual([[2, 2, 3, 1], 'float32', [2], 'int32']);
    expect(await xs.data()).toEqual(
      Float32Array.of(0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15).map((pixel) => pixel / 255),
    );
    dispose([xs, ys]);
  });

  test('keeps the stored order without a seed, and the last batch has the rest', async () => {
    expect(await order(counted(5), { batchSize: 2 })).toEqual([[0, 1], [2, 3], [4]]);
    expect(await order(counted(5), { batchSize: 2, dropRemainder: true })).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(await order(counted(5), { batchSize: 9 })).toEqual([[0, 1, 2, 3, 4]]);
    expect(await order(counted(5), { batchSize: 9, dropRemainder: true })).toEqual([]);
    expect(await order(counted(0), { batchSize: 9 })).toEqual([]);
  });

  test('shuffles by the seed alone', async () => {
    const drawn = [7, 7, 8].map((seed) => order(counted(25), { batchSize: 10, seed }));
    const [first, again, another] = (await Promise.all(drawn)).map((batches) => batches.flat());
    expect(again).toEqual(first);
    expect(another).not.toEqual(first);
    expect([...first!].sort((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, i) => i));
    expect(first!.slice(0, 8)).toMatchInlineSnapshot(`
      [
        9,
        24,
        4,
        22,
        5,
        0,
        13,
        21,
      ]
    `);
  });

  test('leaves no tensor when a loop stops early', () => {
    for (const { xs, ys } of counted(9).resize(5).batches({ batchSize: 2, seed: 1 })) {
      dispose([xs, ys]);
      break;
    }
  });

  test('returns parts that share the bytes', async () => {
    const set = counted(10);
    const part = set.take(3, 7).take(1);
    expect(part.length).toBe(3);
    expect(await order(part, { batchSize: 5 })).toEqual([[4, 5, 6]]);
    expect(part.images.buffer).toBe(set.images.buffer);
    expect(set.take(10).length).toBe(0);
  });

  test('distinguishes the shape of batches from the stored one', () => {
    expect(() => counted(4).resize([8, 8, 1] as never)).toThrow(
      'ImageSet: size is [8,8,1]; it must be one number, or [height, width].',
    );
    expect(() => counted(4).resize('8' as never)).toThrow(
      'ImageSet: size is "8"; it must be a number or a list of numbers.',
    );
    // A variable that is misspelt.
    expect(() => counted(4).resize(undefined as never)).toThrow(
      'ImageSet: size is undefined; it must be a number',
    );
    expect(() => counted(4).augment(undefined as never)).toThrow(
      'ImageSet: augmentation is undefined; it must be options',
    );
    const set = counted(4).resize([8, 6]);
    expect([set.shape, set.storedShape, set.length]).toEqual([[8, 6, 1], [2, 3, 1], 4]);
    expect(set.images).toBe(set.resize(5).images);
    expect(set.take(1, 2).shape).toEqual([8, 6, 1]);
    expect(counted(4, { size: 5 }).shape).toEqual([5, 5, 1]);
    expect(counted(4).shape).toEqual([2, 3, 1]);
  });

  test.each([...backends])(
    'enlarges with half-pixel centers, each channel by itself, on %s',
    async (backend) => {
      await useBackend(backend);
      const before = memory().numTensors;
      // The pixel at row y and column x is x + 2y thirds of white; the second channel is its negative.
      const set = new ImageSet({
        images: Uint8Array.of(0, 255, 85, 170, 170, 85, 255, 0),
        labels: Uint8Array.of(0),
        shape: [2, 2, 2],
        classNames: NAMES,
      });
      const [batch] = [...set.resize(4).batches({ batchSize: 1 })];
      expect(batch!.xs.shape).toEqual([1, 4, 4, 2]);
      const values = await (batch!.xs as Tensor).data();
      // Output centers lie at 0.25 and 0.75 between input centers, and the outermost beyond them, where the edge goes on.
      const at = [0, 0.25, 0.75, 1];
      at.forEach((y, row) => {
        at.forEach((x, column) => {
          const expected = (x + 2 * y) / 3;
          expect(values[2 * (4 * row + column)]).toBeCloseTo(expected, 6);
          expect(values[2 * (4 * row + column) + 1]).toBeCloseTo(1 - expected, 6);
        });
      });
      dispose([batch!.xs, batch!.ys]);
      expect(memory().numTensors).toBe(before);
      await useAnyBackend();
    },
  );

  test.each<[string, () => unknown, string]>([
    [
      'a broken image',
      () => counted(2, { images: new Uint8Array(13) }),
      'images has 13 bytes, not a multiple of the 6 of a 2x3x1 image; pass whole images.',
    ],
    [
      'a label too many',
      () => counted(4, { labels: new Uint8Array(5) }),
      'labels has 5 entries for 4 images; pass one label for each image.',
    ],
    [
      'a label without a name',
      () => counted(4, { labels: Uint8Array.of(0, 1, 3, 4) }),
      'label 3 of image 2 has no class name; with 3 names, labels must be from 0 to 2.',
    ],
    ['no names', () => counted(4, { classNames: [] }), 'classNames has 0 entries; pass 1 to 256 names.'],
    [
      'a height of 0',
      () => counted(1, { shape: [0, 3, 1] }),
      'height is 0; it must be a whole number of at least 1.',
    ],
    ['half a pixel', () => counted(1).resize(2.5), 'size is 2.5; it must be a whole number of at least 1.'],
    [
      'a width of NaN',
      () => counted(1).resize([4, Number.NaN]),
      'size is NaN; it must be a whole number of at least 1.',
    ],
    [
      'an end beyond the last',
      () => counted(4).take(2, 5),
      '2 to 5 is not a range within the 4 images; use 0 to 4.',
    ],
    [
      'an end before the start',
      () => counted(4).take(3, 2),
      '3 to 2 is not a range within the 4 images; use 0 to 4.',
    ],
    ['a negative start', () => counted(4).take(-1), 'start is -1; it must be a whole number of at least 0.'],
    [
      'an empty batch',
      () => counted(4).batches({ batchSize: 0 }),
      'batchSize is 0; it must be a whole number of at least 1.',
    ],
    [
      'a seed that is a fraction',
      () => counted(4).batches({ batchSize: 1, seed: 0.5 }),
      'seed is 0.5; it must be a whole number from 0 to 4294967295.',
    ],
  ])('refuses %s at once', (_, act, sentence) => {
    expect(act).toThrow(new RangeError(`ImageSet: ${sentence}`));
  });
});
