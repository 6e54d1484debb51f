import { memory, ones, type Tensor } from '@tensorflow/tfjs-core';
import { initializers, type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { agreement, compress, correctBiases, equalize } from '../../src/compress/index.js';
import { ImageSet } from '../../src/data/index.js';
import { cacheFeatures, embed, explain, featureExtractor, perceptualLoss } from '../../src/features/index.js';
import { classify } from '../../src/imagenet/index.js';
import { PLAIN_PREPROCESSING } from '../../src/images/index.js';
import { evaluate, predictClasses, throughput, train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noise } from '../support/bytes.js';

beforeAll(() => useAnyBackend('wasm'));

/** Six images, which are no multiple of the batch of four. */
const examples = new ImageSet({
  images: noise(6 * 48, 1),
  labels: Uint8Array.from({ length: 6 }, (_, i) => i % 2),
  shape: [4, 4, 3],
  classNames: ['a', 'b'],
});
const preprocessing = { ...PLAIN_PREPROCESSING, crop: 4, resize: { shorterSide: 4 } };
const image = { data: noise(48, 2), width: 4, height: 4 };

/** @param last what stands between a convolution and the classes. */
const network = (batch: number | null, last: layers.Layer[] = []): LayersModel =>
  sequential({
    layers: [
      layers.conv2d({
        ...{ name: 'conv', filters: 2, kernelSize: 3, padding: 'same', activation: 'relu' },
        batchInputShape: [batch, 4, 4, 3],
        kernelInitializer: initializers.randomUniform({ minval: -0.5, maxval: 0.5, seed: 1 }),
      }),
      ...last,
      layers.flatten(),
      layers.dense({
        ...{ units: 2, activation: 'softmax', name: 'classes' },
        kernelInitializer: initializers.randomUniform({ minval: -0.5, maxval: 0.5, seed: 2 }),
      }),
    ],
  });

const numbers = async (y: Tensor) => Array.from(await y.data().finally(() => y.dispose()));

/** What runs a model on images, and the numbers that come of it. */
const CALLS: Record<string, (model: LayersModel) => Promise<unknown>> = {
  evaluate: (model) => evaluate(model, examples),
  predictClasses: (model) => predictClasses(model, examples),
  classify: (model) => classify(model, [image], { preprocessing, labels: ['a', 'b'] }),
  embed: (model) => embed(model, [image], { preprocessing, layer: 'conv' }),
  explain: async (model) => (await explain(model, image, { preprocessing, layer: 'conv' })).values,
  agreement: (model) => agreement(model, model, examples),
  throughput: async (model) => (await throughput(model, { batchSize: 3, seconds: 0 })).batchSize,
  cacheFeatures: async (model) => {
    const features = await cacheFeatures(model, examples);
    const print = features.fingerprint();
    await features.dispose();
    return print;
  },
  correctBiases: async (model) => {
    const corrected = await correctBiases(model, examples);
    return Promise.all(corrected.getWeights().map((one) => one.data())).finally(() => corrected.dispose());
  },
  compress: async (model) => {
    const { model: small, report } = await compress(model, { ranks: { classes: 1 } });
    small.dispose();
    return report.layers;
  },
  featureExtractor: async (model) => {
    const extractor = featureExtractor(model, 'conv');
    const x = ones([3, 4, 4, 3]);
    return numbers(extractor.predict(x) as Tensor).finally(() => x.dispose());
  },
  perceptualLoss: async (model) => {
    const loss = perceptualLoss(model, ['conv']);
    const [x, y] = [ones([3, 4, 4, 3]), ones([3, 4, 4, 3], 'int32')];
    return numbers(loss(x as never, y as never)).finally(() => [x, y].forEach((one) => void one.dispose()));
  },
};

test.each(Object.entries(CALLS))(
  '%s takes any number of images, whatever batch a model was built for',
  async (_, call) => {
    const [free, fixed] = [network(null), network(4)];
    expect(await call(fixed)).toEqual(await call(free));
    for (const model of [free, fixed]) model.dispose();
  },
);

const state = () => [
  layers.reshape({ targetShape: [16, 2] }),
  layers.simpleRNN({ units: 2, stateful: true, recurrentInitializer: 'glorotUniform', name: 'state' }),
  layers.reshape({ targetShape: [2, 1] }),
];
const timed = () => [layers.timeDistributed({ layer: layers.dense({ units: 2 }), name: 'timed' })];

test.each(
  Object.entries<(model: LayersModel) => unknown>({
    ...CALLS,
    equalize: (model) => equalize(model),
    train: (model) => train(model, { trainSet: examples }, { epochs: 1 }),
  }),
)('%s refuses layers that insist on their batch, and keeps nothing', async (name, call) => {
  for (const [last, fault] of [
    [
      state,
      `${name}: the layer state keeps a state from batch to batch; build the model without stateful: true.`,
    ],
    [
      timed,
      `${name}: the layer timed takes batches of 4 alone; build the model with inputShape in place of batchInputShape.`,
    ],
  ] as const) {
    const model = network(4, last());
    const before = memory().numTensors;
    await expect((async () => call(model))()).rejects.toThrow(new RangeError(fault));
    expect(memory().numTensors).toBe(before);
    model.dispose();
  }
});

test('perceptualLoss takes whole numbers as the same numbers', async () => {
  const model = network(null);
  const loss = perceptualLoss(model, ['conv']);
  const [x, y] = [ones([1, 4, 4, 3]), ones([1, 4, 4, 3], 'int32')];
  expect(await numbers(loss(x as never, y as never))).toEqual([0]);
  for (const one of [x, y, model]) one.dispose();
});
