import { memory, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { classify, decodePredictions, LABELS } from '../../src/imagenet/index.js';
import { PLAIN_PREPROCESSING, prepareImage, preprocessingAt } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { PUBLISHED, setMetadata } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noise } from '../support/bytes.js';

beforeAll(() => useAnyBackend());

const torch = PUBLISHED['torchvision/vgg16'].preprocessing;

test('there are 1000 labels, all different', () => {
  expect(new Set(LABELS).size).toBe(1000);
  expect([LABELS[0], LABELS[281], LABELS[999]]).toEqual(['tench', 'tabby', 'toilet tissue']);
});

test('predictions are softmaxed, sorted and named', async () => {
  const labels = ['a', 'b', 'c', 'd'];
  const [first, second] = await decodePredictions(
    [
      [1, 3, 2, 3],
      [0, 0, 1000, 0],
    ],
    { topK: 3, labels },
  );
  expect(first!.map(({ label }) => label)).toEqual(['b', 'd', 'c']);
  const sum = Math.exp(1) + 2 * Math.exp(3) + Math.exp(2);
  expect(first![0]!.probability).toBeCloseTo(Math.exp(3) / sum, 12);
  expect(second![0]).toEqual({ index: 2, label: 'c', probability: 1 });
  expect(
    (await decodePredictions([[0.2, 0.8]], { labels: ['x', 'y'], outputs: 'probabilities' }))[0]![0]!
      .probability,
  ).toBe(0.8);
  await expect(decodePredictions([[1, 2]])).rejects.toThrow(
    'there are 2 classes and 1000 labels; pass one label for each class.',
  );
  for (const wrong of [7, -5]) {
    await expect(
      decodePredictions([[0.5, wrong]], { labels: ['x', 'y'], outputs: 'probabilities' }),
    ).rejects.toThrow(
      `decodePredictions: the outputs of image 0 have ${wrong}, and probabilities are from 0 to 1; pass outputs: 'logits' if they are logits.`,
    );
  }
  await expect(decodePredictions([[1]], { labels: ['x'], topK: 0 })).rejects.toThrow(
    'decodePredictions: topK is 0',
  );
  await expect(decodePredictions([[1]], { labels: ['x'] })).rejects.toThrow('the softmax of one is always 1');
  const cube = tensor([1], [1, 1, 1]);
  await expect(decodePredictions(cube)).rejects.toThrow(
    'the outputs have shape [1,1,1]; pass [images, classes].',
  );
  cube.dispose();
});

test('the outputs of a sigmoid are probabilities, each by itself', async () => {
  const model = sequential({
    layers: [
      layers.flatten({ inputShape: [8, 8, 3] }),
      layers.dense({ units: 2, activation: 'sigmoid', kernelInitializer: 'zeros' }),
    ],
  });
  const image = { data: noise(3 * 8 * 8, 3), width: 8, height: 8 };
  const preprocessing = { ...torch, resize: { shorterSide: 8 }, crop: 8 };
  const bias = tensor([-2, -3]);
  const [kernel] = model.getWeights();
  model.setWeights([kernel!, bias]);
  const predictions = await classify(model, image, { preprocessing, labels: ['a', 'b'] });
  expect(predictions.map(({ probability }) => probability)).toEqual([
    expect.closeTo(1 / (1 + Math.exp(2)), 5),
    expect.closeTo(1 / (1 + Math.exp(3)), 5),
  ]);
  bias.dispose();
  model.dispose();
});

