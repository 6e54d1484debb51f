import { memory } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import { memoryStore, type TrainOptions, train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

/** Images of noise, whose classes are to be learned by heart. */
function noise(length: number, seed = 1): ImageSet {
  const images = Uint8Array.from(
    { length: length * 16 },
    (_, i) => (Math.imul(i + seed, 2654435761) >>> 24) & 255,
  );
  const labels = Uint8Array.from({ length }, (_, i) => (i * 7 + seed) % 3);
  return new ImageSet({ images, labels, shape: [4, 4, 1], classNames: ['a', 'b', 'c'] });
}

const sets = () => ({ trainSet: noise(20), validationSet: noise(9, 5) });

const build = (classes = 3) =>
  vgg([[1, 4]], { inputShape: [4, 4, 1], classes, hiddenUnits: 6, dropout: 0.5, batchNorm: true });

const OPTIONS = { epochs: 3, batchSize: 8, seed: 7 } satisfies TrainOptions;

/** All weights of a model. */
const valuesOf = async (model: LayersModel) =>
  Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]));

/** Trains a new model; leaves no tensor. */
async function run(options: TrainOptions, data = sets(), model = build()) {
  const before = memory().numTensors;
  try {
    const history = await train(model, data, { ...OPTIONS, ...options });
    return { history, weights: await valuesOf(model) };
  } finally {
    expect(memory().numTensors, 'tensors beside the model').toBe(before);
    model.dispose();
  }
}

/** A signal that stops a run after a number of steps, by way of its data. */
function stopAfter(steps: number, { trainSet, ...others } = sets()) {
  const controller = new AbortController();
  let taken = 0;
  const stopping = {
    length: trainSet.length,
    shape: trainSet.shape,
    classNames: trainSet.classNames,
    fingerprint: () => trainSet.fingerprint(),
    *batches(order: { batchSize: number; seed?: number }) {
      for (const batch of trainSet.batches(order)) {
        if (taken++ === steps) controller.abort();
        yield batch;
      }
    },
  };
  return {
    signal: controller.signal,
    data: { trainSet: stopping, ...others } as unknown as ReturnType<typeof sets>,
  };
}

const timeless = <T extends { epochs: object[] }>(history: T) => ({
  ...history,
  epochs: history.epochs.map((row) => ({ ...row, seconds: 0, examplesPerSecond: 0 })),
});

describe('a run that was stopped and resumed ends with the same weights and history', () => {
  test.each<[string, TrainOptions]>([
    ['sgd', { optimizer: 'sgd' }],
    ['momentum, cosine', { optimizer: 'momentum', schedule: 'cosine' }],
    ['adam', { optimizer: 'adam' }],
    ['the best weights', { optimizer: 'adam', learningRate: 0.05, keep: 'best' }],
  ])('%s', async (_, options) => {
    const whole = await run(options);
    for (const steps of [1, 3, 4, 8]) {
      const store = memoryStore();
      const { signal, data } = stopAfter(steps);
      const stopped = await run({ ...options, signal, checkpoint: { store } }, data);
      expect(stopped.history.ended).toBe('aborted');
      const resumed = await run({ ...options, checkpoint: { store, resume: true } });
      expect(resumed.weights).toEqual(whole.weights);
      expect(timeless(resumed.history)).toEqual(timeless(whole.history));
    }
  });

  test('wherever it is stopped, again and again', async () => {
    const whole = await run({ optimizer: 'adam', keep: 'best' });
    const store = memoryStore();
    const ends: string[] = [];
    for (let i = 0; i < 4; i++) {
      // An epoch has three batches, and those that were done are passed over.
      const { signal, data } = stopAfter(4);
      const checkpoint = { store, resume: true };
      const { history, weights } = await run({ optimizer: 'adam', keep: 'best', signal, checkpoint }, data);
      ends.push(history.ended);
      if (history.ended === 'finished') expect(weights).toEqual(whole.weights);
    }
    expect(ends).toEqual(['aborted', 'aborted', 'finished', 'finished']);
  });
});
