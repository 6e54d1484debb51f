import { dispose, memory } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { augmentBatch, type BatchAugmentation, ImageSet, type PixelBatch } from '../../src/data/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

const [IMAGES, HEIGHT, WIDTH, CLASSES] = [400, 9, 7, 4];
const SIZE = HEIGHT * WIDTH * 2;

/** Images of two channels whose numbers are all different and above 0. */
const batch: PixelBatch = {
  pixels: Float32Array.from({ length: IMAGES * SIZE }, (_, i) => i + 1),
  shape: [IMAGES, HEIGHT, WIDTH, 2],
  targets: Float32Array.from({ length: IMAGES * CLASSES }, (_, i) =>
    i % CLASSES === Math.floor(i / CLASSES) % CLASSES ? 1 : 0,
  ),
};

const changed = (augment: BatchAugmentation, seed = 5) => augmentBatch(batch, augment, seed);

/** A number of an image, 0 outside of it. */
function at(pixels: Float32Array, n: number, row: number, column: number, channel: number): number {
  if (row < 0 || row >= HEIGHT || column < 0 || column >= WIDTH) return 0;
  return pixels[((n * HEIGHT + row) * WIDTH + column) * 2 + channel]!;
}

/** Where each number of a changed image comes from, as a function of its place; the one that fits. */
function explain<T>(
  pixels: Float32Array,
  n: number,
  candidates: [T, (row: number, column: number) => number[]][],
): T {
  const fitting = candidates.find(([, source]) =>
    Array.from({ length: SIZE }, (_, i) => i).every((i) => {
      const [row, column] = source(Math.floor(i / 2 / WIDTH), Math.floor(i / 2) % WIDTH);
      return pixels[n * SIZE + i] === at(batch.pixels, n, row!, column!, i % 2);
    }),
  );
  return fitting![0];
}

describe('augmentBatch', () => {
  test('returns the same for the same seed, something else for another, and leaves the batch as it is', () => {
    const before = batch.pixels.slice();
    for (const augment of [{ shift: 2 }, { flip: 0.5 }, { erase: 0.5 }, { mixup: 0.2 }]) {
      expect(changed(augment).pixels).toEqual(changed(augment).pixels);
      expect(changed(augment).pixels).not.toEqual(changed(augment, 6).pixels);
    }
    expect(batch.pixels).toEqual(before);
    expect(changed({})).toBe(batch);
  });

  test('shifts by every whole number of pixels up to the largest, about equally often, and fills with 0', () => {
    const offsets = [-2, -1, 0, 1, 2];
    const candidates = offsets.flatMap((down) =>
      offsets.map((right): [string, (row: number, column: number) => number[]] => [
        `${down} ${right}`,
        (row, column) => [row - down, column - right],
      ]),
    );
    const { pixels } = changed({ shift: 2 });
    const counts = new Map<string, number>();
    for (let n = 0; n < IMAGES; n++) {
      const found = explain(pixels, n, candidates);
      counts.set(found, (counts.get(found) ?? 0) + 1);
    }
    // 16 each are expected; the probability of fewer than 3 for any of them is below 1e-3.
    expect(counts.size).toBe(25);
    expect(Math.min(...counts.values())).toBeGreaterThan(2);
  });

  test('mirrors with the probability', () => {
    const { pixels } = changed({ flip: 0.25 });
    const flips = Array.from({ length: IMAGES }, (_, n) =>
      explain(pixels, n, [
        [0, (row, column) => [row, column]],
        [1, (row, column) => [row, WIDTH - 1 - column]],
      ]),
    ).reduce((sum, flip) => sum + flip, 0 as number);
    // Four standard deviations are 35.
    expect(Math.abs(flips - 100)).toBeLessThan(35);
  });

  test('erases one rectangle of 2 % to a third, with the probability', () => {
    const { pixels } = changed({ erase: 0.5 });
    let erased = 0;
    for (let n = 0; n < IMAGES; n++) {
      const holes: (readonly [row: number, column: number])[] = [];
      for (let row = 0; row < HEIGHT; row++) {
        for (let column = 0; column < WIDTH; column++) {
          const values = [0, 1].map((channel) => at(pixels, n, row, column, channel));
          if (values[0] === 0) holes.push([row, column] as const);
          expect(values).toEqual(
            [0, 1].map((c) => (values[0] === 0 ? 0 : at(batch.pixels, n, row, column, c))),
          );
        }
      }
      if (holes.length === 0) continue;
      erased++;
      const span = (axis: 0 | 1) => {
        const places = holes.map((hole) => hole[axis]);
        return Math.max(...places) - Math.min(...places) + 1;
      };
      expect(holes.length).toBe(span(0) * span(1));
      // Rounding each side may add up to half a pixel.
      expect(holes.length).toBeLessThan(HEIGHT * WIDTH * 0.45);
    }
    expect(Math.abs(erased - 200)).toBeLessThan(40);
  });

  test('mixes images and classes by the same fraction, which has the variance of Beta(alpha, alpha)', () => {
    const fractions: number[] = [];
    for (let seed = 0; seed < 300; seed++) {
      const small = {
        ...batch,
        shape: [4, HEIGHT, WIDTH, 2] as const,
        pixels: batch.pixels.subarray(0, 4 * SIZE),
      };
      const { pixels, targets } = augmentBatch(
        { ...small, targets: batch.targets.subarray(0, 16) },
        { mixup: 0.5 },
        seed,
      );
      for (let n = 0; n < 4; n++) {
        // Image n has class n, so its probabilities say which images it is made of.
        const parts = [...targets.subarray(4 * n, 4 * n + 4)];
        expect(parts.reduce((sum, part) => sum + part)).toBeCloseTo(1, 6);
        const expected = parts.reduce((sum, part, other) => sum + part * batch.pixels[other * SIZE]!, 0);
        expect(pixels[n * SIZE]! / expected).toBeCloseTo(1, 5);
        if (parts[n]! < 1) fractions.push(parts[n]!);
      }
    }
    const mean = fractions.reduce((sum, fraction) => sum + fraction) / fractions.length;
    const variance = fractions.reduce((sum, f) => sum + (f - mean) ** 2, 0) / fractions.length;
    expect(mean).toBeCloseTo(0.5, 1);
    expect(variance).toBeCloseTo(1 / 8, 1);
    expect(Math.abs(variance - 1 / 8)).toBeLessThan(0.02);
  });
});