test('classify goes from an image to classes, of logits and of probabilities alike, and leaves no tensor', async () => {
  const preprocessing = { ...torch, resize: { shorterSide: 9 }, crop: 8 };
  const image = { data: noise(3 * 20 * 12, 3), width: 20, height: 12 };
  const options = { inputShape: [8, 8, 3], classes: 3, hiddenUnits: 4, dropout: 0 } as const;
  const labels = ['cat', 'dog', 'bird'];
  const [logits, probabilities] = (['linear', 'softmax'] as const).map((classifierActivation) =>
    vgg([[1, 2]], { ...options, classifierActivation }),
  );
  const before = memory().numTensors;
  const predictions = await classify(logits!, image, { preprocessing, labels });
  expect(predictions).toHaveLength(3);
  expect(predictions.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
  const same = await classify(probabilities!, image, { preprocessing, labels });
  for (const [i, { label, probability }] of same.entries()) {
    expect(predictions[i]!.label).toBe(label);
    expect(predictions[i]!.probability).toBeCloseTo(probability, 6);
  }
  await expect(classify(logits!, image)).rejects.toThrow(
    'classify: the model does not say how images are prepared for it; pass preprocessing.',
  );
  // The published crop of 224 from 256 is 8 from 9 for this model.
  setMetadata(logits!, { preprocessing: torch, classNames: labels });
  expect(await classify(logits!, image)).toEqual(predictions);
  setMetadata(logits!, {});
  await expect(classify(logits!, image, { preprocessing })).rejects.toThrow('3 classes and 1000 labels');
  await expect(
    classify(logits!, image, { preprocessing: { ...preprocessing, crop: 6 }, labels }),
  ).rejects.toThrow(
    'classify: the preprocessing makes images of 6x6x3, but the model takes 8x8x3; pass preprocessingAt(preprocessing, 8).',
  );
  expect(memory().numTensors).toBe(before);
  tidy(() => [logits, probabilities].map((model) => model!.dispose()) as never);
});

test('gray networks get gray images, and outputs that are not finite are refused', async () => {
  const model = vgg([[1, 2]], { inputShape: [8, 8, 1], classes: 2, hiddenUnits: 4, dropout: 0 });
  const image = { data: noise(8 * 8, 3), width: 8, height: 8 };
  const preprocessing = { ...preprocessingAt(PLAIN_PREPROCESSING, 8), channels: 'gray' } as const;
  const options = { preprocessing, labels: ['cat', 'dog'] };
  const x = tensor(
    Float32Array.from(image.data, (value) => value / 255),
    [1, 8, 8, 1],
  );
  const [logits] = await decodePredictions(model.predict(x) as Tensor, { labels: options.labels });
  const found = await classify(model, image, options);
  for (const [i, { label, probability }] of found.entries()) {
    expect(label).toBe(logits![i]!.label);
    expect(probability).toBeCloseTo(logits![i]!.probability, 5);
  }
  const weights = model.getWeights();
  model.setWeights([...weights.slice(0, -1), tensor([Number.NaN, 0])]);
  const before = memory().numTensors;
  await expect(classify(model, image, options)).rejects.toThrow(
    /the outputs of image 0 are not finite; check the model's weights|the weights of predictions in .* are NaN/,
  );
  expect(memory().numTensors).toBe(before);
});

test('several images are classified in batches, each as if it were alone', async () => {
  const model = vgg([[1, 4]], {
    inputShape: [8, 8, 3],
    classes: 3,
    hiddenUnits: 4,
    initializer: 'heUniform',
  });
  const preprocessing = preprocessingAt(PLAIN_PREPROCESSING, 8);
  const options = { preprocessing, labels: ['a', 'b', 'c'], topK: 2 };
  const images = [0, 1, 2].map((seed) => ({ data: noise(3 * 8 * 8, seed), width: 8, height: 8 }));
  const before = memory().numTensors;
  const given = [images[0]!, await prepareImage(images[1]!, preprocessing), images[2]!];
  const found = await classify(model, given, { ...options, batchSize: 2 });
  expect(found).toHaveLength(3);
  for (const [i, image] of images.entries()) {
    for (const [k, one] of (await classify(model, image, options)).entries()) {
      expect(found[i]![k]).toEqual({ ...one, probability: expect.closeTo(one.probability, 5) });
    }
  }
  expect(await classify(model, [], options)).toEqual([]);
  await expect(classify(model, [images[0]!, null as never], options)).rejects.toThrow('the image is null');
  await expect(classify(model, images, { ...options, batchSize: 0 })).rejects.toThrow(
    'classify: batchSize is 0',
  );
  expect(memory().numTensors).toBe(before);
  model.dispose();
});
