import { add, memory, randomUniform, type Tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { fullyConvolutional, vgg } from '../../src/index.js';
import { train } from '../../src/train/index.js';
import reference from '../fixtures/views.json' with { type: 'json' };
import { useAnyBackend } from '../support/backends.js';
import { referenceNetwork, scaledReference } from '../support/views.js';

beforeAll(() => useAnyBackend('wasm'));
let tensors: number;
beforeEach(() => {
  tensors = memory().numTensors;
});
afterEach(() => expect(memory().numTensors).toBe(tensors));

const predicted = async (model: LayersModel, x: Tensor) => {
  const y = model.predict(x) as Tensor;
  const numbers = [...(await y.data())];
  y.dispose();
  return numbers;
};
const near = (values: readonly number[], digits = 5) => values.map((value) => expect.closeTo(value, digits));

const network = () =>
  vgg([[1, 4]], {
    inputShape: [12, 8, 3],
    hiddenUnits: [6],
    classes: 4,
    dropout: 0,
    initializer: 'heUniform',
  });

test('the map is what PyTorch computes', async () => {
  const model = referenceNetwork();
  const convolutional = fullyConvolutional(model);
  const x = scaledReference(0, 38);
  const map = convolutional.predict(x) as Tensor;
  expect(map.shape).toEqual(reference.map.shape);
  expect([...(await map.data())]).toEqual(near(reference.map.values, 4));
  x.dispose();
  map.dispose();
  convolutional.dispose();
  model.dispose();
});

test('either model may be disposed first, and training one does not change the other', async () => {
  const images = {
    images: new Uint8Array(288),
    labels: new Uint8Array(1),
    shape: [12, 8, 3],
    classNames: ['a', 'b', 'c', 'd'],
  } as const;
  const x = randomUniform([2, 12, 8, 3], -1, 1, 'float32', 7);
  for (const trained of ['model', 'convolutional'] as const) {
    const models = { model: network(), convolutional: undefined as unknown as LayersModel };
    models.convolutional = fullyConvolutional(models.model);
    const before = await predicted(models.model, x);
    const other = trained === 'model' ? models.convolutional : models.model;
    if (trained === 'model')
      await train(models.model, { trainSet: new ImageSet(images) }, { epochs: 2, optimizer: 'sgd' });
    else {
      for (const weight of models.convolutional.trainableWeights) {
        tidy(() => {
          weight.write(add(weight.read(), 1));
        });
      }
    }
    expect(await predicted(models[trained], x)).not.toEqual(near(before));
    models[trained].dispose();
    expect(await predicted(other, x)).toEqual(near(before));
    other.dispose();
  }
  x.dispose();
});
