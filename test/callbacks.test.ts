import { memory } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { compress, correctBiases } from '../src/compress/index.js';
import { ImageSet, imageFiles } from '../src/data/index.js';
import { cacheFeatures, explain, splitModel, styleTransfer, visualize } from '../src/features/index.js';
import { PLAIN_PREPROCESSING } from '../src/images/index.js';
import { vgg } from '../src/index.js';
import { evaluate, evaluateImages, memoryStore, train } from '../src/train/index.js';
import { encodeWeights, fromWeights } from '../src/weights/index.js';
import { useAnyBackend } from './support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

const build = () =>
  vgg([[1, 2]], { inputShape: [4, 4, 3], hiddenUnits: 3, classes: 2, dropout: 0, batchNorm: true });
const preprocessing = { ...PLAIN_PREPROCESSING, crop: 4, resize: { shorterSide: 4 } };
const image = { data: Uint8Array.from({ length: 48 }, (_, i) => 5 * i), width: 4, height: 4 };
const trainSet = new ImageSet({
  images: Uint8Array.from({ length: 4 * 48 }, (_, i) => 7 * i),
  labels: Uint8Array.of(0, 1, 1, 0),
  shape: [4, 4, 3],
  classNames: ['a', 'b'],
});
const files = ['a/1', 'b/2', 'b/3', 'stray'].map((path) => ({ path, read: async () => image }));
const parts = { microBatchSize: 1, epochs: 1, batchSize: 2 };

/** A set of one image, as `evaluateImages` takes it. */
const originals = (one: typeof image) => ({
  ...{ length: 1, preprocessing },
  *originals() {
    yield { image: one, label: 0 };
  },
});

/** A store whose second checkpoint finds no room. */
function fullStore() {
  const store = memoryStore();
  let writes = 0;
  const write: typeof store.write = (...all) =>
    writes++ === 0 ? store.write(...all) : Promise.reject(new Error('the disk is full.'));
  return { ...store, write };
}

/** Calls, with a callback that gets the model. */
const CALLS: Record<string, (callback: () => Promise<void>, model: ReturnType<typeof build>) => unknown> = {
  'train, onStep': (onStep, model) => train(model, { trainSet }, { ...parts, onStep }),
  'train, onEpoch': (onEpoch, model) => train(model, { trainSet }, { ...parts, onEpoch }),
  'train, onProgress': (onProgress, model) => train(model, { trainSet }, { ...parts, onProgress }),
  'train, onNote': (onNote, model) => train(model, { trainSet }, { ...parts, onNote }),
  'train, onProblem': (onProblem, model) =>
    train(model, { trainSet }, { ...parts, checkpoint: { store: fullStore(), onProblem } }),
  'fromWeights, onProgress': async (onProgress, model) => {
    const bytes = await encodeWeights(model);
    return fromWeights('https://example.org/a.safetensors', {
      ...{ onProgress, inputShape: [4, 4, 3] },
      fetch: async () => new Response(bytes as Uint8Array<ArrayBuffer>),
    });
  },
  'fromWeights of bytes, onProgress': async (onProgress, model) =>
    fromWeights(await encodeWeights(model), { onProgress, inputShape: [4, 4, 3] }),
  'evaluate, onProgress': (onProgress, model) => evaluate(model, trainSet, { onProgress }),
  'cacheFeatures, onProgress': (onProgress, model) =>
    cacheFeatures(splitModel(model, model.layers[2]!.name).lower, trainSet, { onProgress }),
  'compress, onProgress': (onProgress, model) => compress(model, { maxError: 0.5, onProgress }),
  'correctBiases, onProgress': (onProgress, model) => correctBiases(model, trainSet, { onProgress }),
  'explain by occlusion, onProgress': (onProgress, model) =>
    explain(model, image, { method: 'occlusion', preprocessing, window: 2, stride: 2, onProgress }),
  'explain by gradients, onProgress': (onProgress, model) =>
    explain(model, image, { method: 'integrated-gradients', preprocessing, steps: 2, onProgress }),
  'visualize, onProgress': (onProgress, model) =>
    visualize(model, 'block1_conv1', 0, { steps: 2, preprocessing, onProgress }),
  'styleTransfer, onProgress': (onProgress, model) =>
    styleTransfer(
      model,
      { content: image, style: { ...image, data: image.data.slice().reverse() } },
      { ...{ contentLayers: ['relu1_1'], styleLayers: ['relu1_1'], steps: 1, preprocessing }, onProgress },
    ),
  'evaluateImages, onProgress': (onProgress, model) =>
    evaluateImages(model, originals(image), { onProgress }),
  'evaluateImages, onProblem': (onProblem, model) =>
    evaluateImages(model, originals({ ...image, width: 5 }), { onProblem }),
  'originals of imageFiles, onProblem': async (onProblem) => {
    let reads = 0;
    // Gone once the set has been made.
    const read = async () => (reads++ < 3 ? image : Promise.reject(new Error('gone')));
    const known = files.slice(0, 3).map(({ path }) => ({ path, read }));
    const { trainSet: set } = await imageFiles(known, { onProblem, preprocessing, validationFraction: 0 });
    for await (const one of set.originals()) expect.unreachable(one.path);
  },
  'imageFiles, onProgress': (onProgress) => imageFiles(files, { onProgress, preprocessing }),
  'imageFiles, onProblem': (onProblem) => imageFiles(files, { onProblem, preprocessing }),
};

test.each(Object.entries(CALLS))(
  '%s: a callback that rejects rejects the call, which keeps nothing',
  async (_, call) => {
    const model = build();
    const before = memory().numTensors;
    const callback = async () => {
      await new Promise((resolve) => setTimeout(resolve));
      throw new Error('of the caller');
    };
    await expect(call(callback, model)).rejects.toThrow(/of the caller$/);
    expect(memory().numTensors).toBe(before);
    model.dispose();
  },
);

test.each([Map, Promise, Event, class {}])('%o is no callback', async (onProgress) => {
  const model = build();
  await expect(evaluate(model, trainSet, { onProgress } as never)).rejects.toThrow(
    /^evaluate: onProgress is the class \S+; it must be a function\.$/,
  );
  model.dispose();
});
