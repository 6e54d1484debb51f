import { dispose, memory, type Tensor, tensor1d, tensor2d, tidy, zeros } from '@tensorflow/tfjs-core';
import { input, layers, model as modelOf, type SymbolicTensor, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { epochSeed } from '../../src/base/random.js';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import {
  type Batch,
  type Examples,
  evaluate,
  predictClasses,
  RECIPES,
  type StepRow,
  type TrainOptions,
  train,
} from '../../src/train/index.js';
import { objectiveOf } from '../../src/train/objective.js';
import { chooseOptimizer } from '../../src/train/optimizer.js';
import { startRun, step } from '../../src/train/step.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

/** Images of 4x4 pixels whose left half, right half, top or bottom is bright, with noise. */
const images = new ImageSet({
  images: Uint8Array.from({ length: 40 * 16 }, (_, i) => {
    const [id, p] = [Math.floor(i / 16), i % 16];
    const lit = [p % 4 < 2, p % 4 >= 2, p < 8, p >= 8][id % 4] ? 150 : 0;
    return lit + ((id * 31 + p * 17) % 90);
  }),
  labels: Uint8Array.from({ length: 40 }, (_, i) => i % 4),
  shape: [4, 4, 1],
  classNames: ['left', 'right', 'top', 'bottom'],
});

const build = (options = {}) =>
  vgg([[1, 8]], { inputShape: [4, 4, 1], classes: 4, hiddenUnits: 16, dropout: 0, ...options });

async function run(options: TrainOptions, set: Examples = images, model = build()) {
  const before = memory().numTensors;
  const steps: StepRow[] = [];
  const history = await train(
    model,
    { trainSet: set },
    { ...{ batchSize: 8, epochs: 3, optimizer: 'adam', onStep: (row) => void steps.push(row) }, ...options },
  );
  expect(memory().numTensors).toBe(before);
  const weights = await Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]));
  return { history, steps, weights, model };
}

