import { describe, expect, test } from 'vitest';
import { drawGarments, GARMENT_NAMES, garments, type ImageSet } from '../../../src/data/index.js';
import { sha256 } from '../../support/bytes.js';

const PIXELS = 28 * 28;
const all = garments();

const image = (set: ImageSet, i: number) => set.images.subarray(i * PIXELS, (i + 1) * PIXELS);

function countsOf(set: ImageSet): number[] {
  const counts = new Array<number>(10).fill(0);
  for (const label of set.labels) counts[label]!++;
  return counts;
}

function meansOf(set: ImageSet): Float64Array[] {
  const counts = countsOf(set);
  const means = counts.map(() => new Float64Array(PIXELS));
  set.labels.forEach((label, i) => {
    image(set, i).forEach((pixel, j) => {
      means[label]![j]! += pixel / counts[label]!;
    });
  });
  return means;
}

const distance = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
};

describe('garments', () => {
  test('draws 4000 and 1000 images of ten kinds in equal numbers', () => {
    expect([all.trainSet.length, all.testSet.length]).toEqual([4000, 1000]);
    expect([all.trainSet.shape, all.trainSet.classNames]).toEqual([[28, 28, 1], GARMENT_NAMES]);
    expect(countsOf(all.trainSet)).toEqual(new Array(10).fill(400));
    expect(countsOf(all.testSet)).toEqual(new Array(10).fill(100));
    expect(countsOf(garments({ trainImages: 25, testImages: 0 }).trainSet)).toEqual([
      3, 3, 3, 3, 3, 2, 2, 2, 2, 2,
    ]);
  });

  test('mixes the kinds', () => {
    const repeats = all.trainSet.labels.filter((label, i) => label === all.trainSet.labels[i + 1]).length;
    expect(repeats).toBeGreaterThan(300);
    expect(repeats).toBeLessThan(500);
  });

  test('draws the same pixels in every process', () => {
    const { trainSet: train, testSet: test } = garments({ trainImages: 100, testImages: 50, seed: 1 });
    expect(sha256(train.images)).toMatchInlineSnapshot(
      `"ac843befa3d0a3455e2d070f6879e02102049defb10126250c2d73a7939e4331"`,
    );
    expect(sha256(test.images)).toMatchInlineSnapshot(
      `"2458a0fc14cd702d22c7b30d984615099efe230e4e747237ea7c0d3bc74bf69c"`,
    );
  });

  test('draws the same while others have their turn, says how far it is, and stops', async () => {
    const options = { trainImages: 300, testImages: 50, seed: 1 };
    const done: number[] = [];
    let turns = 0;
    const other = setInterval(() => turns++);
    const { trainSet, testSet } = await drawGarments({
      ...options,
      onProgress: async ({ done: one, total, unit }) => {
        expect([total, unit]).toEqual([350, 'images']);
        done.push(one);
        // As long as a slow machine would draw.
        if (one === 10) for (const from = performance.now(); performance.now() - from < 60; );
      },
    });
    clearInterval(other);
    const all = garments(options);
    expect([sha256(trainSet.images), sha256(testSet.images)]).toEqual([
      sha256(all.trainSet.images),
      sha256(all.testSet.images),
    ]);
    expect(done).toEqual(Array.from({ length: 350 }, (_, i) => i + 1));
    expect(turns).toBeGreaterThan(0);
    const stop = new AbortController();
    const reason = new Error('enough');
    let last = 0;
    const onProgress = (progress: { done: number }) => {
      last = progress.done;
      if (last === 20) stop.abort(reason);
    };
    await expect(drawGarments({ ...options, signal: stop.signal, onProgress })).rejects.toBe(reason);
    expect(last).toBe(20);
  });

  test('draws other garments from another seed', () => {
    const [a, b] = [1, 2].map((seed) => garments({ trainImages: 100, testImages: 0, seed }).trainSet);
    const seen = new Set(Array.from({ length: 100 }, (_, i) => sha256(image(a!, i))));
    expect(Array.from({ length: 100 }, (_, i) => seen.has(sha256(image(b!, i))))).not.toContain(true);
  });

  test('draws no image twice, neither within a set nor in both', () => {
    const seen = new Set<string>();
    for (const set of [all.trainSet, all.testSet])
      for (let i = 0; i < set.length; i++) seen.add(sha256(image(set, i)));
    expect(seen.size).toBe(5000);
  });

  test('draws light garments that fill a good part of a black image, none of them cut off completely', () => {
    for (let i = 0; i < all.trainSet.length; i++) {
      const lit = image(all.trainSet, i).filter((pixel) => pixel > 20).length / PIXELS;
      expect(lit).toBeGreaterThan(0.05);
      expect(lit).toBeLessThan(0.8);
    }
  });

  test('is neither trivial nor random: the nearest mean image is right for 60 to 85 % of them', () => {
    const means = meansOf(all.trainSet);
    let right = 0;
    all.testSet.labels.forEach((label, i) => {
      const distances = means.map((mean) => distance(mean, image(all.testSet, i)));
      if (distances.indexOf(Math.min(...distances)) === label) right++;
    });
    expect(right / all.testSet.length).toBeGreaterThan(0.6);
    expect(right / all.testSet.length).toBeLessThan(0.85);
  });

  test('refuses invalid counts and seeds', () => {
    expect(() => garments({ trainImages: -1 })).toThrow(
      new RangeError('garments: trainImages is -1; it must be a whole number from 0 to 1000000.'),
    );
    expect(() => garments({ testImages: 1.5 })).toThrow(
      new RangeError('garments: testImages is 1.5; it must be a whole number from 0 to 1000000.'),
    );
    expect(() => garments({ seed: 2 ** 32 })).toThrow(
      new RangeError('garments: seed is 4294967296; it must be a whole number from 0 to 4294967295.'),
    );
  });
});
