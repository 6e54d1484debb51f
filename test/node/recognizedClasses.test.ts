import { fileURLToPath } from 'node:url';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { garments } from '../../src/data/index.js';
import { type VisualizeOptions, visualize } from '../../src/features/index.js';
import { fromWeights } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { leavingNothing } from '../support/leavingNothing.js';

const FILE = fileURLToPath(new URL('../../examples/fashion-mnist.safetensors', import.meta.url));
const CLASSES = Array.from({ length: 10 }, (_, i) => i);
const PIXELS = 28 * 28;

/** Pearson's correlation. */
function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const centered = (values: ArrayLike<number>) => {
    const mean = Array.from(values).reduce((sum, one) => sum + one, 0) / values.length;
    return Array.from(values, (one) => one - mean);
  };
  const dot = (x: number[], y: number[]) => x.reduce((sum, one, i) => sum + one * y[i]!, 0);
  const [x, y] = [centered(a), centered(b)];
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
}

/** What the garments of each class look like on average. They are drawn by this library, and the network has never seen them. */
function averages(): Float64Array[] {
  const { images, labels } = garments({ trainImages: 1000, testImages: 1 }).trainSet;
  const sums = CLASSES.map(() => new Float64Array(PIXELS));
  for (const [i, label] of labels.entries())
    for (let at = 0; at < PIXELS; at++) sums[label]![at]! += images[PIXELS * i + at]!;
  return sums;
}

/** The mean difference between neighbors in a row. */
const roughness = ({ data, width }: { data: ArrayLike<number>; width: number }) =>
  Array.from(data, (value, i) => (i % width > 0 ? Math.abs(value - data[i - 1]!) : 0)).reduce(
    (a, b) => a + b,
  ) / data.length;

describe('what a trained network responds to', () => {
  let model: LayersModel;
  beforeAll(async () => {
    await useAnyBackend('wasm');
    ({ model } = await fromWeights(FILE));
  });
  afterAll(() => model.dispose());
  const drawn = (label: number, options: VisualizeOptions = {}) =>
    leavingNothing(() => visualize(model, 'logits', label, { steps: 60, ...options }));

  test('is recognized by its outline: most classes are most like the garments of their own', async () => {
    const likeness = averages();
    const found: number[] = [];
    for (const label of CLASSES) {
      const { data } = await drawn(label);
      const all = likeness.map((average) => correlation(data, average));
      found.push(all.indexOf(Math.max(...all)));
    }
    // By chance it would be one of ten. Trousers, pullovers, dresses, coats, sneakers and bags are.
    expect(CLASSES.filter((label) => found[label] === label).length).toBeGreaterThanOrEqual(5);
  });

  test('is the same for a seed, and smoother by jitter and by blur, each alone', async () => {
    const image = await drawn(1, { steps: 20 });
    expect(await drawn(1, { steps: 20 })).toEqual(image);
    expect((await drawn(1, { steps: 20, seed: 1 })).data).not.toEqual(image.data);
    const plain = { jitter: 0, blur: 0 };
    const rough = roughness(await drawn(1, plain));
    expect(roughness(await drawn(1, { ...plain, jitter: 4 }))).toBeLessThan(0.95 * rough);
    expect(roughness(await drawn(1, { ...plain, blur: 1 }))).toBeLessThan(0.7 * rough);
  });
});
