import {
  memory,
  ones,
  randomNormal,
  slice,
  type Tensor,
  type Tensor4D,
  tensor,
  tensor1d,
} from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  model as modelOf,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { agreement, compress, correctBiases } from '../../src/compress/index.js';
import {
  cacheFeatures,
  embed,
  explain,
  featureExtractor,
  gradCam,
  imageSimilarity,
  perceptualLoss,
  saliency,
  splitModel,
  styleTransfer,
  visualize,
} from '../../src/features/index.js';
import { classify } from '../../src/imagenet/index.js';
import { PLAIN_PREPROCESSING, preprocessingAt } from '../../src/images/index.js';
import { fullyConvolutional } from '../../src/index.js';
import {
  diagnose,
  type Examples,
  evaluate,
  evaluateImages,
  predictClasses,
  train,
} from '../../src/train/index.js';
import { backends, useBackend } from '../support/backends.js';

const SIDE = 7;
const COUNT = 40;
const shape = [SIDE, SIDE, 3] as const;
const image = { data: new Uint8Array(3 * SIDE * SIDE).fill(90), width: SIDE, height: SIDE };
const preprocessing = preprocessingAt(PLAIN_PREPROCESSING, SIDE);
const examples: Examples = {
  length: COUNT,
  shape,
  *batches() {
    yield { xs: ones([COUNT, ...shape]), ys: tensor1d(Array(COUNT).fill(0), 'int32') };
  },
};
const originals = { length: 1, preprocessing, originals: () => [{ image, label: 0 }] };

/** Calls a function with images as a tensor. */
async function withTensor<T>(use: (x: Tensor4D) => T | Promise<T>): Promise<T> {
  const x = ones([1, ...shape]) as Tensor4D;
  try {
    return await use(x);
  } finally {
    x.dispose();
  }
}

type Use = [where: string, use: (model: LayersModel, layer: string) => unknown];

/** What takes images of other sizes than the model, up to a layer. */
const ofAnySize: Use[] = [
  ['embed', (model, layer) => embed(model, [image], { preprocessing, layer })],
  ['imageSimilarity', (model, layer) => imageSimilarity(model, [image, image], { preprocessing, layer })],
  ['perceptualLoss', (model, layer) => withTensor((x) => perceptualLoss(model, [layer])(x, x))],
  [
    'styleTransfer',
    (model, layer) => {
      const of = { contentLayers: [layer], styleLayers: [layer] };
      return styleTransfer(model, { content: image, style: image }, { ...of, preprocessing, size: SIDE });
    },
  ],
  ['featureExtractor', async (model, layer) => featureExtractor(model, layer, { inputShape: shape })],
  [
    'featureExtractor',
    (model, layer) =>
      withTensor((x) => featureExtractor(model, layer, { inputShape: [null, null, 3] }).predict(x) as Tensor),
  ],
];

/** What else knows the size of images, by the name in its errors. */
const ofItsSize: Use[] = [
  ['gradCam', (model) => withTensor((x) => gradCam(model, x))],
  ['explain', (model) => withTensor((x) => explain(model, x, { method: 'occlusion' }))],
  ['saliency', (model) => withTensor((x) => saliency(model, x))],
  ['classify', (model) => classify(model, image, { preprocessing, labels: ['a', 'b'] })],
  ['evaluate', (model) => evaluate(model, examples)],
  ['predictClasses', (model) => predictClasses(model, examples)],
  ['evaluateImages', (model) => evaluateImages(model, originals)],
  ['diagnose', (model) => diagnose(model, examples)],
  ['agreement', (model) => agreement(model, model, examples)],
  ['correctBiases', (model) => correctBiases(model, examples)],
  ['compress', (model) => compress(model, { maxError: 1 }, examples)],
  ['train', (model) => train(model, { trainSet: examples })],
  ['cacheFeatures', (model, layer) => cacheFeatures(splitModel(model, layer).lower, examples)],
  ['visualize', (model) => visualize(model, 'logits', 0, { preprocessing })],
  ['splitModel', (model, layer) => withTensor((x) => splitModel(model, layer).lower.predict(x) as Tensor)],
];

