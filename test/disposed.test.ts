import {
  disposeVariables,
  memory,
  type Rank,
  type Tensor4D,
  tidy,
  train,
  zeros,
} from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { agreement, compress, correctBiases, foldNorms } from '../src/compress/index.js';
import { explain, featureExtractor, kernelGrid, perceptualLoss, saliency } from '../src/features/index.js';
import { fullyConvolutional } from '../src/index.js';
import { evaluate, train as trainModel } from '../src/train/index.js';
import { encodeWeights, loadWeights } from '../src/weights/index.js';
import { useAnyBackend } from './support/backends.js';
import { build, CALLS, type Model, preprocessing, release, set } from './support/waitingCalls.js';

beforeAll(() => useAnyBackend('wasm'));

const GONE = /^\w+: the (model|base) was disposed while it was in use; dispose it afterwards\.$/;

/** What a call says when the model is disposed at some time, undefined if it returned before; and the tensors that are kept. */
async function saidWhen(
  name: string,
  schedule: (dispose: () => void) => (() => void) | undefined,
  end = (model: Model): unknown => model.dispose(),
) {
  const before = memory().numTensors;
  const model = build();
  let isGone = false;
  const dispose = () => {
    if (!isGone) end(model);
    isGone = true;
  };
  const call = CALLS[name]!;
  const running = call(model, () => onProgress?.());
  const onProgress = schedule(dispose);
  const error = await running.then(release, (error: Error) => error);
  dispose();
  return { said: error?.message, kept: memory().numTensors - before };
}

/** Times at which another task, or a callback, disposes a model. */
const TIMES: Record<string, (dispose: () => void) => (() => void) | undefined> = {
  'in a callback': (dispose) => dispose,
  ...Object.fromEntries(
    [1, 2, 3, 5, 8, 13, 21, 34].map((count) => [
      `after ${count} microtasks`,
      (dispose: () => void) => {
        void (async () => {
          for (let i = 0; i < count; i++) await undefined;
          dispose();
        })();
        return undefined;
      },
    ]),
  ),
};

test.each(Object.keys(CALLS))(
  '%s says in a sentence that the model is gone, and keeps nothing',
  async (name) => {
    const said = new Set<string | undefined>();
    for (const [time, schedule] of Object.entries(TIMES)) {
      const found = await saidWhen(name, schedule);
      expect(found.kept, time).toBe(0);
      if (found.said !== undefined) expect(found.said, time).toMatch(GONE);
      said.add(found.said);
    }
    // It works on a copy.
    expect([...said].every((one) => one === undefined)).toBe(name === 'diagnose');
  },
);

const TAKEN =
  /^\w+: the (weights of the model are disposed, as by tf\.disposeVariables\(\); build or load it again|(model|base) was disposed while it was in use; dispose it afterwards)\.$/;

test.each(Object.keys(CALLS))('%s says so too where tf.disposeVariables took the weights', async (name) => {
  for (const [time, schedule] of Object.entries(TIMES)) {
    const found = await saidWhen(name, schedule, disposeVariables);
    if (found.said !== undefined) expect(found.said, time).toMatch(TAKEN);
  }
});

test.each([
  // loadWeights brings the numbers back.
  ...Object.entries(CALLS).filter(([name]) => name !== 'loadWeights'),
  ['foldNorms', (model: Model) => foldNorms(model)],
  ['fullyConvolutional', (model: Model) => fullyConvolutional(model)],
  ['kernelGrid', (model: Model) => kernelGrid(model)],
  ['perceptualLoss', (model: Model) => perceptualLoss(model, ['block1_conv1'], { preprocessing })],
] as [string, (model: Model, onProgress: () => void) => unknown][])(
  '%s refuses a model whose weights tf.disposeVariables took before',
  async (_, call) => {
    const model = build();
    disposeVariables();
    await expect((async () => call(model, () => {}))()).rejects.toThrow(TAKEN);
  },
);

test('loadWeights brings back what tf.disposeVariables took, for training too', async () => {
  const model = build();
  const file = await encodeWeights(model);
  const optimizer = train.adam(1e-3);
  disposeVariables();
  await loadWeights(model, file);
  const sets = { trainSet: set };
  await expect(trainModel(model, sets, { epochs: 1, optimizer })).rejects.toThrow(
    'train: the optimizer passed is disposed; pass a new one.',
  );
  const { epochs } = await trainModel(model, sets, { epochs: 1, optimizer: 'adam' });
  expect(epochs[0]!.loss).toBeGreaterThan(0);
  model.dispose();
});

/** Functions that wait while they use a tensor of the caller's. */
const OF_TENSORS: Record<string, (model: Model, images: Tensor4D) => Promise<unknown>> = {
  agreement: (model, images) => agreement(model, model, images),
  compress: async (model, images) =>
    (await compress(model, { maxError: 0.5, quantize: 'none' }, images)).model.dispose(),
  correctBiases: async (model, images) =>
    (await correctBiases(model, images, { batchSize: 8, async onProgress() {} })).dispose(),
  explain: (model, images) => explain(model, images, { method: 'occlusion', batchSize: 1 }),
  saliency: (model, images) => saliency(model, images, { samples: 30 }),
};

test.each(Object.keys(OF_TENSORS))('%s says that its images are gone, and keeps nothing', async (name) => {
  for (const count of [1, 2, 4, 8]) {
    const before = memory().numTensors;
    const model = build();
    const isOne = /^(explain|saliency)$/.test(name);
    const images = zeros<Rank.R4>([isOne ? 1 : 40, 4, 4, 3]);
    const running = OF_TENSORS[name]!(model, images);
    for (let i = 0; i < count; i++) await undefined;
    images.dispose();
    await expect(running).rejects.toThrow(
      `${name}: the ${isOne ? 'image' : 'tensor of images'} was disposed while it was in use; dispose it afterwards.`,
    );
    model.dispose();
    expect(memory().numTensors).toBe(before);
  }
});

test('what was made of a model before says so too', () => {
  const before = memory().numTensors;
  const model = build();
  const images = zeros([1, 4, 4, 3]) as Tensor4D;
  const loss = perceptualLoss(model, ['block1_conv1'], { preprocessing });
  const extractor = featureExtractor(model, 'block1_conv1');
  model.dispose();
  expect(() => loss(images, images)).toThrow(
    'perceptualLoss: the model was disposed while it was in use; dispose it afterwards.',
  );
  expect(() => extractor.predict(images)).toThrow(
    'featureExtractor: the model was disposed while it was in use; dispose it afterwards.',
  );
  images.dispose();
  expect(memory().numTensors).toBe(before);
});

test('a second model has its name, and what else fails is said as it is', async () => {
  const [model, second] = [build(), build()];
  const running = agreement(model, second, set, { batchSize: 8 });
  second.dispose();
  await expect(running).rejects.toThrow('agreement: the other model was disposed while it was in use;');
  const failing = evaluate(model, set, {
    onProgress() {
      model.dispose();
      throw new Error('of the caller');
    },
  });
  await expect(failing).rejects.toThrow(/^of the caller$/);
});

test.each(Object.keys(CALLS))('%s works within tf.tidy, which ends when it first waits', async (name) => {
  const before = memory().numTensors;
  const model = build();
  let running: Promise<unknown> | undefined;
  tidy(() => {
    running = CALLS[name]!(model, () => {});
  });
  release(await running);
  model.dispose();
  expect(memory().numTensors).toBe(before);
});
