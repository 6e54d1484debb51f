import { memory, mul, ones, type Tensor, tensor1d, tensor4d, tidy, zeros } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { agreement, correctBiases } from '../../src/compress/index.js';
import {
  cacheFeatures,
  embed,
  explain,
  faithfulness,
  gradCam,
  saliency,
  styleTransfer,
  visualize,
} from '../../src/features/index.js';
import { classify } from '../../src/imagenet/index.js';
import { PLAIN_PREPROCESSING } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { evaluate, evaluateImages, predictClasses, train } from '../../src/train/index.js';
import { backends, useBackend } from '../support/backends.js';

const build = () => vgg([[1, 2]], { inputShape: [4, 4, 3], hiddenUnits: 3, classes: 2, dropout: 0 });
type Model = ReturnType<typeof build>;
type Examples = Parameters<typeof evaluate>[1];

/** Two batches of two images, of which the last has a number at its last pixel. */
const setOf = (number: number): Examples => ({
  ...{ length: 4, shape: [4, 4, 3], classNames: ['a', 'b'] },
  *batches() {
    const ys = () => tensor1d([0, 1], 'int32');
    yield { xs: ones([2, 4, 4, 3]), ys: ys() };
    const pixels = new Float32Array(2 * 48).fill(1);
    pixels[95] = number;
    yield { xs: tensor4d(pixels, [2, 4, 4, 3]), ys: ys() };
  },
});

const image = { data: new Uint8Array(48).fill(9), width: 4, height: 4 };
const preprocessing = { ...PLAIN_PREPROCESSING, crop: 4, resize: { shorterSide: 4 } };
const originals = {
  ...{ length: 1, preprocessing },
  *originals() {
    yield { image, label: 0 };
  },
};

/** Changes the weights of layers. */
function change(model: Model, names: RegExp, changed: (weight: Tensor, index: number) => Tensor): void {
  for (const layer of model.layers.filter(({ name, weights }) => weights.length > 0 && names.test(name)))
    tidy(() => layer.setWeights(layer.getWeights().map(changed)));
}

/** Functions that measure what a network makes of a set. */
const CALLS: Record<string, (model: Model, set: Examples) => Promise<unknown>> = {
  agreement: (model, set) => agreement(model, model, set, { batchSize: 2 }),
  cacheFeatures: (model, set) => cacheFeatures(model, set, { batchSize: 2 }),
  correctBiases: (model, set) => correctBiases(model, set, { batchSize: 2 }),
  evaluate: (model, set) => evaluate(model, set, { batchSize: 2 }),
  predictClasses: (model, set) => predictClasses(model, set, { batchSize: 2 }),
};

const layers = { contentLayers: ['block1_pool'], styleLayers: ['block1_pool'] };
const other = { data: new Uint8Array(48).fill(200), width: 4, height: 4 };

/** Functions that look at images. */
const SEEING: Record<string, (model: Model) => Promise<unknown>> = {
  classify: (model) => classify(model, image, { preprocessing, labels: ['a', 'b'] }),
  embed: (model) => embed(model, [image], { preprocessing, layer: 'block1_pool' }),
  explain: (model) => explain(model, image, { method: 'occlusion', preprocessing, window: 2 }),
  faithfulness: (model) =>
    faithfulness(
      model,
      image,
      { values: new Float32Array(16), width: 4, height: 4, classIndex: 0 },
      { preprocessing },
    ),
  gradCam: (model) => gradCam(model, image, { preprocessing }),
  saliency: (model) => saliency(model, image, { preprocessing }),
  styleTransfer: (model) =>
    styleTransfer(model, { content: image, style: other }, { preprocessing, ...layers, steps: 1 }),
  visualize: (model) => visualize(model, 'block1_pool', 0, { preprocessing, steps: 1 }),
};