describe('ImageSet', () => {
  const set = () =>
    new ImageSet({
      images: Uint8Array.from({ length: 40 * 16 }, (_, i) => (i * 37) % 251),
      labels: Uint8Array.from({ length: 40 }, (_, i) => (i % 8 === 0 ? 1 : 0)),
      shape: [4, 4, 1],
      classNames: ['often', 'seldom'],
    });
  const read = async (from: ImageSet, options: { batchSize: number; seed?: number }) => {
    const all: number[][] = [];
    for (const { xs, ys } of from.batches(options)) {
      all.push([...(await xs.data()), ...(await ys.data())]);
      dispose([xs, ys]);
    }
    return all;
  };

  test('augments batches that have a seed, each differently, and mixes labels into probabilities', async () => {
    const before = memory().numTensors;
    const augmented = set().augment({ shift: 1, mixup: 0.2 });
    expect(await read(augmented, { batchSize: 40 })).toEqual(await read(set(), { batchSize: 40 }));
    const batches = await read(augmented, { batchSize: 20, seed: 1 });
    expect(await read(augmented, { batchSize: 20, seed: 1 })).toEqual(batches);
    expect(await read(augmented, { batchSize: 20, seed: 2 })).not.toEqual(batches);
    const [{ ys, xs }] = [...augmented.resize(8).batches({ batchSize: 40, seed: 1 })] as [
      { ys: never; xs: never },
    ];
    expect((ys as { shape: number[] }).shape).toEqual([40, 2]);
    expect((xs as { shape: number[] }).shape).toEqual([40, 8, 8, 1]);
    dispose([xs, ys]);
    expect(memory().numTensors).toBe(before);
  });

  test('splits a fraction of each class off, and keeps size and augmentation', async () => {
    const { trainSet, validationSet } = set().resize(8).augment({ flip: 1 }).split(0.2, 3);
    expect([trainSet.length, validationSet.length]).toEqual([32, 8]);
    expect([...validationSet.labels].filter((label) => label === 1)).toHaveLength(1);
    expect(trainSet.shape).toEqual([8, 8, 1]);
    expect(trainSet.augmentation).toEqual({ flip: 1 });
    const rows = (from: ImageSet) =>
      Array.from({ length: from.length }, (_, i) => [...from.images.subarray(16 * i, 16 * i + 16)].join());
    expect([...rows(trainSet), ...rows(validationSet)].sort()).toEqual(rows(set()).sort());
    expect(rows(set().split(0.2, 4).validationSet)).not.toEqual(rows(validationSet));
  });

  test.each<[BatchAugmentation, string]>([
    [{ shift: -1 }, 'ImageSet: shift is -1; it must be a whole number of at least 0.'],
    [{ shift: 4 }, 'ImageSet: shift is 4, by which images of 4x4 move out of sight; it must be below 4.'],
    [{ flip: 2 }, 'ImageSet: flip is 2; it must be a probability from 0 to 1, such as 0.5.'],
    [{ mixup: 2 }, 'ImageSet: mixup is 2; it must be from 0.1 to 1, such as 0.2, or left out.'],
    [
      { rotate: 3 } as BatchAugmentation,
      'ImageSet: there is no option "rotate"; the options are shift, flip, erase, mixup.',
    ],
  ])('refuses %j', (augment, message) => {
    expect(() => set().augment(augment)).toThrow(message);
  });
});
