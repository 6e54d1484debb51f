import { memory } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import type { MemoryLimits } from '../../src/tfjs/memory.js';
import { memoryStore, type TrainOptions, type TrainSets, throughput, train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';

/** What the backend is said to hold; undefined for its own limits. */
let limits: MemoryLimits | undefined;

vi.mock('../../src/tfjs/memory.js', async (original) => {
  const own = await original<typeof import('../../src/tfjs/memory.js')>();
  return { ...own, memoryLimits: () => limits ?? own.memoryLimits() };
});

afterEach(() => {
  limits = undefined;
});

/** Images of noise. */
function noiseSet(length: number, seed = 1): ImageSet {
  const images = Uint8Array.from({ length: length * 16 }, (_, i) => Math.imul(i + seed, 2654435761) >>> 24);
  const labels = Uint8Array.from({ length }, (_, i) => (i * 7 + seed) % 3);
  return new ImageSet({ images, labels, shape: [4, 4, 1], classNames: ['a', 'b', 'c'] });
}

const build = (options = {}) =>
  vgg([[1, 4]], { inputShape: [4, 4, 1], classes: 3, hiddenUnits: 6, dropout: 0.5, ...options });

const valuesOf = async (model: LayersModel) =>
  Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]));

/** Trains a new model; leaves no tensor. */
async function run(
  options: TrainOptions,
  model = build(),
  data: TrainSets = { trainSet: noiseSet(20), validationSet: noiseSet(9, 5) },
) {
  const before = memory().numTensors;
  const notes: string[] = [];
  try {
    const history = await train(model, data, {
      ...{ epochs: 2, batchSize: 8, seed: 7, optimizer: 'adam', onNote: (note) => void notes.push(note) },
      ...options,
    });
    return { history, notes, weights: await valuesOf(model) };
  } finally {
    expect(memory().numTensors, 'tensors beside the model').toBe(before);
    model.dispose();
  }
}

/** Limits with room for the weights of `build` and so many bytes of activations. */
function roomFor(bytes: number): MemoryLimits {
  return { total: memory().numBytes + 1e8 + bytes };
}