describe('train', () => {
  test('holds out a fraction of each class, and measures it', async () => {
    const { history } = await run({ validationFraction: 0.2 });
    expect(history.epochs[0]).toMatchObject({ examples: 32, validationAccuracy: expect.any(Number) });
  });

  test('ends when the accuracy has not risen for the patience', async () => {
    const { history } = await run({ validationFraction: 0.2, patience: 2, learningRate: 1e-9, epochs: 9 });
    expect(history).toMatchObject({ ended: 'converged', weightsOf: 3 });
  });

  test('reports every step, with a rate that rises first and falls on a plateau', async () => {
    const rate = 1e-9;
    const { steps, history } = await run({
      ...{ validationFraction: 0.2, learningRate: rate, epochs: 4, warmupEpochs: 0.5 },
      schedule: { name: 'plateau', patience: 1, factor: 0.5 },
    });
    // Four batches in an epoch; the accuracy never rises after the first.
    const factors = [0.5, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25];
    expect(steps.map(({ learningRate }) => learningRate! / rate)).toEqual(
      factors.map((f) => expect.closeTo(f, 9)),
    );
    expect(steps.map(({ step }) => step)).toEqual(factors.map((_, i) => i + 1));
    expect(history.epochs.map(({ learningRate }) => learningRate! / rate)).toEqual([
      ...[expect.closeTo(1, 9), expect.closeTo(1, 9), expect.closeTo(0.5, 9), expect.closeTo(0.25, 9)],
    ]);
  });

  test('measures and ends with the average of the weights', async () => {
    const { history, model, weights } = await run({ ema: 0.5, validationFraction: 0.2, epochs: 2 });
    const { validationSet } = images.split(0.2, 0);
    expect((await evaluate(model, validationSet)).accuracy).toBe(history.epochs[1]!.validationAccuracy);
    const plain = await run({ validationFraction: 0.2, epochs: 2 });
    expect(plain.history.epochs[1]!.loss).toBe(history.epochs[1]!.loss);
    expect(plain.weights).not.toEqual(weights);
  });

  test('takes recipes as they are', async () => {
    for (const { train: options } of Object.values(RECIPES)) {
      const { history } = await run({ ...options, epochs: 1 });
      expect(history.ended).toBe('finished');
    }
  });

  test.each<[string, object, string]>([
    ['an option of another name', { lr: 0.1 }, 'there is no option "lr"; the options are optimizer, '],
    ['a rate as text', { learningRate: '0.05' }, 'learningRate is "0.05"; it must be a number above 0'],
    ['decay as text', { weightDecay: '0.1' }, 'weightDecay is "0.1"; it must be at least 0 and below 1'],
    ['a norm as text', { clipNorm: '1' }, 'clipNorm is "1"; it must be a number above 0'],
    ['smoothing as text', { labelSmoothing: '0.1' }, 'labelSmoothing is "0.1"'],
    ['an average as text', { ema: '0.9' }, 'ema is "0.9"; it must be above 0 and below 1'],
    ['a warm-up as text', { warmupEpochs: '1' }, 'warmupEpochs is "1"; it must be at least 0'],
    ['a fraction as text', { validationFraction: '0.5' }, 'validationFraction is "0.5"'],
    ['a factor as text', { schedule: { name: 'step', factor: '0.5' } }, 'schedule.factor is "0.5"'],
    ['no schedule', { schedule: null }, 'schedule is null; it must be one of "constant", '],
    ['weights by class', { classWeights: { 0: 1 } }, 'classWeights is {"0":1}; pass a list of numbers'],
    ['class weights as text', { classWeights: ['1', 1, 1, 1] }, 'classWeights[0] is "1"'],
    [
      'class weights that float32 does not hold',
      { classWeights: [1e39, 1, 1, 1] },
      'classWeights[0] is 1e+39; it must be a number above 0 that float32 holds',
    ],
    ['a callback that is none', { onEpoch: 'log' }, 'onEpoch is "log"; it must be a function.'],
  ])('refuses %s before the first step', async (_, options, message) => {
    const onStep = () => expect.unreachable();
    await expect(run({ onStep, ...options })).rejects.toThrow(`train: ${message}`);
  });

  test('takes sets with what else imageFolder returns', async () => {
    const beside = { classNames: ['a'], problems: [] };
    const { epochs } = await train(build(), { trainSet: images, ...beside }, { epochs: 1 });
    expect(epochs).toHaveLength(1);
  });

  test('a batch without labels is refused, and freed', async () => {
    const model = build();
    const before = memory().numTensors;
    const set = {
      ...{ length: 8, shape: [4, 4, 1] },
      *batches() {
        yield { xs: zeros([8, 4, 4, 1]) };
      },
    };
    await expect(run({}, set as unknown as Examples, model)).rejects.toThrow('return batches { xs, ys }');
    expect(memory().numTensors).toBe(before);
  });

  test('a callback that fails leaves no tensor', async () => {
    const model = build();
    const before = memory().numTensors;
    const onStep = () => {
      throw new Error('no more');
    };
    await expect(run({ onStep }, images, model)).rejects.toThrow('no more');
    expect(memory().numTensors).toBe(before);
  });

  test('looks once for the reason when the loss stays at that of guessing, and changes nothing by it', async () => {
    const bad = { learningRate: 1e-6, optimizer: 'momentum' } as const;
    const { history, weights } = await run(bad);
    expect(history.epochs.map(({ diagnosis }) => diagnosis?.findings.map(({ fault }) => fault))).toEqual([
      ['rate-too-low'],
      undefined,
      undefined,
    ]);
    const model = build();
    const steps = startRun('test', model, chooseOptimizer('test', bad), { seed: 0 });
    for (const epoch of [1, 2, 3]) {
      for (const batch of images.batches({ batchSize: 8, seed: epochSeed(0, epoch) }))
        dispose(await step(steps, batch));
    }
    steps.end();
    expect(await Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]))).toEqual(
      weights,
    );
    expect(history.diagnosis).toBe(history.epochs[0]!.diagnosis);
    const { learningRate, advice } = history.diagnosis!.findings[0]!;
    expect(advice).toContain(`try ${learningRate}`);
    expect((await run({ ...bad, learningRate })).history.diagnosis).toBeUndefined();
    const good = await run({ learningRate: 0.02 });
    expect(good.history.epochs.flatMap(({ diagnosis }) => diagnosis?.findings ?? [])).toEqual([]);
  });

  test('that has learned since is not said to have learned nothing', async () => {
    const { history } = await run({ learningRate: 0.02, warmupEpochs: 4, epochs: 6, optimizer: 'sgd' });
    expect(history.epochs[0]!.diagnosis).toBeDefined();
    expect(history.diagnosis).toBeUndefined();
  });

  test('looks for the reason after a first epoch above guessing if another set, measured after it, says so', async () => {
    const wild = { learningRate: 5, optimizer: 'sgd', epochs: 1 } as const;
    const { history } = await run({ ...wild, validationFraction: 0.2 });
    expect(history.epochs[0]!.loss).toBeGreaterThan(1.02 * Math.log(4));
    expect(history.diagnosis).toBeDefined();
    expect((await run(wild)).history.diagnosis).toBeUndefined();
  });

  test('looks for the reason when the loss is above that of guessing after the first epoch', async () => {
    const { history } = await run({ learningRate: 300, warmupEpochs: 2.9, optimizer: 'sgd' });
    expect(history.ended).toBe('diverged');
    expect(history.epochs[1]!.loss).toBeGreaterThan(10);
    expect(history.epochs.map(({ diagnosis }) => diagnosis !== undefined)).toEqual([false, true, false]);
    expect(history.epochs[1]!.diagnosis!.findings).not.toEqual([]);
  });

  /** The images with something else in each batch. */
  const altered = (change: (batch: Batch) => Partial<Batch>): Examples => ({
    ...{ length: images.length, shape: images.shape },
    *batches(options) {
      for (const batch of images.batches(options)) {
        const next = change(batch);
        if (next.ys) batch.ys.dispose();
        yield { ...batch, ...next };
      }
    },
  });

  test.each<[string, Partial<Record<keyof Batch, () => Tensor>>, string]>([
    [
      'probabilities that do not add up to 1',
      { ys: () => tensor2d(new Float32Array(32).fill(0.3), [8, 4]) },
      'train: the training set has an example whose probabilities add up to 1.2',
    ],
    [
      'probabilities of other classes',
      { ys: () => tensor2d(new Float32Array(24).fill(1 / 3), [8, 3]) },
      'train: the training set returned labels of the shape 8x3; return [batch], or the probabilities of 4 classes.',
    ],
    [
      'too few weights',
      { weights: () => tensor1d([1, 2]) },
      'train: the training set returned 8 images with weights of the shape 2; return one weight for each image.',
    ],
    [
      'weights below 0',
      { weights: () => tensor1d([1, 1, 1, 1, 1, 1, 1, -1]) },
      'train: the training set returned a batch whose weights are not all at least 0',
    ],
  ])('refuses %s', async (_, parts, message) => {
    const set = altered(() =>
      Object.fromEntries(Object.entries(parts).map(([name, make]) => [name, make()])),
    );
    await expect(run({}, set)).rejects.toThrow(message);
  });
});

