import {
  concat,
  dispose,
  getBackend,
  memory,
  randomUniform,
  slice,
  type Tensor,
  type Tensor4D,
} from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  model as modelOf,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { classify } from '../../src/imagenet/index.js';
import { PLAIN_PREPROCESSING } from '../../src/images/index.js';
import { alexNet, fullyConvolutional, smallArch, type VggOptions, vgg } from '../../src/index.js';
import { ownOnce } from '../../src/tfjs/models.js';
import { encodeWeights, fromWeights, metadataOf, setMetadata } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend('wasm'));
let tensors: number;
beforeEach(() => {
  tensors = memory().numTensors;
});
afterEach(() => expect(memory().numTensors).toBe(tensors));

const TINY = { inputShape: [12, 8, 3], hiddenUnits: [6, 5], classes: 4, initializer: 'heUniform' } as const;
const tiny = (options: VggOptions = {}) =>
  vgg(
    [
      [1, 4],
      [1, 4],
    ],
    { ...TINY, ...options },
  );
const sizeOf = (model: LayersModel) => model.inputs[0]!.shape.slice(1) as [number, number, number];
const imagesOf = (shape: readonly number[], count = 2) =>
  randomUniform([count, ...(shape as [number, number, number])], -1, 1, 'float32', 7);
const numbersOf = async (y: Tensor) => {
  const numbers = [...(await y.data())];
  y.dispose();
  return numbers;
};
const predicted = (model: LayersModel, x: Tensor) => numbersOf(model.predict(x) as Tensor);
const near = (values: readonly number[], digits = 5) => values.map((value) => expect.closeTo(value, digits));

/** The same layers as a sequential model. */
const listed = (model: LayersModel, ...more: layers.Layer[]) => {
  const all = model.layers.slice(1).map((layer) => {
    const made = new (layer.constructor as new (config: object) => layers.Layer)(layer.getConfig() as object);
    return made;
  });
  const made = sequential({ layers: [layers.inputLayer({ inputShape: sizeOf(model) }), ...all, ...more] });
  model.dispose();
  return made;
};

const MODELS: Record<string, () => LayersModel | Promise<LayersModel>> = {
  'a VGG': () => tiny(),
  'gray images': () => tiny({ inputShape: [12, 8, 1] }),
  'a narrow VGG of five blocks': () => smallArch(32, { ...TINY, inputShape: [32, 32, 3] }),
  'configuration C': () =>
    vgg(
      [
        [1, 4],
        [1, 4, 1],
      ],
      TINY,
    ),
  AlexNet: () => alexNet({ ...TINY, inputShape: [67, 65, 1] }),
  'batch normalization': () => tiny({ batchNorm: true, convBias: false }),
  'no padding': () => tiny({ padding: 'valid', inputShape: [18, 14, 3] }),
  'no hidden layer': () => tiny({ hiddenUnits: [], dropout: 0 }),
  'a softmax': () => tiny({ classifierActivation: 'softmax' }),
  'global average pooling': () => tiny({ pooling: 'avg' }),
  'global max pooling': () => tiny({ pooling: 'max' }),
  'a convolutional top': () => vgg([[1, 4]], { ...TINY, inputShape: [16, 14, 3], convolutionalTop: true }),
  'adaptive pooling that averages by a window': () =>
    vgg([[1, 4]], { ...TINY, inputShape: [28, 28, 3], adaptivePool: true }),
  'a sequential model that ends in a Softmax layer': () => listed(tiny(), layers.softmax()),
  'a model within a model, behind a layer': () => {
    const inner = tiny();
    const image = input({ shape: [...TINY.inputShape] });
    const x = layers.zeroPadding2d({ padding: 0 }).apply(image);
    const y = layers
      .activation({ activation: 'sigmoid' })
      .apply(inner.apply(x as SymbolicTensor) as SymbolicTensor);
    return modelOf({ inputs: image, outputs: y as SymbolicTensor });
  },
  'batch normalization and a ReLU of vectors': () =>
    sequential({
      layers: [
        layers.conv2d({ inputShape: [6, 6, 1], filters: 2, kernelSize: 3 }),
        layers.reshape({ targetShape: [32] }),
        layers.activation({ activation: 'tanh' }),
        layers.dense({ units: 3, useBias: false }),
        layers.batchNormalization({ axis: 1, betaInitializer: 'ones' }),
        layers.reLU(),
        layers.dropout({ rate: 0.5 }),
        layers.dense({ units: 2 }),
      ],
    }),
  'a residual branch': () => {
    const image = input({ shape: [8, 8, 2] });
    const conv = layers.conv2d({ filters: 2, kernelSize: 3, padding: 'same' }).apply(image) as SymbolicTensor;
    const sum = layers.add().apply([conv, image]) as SymbolicTensor;
    const flat = layers.flatten().apply(sum) as SymbolicTensor;
    return modelOf({ inputs: image, outputs: layers.dense({ units: 3 }).apply(flat) as SymbolicTensor });
  },
  'a convolution that is called twice': () => {
    const image = input({ shape: [8, 8, 2] });
    const conv = layers.conv2d({ filters: 2, kernelSize: 3, padding: 'same' });
    const twice = conv.apply(conv.apply(image)) as SymbolicTensor;
    // tfjs itself would keep its weights.
    ownOnce(conv);
    const flat = layers.flatten().apply(twice) as SymbolicTensor;
    return modelOf({ inputs: image, outputs: layers.dense({ units: 3 }).apply(flat) as SymbolicTensor });
  },
  'a file of Keras': async () => {
    const model = tiny({ batchNorm: true });
    const file = await encodeWeights(model, { container: 'keras' });
    model.dispose();
    return (await fromWeights(file)).model;
  },
};