/** A network for images of any size, in which a map is halved, doubled and joined with itself. */
function joining(halved: layers.Layer, join: layers.Layer): LayersModel {
  const given = input({ shape: [null, null, 3] });
  const image = layers.conv2d({ filters: 3, kernelSize: 1 }).apply(given) as SymbolicTensor;
  const doubled = layers.upSampling2d({ size: [2, 2] }).apply(halved.apply(image)) as SymbolicTensor;
  const mean = layers.globalAveragePooling2d({}).apply(join.apply([image, doubled])) as SymbolicTensor;
  return modelOf({ inputs: given, outputs: layers.dense({ units: 2 }).apply(mean) as SymbolicTensor });
}

/** A network for images of 6x8 alone. */
function fixed(...ofMaps: layers.Layer[]): LayersModel {
  return sequential({
    layers: [
      layers.conv2d({ inputShape: [6, 8, 3], filters: 3, kernelSize: 2, name: 'conv' }),
      ...ofMaps,
      layers.flatten(),
      layers.dense({ units: 2 }),
    ],
  });
}

const strided = () => layers.conv2d({ filters: 3, kernelSize: 3, strides: 2, padding: 'same' });
const UNSUITED: [string, () => LayersModel, Use[], string][] = [
  [
    'a sum around a stride',
    () => joining(strided(), layers.add({ name: 'joint' })),
    [...ofAnySize, ...ofItsSize],
    '7x7x3 and 8x8x3; use 8x8x3',
  ],
  [
    'a concatenation around a pooling',
    () => joining(layers.maxPooling2d({ poolSize: 2 }), layers.concatenate({ name: 'joint' })),
    [...ofAnySize, ...ofItsSize],
    '7x7x3 and 6x6x3; use 8x8x3',
  ],
  [
    'a PReLU with a slope for each place',
    () => fixed(layers.prelu({ name: 'joint' })),
    ofAnySize,
    "(6x6x3|\\[any, any, 3\\]); use the model's, 6x8x3",
  ],
];

for (const backend of backends) {
  describe.each(UNSUITED)(`on ${backend}, images that do not fit %s`, (_, build, uses, rest) => {
    test.each(uses)('are refused by %s', async (where, use) => {
      await useBackend(backend);
      const model = build();
      const before = memory().numTensors;
      const refusal = await (async () => use(model, 'joint'))().then(
        () => 'nothing',
        (error: Error) => `${error.name}: ${error.message}`,
      );
      expect(refusal).toMatch(
        new RegExp(
          `^RangeError: ${where}: images of (7x7x3|\\[any, any, 3\\]) do not fit layer joint, which gets ${rest}\\.$`,
        ),
      );
      expect(memory().numTensors).toBe(before);
      model.dispose();
    });
  });

  test(`on ${backend}, a PReLU whose slopes are shared takes maps of any size in copies of a model`, async () => {
    await useBackend(backend);
    const slopes = [0.1, -0.5, 2];
    const model = fixed(
      layers.prelu({ name: 'prelu', sharedAxes: [1, 2] }),
      layers.maxPooling2d({ poolSize: 2, name: 'pool' }),
    );
    model.getLayer('prelu').setWeights([tensor(slopes, [1, 1, 3])]);
    const x = randomNormal([2, 9, 11, 3], 0, 1, 'float32', 4) as Tensor4D;
    const convolved = featureExtractor(model, 'conv', { inputShape: [null, null, 3] }).predict(x) as Tensor;
    const expected = (await convolved.data()).map((y, i) => (y > 0 ? y : y * slopes[i % 3]!));
    for (const inputShape of [
      [9, 11, 3],
      [null, null, 3],
    ] as const) {
      const extractor = featureExtractor(model, 'prelu', { inputShape });
      const y = extractor.predict(x) as Tensor;
      expect(y.shape).toEqual([2, 8, 10, 3]);
      for (const [i, value] of (await y.data()).entries()) expect(value).toBeCloseTo(expected[i]!, 5);
    }
    // A window of the dense layer is the map of 2x3 that images of the model's own size become.
    const convolutional = fullyConvolutional(model);
    const map = convolutional.predict(x) as Tensor;
    expect(map.shape).toEqual([2, 3, 3, 2]);
    const corner = await slice(map, [0, 0, 0, 0], [2, 1, 1, 2]).data();
    const own = await (model.predict(slice(x, [0, 0, 0, 0], [2, 6, 8, 3])) as Tensor).data();
    for (const [i, value] of corner.entries()) expect(value).toBeCloseTo(own[i]!, 5);
  });
}
