import { memory, randomNormal, type Tensor, tensor1d } from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { diagnose, type Examples, evaluate, train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';

// In Node the backend whose kernels take whole batch normalization.
beforeAll(() => useAnyBackend('wasm'));

const examples: Examples = {
  ...{ length: 6, shape: [5, 5, 2] },
  *batches() {
    yield { xs: randomNormal([6, 5, 5, 2], 1, 2, 'float32', 3), ys: tensor1d([0, 1, 2, 0, 2, 1], 'int32') };
  },
};

function network(options: Parameters<typeof layers.batchNormalization>[0]): LayersModel {
  return sequential({
    layers: [
      layers.conv2d({ filters: 4, kernelSize: 3, inputShape: [5, 5, 2], name: 'conv' }),
      layers.batchNormalization({ ...options, name: 'norm' }),
      layers.reLU(),
      layers.flatten(),
      layers.dense({ units: 3, name: 'dense' }),
    ],
  });
}

/** The weights by layer and name. */
async function weightsOf(model: LayersModel): Promise<Record<string, Float32Array>> {
  const entries = model.weights.map(
    async ({ originalName }, i) =>
      [originalName, await (model.weights[i]!.read() as Tensor).data<'float32'>()] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

test.each([{ scale: false }, { center: false }, { scale: false, center: false }])(
  'batch normalization with %o takes the first step of one with a scale of 1 and an offset of 0',
  async (options) => {
    const before = memory().numTensors;
    const [bare, full] = [network(options), network({})];
    for (const name of ['conv', 'dense']) bare.getLayer(name).setWeights(full.getLayer(name).getWeights());
    const held = memory().numTensors;
    for (const model of [bare, full]) await train(model, { trainSet: examples }, { epochs: 1, batchSize: 6 });
    const [found, expected] = [await weightsOf(bare), await weightsOf(full)];
    expect(Object.keys(found)).toHaveLength(8 - Object.keys(options).length);
    for (const [name, values] of Object.entries(found)) {
      for (const [i, value] of values.entries()) expect(value, name).toBeCloseTo(expected[name]![i]!, 4);
    }
    expect((await diagnose(bare, examples)).loss).toBeGreaterThan(0);
    expect((await evaluate(bare, examples)).examples).toBe(6);
    expect(memory().numTensors).toBe(held);
    bare.dispose();
    full.dispose();
    expect(memory().numTensors).toBe(before);
  },
);

test('over another axis than the last it is refused, unless it is frozen', async () => {
  const model = network({ axis: 1 });
  const refused = 'norm normalizes axis 1 of 4, which TensorFlow.js computes but cannot train; freeze it,';
  await expect(train(model, { trainSet: examples })).rejects.toThrow(`train: ${refused}`);
  await expect(diagnose(model, examples)).rejects.toThrow(`diagnose: ${refused}`);
  model.getLayer('norm').trainable = false;
  await train(model, { trainSet: examples }, { epochs: 1, batchSize: 6 });
  model.dispose();
});

test('a model that is frozen holds its normalization also where it has no weights to note that', async () => {
  const inner = sequential({
    layers: [
      layers.activation({ activation: 'linear', inputShape: [3, 3, 4] }),
      layers.batchNormalization({ scale: false, center: false }),
    ],
  });
  const model = sequential({
    layers: [
      layers.conv2d({ filters: 4, kernelSize: 3, inputShape: [5, 5, 2] }),
      inner,
      layers.flatten(),
      layers.dense({ units: 3 }),
    ],
  });
  inner.trainable = false;
  const statistics = () => Promise.all(inner.getWeights().map((one) => one.data()));
  const before = await statistics();
  await train(model, { trainSet: examples }, { epochs: 1, batchSize: 6 });
  expect(await statistics()).toEqual(before);
  model.dispose();
});