describe.each(Object.entries(MODELS))('%s', (_, build) => {
  test('is the same network at its own size, and gives a map of larger images', async () => {
    const model = await build();
    const before = { ...memory() };
    const convolutional = fullyConvolutional(model);
    // TensorFlow gives a reshaped tensor a handle of its own to the same bytes, which tfjs counts.
    if (getBackend() !== 'tensorflow') expect(memory().numDataBuffers).toBe(before.numDataBuffers);
    expect(convolutional.countParams()).toBe(model.countParams());
    const [height, width, channels] = sizeOf(model);
    expect(convolutional.inputs[0]!.shape).toEqual([null, null, null, channels]);
    const x = imagesOf([height, width, channels]);
    const outputs = model.outputs[0]!.shape[1]!;
    const y = convolutional.predict(x) as Tensor;
    expect(y.shape).toEqual([2, 1, 1, outputs]);
    expect(await numbersOf(y)).toEqual(near(await predicted(model, x)));
    const larger = imagesOf([2 * height, 2 * width + 3, channels], 1);
    const map = convolutional.predict(larger) as Tensor;
    expect(map.shape[1]).toBeGreaterThan(1);
    expect(map.shape[3]).toBe(outputs);
    dispose([x, larger, map]);
    convolutional.dispose();
    model.dispose();
  });
});

test('a position of the map is what the model says of its window', async () => {
  // Without padding, a window does not depend on what is around it. Two poolings move it by 4 pixels.
  const model = tiny({ padding: 'valid', inputShape: [18, 14, 3], classifierActivation: 'softmax' });
  const convolutional = fullyConvolutional(model);
  const x = imagesOf([26, 22, 3], 1);
  const map = convolutional.predict(x) as Tensor4D;
  expect(map.shape).toEqual([1, 3, 3, 4]);
  const windows = [0, 4, 8].flatMap((top) =>
    [0, 4, 8].map((left) => slice(x, [0, top, left, 0], [1, 18, 14, 3])),
  );
  const all = concat(windows);
  expect(await numbersOf(map)).toEqual(near(await predicted(model, all)));
  dispose([x, all, ...windows]);
  convolutional.dispose();
  model.dispose();
});

test('the softmax or sigmoid at the end can be left out', async () => {
  for (const activation of ['softmax', 'sigmoid'] as const) {
    const logits = tiny();
    const model = listed(tiny(), layers.activation({ activation }));
    model.setWeights(logits.getWeights());
    const x = imagesOf(TINY.inputShape);
    const convolutional = fullyConvolutional(model, { logits: true });
    expect(await predicted(convolutional, x)).toEqual(near(await predicted(logits, x)));
    for (const one of [convolutional, model, logits]) one.dispose();
    x.dispose();
  }
});

test('the model stays as it is, and its metadata is kept', async () => {
  const model = tiny();
  setMetadata(model, { classNames: ['a', 'b', 'c', 'd'] });
  const before = model.toJSON(null, false);
  const nodes = model.layers.map((layer) => [layer.inboundNodes.length, layer.outboundNodes.length]);
  const convolutional = fullyConvolutional(model);
  expect(model.toJSON(null, false)).toEqual(before);
  expect(model.layers.map((layer) => [layer.inboundNodes.length, layer.outboundNodes.length])).toEqual(nodes);
  expect(metadataOf(convolutional).classNames).toEqual(['a', 'b', 'c', 'd']);
  expect(convolutional.layers.map(({ name }) => name)).toEqual(
    model.layers.map(({ name }) => name).filter((name) => name !== 'flatten'),
  );
  convolutional.dispose();
  model.dispose();
});

