import { dispose, slice, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { initializers, type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { fillNormal } from '../../src/base/random.js';
import { ImageSet } from '../../src/data/index.js';
import { type TrainOptions, train } from '../../src/train/index.js';
import { type SeededLayers, seedLayers } from '../../src/train/seededLayers.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

const [EXAMPLES, ROWS, COLUMNS] = [7, 40, 51];

/** The layers of tfjs that draw, and the deviation of their outputs for inputs of mean 0 and deviation 1. */
const DRAWING: [name: string, create: () => layers.Layer, deviation: number][] = [
  ['dropout', () => layers.dropout({ rate: 0.2, seed: 3 }), (1 / 0.8) ** 0.5],
  [
    'dropout of columns',
    () => layers.dropout({ rate: 0.2, noiseShape: [null!, 1, COLUMNS] }),
    (1 / 0.8) ** 0.5,
  ],
  ['spatial dropout', () => layers.spatialDropout1d({ rate: 0.2 }), (1 / 0.8) ** 0.5],
  ['noise', () => layers.gaussianNoise({ stddev: 0.5 }), 1.25 ** 0.5],
  ['Gaussian dropout', () => layers.gaussianDropout({ rate: 0.2 }), 1.25 ** 0.5],
  ['alpha dropout', () => layers.alphaDropout({ rate: 0.2 }), 1],
];

/** What a model computes in the training of consecutive examples from `first` on. */
async function computed(
  model: LayersModel,
  seeded: SeededLayers,
  x: Tensor,
  step: number,
  first: number,
  count: number,
) {
  seeded.setStep(step, first);
  seeded.install();
  try {
    const y = tidy(() => model.apply(slice(x, first, count), { training: true }) as Tensor);
    const values = [...(await y.data())];
    y.dispose();
    return values;
  } finally {
    seeded.restore();
  }
}

test.each(DRAWING)('%s draws the same in parts, from the seed and the step', async (_, create, deviation) => {
  const model = sequential({
    layers: [layers.reshape({ targetShape: [ROWS, COLUMNS], inputShape: [ROWS * COLUMNS] }), create()],
  });
  const values = new Float32Array(EXAMPLES * ROWS * COLUMNS);
  fillNormal(values, 1, 1, 0);
  const x = tensor(values, [EXAMPLES, ROWS * COLUMNS]);
  const seeded = seedLayers(model, 5);
  const whole = await computed(model, seeded, x, 2, 0, EXAMPLES);
  const parts: number[] = [];
  for (const [first, count] of [
    [0, 3],
    [3, 3],
    [6, 1],
  ] as const) {
    parts.push(...(await computed(model, seeded, x, 2, first, count)));
  }
  expect(parts).toEqual(whole);
  expect(await computed(model, seedLayers(model, 5), x, 2, 0, EXAMPLES)).toEqual(whole);
  for (const [seed, step] of [
    [5, 3],
    [6, 2],
  ] as const) {
    expect(await computed(model, seedLayers(model, seed), x, step, 0, EXAMPLES)).not.toEqual(whole);
  }
  const mean = whole.reduce((sum, value) => sum + value, 0) / whole.length;
  const variance = whole.reduce((sum, value) => sum + (value - mean) ** 2, 0) / whole.length;
  expect(Math.abs(mean)).toBeLessThan(0.03);
  expect(Math.sqrt(variance) / deviation).toBeCloseTo(1, 1);
  dispose(x);
  model.dispose();
});

describe('ten steps without maxima, where rounding could decide between two values, are the same in parts', () => {
  /** Images of noise. */
  const images = Uint8Array.from({ length: 80 * 36 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24);
  const labels = Uint8Array.from({ length: 80 }, (_, i) => (i * 7) % 3);
  const trainSet = new ImageSet({ images, labels, shape: [6, 6, 1], classNames: ['a', 'b', 'c'] });
  const build = (random: layers.Layer) =>
    sequential({
      layers: [
        layers.conv2d({
          filters: 4,
          kernelSize: 3,
          activation: 'tanh',
          kernelInitializer: initializers.glorotUniform({ seed: 1 }),
          inputShape: [6, 6, 1],
        }),
        layers.averagePooling2d({ poolSize: 2 }),
        layers.flatten(),
        random,
        layers.dense({
          units: 8,
          activation: 'tanh',
          kernelInitializer: initializers.glorotUniform({ seed: 2 }),
        }),
        layers.dropout({ rate: 0.5 }),
        layers.dense({ units: 3, kernelInitializer: initializers.glorotUniform({ seed: 3 }) }),
      ],
    });
  const trained = async (random: layers.Layer, options: TrainOptions) => {
    const model = build(random);
    await train(model, { trainSet }, { epochs: 1, batchSize: 8, seed: 7, ...options });
    const weights = await Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]));
    model.dispose();
    return weights.flat();
  };

  test.each([
    ['dropout', 'sgd', () => layers.dropout({ rate: 0.3 })],
    ['noise', 'adam', () => layers.gaussianNoise({ stddev: 0.1 })],
  ] as const)('%s, %s', async (_, optimizer, create) => {
    const whole = await trained(create(), { optimizer });
    for (const microBatchSize of [3, 1]) {
      const parts = await trained(create(), { optimizer, microBatchSize });
      const off = Math.max(...parts.map((value, i) => Math.abs(value - whole[i]!)));
      expect(off).toBeLessThan(1e-6);
      expect(off, 'they round differently').toBeGreaterThan(0);
    }
  });
});
