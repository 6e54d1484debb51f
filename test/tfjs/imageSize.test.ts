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