test('it saves and loads like any other model', async () => {
  const model = tiny({ batchNorm: true });
  const convolutional = fullyConvolutional(model);
  const { model: loaded } = await fromWeights(await encodeWeights(convolutional, { container: 'keras' }));
  const x = imagesOf([16, 17, 3], 1);
  expect(await predicted(loaded, x)).toEqual(near(await predicted(convolutional, x)));
  x.dispose();
  for (const one of [loaded, convolutional, model]) one.dispose();
});

describe('is refused', () => {
  const image = input({ shape: [8, 8, 2] });
  const flat = layers.flatten();
  const refused = (
    model: LayersModel,
    options: Parameters<typeof fullyConvolutional>[1],
    message: string | RegExp,
  ) => {
    const before = memory().numTensors;
    expect(() => fullyConvolutional(model, options)).toThrow(message);
    expect(memory().numTensors).toBe(before);
    model.dispose();
  };

  test('a model whose layers depend on the size', () => {
    refused(
      vgg([[1, 2]], { ...TINY, inputShape: [20, 20, 3], adaptivePool: true }),
      {},
      'fullyConvolutional: avgpool_height_last averages maps of every size to 7x7; build the model for images of 224x224, which adaptivePool leaves as they are.',
    );
    refused(
      modelOf({
        inputs: image,
        outputs: layers
          .dense({ units: 2 })
          .apply(
            layers.batchNormalization({ name: 'bn' }).apply(layers.flatten().apply(image)),
          ) as SymbolicTensor,
      }),
      {},
      'fullyConvolutional: bn (BatchNormalization) on the flattened map has no counterpart on larger images; build the model without it.',
    );
    refused(
      sequential({
        layers: [
          layers.permute({ dims: [2, 1, 3], inputShape: [8, 8, 2], name: 'turned' }),
          flat,
          layers.dense({ units: 2 }),
        ],
      }),
      {},
      'fullyConvolutional: turned (Permute) on a map has no counterpart on larger images; build the model without it.',
    );
  });

  test('a model of another kind', () => {
    refused(
      sequential({ layers: [layers.dense({ units: 2, inputShape: [3] })] }),
      {},
      'fullyConvolutional: the model takes 3, not images as [height, width, channels]; pass one that does.',
    );
    refused(
      sequential({ layers: [layers.flatten({ inputShape: [8, 8, 2] })] }),
      {},
      "fullyConvolutional: the model's output is the flattened map itself; pass one with a dense layer behind it.",
    );
  });

  test('a model for any size without the size that it was trained with', async () => {
    const model = tiny({ inputShape: [null, null, 3], pooling: 'avg' });
    const x = imagesOf(TINY.inputShape);
    const convolutional = fullyConvolutional(model, { inputShape: TINY.inputShape });
    expect(await predicted(convolutional, x)).toEqual(near(await predicted(model, x)));
    convolutional.dispose();
    x.dispose();
    refused(
      model,
      {},
      'fullyConvolutional: the model takes images of [any, any, 3]; pass the inputShape of those that it was trained with, such as [224, 224, 3].',
    );
    refused(
      tiny(),
      { inputShape: [16, 16, 3] },
      'fullyConvolutional: inputShape is [16,16,3], but the model takes 12x8x3; pass such a shape, or leave it out.',
    );
  });

  test('an image that is too small, and a map where classes belong', async () => {
    const model = tiny();
    const convolutional = fullyConvolutional(model);
    const x = imagesOf([11, 8, 3]);
    expect(() => convolutional.predict(x)).toThrow(
      'fullyConvolutional: images of 11x8x3 are too small for fc1; use at least 12x12x3.',
    );
    x.dispose();
    const image = { data: new Uint8Array(3), width: 1, height: 1 };
    await expect(classify(convolutional, image, { preprocessing: PLAIN_PREPROCESSING })).rejects.toThrow(
      "classify: the model's output is [batch, any, any, 4], not [batch, classes]",
    );
    convolutional.dispose();
    model.dispose();
  });
});

test('a network without its top takes images of any size as it is', async () => {
  const model = tiny({ includeTop: false });
  const convolutional = fullyConvolutional(model);
  const x = imagesOf(TINY.inputShape);
  expect(await predicted(convolutional, x)).toEqual(near(await predicted(model, x)));
  x.dispose();
  convolutional.dispose();
  model.dispose();
});
