import { add, matMul, memory, softmax, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import { vggByConfiguration } from '../../src/weights/configuration/vgg.js';
import type { Checkpoint } from '../../src/weights/formats/checkpoint.js';
import { fromWeights, WeightFileError } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { type LayerCase, tfjsFiles } from './configurations.js';

type Json = Record<string, unknown>;

beforeAll(() => useAnyBackend());

const layer = (className: string, name: string, config: Json = {}): Json => ({
  ...{ module: 'keras.layers', class_name: className, registered_name: null, config: { name, ...config } },
});
const conv = (name: string, filters: number, more: Json = {}) =>
  layer('Conv2D', name, { filters, kernel_size: [3, 3], padding: 'same', activation: 'relu', ...more });
const dense = (name: string, units: number, activation: string) =>
  layer('Dense', name, { units, activation });
const sequential = (...layers: Json[]) => ({ class_name: 'Sequential', config: { name: 'model', layers } });
const input = layer('InputLayer', 'image', { batch_shape: [null, 8, 8, 3] });
const block = (index: number, filters: number, more: Json = {}) => [
  conv(`conv${index}`, filters, more),
  layer('MaxPooling2D', `pool${index}`, { pool_size: [2, 2], strides: [2, 2], padding: 'valid' }),
];
const bn = (name: string, more: Json = {}) =>
  layer('BatchNormalization', name, { axis: [3], epsilon: 2e-3, momentum: 0.9, ...more });
const top = [
  layer('Flatten', 'flat'),
  dense('hidden', 6, 'relu'),
  layer('Dropout', 'drop', { rate: 0.3 }),
  dense('last', 5, 'softmax'),
];

function recognized(config: Json) {
  const checkpoint: Checkpoint = {
    ...{ file: 'x', bytes: 0, format: 'tfjs model.json', tensors: [], kerasVersion: '3.15.0' },
    configuration: config,
  };
  return vggByConfiguration(checkpoint)?.network;
}

describe('a configuration that is exactly a VGG of vgg()', () => {
  test('flattened, with what it says of training', () => {
    expect(recognized(sequential(input, ...block(1, 4), ...block(2, 8), ...top))).toEqual({
      ...{
        title: 'VGG',
        names: 'keras',
        inputChannels: 3,
        batchNorm: false,
        convBias: true,
        padding: 'same',
      },
      arch: [
        [1, 4],
        [1, 8],
      ],
      top: { hiddenUnits: [6], classes: 5, featureSize: [2, 2] },
      config: { inputShape: [8, 8, 3], classifierActivation: 'softmax', dropout: 0.3, adaptivePool: false },
    });
  });

  test.each([
    [
      'before ReLU',
      [conv('c', 4, { activation: 'linear', use_bias: false }), bn('n'), layer('ReLU', 'r')],
      false,
    ],
    ['after ReLU', [conv('c', 4, { use_bias: false }), bn('n')], true],
    [
      'after a layer of ReLU',
      [
        conv('c', 4, { activation: 'linear', use_bias: false }),
        layer('Activation', 'r', { activation: 'relu' }),
        bn('n'),
      ],
      true,
    ],
  ])('normalized %s', (_, layers, afterRelu) => {
    const network = recognized(
      sequential(input, ...layers, block(1, 4)[1]!, layer('GlobalMaxPooling2D', 'gmp')),
    );
    expect(network).toMatchObject({
      batchNorm: { epsilon: 2e-3, momentum: 0.9, afterRelu },
      convBias: false,
      config: { pooling: 'max' },
    });
    expect(network!.top).toBeUndefined();
  });

  test('without padding, pooled, with a Softmax layer', () => {
    const network = recognized(
      sequential(
        input,
        ...block(1, 4, { padding: 'valid' }),
        layer('GlobalAveragePooling2D', 'gap'),
        dense('last', 2, 'linear'),
        layer('Softmax', 's'),
      ),
    );
    expect(network).toMatchObject({
      padding: 'valid',
      top: { hiddenUnits: [], classes: 2, pooling: 'avg' },
      config: { classifierActivation: 'softmax' },
    });
  });
});

test.each<[string, Json[]]>([
  ['another activation', [...block(1, 4, { activation: 'elu' }), ...top]],
  [
    'ReLU with a bound',
    [conv('c', 4, { activation: 'linear' }), layer('ReLU', 'r', { max_value: 6 }), block(1, 4)[1]!, ...top],
  ],
  ['strides', [...block(1, 4, { strides: [2, 2] }), ...top]],
  ['dilation', [...block(1, 4, { dilation_rate: [2, 2] }), ...top]],
  ['groups', [...block(1, 4, { groups: 2 }), ...top]],
  ['an argument that is not known', [...block(1, 4, { wobble: 1 }), ...top]],
  ['channels first', [...block(1, 4, { data_format: 'channels_first' }), ...top]],
  ['a 5x5 convolution', [...block(1, 4, { kernel_size: [5, 5] }), ...top]],
  ['average pooling', [conv('c', 4), layer('AveragePooling2D', 'p', { pool_size: [2, 2] }), ...top]],
  ['3x3 pooling', [conv('c', 4), layer('MaxPooling2D', 'p', { pool_size: [3, 3], strides: [2, 2] }), ...top]],
  [
    'padded pooling',
    [conv('c', 4), layer('MaxPooling2D', 'p', { pool_size: [2, 2], padding: 'same' }), ...top],
  ],
  ['two paddings', [...block(1, 4), ...block(2, 4, { padding: 'valid' }), ...top]],
  ['a convolution after the last pooling', [...block(1, 4), conv('c', 4), ...top]],
  ['one normalization for a block', [conv('a', 4), conv('c', 4), bn('n'), block(1, 4)[1]!, ...top]],
  [
    'normalization without scale',
    [
      conv('c', 4, { activation: 'linear' }),
      bn('n', { scale: false }),
      layer('ReLU', 'r'),
      block(1, 4)[1]!,
      ...top,
    ],
  ],
  [
    'normalization of rows',
    [
      conv('c', 4, { activation: 'linear' }),
      bn('n', { axis: 1 }),
      layer('ReLU', 'r'),
      block(1, 4)[1]!,
      ...top,
    ],
  ],
  [
    'normalization in the head',
    [...block(1, 4), top[0]!, dense('d', 6, 'relu'), bn('n', { axis: -1 }), top[3]!],
  ],
  ['tanh in the head', [...block(1, 4), top[0]!, dense('d', 6, 'tanh'), top[3]!]],
  ['sigmoid outputs', [...block(1, 4), top[0]!, dense('d', 6, 'sigmoid')]],
  ['ReLU outputs', [...block(1, 4), top[0]!, dense('d', 6, 'relu')]],
  [
    'two dropouts',
    [
      ...block(1, 4),
      top[0]!,
      dense('d', 6, 'relu'),
      layer('Dropout', 'x', { rate: 0.5 }),
      dense('e', 6, 'relu'),
      top[3]!,
    ],
  ],
  ['rescaling', [layer('Rescaling', 'scale', { scale: 0.1 }), ...block(1, 4), ...top]],
  ['augmentation', [layer('RandomFlip', 'flip'), ...block(1, 4), ...top]],
])('%s is not', (_, layers) => {
  expect(recognized(sequential(input, ...layers))).toBeUndefined();
});

describe('a fine-tuned network: VGG as a layer', () => {
  const inner = {
    ...sequential(input, ...block(1, 4), ...block(2, 8)),
    name: 'vgg16',
  };
  const config = sequential(
    layer('InputLayer', 'in', { batch_shape: [null, 8, 8, 3] }),
    layer('RandomFlip', 'random_flip'),
    layer('Rescaling', 'rescaling', { scale: 0.5, offset: -1 }),
    { ...inner, config: { ...inner.config, name: 'vgg16' } },
    layer('GlobalAveragePooling2D', 'gap'),
    layer('Dropout', 'drop', { rate: 0.2 }),
    dense('classes', 5, 'softmax'),
  );
  const weights = (
    [
      ['conv1/kernel', [3, 3, 3, 4]],
      ['conv1/bias', [4]],
      ['conv2/kernel', [3, 3, 4, 8]],
      ['conv2/bias', [8]],
      ['classes/kernel', [8, 5]],
      ['classes/bias', [5]],
    ] as const
  ).map(([name, shape], i): LayerCase['weights'][number] => ({
    name,
    shape: [...shape],
    data: Float32Array.from({ length: size(shape) }, (_, j) => Math.sin(i + j)),
  }));
  const { json, shards } = tfjsFiles({ config, weights });

  test('is described, and what was left out', async () => {
    const { model, network, report } = await fromWeights(json, { shards });
    expect(network).toMatchObject({
      arch: [
        [1, 4],
        [1, 8],
      ],
      top: { hiddenUnits: [], classes: 5, pooling: 'avg' },
      batchNorm: false,
    });
    expect(report.leftOut).toEqual(['random_flip']);
    expect(model.layers.map(({ name }) => name)).toEqual([
      'in',
      'rescaling',
      'conv1',
      'pool1',
      'conv2',
      'pool2',
      'gap',
      'drop',
      'classes',
    ]);
    model.dispose();
  });

  test.each([
    [{ includeTop: false }, [null, 2, 2, 8]],
    [{ includeTop: false, pooling: 'max' }, [null, 8]],
    [{ inputShape: [32, 16, 3] }, [null, 5]],
    [{ includeTop: false, inputShape: [null, null, 3], name: 'mine' }, [null, null, null, 8]],
  ] as const)('takes %j', async (options, shape) => {
    const before = memory().numTensors;
    const { model, report } = await fromWeights(json, { ...options, shards });
    expect(model.outputs[0]!.shape).toEqual(shape);
    expect(model.name).toBe('name' in options ? 'mine' : 'model');
    expect(report).toMatchObject({ leftOver: [], missing: [] });
    model.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('cut off or not, its features are the same', async () => {
    const whole = await fromWeights(json, { shards });
    const features = await fromWeights(json, { shards, includeTop: false, pooling: 'avg' });
    const x = tensor(
      Float32Array.from({ length: 192 }, (_, i) => Math.cos(i)),
      [1, 8, 8, 3],
    );
    const vector = features.model.predict(x) as Tensor;
    const kernel = whole.model.getLayer('classes').getWeights();
    const expected = await softmax(add(matMul(vector, kernel[0]!), kernel[1]!)).data();
    const y = await (whole.model.predict(x) as Tensor).data();
    expect([...y]).toEqual([...expected].map((one) => expect.closeTo(one, 6)));
    whole.model.dispose();
    features.model.dispose();
  });

  test('refuses options that its configuration decides', async () => {
    const before = memory().numTensors;
    await expect(fromWeights(json, { shards, classes: 3 })).rejects.toThrow(
      /classes cannot be given, because the configuration in Uint8Array decides it/,
    );
    await expect(fromWeights(json, { shards, pooling: 'avg' })).rejects.toThrow(
      /pooling 'avg' needs includeTop: false/,
    );
    await expect(fromWeights(json, { shards, inputShape: [8, 8, 4] })).rejects.toThrow(WeightFileError);
    await expect(fromWeights(json, { shards, inputShape: [2, 2, 3] })).rejects.toThrow(
      /window of 2x2, larger than its input of 1x1/,
    );
    expect(memory().numTensors).toBe(before);
  });
});
