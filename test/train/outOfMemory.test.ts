import { memory } from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import type { MemoryLimits } from '../../src/tfjs/memory.js';
import { memoryFailure } from '../../src/tfjs/outOfMemory.js';
import { memoryStore, train } from '../../src/train/index.js';
import { outOfMemory } from '../../src/train/outOfMemory.js';
import type { Training } from '../../src/train/training.js';
import { readTensors } from '../../src/weights/index.js';
import { backends, useBackend } from '../support/backends.js';

/** What the backend is said to hold; undefined for its own limits. */
let limits: MemoryLimits | undefined;

vi.mock('../../src/tfjs/memory.js', async (original) => {
  const own = await original<typeof import('../../src/tfjs/memory.js')>();
  return { ...own, memoryLimits: () => limits ?? own.memoryLimits() };
});

afterEach(() => {
  limits = undefined;
});

/** A network whose map has 268 MB for each example: for 16 more than any backend allows one tensor. */
const huge = () =>
  sequential({
    layers: [
      layers.conv2d({ filters: 1024, kernelSize: 1, inputShape: [256, 256, 1] }),
      layers.maxPooling2d({ poolSize: 256 }),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ],
  });

const images = (length: number, size: number) =>
  new ImageSet({
    images: Uint8Array.from({ length: length * size ** 2 }, (_, i) => Math.imul(i, 2654435761) >>> 24),
    labels: Uint8Array.from({ length }, (_, i) => i % 3),
    shape: [size, size, 1],
    classNames: ['a', 'b', 'c'],
  });

/** The losses of a small run. */
async function small(): Promise<number[]> {
  const model = vgg([[1, 4]], { inputShape: [4, 4, 1], classes: 3, hiddenUnits: 6 });
  const { epochs } = await train(model, { trainSet: images(16, 4) }, { epochs: 2, batchSize: 4 });
  model.dispose();
  return epochs.map(({ loss }) => loss);
}

test('a short array that cannot be made is another mistake than too little memory', () => {
  const failure = (length: number) => memoryFailure(new RangeError(`Invalid typed array length: ${length}`));
  expect(failure(4)).toBeUndefined();
  expect(failure(805306368)).toBe('Invalid typed array length: 805306368');
});

test('parts of one example cannot be smaller', () => {
  const run = {
    run: { microBatchSize: 1 },
    settings: { batchSize: 8 },
    checkpoints: { newest: 'epoch-00001' },
  };
  const error = outOfMemory('no room', run as Training);
  expect(error.message).toMatch(/\(no room\); use a smaller network or smaller images\.$/);
});

describe.each(backends.filter((backend) => backend !== 'cpu'))('on %s', (backend) => {
  test('a step that cannot fit is refused before it is tried, and leaves the model for another run', async () => {
    await useBackend(backend);
    const model = huge();
    const held = memory().numTensors;
    const onStep = () => expect.unreachable();
    for (let time = 0; time < 2; time++) {
      const options = { batchSize: 16, microBatchSize: 16, onStep };
      await expect(train(model, { trainSet: images(16, 256) }, options)).rejects.toThrow(
        /^train: a step of 16 examples needs .* pass a microBatchSize of at most \d+\.$/,
      );
    }
    expect(memory().numTensors).toBe(held);
    model.dispose();
  });

  test('an allocation that fails is one sentence, the last checkpoint stands, and the backend goes on', async () => {
    await useBackend(backend);
    const before = await small();
    const model = huge();
    const held = memory().numTensors;
    const weights = await Promise.all(model.getWeights().map(async (one) => [...(await one.data())]));
    const store = memoryStore();
    limits = {};
    const trained = train(model, { trainSet: images(16, 256) }, { batchSize: 16, checkpoint: { store } });
    await expect(trained).rejects.toThrow(
      new RegExp(
        `^train: a step of 16 examples ran out of memory on the ${backend} backend \\(.+\\); the last checkpoint is epoch-00001-batch-0000000: go on with resume: true, microBatchSize: 8 and allow: \\['engine'\\]\\.$`,
      ),
    );
    expect(memory().numTensors).toBe(held);
    const [name, ...others] = await store.list();
    expect(others).toEqual([]);
    const stored = await readTensors((await store.open(name!)) as Uint8Array);
    for (const [i, values] of weights.entries()) {
      expect([...stored.get(`weights/${i}`)!.data]).toEqual(values);
    }
    model.dispose();
    expect(await small()).toEqual(before);
  });
});
