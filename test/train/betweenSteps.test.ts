import { dispose, memory, randomNormal, type Tensor, type Tensor4D, tensor1d } from '@tensorflow/tfjs-core';
import { type LayersModel, layers, type SymbolicTensor, model as tfModel } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { layersWithin } from '../../src/tfjs/models.js';
import { AverageWeights } from '../../src/train/averageWeights.js';
import { chooseOptimizer } from '../../src/train/optimizer.js';
import { startRun, step } from '../../src/train/step.js';
import { useAnyBackend } from '../support/backends.js';

// In Node the backend that has the kernels of steps.
beforeAll(() => useAnyBackend('wasm'));

/** A network whose layers all compute otherwise in a step. */
function network(): LayersModel {
  const model = vgg(
    [
      [1, 8],
      [1, 8],
    ],
    { inputShape: [8, 8, 2], classes: 3, hiddenUnits: 8, dropout: 0.5, batchNorm: true },
  );
  model.getLayer('block2_conv1_bn').trainable = false;
  return model;
}

/** The methods that layers have of their own. */
const replaced = (model: LayersModel) =>
  layersWithin(model).filter((layer) => Object.hasOwn(layer, 'call') || Object.hasOwn(layer, 'apply'));

const images = (size = 8) => randomNormal([4, size, size, 2], 0, 1, 'float32', 1) as Tensor4D;
const batch = (xs: Tensor4D) => ({ xs, ys: tensor1d([0, 1, 2, 0], 'int32') });
const valuesOf = async (y: Tensor) => {
  const values = await y.data();
  y.dispose();
  return Array.from(values);
};

test('between the steps of a run, and after one that fails, layers compute as they did before it', async () => {
  const before = memory().numTensors;
  const model = network();
  const other = tfModel({ inputs: model.inputs, outputs: model.getLayer('block2_conv1').output });
  const [xs, features] = [images(), randomNormal([4, 4, 4, 8], 0, 1, 'float32', 2)];
  const conv = model.getLayer('block2_conv1');
  const outputs = async () => ({
    alone: await valuesOf(conv.apply(features, { training: true }) as Tensor),
    ofAnother: await valuesOf(other.apply(xs, { training: true }) as Tensor),
  });
  const run = startRun('test', model, chooseOptimizer('test', { learningRate: 1e-30 }), { seed: 0 });
  const expected = await outputs();
  expect(expected.alone).toHaveLength(4 * 4 * 4 * 8);

  dispose(await step(run, batch(xs.clone())));
  expect(replaced(model)).toEqual([]);
  expect(await outputs()).toEqual(expected);

  const tensors = memory().numTensors;
  await expect(step(run, batch(images(12)))).rejects.toThrow();
  expect(memory().numTensors).toBe(tensors);
  expect(replaced(model)).toEqual([]);
  expect(await outputs()).toEqual(expected);

  run.end();
  dispose([xs, features]);
  model.dispose();
  expect(memory().numTensors).toBe(before);
});

/** The names of the weights that `work` changes, of those of a layer or a model. */
async function changedBy(of: Pick<LayersModel, 'weights'>, work: () => unknown): Promise<string[]> {
  const values = () =>
    Promise.all(of.weights.map(async (weight) => [...(await weight.read().data())].join()));
  const before = await values();
  await work();
  const after = await values();
  return of.weights.flatMap(({ originalName }, i) => (after[i] === before[i] ? [] : [originalName]));
}

test('layers that are frozen between two steps, and the averages of their weights, stay as they are', async () => {
  const before = memory().numTensors;
  const model = network();
  const norm = model.getLayer('block1_conv1_bn');
  const average = new AverageWeights(model, 0.5);
  const run = startRun('test', model, chooseOptimizer('test', { learningRate: 0.1 }), { seed: 0, average });
  const train = async () => dispose(await step(run, batch(images())));
  expect(await changedBy(norm, train)).toHaveLength(4);

  norm.trainable = false;
  expect(await changedBy(norm, train)).toEqual([]);
  await average.during(async () => {
    norm.trainable = true;
  });
  expect(await changedBy(norm, train)).toHaveLength(4);

  run.end();
  model.dispose();
  expect(memory().numTensors).toBe(before);
});

test('layers of a model that was frozen as a whole stay as they are', async () => {
  const base = network();
  base.trainable = false;
  const features = base.layers.at(-2)!.output as SymbolicTensor;
  const top = layers.dense({ units: 3, name: 'top' }).apply(features) as SymbolicTensor;
  const model = tfModel({ inputs: base.inputs, outputs: top });
  const run = startRun('test', model, chooseOptimizer('test', { learningRate: 0.1 }), { seed: 0 });
  expect(await changedBy(model, async () => dispose(await step(run, batch(images()))))).toEqual([
    'top/kernel',
    'top/bias',
  ]);
  run.end();
  model.dispose();
});
