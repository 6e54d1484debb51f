import { fill, memory, type Tensor4D, zeros } from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import {
  embed,
  explain,
  featureExtractor,
  perceptualLoss,
  saliency,
  styleTransfer,
  visualize,
} from '../../src/features/index.js';
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

test('every function of images refuses a model of vectors or of sequences', async () => {
  const preprocessing = preprocessingAt(PUBLISHED['torchvision/vgg16'].preprocessing, 8);
  const image = { data: new Uint8Array(192), width: 8, height: 8 };
  const vectors = sequential({ layers: [layers.dense({ inputShape: [3], units: 2, name: 'only' })] });
  const sequences = sequential({
    layers: [
      layers.conv1d({ inputShape: [8, 3], filters: 2, kernelSize: 3, name: 'only' }),
      layers.flatten(),
      layers.dense({ units: 2 }),
    ],
  });
  for (const [model, takes] of [
    [vectors, '3'],
    [sequences, '8, 3'],
  ] as const) {
    const before = memory().numTensors;
    const calls: Record<string, () => unknown> = {
      embed: () => embed(model, [image], { preprocessing, layer: 'only' }),
      explain: () => explain(model, image, { preprocessing, method: 'integrated-gradients' }),
      featureExtractor: () => featureExtractor(model, 'only', { inputShape: [8, 8, 3] }),
      perceptualLoss: () => perceptualLoss(model, ['only']),
      saliency: () => saliency(model, image, { preprocessing }),
    };
    for (const [name, call] of Object.entries(calls)) {
      await expect((async () => call())()).rejects.toThrow(
        `${name}: the model takes ${takes}, not images as [height, width, channels]; pass one that does.`,
      );
    }
    expect(memory().numTensors).toBe(before);
    model.dispose();
  }
});

test('what needs the gradient of a layer without one is refused, and nothing stays behind', async () => {
  for (const [layer, name] of [
    [() => layers.masking({ name: 'odd' }), 'Masking'],
    [() => layers.thresholdedReLU({ name: 'odd' }), 'ThresholdedReLU'],
    [() => layers.centerCrop({ height: 4, width: 4, name: 'odd' }), 'CenterCrop'],
  ] as const) {
    const model = sequential({
      layers: [
        layers.conv2d({ inputShape: [8, 8, 3], filters: 2, kernelSize: 3, name: 'first' }),
        layer(),
        layers.globalAveragePooling2d({}),
        layers.dense({ units: 2 }),
      ],
    });
    const images = new Uint8Array(2 * 8 * 8 * 3);
    const trainSet = new ImageSet({
      images,
      labels: Uint8Array.of(0, 1),
      shape: [8, 8, 3],
      classNames: ['a', 'b'],
    });
    const x = zeros([1, 8, 8, 3]) as Tensor4D;
    const before = memory().numTensors;
    const fault = `TensorFlow.js has no gradient of ${name}, as layer odd is; `;
    await expect(saliency(model, x)).rejects.toThrow(`saliency: ${fault}explain with`);
    await expect(train(model, { trainSet }, { epochs: 1 })).rejects.toThrow(
      `train: ${fault}build the model without it.`,
    );
    expect(memory().numTensors).toBe(before);
    for (const one of [model, x]) one.dispose();
  }
});

test('an extractor refuses tensors that are no images of its model', () => {
  const extractor = featureExtractor(dilated(), 'first');
  const wrong = [zeros([2]), zeros([]), zeros([1, 8, 8, 1])];
  const before = memory().numTensors;
  for (const x of wrong) {
    expect(() => extractor.predict(x)).toThrow(
      `featureExtractor: the images have shape [${x.shape}]; pass [any, 8, 8, 3].`,
    );
  }
  expect(memory().numTensors).toBe(before);
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
