import { ones, type Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { fromWeights } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noiseImages } from '../support/fixtures.js';
import { tfjsFiles } from './configurations.js';

beforeAll(() => useAnyBackend());

/** What a model with these layer names computes, and the names it gets. */
async function load(names: readonly [string, string, string]) {
  const [first, second, last] = names;
  const conv = { filters: 2, kernel_size: [3, 3], activation: 'elu' };
  const layers = [
    ['Conv2D', { ...conv, name: first, batch_input_shape: [null, 6, 6, 1] }],
    ['Conv2D', { ...conv, name: second }],
    ['Flatten', { name: 'flatten' }],
    ['Dense', { units: 3, name: last }],
  ].map(([class_name, config]) => ({ class_name, config }));
  const shapes = [[3, 3, 1, 2], [2], [3, 3, 2, 2], [2], [8, 3], [3]];
  const weights = shapes.map((shape, i) => ({
    name: `${names[i >> 1]}/${i % 2 ? 'bias' : 'kernel'}`,
    ...noiseImages(shape, i + 1),
  }));
  const { json, shards } = tfjsFiles(
    { config: { class_name: 'Sequential', config: { layers } }, weights },
    '2.7.0',
  );
  const { model } = await fromWeights(json, { shards });
  const x = ones([1, 6, 6, 1]);
  const y = model.predict(x) as Tensor;
  const result = { names: model.layers.map(({ name }) => name), values: await y.data() };
  for (const one of [x, y, model]) one.dispose();
  return result;
}

test('layers keep their names as far as tfjs accepts them, and stay apart', async () => {
  const plain = await load(['first', 'second', 'last']);
  expect(plain.names.slice(1)).toEqual(['first', 'second', 'flatten', 'last']);
  const odd = await load(['conv one', 'conv_one', '_分類']);
  expect(odd.names.slice(1)).toEqual(['conv_one', 'conv_one_2', 'flatten', 'layer___']);
  expect(odd.values).toEqual(plain.values);
});
