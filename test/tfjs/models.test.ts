import {
  type LayersModel,
  layers,
  model as modelOf,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { classifierOutputs } from '../../src/tfjs/classifier.js';
import { graphOf } from '../../src/tfjs/graph.js';
import { inputShapeOf, layersWithin } from '../../src/tfjs/models.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

const classes = (model: LayersModel) => layersWithin(model).map((layer) => layer.getClassName());
const outputKindOf = (model: LayersModel) =>
  classifierOutputs('f', graphOf('f', model)).activation ? 'probabilities' : 'logits';
const flat = () => layers.flatten({ inputShape: [2, 2, 1] });

test('the layers of a model are those that compute, whether or not it has an input layer or models inside', () => {
  const inner = sequential({
    layers: [layers.dense({ units: 3, inputShape: [4] }), layers.dropout({ rate: 0.5 })],
  });
  const outer = sequential({ layers: [flat(), inner] });
  expect(classes(outer)).toEqual(['Flatten', 'Dense', 'Dropout']);
  const functional = modelOf({
    inputs: outer.inputs,
    outputs: inner.apply(outer.layers[0]!.output) as SymbolicTensor,
  });
  expect(functional.layers[0]!.getClassName()).toBe('InputLayer');
  expect(classes(functional)).toEqual(classes(outer));
  expect(inputShapeOf(outer)).toEqual([2, 2, 1]);
});

test.each([
  ['logits', () => [layers.dense({ units: 3 })]],
  ['logits', () => [layers.dense({ units: 3, activation: 'softmax' }), layers.dense({ units: 3 })]],
  ['probabilities', () => [layers.dense({ units: 3, activation: 'softmax' })]],
  ['probabilities', () => [layers.dense({ units: 3 }), layers.softmax()]],
  ['probabilities', () => [layers.dense({ units: 3 }), layers.activation({ activation: 'softmax' })]],
  [
    'probabilities',
    () => [sequential({ layers: [layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })] })],
  ],
] as const)('a model returns %s by its last layer, %#', (kind, last) => {
  expect(outputKindOf(sequential({ layers: [flat(), ...last()] }))).toBe(kind);
});

test('a VGG returns logits, or probabilities if asked for', () => {
  const options = { inputShape: [2, 2, 1], hiddenUnits: 2 } as const;
  const small = vgg([[1, 1]], options);
  expect(outputKindOf(small)).toBe('logits');
  expect(outputKindOf(vgg([[1, 1]], { ...options, classifierActivation: 'softmax' }))).toBe('probabilities');
});
