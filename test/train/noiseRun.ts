import '@tensorflow/tfjs-backend-cpu';
import { setBackend } from '@tensorflow/tfjs-core';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import { type TrainOptions, train } from '../../src/train/index.js';

const trainSet = new ImageSet({
  images: Uint8Array.from({ length: 24 * 64 }, (_, i) => Math.imul(i, 2654435761) >>> 24),
  labels: Uint8Array.from({ length: 24 }, (_, i) => i % 3),
  shape: [8, 8, 1],
  classNames: ['a', 'b', 'c'],
});

/** Trains on noise for two epochs of three steps, on the cpu backend, in a page or a worker. */
export async function noiseRun(options: TrainOptions) {
  await setBackend('cpu');
  const model = vgg([[1, 4]], { inputShape: [8, 8, 1], classes: 3, hiddenUnits: 6 });
  const history = await train(
    model,
    { trainSet },
    { epochs: 2, batchSize: 8, optimizer: 'adam', ...options },
  );
  const weights = await Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]));
  model.dispose();
  return { history, weights };
}
