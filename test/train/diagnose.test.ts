import {
  dispose,
  div,
  mean,
  memory,
  moments,
  mul,
  randomNormal,
  sqrt,
  sub,
  type Tensor,
  tensor1d,
  tensor2d,
  tidy,
  zeros,
} from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { garments } from '../../src/data/index.js';
import { freeze } from '../../src/features/index.js';
import { scaleArch, smallArch, VGG11, VGG16, type VggOptions, vgg } from '../../src/index.js';
import {
  type Batch,
  type DiagnoseOptions,
  diagnose,
  diagnosisText,
  type Examples,
  evaluate,
  train,
} from '../../src/train/index.js';
import { rateFindings } from '../../src/train/rateTrial.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

const { trainSet } = garments({ trainImages: 128, testImages: 1 });
const images = trainSet.resize(32);

const build = (options: VggOptions = {}) =>
  vgg(scaleArch(VGG11, 16), {
    ...{ inputShape: [32, 32, 1], hiddenUnits: 32, dropout: 0.3, initializer: 'heUniform' },
    ...options,
  });

const small = () =>
  smallArch(8, {
    inputShape: [28, 28, 1],
    hiddenUnits: 64,
    initializer: 'heUniform',
    seed: 1,
    arch: [
      [1, 64],
      [1, 128],
      [2, 128],
    ],
  });

/** The same images with other pixels or labels. */
function altered(change: (batch: Batch) => Batch, of = images): Examples {
  return {
    ...{ length: of.length, shape: of.shape },
    *batches(options) {
      for (const batch of of.batches(options)) yield change(batch);
    },
  };
}

const scaled = (factor: number) =>
  altered(({ xs, ys }) => {
    const pixels = mul(xs, factor);
    xs.dispose();
    return { xs: pixels, ys };
  });

const standard = (of: typeof images) =>
  altered(({ xs, ys }) => {
    const pixels = tidy(() => div(sub(xs, mean(xs)), sqrt(moments(xs).variance)));
    xs.dispose();
    return { xs: pixels, ys };
  }, of);

const relabeled = (label: (old: number) => number) =>
  altered(({ xs, ys }) => {
    const labels = tensor1d(Array.from(ys.dataSync(), label), 'int32');
    ys.dispose();
    return { xs, ys: labels };
  });

/** Gives a model other weights, from those it has. */
function withWeights(model: LayersModel, change: (weights: Tensor, i: number) => Tensor): LayersModel {
  const next = tidy(() => model.getWeights().map(change));
  model.setWeights(next);
  dispose(next);
  return model;
}

const kernels = (deviation: number) => (weights: Tensor) =>
  weights.rank > 1 ? randomNormal(weights.shape, 0, deviation, 'float32', 7) : weights.clone();

const followed = (layer: layers.Layer) => () => {
  const model = build({ classifierActivation: 'softmax' });
  return sequential({ layers: [...model.layers, layer] });
};

async function faults(model: LayersModel, examples: Examples = images, options: DiagnoseOptions = {}) {
  const before = await Promise.all(model.getWeights().map(async (weights) => [...(await weights.data())]));
  const held = memory().numTensors;
  const diagnosis = await diagnose(model, examples, options);
  expect(memory().numTensors, 'tensors').toBe(held);
  const after = await Promise.all(model.getWeights().map(async (weights) => [...(await weights.data())]));
  expect(after, 'weights').toEqual(before);
  model.dispose();
  const read = JSON.parse(JSON.stringify(diagnosis));
  expect(read).toEqual(diagnosis);
  expect(diagnosisText(read)).toBe(diagnosisText(diagnosis));
  return diagnosis;
}

