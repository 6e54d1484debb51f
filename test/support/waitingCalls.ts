import type { LayersModel } from '@tensorflow/tfjs-layers';
import { agreement, compress, correctBiases, equalize } from '../../src/compress/index.js';
import { ImageSet } from '../../src/data/index.js';
import {
  cacheFeatures,
  embed,
  explain,
  faithfulness,
  gradCam,
  imageSimilarity,
  saliency,
  styleTransfer,
  visualize,
} from '../../src/features/index.js';
import { classify } from '../../src/imagenet/index.js';
import { PLAIN_PREPROCESSING } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import {
  diagnose,
  type Examples,
  evaluate,
  evaluateImages,
  predictClasses,
  throughput,
  train,
} from '../../src/train/index.js';
import { encodeWeights, loadWeights, saveModel, toOnnx } from '../../src/weights/index.js';
import { useAnyBackend } from './backends.js';

export const build = () =>
  vgg([[1, 2]], { inputShape: [4, 4, 3], hiddenUnits: 3, classes: 2, dropout: 0, batchNorm: true });
export type Model = ReturnType<typeof build>;

export const preprocessing = { ...PLAIN_PREPROCESSING, crop: 4, resize: { shorterSide: 4 } };
export const image = { data: Uint8Array.from({ length: 48 }, (_, i) => 5 * i), width: 4, height: 4 };
export const other = { ...image, data: image.data.slice().reverse() };
export const set = new ImageSet({
  images: Uint8Array.from({ length: 40 * 48 }, (_, i) => 7 * i),
  labels: Uint8Array.from({ length: 40 }, (_, i) => i % 2),
  shape: [4, 4, 3],
  classNames: ['a', 'b'],
});
const originals = {
  ...{ length: 3, preprocessing },
  *originals() {
    for (let i = 0; i < 3; i++) yield { image, label: 0 };
  },
};
const handler = { save: async () => ({ modelArtifactsInfo: {} }) } as never;

/** A call, and the `onProgress` it gets if the function has such an option. */
export type Call = (model: Model, onProgress: () => void | Promise<void>) => Promise<unknown>;

/** Frees the models that a call returned. */
export function release(result: unknown): void {
  const made = modelIn(result);
  made?.dispose();
}

/** The model that a call returned, if any. */
export function modelIn(result: unknown): LayersModel | undefined {
  const { model = result } = Object(result);
  return typeof model?.predict === 'function' ? model : undefined;
}

await useAnyBackend('wasm');
const saved = build();
const file = await encodeWeights(saved);
saved.dispose();

/** Functions that wait while they use a model. */
export const CALLS: Record<string, Call> = {
  agreement: (model) => agreement(model, model, set, { batchSize: 8 }),
  cacheFeatures: async (model, onProgress) =>
    (await cacheFeatures(model, set, { batchSize: 8, onProgress })).dispose(),
  classify: (model) =>
    classify(model, [image, image, image], { preprocessing, batchSize: 1, labels: ['a', 'b'] }),
  'classify by views': (model) =>
    classify(model, [image, image, image], { preprocessing, crops: 10, batchSize: 1, labels: ['a', 'b'] }),
  compress: (model, onProgress) => compress(model, { maxError: 0.5, onProgress }, set),
  correctBiases: (model, onProgress) => correctBiases(model, set, { batchSize: 8, onProgress }),
  diagnose: (model) => diagnose(model, set, { batchSize: 8 }),
  embed: (model) =>
    embed(model, [image, image, image], { preprocessing, layer: 'block1_conv1', batchSize: 1 }),
  encodeWeights: (model) => encodeWeights(model),
  equalize: (model) => equalize(model),
  evaluate: (model, onProgress) => evaluate(model, set, { batchSize: 8, onProgress }),
  evaluateImages: (model, onProgress) => evaluateImages(model, originals, { onProgress }),
  'explain by occlusion': (model, onProgress) =>
    explain(model, image, { method: 'occlusion', preprocessing, window: 2, stride: 2, onProgress }),
  'explain by gradients': (model, onProgress) =>
    explain(model, image, {
      ...{ method: 'integrated-gradients', preprocessing, steps: 3, batchSize: 1 },
      onProgress,
    }),
  faithfulness: (model, onProgress) =>
    faithfulness(
      model,
      image,
      { values: Float32Array.from({ length: 16 }, (_, i) => i), width: 4, height: 4, classIndex: 0 },
      { preprocessing, steps: 20, onProgress },
    ),
  gradCam: (model) => gradCam(model, image, { preprocessing }),
  imageSimilarity: (model) =>
    imageSimilarity(model, [image, other], { preprocessing, layer: 'block1_conv1', batchSize: 1 }),
  loadWeights: (model, onProgress) => loadWeights(model, file, { onProgress }),
  predictClasses: (model, onProgress) => predictClasses(model, set, { batchSize: 8, onProgress }),
  saliency: (model) => saliency(model, image, { preprocessing, samples: 5 }),
  saveModel: (model) => saveModel(model, handler),
  styleTransfer: (model, onProgress) =>
    styleTransfer(
      model,
      { content: image, style: other },
      {
        ...{ contentLayers: ['relu1_1'], styleLayers: ['relu1_1'], steps: 3, every: 1, preprocessing },
        onProgress,
      },
    ),
  throughput: (model) => throughput(model, { seconds: 0, batchSize: 2 }),
  'throughput of training': (model) => throughput(model, { seconds: 0, batchSize: 2, mode: 'training' }),
  toOnnx: (model) => toOnnx(model),
  train: (model, onProgress) =>
    train(
      model,
      { trainSet: set, testSet: set },
      { epochs: 2, batchSize: 8, microBatchSize: 4, onStep: onProgress },
    ),
  visualize: (model, onProgress) =>
    visualize(model, 'block1_conv1', 0, { steps: 3, preprocessing, onProgress }),
};

/** What takes examples, with examples of the caller's. */
export const TAKERS: Record<string, (examples: Examples, model: Model) => unknown> = {
  train: (examples, model) => train(model, { trainSet: examples }, { epochs: 1, batchSize: 20 }),
  evaluate: (examples, model) => evaluate(model, examples, { batchSize: 20 }),
  predictClasses: (examples, model) => predictClasses(model, examples, { batchSize: 20 }),
  diagnose: (examples, model) => diagnose(model, examples),
  cacheFeatures: (examples, model) => cacheFeatures(model, examples, { batchSize: 20 }),
  agreement: (examples, model) => agreement(model, model, examples, { batchSize: 20 }),
  correctBiases: (examples, model) => correctBiases(model, examples, { batchSize: 20 }),
  compress: (examples, model) => compress(model, { maxError: 0.5, batchSize: 20 }, examples),
};