describe.each(backends)('on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  test.each(
    Object.keys(CALLS).flatMap((name) => [Number.NaN, Infinity, -Infinity].map((n) => [name, n] as const)),
  )('%s says where an image has the number %s, and keeps nothing', async (name, number) => {
    const model = build();
    const before = memory().numTensors;
    const error = await CALLS[name]!(model, setOf(number)).catch((error: Error) => error);
    expect((error as Error).message).toMatch(
      new RegExp(
        `^${name}: .*\\b3? ?has the number ${number}\\b.*(return|pass) images of finite numbers\\.$`,
      ),
    );
    if (name !== 'cacheFeatures') expect((error as Error).message).toContain(' 3');
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test.each([...Object.keys(CALLS), 'evaluateImages'])(
    '%s names a layer whose weights are not finite',
    async (name) => {
      const model = build();
      const before = memory().numTensors;
      change(model, /^fc1$/, (weight, i) => (i === 0 ? mul(weight, Number.NaN) : weight));
      const call = name === 'evaluateImages' ? () => evaluateImages(model, originals) : CALLS[name]!;
      await expect(call(model, setOf(1))).rejects.toThrow(
        `${name}: the weights of fc1 in ${model.name} are NaN or infinite; use a network that has not diverged.`,
      );
      expect(memory().numTensors).toBe(before);
      model.dispose();
    },
  );

  test.each([...Object.keys(CALLS), 'evaluateImages'].filter((name) => name !== 'correctBiases'))(
    '%s tells a network that computes what float32 does not hold from images',
    async (name) => {
      const model = build();
      change(model, /./, (weight) => mul(ones(weight.shape), 1e30));
      const call = name === 'evaluateImages' ? () => evaluateImages(model, originals) : CALLS[name]!;
      await expect(call(model, setOf(1))).rejects.toThrow(
        `${name}: ${model.name} returns NaN or infinity for an image of finite numbers; use a network that has not diverged.`,
      );
      model.dispose();
    },
  );

  test.each(Object.keys(SEEING))('%s refuses weights that are NaN, which poolings may lose', async (name) => {
    const model = build();
    const before = memory().numTensors;
    change(model, /^block1_conv1$/, (weight, i) => (i === 0 ? mul(weight, Number.NaN) : weight));
    await expect(SEEING[name]!(model)).rejects.toThrow(
      new RegExp(
        `^${name}: (the weights of block1_conv1 in .* are NaN or infinite|the .* not finite|the loss is NaN)`,
      ),
    );
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test('weights are looked at again after they changed, by a step of training too', async () => {
    const model = build();
    const see = () => SEEING.classify!(model);
    await see();
    const odd = { optimizer: 'sgd', learningRate: 1e38, epochs: 1, batchSize: 2 } as const;
    await train(model, { trainSet: setOf(1e30) }, odd).catch(() => undefined);
    await expect(see()).rejects.toThrow(/^classify: /);
    change(model, /./, (weight) => zeros(weight.shape));
    await see();
    change(model, /^fc1$/, (weight) => mul(ones(weight.shape), Number.NaN));
    await expect(see()).rejects.toThrow(/^classify: /);
    model.dispose();
  });

  test('numbers whose sum is too large for float32 are finite', async () => {
    const model = build();
    change(model, /./, (weight) => zeros(weight.shape));
    expect((await evaluate(model, setOf(3.4e38), { batchSize: 2 })).accuracy).toBe(0.5);
    change(model, /predictions/, (weight, i) => (i === 0 ? mul(ones(weight.shape), 3e38) : weight));
    expect((await evaluate(model, setOf(1), { batchSize: 2 })).accuracy).toBe(0.5);
    model.dispose();
  });

  test('train measures the other sets of a run that diverges, but refuses images of NaN in them', async () => {
    const model = build();
    await expect(
      train(model, { trainSet: setOf(1), testSet: setOf(Number.NaN) }, { epochs: 1, batchSize: 2 }),
    ).rejects.toThrow('train: the test set has the number NaN in the image of example 3; return images of');
    model.dispose();
  });
});
