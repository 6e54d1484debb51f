import {
  memory,
  ones,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tensor,
  tensor2d,
} from '@tensorflow/tfjs-core';
import { input, type LayersModel, layers, model as modelOf, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  EXPLAIN_METHODS,
  embed,
  explain,
  featureExtractor,
  gradCam,
  perceptualLoss,
  saliency,
  splitModel,
  styleTransfer,
  transferHead,
  visualize,
} from '../../src/features/index.js';
import { PLAIN_PREPROCESSING } from '../../src/images/index.js';
import { fullyConvolutional, vgg } from '../../src/index.js';
import { encodeWeights, toOnnx } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noise } from '../support/bytes.js';

beforeAll(() => useAnyBackend());

const dataFormat = 'channelsFirst';
const conv = (options: object) =>
  layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu', name: 'conv', ...options });
const numbers = (shape: number[], seed: number) =>
  tensor(
    Float32Array.from(
      noise(
        shape.reduce((a, b) => a * b),
        seed,
      ),
      (byte) => byte / 255 - 0.4,
    ),
    shape,
  );

/** The same network with channels first, with a permutation before it or images that have their channels first. */
const first = (permuted: boolean): LayersModel =>
  sequential({
    layers: [
      ...(permuted
        ? [layers.permute({ dims: [3, 1, 2], inputShape: [8, 8, 3] }), conv({ dataFormat })]
        : [conv({ dataFormat, inputShape: [3, 8, 8] })]),
      layers.flatten({ dataFormat }),
      layers.dense({ units: 5, name: 'logits' }),
    ],
  });
const last = (): LayersModel =>
  sequential({
    layers: [conv({ inputShape: [8, 8, 3] }), layers.flatten(), layers.dense({ units: 5, name: 'logits' })],
  });
const weigh = (model: LayersModel) =>
  model.setWeights(model.getWeights().map(({ shape }, i) => numbers(shape, i)));

describe('a model whose maps have their channels first', () => {
  const image = { data: noise(192, 1), width: 8, height: 8 };
  const preprocessing = { ...PLAIN_PREPROCESSING, crop: 8, resize: { shorterSide: 8 } };
  const refusal = 'layer conv has its channels first; pass a model that has its channels last.';
  const calls: [string, (model: LayersModel, x: Tensor4D) => unknown][] = [
    ['gradCam', (model, x) => gradCam(model, x)],
    ...EXPLAIN_METHODS.filter((method) => method.endsWith('cam') || method === 'gradcam++').map(
      (method): (typeof calls)[number] => ['explain', (model, x) => explain(model, x, { method })],
    ),
    ['embed', (model) => embed(model, [image], { layer: 'conv', preprocessing })],
    ['visualize', (model) => visualize(model, 'conv', 0, { preprocessing, steps: 1 })],
    ['perceptualLoss', (model) => perceptualLoss(model, ['conv'])],
    [
      'styleTransfer',
      (model) =>
        styleTransfer(
          model,
          { content: image, style: image },
          { contentLayers: ['conv'], styleLayers: ['conv'], preprocessing, steps: 1 },
        ),
    ],
    ['featureExtractor', (model) => featureExtractor(model, 'conv', { pooling: 'avg' })],
    ['transferHead', (model) => transferHead(featureExtractor(model, 'conv'), { classes: 2 })],
  ];
  const ofImages: typeof calls = EXPLAIN_METHODS.map((method) => [
    'explain',
    (model, x) => explain(model, x, { method }),
  ]);

  test.each([...calls, ...ofImages])(
    '%s says so, instead of taking the wrong axis for the channels',
    async (name, call) => {
      const model = first(false);
      const x = ones([1, 3, 8, 8]) as Tensor4D;
      const before = memory().numTensors;
      await expect((async () => call(model, x))()).rejects.toThrow(`${name}: ${refusal}`);
      expect(memory().numTensors).toBe(before);
    },
  );

  test.each(calls)('%s does so too if the images have them last', async (name, call) => {
    const model = first(true);
    const x = ones([1, 8, 8, 3]) as Tensor4D;
    await expect((async () => call(model, x))()).rejects.toThrow(`${name}: ${refusal}`);
  });

  test('has the saliency of the same network with channels last, where the images have them last', async () => {
    const [permuted, plain] = [first(true), last()];
    for (const model of [permuted, plain]) weigh(model);
    const x = numbers([1, 8, 8, 3], 9) as Tensor4D;
    const [a, b] = [await saliency(permuted, x), await saliency(plain, x)];
    expect([a.width, a.height, a.classIndex]).toEqual([8, 8, b.classIndex]);
    a.values.forEach((value, i) => {
      expect(value).toBeCloseTo(b.values[i]!, 4);
    });
  });
});

test.each(EXPLAIN_METHODS.filter((method) => /cam/.test(method)))(
  "%s of the input's own maps leaves the caller's image",
  async (method) => {
    const model = vgg([[1, 4]], { inputShape: [8, 8, 3], classes: 5, hiddenUnits: [4] });
    const x = numbers([1, 8, 8, 3], 9) as Tensor4D;
    const before = memory().numTensors;
    const layer = model.layers[0]!.name;
    const { width, height } = await explain(model, x, { method, layer });
    expect([width, height, memory().numTensors]).toEqual([8, 8, before]);
    expect(await x.data()).toHaveLength(192);
  },
);

describe('a model that takes whole numbers, to which tfjs rounds what it is given', () => {
  const whole = () => {
    const x = input({ shape: [8, 8, 3], dtype: 'int32' });
    const y = conv({}).apply(x);
    return modelOf({ inputs: x, outputs: layers.globalAveragePooling2d({}).apply(y) as never });
  };

  test('keeps them in parts and copies of it', async () => {
    const model = whole();
    expect(featureExtractor(model, 'conv').inputs[0]!.dtype).toBe('int32');
    expect(fullyConvolutional(model).inputs[0]!.dtype).toBe('int32');
    const x = input({ shape: [2], dtype: 'int32' });
    const rows = layers.reshape({ targetShape: [2], name: 'rows' });
    const sum = layers.dense({ units: 1, useBias: false, kernelInitializer: 'ones' });
    const { lower, upper } = splitModel(
      modelOf({ inputs: x, outputs: sum.apply(rows.apply(x)) as never }),
      'rows',
    );
    const y = upper.predict(lower.predict(tensor2d([[1.7, 2.6]]) as Tensor) as Tensor2D) as Tensor;
    expect(Array.from(await y.data())).toEqual([3]);
  });

  test('is not written as one that takes any', async () => {
    const model = whole();
    for (const write of [() => encodeWeights(model, { container: 'keras' }), () => toOnnx(model)]) {
      await expect((async () => write())()).rejects.toThrow(
        'the model takes int32; only one that takes float32 can be written.',
      );
    }
  });
});
