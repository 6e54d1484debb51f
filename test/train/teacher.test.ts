import { dispose, memory, mul, type Tensor, tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { freeze, transferHead, unfreeze } from '../../src/features/index.js';
import { type VggOptions, vgg } from '../../src/index.js';
import {
  type DistillOptions,
  evaluate,
  memoryStore,
  type TrainOptions,
  train,
} from '../../src/train/index.js';
import { setMetadata } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';

describe('train with a teacher', () => {
  beforeAll(() => useAnyBackend('wasm'));

  const set = (classNames = ['a', 'b', 'c']) =>
    new ImageSet({
      images: Uint8Array.from({ length: 20 * 16 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 24) & 255),
      labels: Uint8Array.from({ length: 20 }, (_, i) => (i * 7) % 3),
      ...{ shape: [4, 4, 1] as const, classNames },
    });
  const build = (options: VggOptions = {}) =>
    vgg([[1, 4]], { inputShape: [4, 4, 1], classes: 3, hiddenUnits: 6, dropout: 0.5, ...options });
  const OPTIONS = { epochs: 2, batchSize: 8, seed: 7 } satisfies TrainOptions;
  const weightsOf = async (model: LayersModel) =>
    Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]));

  test('measures the labels: the history has their loss, on the training set too', async () => {
    const [model, other] = [build({ dropout: 0 }), build({ dropout: 0 })];
    const teacher = build({ seed: 5, dropout: 0, batchNorm: true });
    const trainSet = set();
    const frozen = { epochs: 1, batchSize: 20, optimizer: 'sgd', learningRate: 1e-12 } as const;
    const measured = await evaluate(model, trainSet);
    const before = memory().numTensors;
    const { epochs } = await train(
      model,
      { trainSet, testSet: trainSet },
      { ...frozen, distill: { teacher } },
    );
    expect(memory().numTensors).toBe(before);
    expect(epochs[0]!.loss).toBeCloseTo(measured.loss, 5);
    expect(epochs[0]!.testLoss).toBeCloseTo(measured.loss, 5);
    expect(epochs[0]!.trainAccuracy).toBe(measured.accuracy);
    // What is measured is not what is learned.
    await train(model, { trainSet }, { ...OPTIONS, distill: { teacher } });
    await train(other, { trainSet }, OPTIONS);
    expect(await weightsOf(model)).not.toEqual(await weightsOf(other));
    for (const one of [model, other, teacher]) one.dispose();
  });

  test('goes on with the same teacher, bit for bit, and with no other', async () => {
    const teacher = build({ seed: 5 });
    const sets = { trainSet: set().augment({ mixup: 0.2 }) };
    const whole = build();
    await train(whole, sets, { ...OPTIONS, distill: { teacher } });
    const store = memoryStore();
    const stopped = build();
    const controller = new AbortController();
    let steps = 0;
    const onStep = () => {
      if (++steps === 4) controller.abort();
    };
    const { signal } = controller;
    const checkpoint = { store };
    await train(stopped, sets, { ...OPTIONS, distill: { teacher }, checkpoint, onStep, signal });
    const go = (distill: DistillOptions | undefined) => {
      const model = build({ seed: 9 });
      const options = { ...OPTIONS, distill, checkpoint: { store, resume: true } };
      return train(model, sets, options).then(
        async () => {
          const weights = await weightsOf(model);
          model.dispose();
          return weights;
        },
        (error: Error) => {
          model.dispose();
          return error.message;
        },
      );
    };
    const other = build({ seed: 6 });
    expect(await go({ teacher: other })).toMatch(
      /the run in memory is another: the option distill\.teacher was "8 layers, \w{8}" and is "8 layers, \w{8}"\./,
    );
    expect(await go({ teacher, temperature: 2 })).toContain('the option distill.temperature was 4 and is 2.');
    expect(await go(undefined)).toContain('the option distill.weight was 0.9 and is not set.');
    // Its weights count, not whether they would be trained.
    teacher.trainable = false;
    expect(await go({ teacher })).toEqual(await weightsOf(whole));
    for (const one of [teacher, other, whole, stopped]) one.dispose();
  });

  test.each<[string, (teacher: LayersModel, model: LayersModel) => DistillOptions, VggOptions, string]>([
    ['no teacher', () => ({}), {}, 'distill has no teacher; pass a trained classifier'],
    ['a temperature of 0', (teacher) => ({ teacher, temperature: 0 }), {}, 'distill.temperature is 0'],
    [
      'a temperature that float32 does not hold',
      (teacher) => ({ teacher, temperature: 1001 }),
      {},
      'distill.temperature is 1001; it must be from 0.001 to 1000, such as 4.',
    ],
    ['a weight of 0', (teacher) => ({ teacher, weight: 0 }), {}, 'distill.weight is 0; it must be above 0'],
    [
      'an unknown option',
      (teacher) => ({ teacher, temprature: 2 }) as DistillOptions,
      {},
      'did you mean temperature?',
    ],
    [
      'other classes',
      (teacher) => ({ teacher }),
      { classes: 4 },
      'the teacher has 4 classes, but the model has 3',
    ],
    [
      'other images',
      (teacher) => ({ teacher }),
      { inputShape: [8, 8, 1] },
      'the images are 4x4x1, but the teacher takes 8x8x1',
    ],
    [
      'a network without classes',
      (teacher) => ({ teacher }),
      { includeTop: false },
      "train: teacher: the model's output is [batch, 2, 2, 4], not [batch, classes]",
    ],
    ['itself', (_, model) => ({ teacher: model }), {}, 'the teacher shares the layer block1_conv1'],
    [
      'NaN',
      (teacher) => {
        const [kernel] = teacher.weights;
        const nan = mul(kernel!.read(), Number.NaN);
        kernel!.write(nan);
        nan.dispose();
        return { teacher };
      },
      {},
      'the teacher has weights that are NaN or infinite',
    ],
    [
      'the classes in another order',
      (teacher) => {
        setMetadata(teacher, { classNames: ['b', 'a', 'c'] });
        return { teacher };
      },
      {},
      "the teacher's classes are b, a, c, but those of the images are a, b, c",
    ],
  ])('refuses %s as a teacher', async (_, distill, options, message) => {
    const [model, teacher] = [build(), build({ seed: 5, ...options })];
    const before = memory().numTensors;
    const trained = train(model, { trainSet: set() }, { ...OPTIONS, distill: distill(teacher, model) });
    await expect((async () => trained)()).rejects.toThrow(message);
    expect(memory().numTensors).toBe(before);
    dispose([model, teacher] as unknown as Tensor[]);
  });

  test('refuses logits of another shape, and a teacher where the set has one', async () => {
    const [model, teacher] = [build(), build({ seed: 5 })];
    const trainSet = {
      ...{ length: 20, shape: [4, 4, 1], teacher: 'mine' },
      *batches() {
        const [batch] = set().batches({ batchSize: 20 });
        yield { ...batch!, teacherLogits: tensor(new Float32Array(80), [20, 4]) as never };
      },
    };
    await expect(train(model, { trainSet }, { ...OPTIONS, batchSize: 20, distill: {} })).rejects.toThrow(
      'the training set returned teacherLogits of the shape 20x4, but the model has 3 classes; they must be 20x3.',
    );
    await expect(train(model, { trainSet }, { ...OPTIONS, distill: { teacher } })).rejects.toThrow(
      'the training set has the logits of its teacher, and distill has another; leave out one of the two.',
    );
    dispose([model, teacher] as unknown as Tensor[]);
  });

  test('learns from a network with which it shares layers, if those are frozen', async () => {
    const base = freeze(build({ includeTop: false, batchNorm: true }));
    const [model, teacher] = [1, 2].map((seed) => transferHead(base, { classes: 3, seed }));
    const before = await weightsOf(teacher!);
    await train(model!, { trainSet: set() }, { ...OPTIONS, distill: { teacher } });
    expect(await weightsOf(teacher!)).toEqual(before);
    unfreeze(model!);
    await expect(train(model!, { trainSet: set() }, { ...OPTIONS, distill: { teacher } })).rejects.toThrow(
      'the teacher shares the layer block1_conv1 with the model, which would change it',
    );
    dispose([model, teacher] as unknown as Tensor[]);
  });
});