describe('train in parts', () => {
  beforeAll(() => useAnyBackend('wasm'));

  test.each<[string, TrainOptions]>([
    ['dropout', {}],
    ['an average, cosine, clipping', { ema: 0.9, schedule: 'cosine', clipNorm: 0.1, optimizer: 'nesterov' }],
    ['smoothing and class weights', { labelSmoothing: 0.1, classWeights: [1, 2, 3], optimizer: 'sgd' }],
  ])('is the same as in one piece, but for rounding: %s', async (_, options) => {
    const whole = await run(options);
    const parts = await run({ ...options, microBatchSize: 3 });
    const largest = Math.max(...whole.weights.flat().map(Math.abs));
    const off = parts.weights.flat().map((value, i) => Math.abs(value - whole.weights.flat()[i]!));
    expect(Math.max(...off) / largest).toBeLessThan(options.optimizer ? 1e-5 : 1e-3);
    expect(Math.max(...off), 'they round differently').toBeGreaterThan(0);
    const [loss, wanted] = [parts, whole].map(({ history }) => history.epochs[1]!.loss);
    expect(loss! / wanted!).toBeCloseTo(1, 5);
    expect(parts.history.epochs[1]!.trainAccuracy).toBe(whole.history.epochs[1]!.trainAccuracy);
    expect(parts.history.microBatchSize).toBe(3);
    expect(parts.notes).toEqual([]);
  });

  test('of mixed images and weighted classes, too', async () => {
    const data = { trainSet: noiseSet(20).augment({ mixup: 0.4 }) };
    const options = { classWeights: [1, 2, 3], optimizer: 'sgd' } as const;
    const whole = await run(options, build(), data);
    const parts = await run({ ...options, microBatchSize: 3 }, build(), data);
    const off = parts.weights.flat().map((value, i) => Math.abs(value - whole.weights.flat()[i]!));
    expect(Math.max(...off)).toBeLessThan(1e-6);
  });

  test('says that batch normalization changes, but not if it is frozen', async () => {
    const { notes } = await run({ microBatchSize: 3 }, build({ batchNorm: true }));
    expect(notes).toEqual([
      'batches are taken in parts of at most 3 examples, whose gradients are added; batch normalization uses the mean and variance of each part.',
    ]);
    const model = build({ batchNorm: true });
    for (const layer of model.layers) if (layer.name.endsWith('_bn')) layer.trainable = false;
    expect((await run({ microBatchSize: 3 }, model)).notes).toEqual([]);
  });

  test('happens by itself where a step has no room, in the largest parts that fit, and says so', async () => {
    const sizes: (number | undefined)[] = [];
    for (const bytes of [1e6, 10_000, 8000, 7000]) {
      const model = build({ batchNorm: true });
      limits = roomFor(bytes);
      const { history, notes } = await run({}, model);
      sizes.push(history.microBatchSize);
      if (bytes < 1e6) {
        expect(notes).toEqual([
          expect.stringMatching(
            /^a step of 8 examples needs [\d.]+ MB of [\d.]+ MB on the \w+ backend, so batches are taken in parts of at most \d examples, whose gradients are added; batch normalization uses the mean and variance of each part\.$/,
          ),
        ]);
      } else expect(notes).toEqual([]);
    }
    expect(sizes).toEqual([undefined, 4, 2, 1]);
  });

  test('is limited by the largest tensor, too', async () => {
    // The largest map has 4x4x4 numbers.
    limits = { tensor: 4 * 64 * 5 };
    expect((await run({})).history.microBatchSize).toBe(4);
    const { examplesPerSecond } = await throughput(build(), { batchSize: 6, mode: 'training', seconds: 0 });
    expect(examplesPerSecond).toBeGreaterThan(0);
  });

  test.each<[string, TrainOptions, () => MemoryLimits, RegExp]>([
    [
      'parts that are too large',
      { microBatchSize: 6 },
      () => ({ tensor: 4 * 64 * 5 }),
      /^train: a step of 6 examples needs a tensor of 0\.00154 MB, where 0\.00128 MB are allowed on the \w+ backend; pass a microBatchSize of at most 5\.$/,
    ],
    [
      'batches that are asked for in one piece',
      { microBatchSize: 8 },
      () => ({ tensor: 4 * 64 * 5 }),
      /^train: a step of 8 examples .*; pass a microBatchSize of at most 5\.$/,
    ],
    [
      'what fits in one piece alone, with the largest batch that does',
      {},
      () => roomFor(5000),
      /^train: a step of 8 examples .*; pass a batchSize of at most \d\.$/,
    ],
    [
      'an example that is too large',
      {},
      () => ({ tensor: 100 }),
      /^train: a step of 8 examples .*; not even one example fits; use smaller images, a narrower network/,
    ],
    [
      'parts of no example',
      { microBatchSize: 0 },
      () => ({}),
      /microBatchSize is 0; it must be a whole number/,
    ],
  ])('refuses %s before the first step', async (_, options, limitsOf, message) => {
    const model = build();
    limits = limitsOf();
    const onStep = () => expect.unreachable();
    await expect(run({ ...options, onStep }, model)).rejects.toThrow(message);
  });

  test('a run goes on in the parts that it began with, bit for bit, however much room there is', async () => {
    const options = (store = memoryStore()) => ({ checkpoint: { store, resume: true } });
    const whole = await run({ microBatchSize: 3 });
    const store = memoryStore();
    limits = { tensor: 4 * 64 * 4 };
    const controller = new AbortController();
    const onStep = () => controller.abort();
    const { history } = await run({ ...options(store), onStep, signal: controller.signal });
    expect(history).toMatchObject({ ended: 'aborted', microBatchSize: 4 });
    const begun = await run({ microBatchSize: 4 });
    limits = undefined;
    expect((await run(options(store))).weights).toEqual(begun.weights);
    expect(begun.weights).not.toEqual(whole.weights);
  });

  test('a signal stops between the parts of a batch, of which nothing remains', async () => {
    const options = { microBatchSize: 3, optimizer: 'momentum', ema: 0.9 } as const;
    const whole = await run(options, build({ batchNorm: true }));
    const store = memoryStore();
    const checkpoint = { store, resume: true };
    const model = build({ batchNorm: true });
    const { apply } = model;
    const controller = new AbortController();
    let parts = 0;
    // In the second of the three parts of the second batch.
    model.apply = (...all) => {
      if (++parts === 5) controller.abort();
      return apply.apply(model, all);
    };
    const { history } = await run({ ...options, checkpoint, signal: controller.signal }, model);
    expect(parts).toBe(5);
    expect(history).toMatchObject({ ended: 'aborted', epochs: [{ examples: 8 }] });
    const end = await run({ ...options, checkpoint }, build({ batchNorm: true }));
    expect(end.weights).toEqual(whole.weights);
    expect(end.history.epochs.map(({ loss }) => loss)).toEqual(whole.history.epochs.map(({ loss }) => loss));
  });

  test('other parts are another engine, which may be allowed', async () => {
    const store = memoryStore();
    const controller = new AbortController();
    const onStep = () => controller.abort();
    await run({ microBatchSize: 3, checkpoint: { store }, onStep, signal: controller.signal });
    const checkpoint = { store, resume: true };
    await expect(run({ microBatchSize: 2, checkpoint })).rejects.toThrow(
      "of the engine, microBatchSize was 3 and is 2. Pass what it began with, or go on all the same with allow: ['engine'].",
    );
    const { history } = await run({ microBatchSize: 2, checkpoint: { ...checkpoint, allow: ['engine'] } });
    expect(history).toMatchObject({ ended: 'finished', microBatchSize: 2 });
  });
});
