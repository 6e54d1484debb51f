import { beforeAll, expect, test } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import { indexedDbStore, type TrainOptions, train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

const trainSet = new ImageSet({
  images: Uint8Array.from({ length: 24 * 64 }, (_, i) => Math.imul(i, 2654435761) >>> 24),
  labels: Uint8Array.from({ length: 24 }, (_, i) => i % 3),
  shape: [8, 8, 1],
  classNames: ['a', 'b', 'c'],
});

/** The weights after two epochs. */
async function run(options: TrainOptions): Promise<number[][]> {
  const model = vgg([[1, 4]], { inputShape: [8, 8, 1], classes: 3, hiddenUnits: 6 });
  await train(model, { trainSet }, { epochs: 2, batchSize: 8, optimizer: 'adam', ...options });
  const weights = await Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]));
  model.dispose();
  return weights;
}

test('a run in IndexedDB is gone on with, and one tab at a time has it', async () => {
  const store = indexedDbStore('checkpoints-of-a-test');
  for (const name of await store.list()) await store.remove(name);
  const whole = await run({});
  const controller = new AbortController();
  let steps = 0;
  const onStep = () => {
    if (++steps === 4) controller.abort();
  };
  await run({ onStep, signal: controller.signal, checkpoint: { store } });
  expect((await store.list()).sort()).toEqual(['epoch-00002-batch-0000000', 'epoch-00002-batch-0000001']);
  const release = await store.lock();
  await expect(run({ checkpoint: { store, resume: true } })).rejects.toThrow(
    'the database checkpoints-of-a-test is in use by another tab; close it, or choose another name.',
  );
  await release();
  expect(await run({ checkpoint: { store, resume: true } })).toEqual(whole);
});
