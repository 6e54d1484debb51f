import { memory } from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { diagnose, throughput, train } from '../../src/train/index.js';
import { useBackend } from '../support/backends.js';

beforeAll(() => useBackend('cpu'));

const trainSet = new ImageSet({
  images: Uint8Array.from({ length: 4 * 48 }, (_, i) => (7 * i) % 256),
  labels: Uint8Array.of(0, 1, 0, 1),
  shape: [4, 4, 3],
  classNames: ['a', 'b'],
});

/** A network whose second convolution is dilated and frozen. */
function dilated(isFirstTrained: boolean) {
  const model = sequential({
    layers: [
      layers.conv2d({ filters: 2, kernelSize: 1, inputShape: [4, 4, 3] }),
      layers.conv2d({ filters: 2, kernelSize: 2, dilationRate: 2, name: 'wide' }),
      layers.flatten(),
      layers.dense({ units: 2 }),
    ],
  });
  model.layers[0]!.trainable = isFirstTrained;
  model.layers[1]!.trainable = false;
  return model;
}

test.each<[string, (model: ReturnType<typeof dilated>) => Promise<unknown>]>([
  ['train', (model) => train(model, { trainSet }, { epochs: 1, batchSize: 2 })],
  ['diagnose', (model) => diagnose(model, trainSet, { batchSize: 2 })],
  ['throughput', (model) => throughput(model, { mode: 'training', batchSize: 1, seconds: 0 })],
])('%s works with a frozen dilated convolution, unless a gradient would pass it', async (name, call) => {
  const [before, behind] = [dilated(false), dilated(true)];
  const tensors = memory().numTensors;
  await call(before);
  await expect(call(behind)).rejects.toThrow(
    `${name}: TensorFlow.js has no gradient of a dilated convolution, as layer wide is`,
  );
  expect(memory().numTensors).toBe(tensors);
  before.dispose();
  behind.dispose();
});
