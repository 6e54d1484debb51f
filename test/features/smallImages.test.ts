import { memory, ones, type Tensor, type Tensor4D, tensor1d } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  cacheFeatures,
  embed,
  featureExtractor,
  gradCam,
  imageSimilarity,
  lpips,
  perceptualLoss,
  saliency,
  splitModel,
  styleTransfer,
} from '../../src/features/index.js';
import { classify } from '../../src/imagenet/index.js';
import { PLAIN_PREPROCESSING, type Preprocessing } from '../../src/images/index.js';
import { scaleArch, VGG16, vgg } from '../../src/index.js';
import { type Examples, evaluate, predictClasses, train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';

const SIDE = 12;

let model: LayersModel;
beforeAll(async () => {
  await useAnyBackend();
  model = vgg(scaleArch(VGG16, 64), {
    inputShape: [null, null, 3],
    pooling: 'avg',
    hiddenUnits: [4],
    classes: 2,
  });
});
afterAll(() => model.dispose());

const image = { data: new Uint8Array(3 * SIDE * SIDE), width: SIDE, height: SIDE };
const preprocessing: Preprocessing = { ...PLAIN_PREPROCESSING, resize: { shorterSide: SIDE }, crop: SIDE };
const examples: Examples = {
  length: 1,
  shape: [SIDE, SIDE, 3],
  *batches() {
    yield { xs: ones([1, SIDE, SIDE, 3]), ys: tensor1d([0], 'int32') };
  },
};

/** Calls a function with an image as a tensor. */
async function withTensor<T>(use: (x: Tensor4D) => T | Promise<T>): Promise<T> {
  const x = ones([1, SIDE, SIDE, 3]) as Tensor4D;
  try {
    return await use(x);
  } finally {
    x.dispose();
  }
}

const LPIPS_LAYERS = ['relu1_2', 'relu2_2', 'relu3_3', 'relu4_3', 'relu5_3'];

test.each<[string, () => Promise<unknown>]>([
  ['featureExtractor', () => withTensor((x) => featureExtractor(model, 'pool4').predict(x) as Tensor)],
  ['featureExtractor', async () => featureExtractor(model, 'pool4', { inputShape: [SIDE, SIDE, 3] })],
  ['splitModel', () => withTensor((x) => splitModel(model, 'block4').lower.predict(x) as Tensor)],
  ['embed', () => embed(model, [image], { preprocessing })],
  ['imageSimilarity', () => imageSimilarity(model, [image, image], { preprocessing })],
  ['cacheFeatures', () => cacheFeatures(splitModel(model, 'block5').lower, examples)],
  ['perceptualLoss', () => withTensor((x) => perceptualLoss(model, ['relu1_1', 'pool4'])(x, x))],
  [
    'lpips',
    () =>
      withTensor((x) =>
        lpips(model, { calibration: LPIPS_LAYERS.map((name) => channelsOf(name)), range: [0, 1] })(x, x),
      ),
  ],
  [
    'styleTransfer',
    () => styleTransfer(model, { content: image, style: image }, { preprocessing, size: SIDE }),
  ],
  ['gradCam', () => gradCam(model, image, { preprocessing })],
  ['gradCam', () => withTensor((x) => gradCam(model, x))],
  ['saliency', () => saliency(model, image, { preprocessing })],
  ['saliency', () => withTensor((x) => saliency(model, x))],
  ['classify', () => classify(model, image, { preprocessing, labels: ['a', 'b'] })],
  ['train', () => train(model, { trainSet: examples })],
  ['evaluate', () => evaluate(model, examples)],
  ['predictClasses', () => predictClasses(model, examples)],
])('%s refuses images that are too small for a network of any size', async (where, use) => {
  const before = memory().numTensors;
  const error = await use().then(
    () => undefined,
    (error: Error) => error,
  );
  expect(error?.message).toMatch(
    new RegExp(
      `^${where}: images of 12x12x3 are too small for block[45]_pool; use at least (16x16|32x32)x3\\.$`,
    ),
  );
  expect(error).toBeInstanceOf(RangeError);
  expect(memory().numTensors).toBe(before);
});

/** A calibration of ones for a layer. */
function channelsOf(name: string): number[] {
  const channels = featureExtractor(model, name).outputs[0]!.shape.at(-1)!;
  return Array(channels).fill(1);
}