describe('one output', () => {
  const halves = new ImageSet({
    ...{ images: images.images, shape: images.storedShape, classNames: ['left or top', 'right or bottom'] },
    labels: images.labels.map((label) => label % 2),
  });

  test.each(['linear', 'sigmoid'] as const)('is binary cross-entropy, %s', async (activation) => {
    const model = sequential({ layers: [layers.dense({ units: 1, inputShape: [1], activation })] });
    const objective = objectiveOf('test', model);
    const logits = [-3, -0.5, 0, 2, 7];
    const labels = [1, 0, 1, 1, 0];
    const outputs = activation === 'linear' ? logits : logits.map((z) => 1 / (1 + Math.exp(-z)));
    const expected =
      logits.reduce((sum, z, i) => sum + Math.log1p(Math.exp(labels[i] === 1 ? -z : z)), 0) / logits.length;
    const [loss, right] = tidy(() => {
      const output = tensor2d(outputs, [5, 1]);
      const ys = tensor1d(labels, 'int32');
      return [objective.loss(output, { ys }), objective.correct(output, ys)] as [Tensor, Tensor];
    });
    expect((await loss.data())[0]! / expected).toBeCloseTo(1, 5);
    // A logit of 0 is no more one class than the other, and counts as the first.
    expect((await right.data())[0]).toBe(2);
    loss.dispose();
    right.dispose();
    model.dispose();
  });

  test('is trained, measured and predicted as two classes', async () => {
    const { model } = await run({ epochs: 60, learningRate: 0.02 }, halves, build({ classes: 1 }));
    const { accuracy } = await evaluate(model, halves);
    const predicted = await predictClasses(model, halves);
    expect([...predicted].filter((label, i) => label === halves.labels[i]).length / 40).toBe(accuracy);
    expect(accuracy).toBeGreaterThan(0.9);
  });

  test.each([
    ['sigmoid', 3, 'the model ends in a sigmoid over 3 outputs'],
    ['softmax', 1, 'the model ends in a softmax over one output, which is always the same'],
  ] as const)('a %s over %i is refused', (activation, units, message) => {
    const model = sequential({ layers: [layers.dense({ units, inputShape: [1], activation })] });
    expect(() => objectiveOf('train', model)).toThrow(`train: ${message}`);
    model.dispose();
  });

  test('a model with two inputs is refused', async () => {
    const model = build();
    const other = input({ shape: [2] });
    const both = layers.concatenate().apply([model.outputs[0]!, other]) as SymbolicTensor;
    const two = modelOf({ inputs: [...model.inputs, other], outputs: both });
    await expect(train(two, { trainSet: images })).rejects.toThrow('train: the model has 2 inputs');
    model.dispose();
  });

  test('a model with two outputs is refused', async () => {
    const model = build();
    const two = modelOf({
      inputs: model.inputs,
      outputs: [model.outputs[0]!, layers.softmax().apply(model.outputs[0]!) as SymbolicTensor],
    });
    await expect(train(two, { trainSet: images })).rejects.toThrow('train: the model has 2 outputs');
    model.dispose();
  });

  test('a softmax before a layer that keeps the numbers is not computed again', async () => {
    const base = build();
    const plain = (await evaluate(base, images)).loss;
    const model = sequential({
      layers: [...base.layers, layers.softmax(), layers.reshape({ targetShape: [4] })],
    });
    expect((await evaluate(model, images)).loss).toBeCloseTo(plain, 5);
    base.dispose();
  });
});
