import {
  add,
  grad,
  memory,
  randomUniform,
  square,
  sum,
  type Tensor,
  type Tensor4D,
  tensor1d,
  tidy,
} from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { explain, featureExtractor, perceptualLoss, saliency, visualize } from '../../src/features/index.js';
import { PLAIN_PREPROCESSING } from '../../src/images/index.js';
import { type Examples, train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

type Options = { scale?: boolean; center?: boolean };

const NORMS: Record<string, (options: Options) => layers.Layer> = {
  'batch normalization': (options) => layers.batchNormalization({ ...options, name: 'norm' }),
  'batch normalization of rows': (options) =>
    layers.batchNormalization({ ...options, axis: 1, name: 'norm' }),
  'layer normalization': (options) => layers.layerNormalization({ ...options, name: 'norm' }),
};
const ABSENT: Options[] = [{ scale: false }, { center: false }, { scale: false, center: false }];
const CASES = Object.keys(NORMS).flatMap((name) => ABSENT.map((options) => [name, options] as const));

/** A network whose weights follow from their names. What a normalization begins with, ones and zeros, it keeps. */
function network(name: string, options: Options, norm = NORMS[name]!): LayersModel {
  const model = sequential({
    layers: [
      layers.conv2d({ inputShape: [6, 6, 3], filters: 4, kernelSize: 3, activation: 'elu', name: 'conv' }),
      norm(options),
      layers.flatten(),
      layers.dense({ units: 3, name: 'logits' }),
    ],
  });
  for (const weight of model.weights) {
    const { originalName, shape } = weight;
    if (/gamma|beta/.test(originalName)) continue;
    const value = randomUniform(shape as number[], 0.2, 1, 'float32', originalName.length);
    weight.write(value);
    value.dispose();
  }
  return model;
}

const imageOf = (seed: number) => randomUniform([1, 6, 6, 3], 0, 1, 'float32', seed) as Tensor4D;
const preprocessing = { ...PLAIN_PREPROCESSING, crop: 6, resize: { shorterSide: 6 } };

/** The numbers of a tensor, which it frees. WebGPU in a browser reads none without waiting. */
const numbersOf = (tensor: Tensor) => tensor.data().finally(() => tensor.dispose());

/** What takes a gradient through a network. */
const GRADIENTS: Record<
  string,
  (model: LayersModel, x: Tensor4D, y: Tensor4D) => Promise<ArrayLike<number>>
> = {
  saliency: async (model, x) => (await saliency(model, x)).values,
  'integrated gradients': async (model, x) =>
    (await explain(model, x, { method: 'integrated-gradients', steps: 4 })).values,
  visualize: async (model) => (await visualize(model, 'logits', 0, { steps: 2, preprocessing })).data,
  'perceptual loss': async (model, x, y) => {
    const loss = perceptualLoss(model, ['norm']);
    return numbersOf(tidy(() => grad((image: Tensor) => loss(image as Tensor4D, y))(x)));
  },
  'an extractor': async (model, x) => {
    const extractor = featureExtractor(model, 'norm');
    return numbersOf(tidy(() => grad((image: Tensor) => sum(square(extractor.apply(image) as Tensor)))(x)));
  },
  'training before a frozen one': async (model, x, y) => {
    model.getLayer('norm').trainable = false;
    const trainSet: Examples = {
      ...{ length: 1, shape: [6, 6, 3] },
      *batches() {
        yield { xs: add(x, y), ys: tensor1d([1], 'int32') };
      },
    };
    await train(model, { trainSet }, { epochs: 1, batchSize: 1, learningRate: 0.1 });
    return (model.getLayer('conv').getWeights()[0] as Tensor).data();
  },
};

test.each(CASES)('gradients pass %s with %o as they pass one of ones and zeros', async (name, options) => {
  const before = memory().numTensors;
  const [x, y] = [imageOf(1), imageOf(2)];
  for (const [what, gradientOf] of Object.entries(GRADIENTS)) {
    const [bare, full] = [network(name, options), network(name, {})];
    const held = memory().numTensors;
    const [found, expected] = [await gradientOf(bare, x, y), await gradientOf(full, x, y)];
    expect(memory().numTensors, what).toBe(held);
    expect(Math.max(...Array.from(expected, Math.abs)), what).toBeGreaterThan(0);
    for (const [i, value] of Array.from(found).entries()) expect(value, what).toBeCloseTo(expected[i]!, 4);
    bare.dispose();
    full.dispose();
  }
  x.dispose();
  y.dispose();
  expect(memory().numTensors).toBe(before);
});

/** Wrappers, whose layer sees one row of an image at a time, as if it were an image of its own. */
const WRAPPED: Record<string, (options: Options) => layers.Layer> = {
  'a normalization': (options) =>
    layers.timeDistributed({ layer: layers.batchNormalization(options), name: 'norm' }),
  'a model with one': (options) =>
    layers.timeDistributed({
      layer: sequential({
        layers: [
          layers.activation({ activation: 'linear', inputShape: [4, 4] }),
          layers.batchNormalization(options),
        ],
      }) as unknown as layers.Layer,
      name: 'norm',
    }),
};

test.each(Object.keys(WRAPPED).flatMap((name) => [...ABSENT, {}].map((options) => [name, options] as const)))(
  'gradients pass %s with %o in a wrapper as they pass it alone',
  async (name, options) => {
    const before = memory().numTensors;
    const [x, y] = [imageOf(1), imageOf(2)];
    for (const [what, gradientOf] of Object.entries(GRADIENTS)) {
      const alone = network('batch normalization', options);
      const wrapped = network('batch normalization', options, WRAPPED[name]!);
      wrapped.setWeights(alone.getWeights());
      const held = memory().numTensors;
      const [found, expected] = [await gradientOf(wrapped, x, y), await gradientOf(alone, x, y)];
      expect(memory().numTensors, what).toBe(held);
      expect(Math.max(...Array.from(expected, Math.abs)), what).toBeGreaterThan(0);
      for (const [i, value] of Array.from(found).entries()) expect(value, what).toBeCloseTo(expected[i]!, 4);
      wrapped.dispose();
      alone.dispose();
    }
    x.dispose();
    y.dispose();
    expect(memory().numTensors).toBe(before);
  },
);