describe('diagnose', () => {
  test.each<[string, () => LayersModel, Examples, DiagnoseOptions]>([
    ['He initialization and Adam', build, images, { optimizer: 'adam' }],
    ['momentum', build, images, { optimizer: 'momentum' }],
    ['batch normalization', () => build({ batchNorm: true }), images, { optimizer: 'adam' }],
    ["the chapter's run", () => build({ initializer: 'glorotUniform' }), images, {}],
    ['probabilities', () => build({ classifierActivation: 'softmax' }), images, { optimizer: 'adam' }],
    [
      'a VGG-16',
      () => vgg(scaleArch(VGG16, 16), { inputShape: [32, 32, 1], hiddenUnits: 32, initializer: 'heUniform' }),
      images,
      { optimizer: 'adam' },
    ],
    [
      'two classes in one output',
      () => build({ classes: 1 }),
      relabeled((y) => y % 2),
      { optimizer: 'adam' },
    ],
  ])('finds nothing wrong with %s', async (_, model, examples, options) => {
    const { findings, chance } = await faults(model(), examples, options);
    expect(findings).toEqual([]);
    expect(chance).toBeGreaterThan(0.6);
  });

  test('finds nothing wrong with a network that has learned', async () => {
    const model = build({ dropout: 0 });
    await train(model, { trainSet: images }, { optimizer: 'adam', epochs: 30, batchSize: 16 });
    const { loss, chance, findings } = await faults(model, images, { optimizer: 'adam' });
    expect(loss).toBeLessThan(chance / 2);
    expect(findings).toEqual([]);
  });

  test.each<[string, string, () => LayersModel, Examples, DiagnoseOptions]>([
    ['pixels from 0 to 255', 'input', build, scaled(255), {}],
    [
      'pixels from 0 to 255, which Glorot shrinks',
      'input',
      () => build({ initializer: 'glorotUniform' }),
      scaled(255),
      {},
    ],
    ['pixels divided by 255 twice', 'input', build, scaled(1 / 255), {}],
    ['black images', 'input', build, scaled(0), {}],
    ['labels from 1', 'labels', build, relabeled((y) => y + 1), {}],
    ['one label for all', 'labels', build, relabeled(() => 3), {}],
    [
      'small weights',
      'vanishing-gradients',
      () => withWeights(build(), kernels(0.01)),
      images,
      { optimizer: 'adam' },
    ],
    [
      'a deep network with Glorot and SGD',
      'vanishing-gradients',
      () =>
        vgg(scaleArch(VGG16, 16), { inputShape: [32, 32, 1], hiddenUnits: 32, initializer: 'glorotUniform' }),
      images,
      {},
    ],
    ['large weights', 'exploding-gradients', () => withWeights(build(), kernels(0.5)), images, {}],
    [
      'weights that are NaN',
      'weights',
      () => withWeights(build(), (weights) => mul(weights, Number.NaN)),
      images,
      {},
    ],
    [
      'a weight that is infinite',
      'weights',
      () => withWeights(build(), (weights, i) => (i === 1 ? div(1, mul(weights, 0)) : weights.clone())),
      images,
      {},
    ],
    ['a rate of 10', 'rate-too-high', build, images, { learningRate: 10 }],
    ['a rate of 1 with Adam', 'rate-too-high', build, images, { optimizer: 'adam', learningRate: 1 }],
    ['a rate of 1e-6', 'rate-too-low', build, images, { learningRate: 1e-6 }],
    ['a rate of 1e-8 with Adam', 'rate-too-low', build, images, { optimizer: 'adam', learningRate: 1e-8 }],
    ['a softmax after a softmax', 'softmax-twice', followed(layers.softmax()), images, {}],
  ])('names %s', async (_, fault, model, examples, options) => {
    const diagnosis = await faults(model(), examples, options);
    expect(diagnosis.findings.map((finding) => finding.fault)).toEqual([fault]);
    const { text, advice } = diagnosis.findings[0]!;
    expect(diagnosisText(diagnosis)).toBe(`${text[0]!.toUpperCase()}${text.slice(1)}; ${advice}.`);
    for (const { advice, adviceToKeep = advice } of [diagnosis, ...diagnosis.findings]) {
      expect(adviceToKeep).not.toMatch(/\bbuild|growFrom/);
    }
  });

  test.each<DiagnoseOptions>([
    { optimizer: 'sgd', learningRate: 5 },
    { optimizer: 'sgd', learningRate: 1 },
    { optimizer: 'adam', learningRate: 0.1 },
  ])(
    'names a rate of $learningRate with $optimizer where the first loss is above that of guessing',
    async (options) => {
      const { loss, chance, findings } = await faults(small(), trainSet, options);
      expect(loss).toBeGreaterThan(1.2 * chance);
      expect(findings.map(({ fault }) => fault)).toEqual(['rate-too-high']);
      expect(findings[0]!.text).toMatch(/the loss of a batch rises from [\d.]+ to ([\d.]+(e\+\d+)?|NaN)$/);
    },
  );

  test('names a rate that is too low where the first loss is above that of guessing, and one that is not', async () => {
    const { loss, chance, findings } = await faults(small(), trainSet, { learningRate: 1e-6 });
    expect(loss).toBeGreaterThan(1.2 * chance);
    expect(findings).toMatchObject([{ fault: 'rate-too-low', learningRate: expect.any(Number) }]);
    const { learningRate } = findings[0]!;
    expect((await faults(small(), trainSet, { learningRate })).findings).toEqual([]);
  });

  test.each<[string, Examples, DiagnoseOptions]>([
    ['Adam', trainSet, { optimizer: 'adam' }],
    ['SGD', trainSet, {}],
    ['inputs of mean 0 and variance 1', standard(trainSet), { optimizer: 'momentum' }],
  ])(
    'finds nothing wrong where the first loss is above that of guessing: %s',
    async (_, examples, options) => {
      const { loss, chance, findings } = await faults(small(), examples, options);
      expect(loss).toBeGreaterThan(1.2 * chance);
      expect(findings).toEqual([]);
    },
  );

  test.each<[string, VggOptions, string]>([
    [
      'Glorot',
      { initializer: 'glorotUniform' },
      ", or build the network with initializer: 'heUniform' or batchNorm: true.",
    ],
    ['He', { initializer: 'heNormal' }, ', or build the network with batchNorm: true.'],
    ['batch normalization', { batchNorm: true }, '.'],
  ])('does not advise what a network with %s has already', async (_, options, end) => {
    const diagnosis = await faults(build(options));
    expect(diagnosis.findings).toEqual([]);
    expect(diagnosisText(diagnosis)).toMatch(/^No fault was found at a loss of .*; train for more epochs/);
    expect(diagnosisText(diagnosis).split('; train for more epochs')[1]).toBe(end);
  });

  test.each<[string, number, number, string[]]>([
    ['comes down to guessing, where a smaller one gets below it', 2.31, 1.6, ['rate-too-high']],
    ['falls slowly towards guessing, as smaller ones do', 2.6, 3.5, []],
  ])('a rate with which the loss %s', async (_, end, endOfSmaller, expected) => {
    const falling = (to: number) => Array.from({ length: 11 }, (_, i) => 3.7 + ((to - 3.7) * i) / 10);
    const trial = async (rate: number) => falling(rate === 1 ? end : endOfSmaller);
    const findings = await rateFindings(1, 0.05, Math.log(10), trial);
    expect(findings.map(({ fault }) => fault)).toEqual(expected);
  });

  test('takes the weights of examples into its trials', async () => {
    // Only if the examples of one class count, there is something to learn.
    const model = sequential({ layers: [layers.dense({ units: 2, inputShape: [1] })] });
    model.setWeights([tensor2d([[0.1, -0.1]]), zeros([2])]);
    const examples = (weighted: boolean): Examples => ({
      ...{ length: 32, shape: [1] },
      *batches() {
        const classes = Array.from({ length: 32 }, (_, i) => i % 2);
        const xs = tensor2d(classes.map((_, i) => [i < 24 ? 1 : -1]));
        const ys = tensor1d(classes, 'int32');
        yield weighted ? { xs, ys, weights: tensor1d(classes.map((label) => 1 - label)) } : { xs, ys };
      },
    });
    const found = async (weighted: boolean) =>
      (await diagnose(model, examples(weighted), { learningRate: 1e-5 })).findings.map(({ fault }) => fault);
    expect(await found(true)).toEqual(['rate-too-low']);
    expect(await found(false)).not.toContain('rate-too-low');
    model.dispose();
  });

  test("refuses the optimizer's name in place of its options", async () => {
    const model = build();
    await expect(diagnose(model, images, 'adam' as never)).rejects.toThrow(
      'diagnose: the options are "adam"; pass an object',
    );
    model.dispose();
  });

  test('a model in which everything is frozen is refused', async () => {
    const model = freeze(build());
    await expect(diagnose(model, images)).rejects.toThrow('diagnose: no layer of the model is trainable');
    model.dispose();
  });

  test('a set without a batch is refused, and leaves no tensor', async () => {
    const model = build();
    const held = memory().numTensors;
    const empty: Examples = { length: 8, shape: images.shape, batches: () => [] };
    await expect(diagnose(model, empty)).rejects.toThrow('diagnose: the examples returned no batch');
    expect(memory().numTensors).toBe(held);
    model.dispose();
  });

  test('a batch that is not of tensors is refused', async () => {
    const model = build();
    const odd = { length: 8, shape: images.shape, batches: () => [{ xs: [1] }] } as unknown as Examples;
    await expect(diagnose(model, odd)).rejects.toThrow('diagnose: the given set returned {"xs":[1]}; return');
    model.dispose();
  });

  test('names the layers whose ReLUs are dead', async () => {
    const model = build();
    // A bias so low that nothing passes: what a step that was too large leaves behind.
    const dead = model.layers.findIndex(({ name }) => name === 'block3_conv2');
    const bias = model.layers[dead]!.getWeights()[1]!;
    const low = tidy(() => sub(mul(bias, 0), 100));
    model.layers[dead]!.setWeights([model.layers[dead]!.getWeights()[0]!, low]);
    low.dispose();
    const { findings } = await faults(model, images, { optimizer: 'adam' });
    expect(findings[0]).toMatchObject({ fault: 'dead-relus' });
    expect(findings[0]!.layers[0]).toBe('block3_conv2');
  });
});

test('others see nothing of it: two at once, an evaluation between them and training say the same as alone', async () => {
  const model = build({ dropout: 0 });
  const alone = await diagnose(model, images);
  const { loss } = await evaluate(model, images);
  const before = memory().numTensors;
  const [first, second, evaluated] = await Promise.all([
    diagnose(model, images),
    diagnose(model, images),
    evaluate(model, images),
  ]);
  expect([first, second]).toEqual([alone, alone]);
  expect(evaluated.loss).toBe(loss);
  expect(memory().numTensors).toBe(before);
  const [during] = await Promise.all([
    diagnose(model, images),
    train(model, { trainSet: images }, { epochs: 1, batchSize: 64 }),
  ]);
  expect(during).toEqual(alone);
  model.dispose();
});
