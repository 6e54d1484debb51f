import { memory } from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  model as modelOf,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { type ConvArch, scaleArch, VGG11, VGG16, type VggOptions, vgg } from '../../src/index.js';
import { graphOf } from '../../src/tfjs/graph.js';
import { checkImageSize } from '../../src/tfjs/imageSize.js';
import { inputShapeOf } from '../../src/tfjs/models.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

/** What is said of an image, for the outputs or for the last call of a layer. */
const check = (model: LayersModel, image: (number | null)[], upTo?: string) => {
  const graph = graphOf('f', model);
  const call = graph.calls.findLast(({ layer }) => layer.name === upTo);
  try {
    checkImageSize('f', graph, image, call && [{ call, index: 0 }]);
    return 'fits';
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
};

test.each<[ConvArch, VggOptions, number]>([
  [scaleArch(VGG16, 64), {}, 32],
  [scaleArch(VGG11, 64), { padding: 'valid' }, 150],
  [[[1, 2]], { batchNorm: true, includeTop: true, hiddenUnits: [2], pooling: 'avg' }, 2],
])('a VGG takes the images that vgg allows, %j', (arch, options, minimum) => {
  const model = vgg(arch, { includeTop: false, inputShape: [null, null, 3], ...options });
  expect(check(model, [minimum, minimum + 9, 3])).toBe('fits');
  expect(check(model, [minimum + 9, minimum - 1, 3])).toBe(
    `RangeError: f: images of ${minimum + 9}x${minimum - 1}x3 are too small for block${arch.length}_pool; use at least ${minimum}x${minimum}x3.`,
  );
  expect(check(model, [null, minimum - 1, 3])).toContain(`images of [any, ${minimum - 1}, 3] are too small`);
  expect(check(model, [3, 3, 3], 'block1_conv1')).toBe('fits');
  model.dispose();
});

test('models within models, branches and layers that are called twice are followed', () => {
  const image = input({ shape: [null, null, 1] });
  const inner = sequential({
    layers: [
      layers.inputLayer({ inputShape: [null, null, 2] }),
      layers.maxPooling2d({ poolSize: 5, strides: 3, name: 'inner_pool' }),
      layers.conv2d({ filters: 2, kernelSize: 3, padding: 'valid', name: 'inner_conv' }),
    ],
  });
  const twice = layers.averagePooling2d({ poolSize: 2, name: 'twice' });
  const conv = layers.conv2d({ filters: 2, kernelSize: 1 });
  const halves = twice.apply(conv.apply(image)) as SymbolicTensor;
  const deep = inner.apply(halves) as SymbolicTensor;
  const quarters = twice.apply(halves) as SymbolicTensor;
  const branches = [deep, quarters].map((x) => layers.globalMaxPooling2d({}).apply(x) as SymbolicTensor);
  const model = modelOf({ inputs: image, outputs: layers.add().apply(branches) as SymbolicTensor });
  // 22 pixels are halved to 11; windows of 5, 3 apart, leave 3.
  expect(check(model, [22, 22, 1])).toBe('fits');
  expect(check(model, [21, 22, 1])).toBe(
    'RangeError: f: images of 21x22x1 are too small for inner_conv; use at least 22x22x1.',
  );
  expect(check(model, [9, 9, 1])).toContain(
    'images of 9x9x1 are too small for inner_pool; use at least 22x22x1.',
  );
  expect(check(model, [3, 30, 1], 'twice')).toContain('too small for twice; use at least 4x4x1.');
  model.dispose();
});

test('a model of a fixed size that leaves nothing is refused too', () => {
  const model = sequential({
    layers: [layers.maxPooling2d({ poolSize: 2, inputShape: [1, 4, 3], name: 'pool' }), layers.flatten()],
  });
  expect(check(model, inputShapeOf(model))).toBe(
    'RangeError: f: images of 1x4x3 are too small for pool; build the model for larger ones.',
  );
});

/** A model of images of 6x8 whose last map is that of `ofMaps`. */
const fixed = (...ofMaps: layers.Layer[]) =>
  sequential({
    layers: [layers.conv2d({ inputShape: [6, 8, 3], filters: 3, kernelSize: 2, name: 'conv' }), ...ofMaps],
  });

test.each<[string, () => layers.Layer[], string]>([
  ['slopes of places', () => [layers.prelu({ name: 'tied' })], '9x9x3'],
  ['slopes of rows', () => [layers.prelu({ name: 'tied', sharedAxes: [2, 3] })], '9x9x3'],
  ['statistics of rows', () => [layers.batchNormalization({ axis: 1, name: 'tied' })], '9x9x3'],
  ['a scale of places', () => [layers.layerNormalization({ axis: [1, 2, 3], name: 'tied' })], '9x9x3'],
  ['a fixed reshape', () => [layers.reshape({ targetShape: [35, 3], name: 'tied' })], '9x9x3'],
  ['steps', () => [layers.timeDistributed({ layer: layers.dense({ units: 2 }), name: 'tied' })], '9x9x3'],
  ['a dense layer', () => [layers.flatten(), layers.dense({ units: 2, name: 'tied' })], '243'],
  [
    'a convolution over columns',
    () => [layers.permute({ dims: [3, 1, 2] }), layers.conv2d({ filters: 2, kernelSize: 1, name: 'tied' })],
    '3x9x9',
  ],
])('a layer that is tied to the size of the model by %s is refused at another one', (_, tied, gets) => {
  const model = fixed(...tied());
  const before = memory().numTensors;
  expect(check(model, [6, 8, 3])).toBe('fits');
  expect(check(model, [10, 10, 3])).toBe(
    `RangeError: f: images of 10x10x3 do not fit layer tied, which gets ${gets}; use the model's, 6x8x3.`,
  );
  expect(memory().numTensors).toBe(before);
  model.dispose();
});

test.each<[string, () => layers.Layer[]]>([
  ['shared slopes', () => [layers.prelu({ sharedAxes: [1, 2] })]],
  ['statistics of channels', () => [layers.batchNormalization()]],
  ['a scale of channels', () => [layers.layerNormalization({ axis: -1 })]],
  ['no scale', () => [layers.layerNormalization({ axis: [1, 2, 3], center: false, scale: false })]],
  ['a dense layer at each place', () => [layers.dense({ units: 2 })]],
  ['a list of places', () => [layers.reshape({ targetShape: [-1, 3] })]],
  [
    'cropping',
    () => [
      layers.cropping2D({
        cropping: [
          [1, 1],
          [1, 1],
        ],
      }),
      layers.maxPooling2d({}),
    ],
  ],
])('a model with %s takes images of any size', (_, free) => {
  const model = fixed(...free());
  for (const sides of [
    [10, 11],
    [null, 11],
    [null, null],
  ])
    expect(check(model, [...sides, 3])).toBe('fits');
  model.dispose();
});

/** A map joined with itself, halved `times` and enlarged again. */
function joined(shape: (number | null)[], join: layers.Layer, times = 1): LayersModel {
  const image = input({ shape });
  const halved = (x: SymbolicTensor) => layers.maxPooling2d({ poolSize: 2 }).apply(x) as SymbolicTensor;
  const small = Array.from({ length: times }).reduce<SymbolicTensor>(halved, image);
  const large = layers.upSampling2d({ size: [2 ** times, 2 ** times] }).apply(small) as SymbolicTensor;
  return modelOf({ inputs: image, outputs: join.apply([image, large]) as SymbolicTensor });
}

test.each([
  ['Add', () => layers.add({ name: 'join' })],
  ['Multiply', () => layers.multiply({ name: 'join' })],
  ['Concatenate', () => layers.concatenate({ name: 'join' })],
])('maps of different sizes are refused by %s, with the nearest size that fits', (_, join) => {
  const model = joined([null, null, 3], join());
  expect(check(model, [8, 4, 3])).toBe('fits');
  expect(check(model, [null, null, 3])).toBe('fits');
  expect(check(model, [7, 10, 3])).toBe(
    'RangeError: f: images of 7x10x3 do not fit layer join, which gets 7x10x3 and 6x10x3; use 8x10x3.',
  );
  const deep = joined([64, 96, 3], join(), 5);
  expect(check(deep, [33, 96, 3])).toContain('which gets 33x96x3 and 32x96x3; use 64x96x3.');
  expect(check(deep, [65, 33, 3])).toContain('; use 96x64x3.');
  // Large enough is what fits, too.
  expect(check(joined([null, null, 3], join(), 3), [5, 20, 3])).toMatch(
    /are too small for .*; use at least 8x8x3\.$/,
  );
  for (const one of [model, deep]) one.dispose();
});

test('weights for each channel of a map of any size are multiplied with it', () => {
  const image = input({ shape: [null, null, 3] });
  const mean = layers.globalAveragePooling2d({}).apply(image) as SymbolicTensor;
  const gates = layers.reshape({ targetShape: [1, 1, 3] }).apply(mean) as SymbolicTensor;
  const model = modelOf({
    inputs: image,
    outputs: layers.multiply().apply([image, gates]) as SymbolicTensor,
  });
  expect(check(model, [7, 9, 3])).toBe('fits');
  expect(check(model, [null, null, 3])).toBe('fits');
});

test('a size that no other replaces is refused', () => {
  const model = sequential({
    layers: [
      layers.inputLayer({ inputShape: [null, null, 3] }),
      layers.reshape({ targetShape: [35, 3], name: 'places' }),
    ],
  });
  expect(check(model, [5, 7, 3])).toBe('fits');
  expect(check(model, [6, 7, 3])).toBe(
    'RangeError: f: images of 6x7x3 do not fit layer places, which gets 6x7x3; build the model for such images.',
  );
});
