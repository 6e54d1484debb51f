import { ones, tensor1d } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { isKnownFinite } from '../../src/tfjs/finiteWeights.js';
import { checkWeights } from '../../src/train/finite.js';
import { train } from '../../src/train/index.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { useBackend } from '../support/backends.js';

beforeAll(async () => {
  await useBackend('wasm');
  installWasmKernels();
});

test('weights that a step of training changes in place are no longer known to be finite', async () => {
  const model = vgg([[1, 4]], { inputShape: [8, 8, 3], hiddenUnits: 64, classes: 2, dropout: 0 });
  const set = {
    ...{ length: 2, shape: [8, 8, 3], classNames: ['a', 'b'] },
    *batches() {
      yield { xs: ones([2, 8, 8, 3]), ys: tensor1d([0, 1], 'int32') };
    },
  };
  await checkWeights('f', model);
  expect(model.getWeights().every(isKnownFinite)).toBe(true);
  const data = model.getWeights().map(({ dataId }) => dataId);
  await train(model, { trainSet: set }, { optimizer: 'sgd', learningRate: 0.1, epochs: 1, batchSize: 2 });
  const inPlace = model.getWeights().filter(({ dataId }) => data.includes(dataId));
  expect(inPlace.length).toBeGreaterThan(0);
  expect(model.getWeights().some(isKnownFinite)).toBe(false);
  model.dispose();
});
