import { fill, memory, type Tensor4D, zeros } from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { explain, featureExtractor, styleTransfer, visualize } from '../../src/features/index.js';
import { preprocessingAt } from '../../src/images/index.js';
import { train } from '../../src/train/index.js';
import { PUBLISHED } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

const dilated = () =>
  sequential({
    layers: [
      layers.conv2d({ inputShape: [8, 8, 3], filters: 2, kernelSize: 3, activation: 'relu', name: 'first' }),
      layers.conv2d({ filters: 2, kernelSize: 2, dilationRate: 2, activation: 'relu', name: 'apart' }),
      layers.globalAveragePooling2d({}),
      layers.dense({ units: 2 }),
    ],
  });

test('what needs the gradient of a dilated convolution is refused before anything is computed', async () => {
  const model = dilated();
  const x = zeros([1, 8, 8, 3]) as Tensor4D;
  const images = new Uint8Array(2 * 8 * 8 * 3);
  const trainSet = new ImageSet({
    images,
    labels: Uint8Array.of(0, 1),
    shape: [8, 8, 3],
    classNames: ['a', 'b'],
  });
  const of = { contentLayers: ['apart'], styleLayers: ['first'] };
  const image = { data: images.subarray(0, 8 * 8 * 3), width: 8, height: 8 };
  const preprocessing = preprocessingAt(PUBLISHED['torchvision/vgg16'].preprocessing, 8);
  const before = memory().numTensors;
  for (const attempt of [
    () => explain(model, x, { method: 'saliency' }),
    () => explain(model, x, { method: 'integrated-gradients' }),
    () => explain(model, x, { method: 'guided-backprop' }),
    () => explain(model, x, { layer: 'first' }),
    () => visualize(model, 'logits', 0, { preprocessing }),
    () => styleTransfer(model, { content: image, style: image }, { ...of, preprocessing }),
    () => train(model, { trainSet }),
  ]) {
    await expect((async () => attempt())()).rejects.toThrow(
      'TensorFlow.js has no gradient of a dilated convolution, as layer apart is (dilationRate 2,2); ',
    );
  }
  // What the convolution does not lie behind has its gradient.
  await expect(explain(model, x)).resolves.toHaveProperty('width', 4);
  expect(memory().numTensors).toBe(before);
  model.dispose();
  x.dispose();
});

test('a model of vectors cannot be visualized', async () => {
  const model = sequential({ layers: [layers.dense({ inputShape: [8], units: 2, name: 'only' })] });
  await expect(visualize(model, 'only', 0)).rejects.toThrow(
    'visualize: the model takes 8, not images as [height, width, channels]; pass one that does.',
  );
  model.dispose();
});

test('what are no layers, no shape and no numbers is refused', async () => {
  const model = dilated();
  const preprocessing = preprocessingAt(PUBLISHED['torchvision/vgg16'].preprocessing, 8);
  const image = { data: new Uint8Array(192), width: 8, height: 8 };
  const images = { content: image, style: image };
  for (const contentLayers of [[], null, 'first']) {
    const options = { preprocessing, styleLayers: ['first'], contentLayers: contentLayers as never };
    await expect(styleTransfer(model, images, options)).rejects.toThrow('it must be a list of layer names');
  }
  const inputShape = '8x8x3' as never;
  expect(() => featureExtractor(model, 'first', { inputShape })).toThrow(
    'inputShape is "8x8x3"; pass [height',
  );
  const unknown = fill([8, 8, 3], Number.NaN);
  await expect(explain(model, unknown as never, { preprocessing })).rejects.toThrow(
    'has values that are NaN',
  );
  for (const one of [model, unknown]) one.dispose();
});
