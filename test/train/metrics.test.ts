import { memory, tensor1d, tensor4d } from '@tensorflow/tfjs-core';
import { input, layers, model as layersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { type Examples, evaluate, predictClasses } from '../../src/train/index.js';
import reference from '../fixtures/metrics.json' with { type: 'json' };
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

/** Examples whose images are logits, for a model that returns its images. */
const examplesOf = (logits: number[], labels: number[], length = labels.length): Examples => ({
  length,
  shape: [1, 1, 7],
  classNames: ['a', 'b', 'c', 'd', 'e', 'f'],
  *batches({ batchSize }) {
    for (let i = 0; i < labels.length; i += batchSize) {
      const ys = labels.slice(i, i + batchSize);
      const xs = tensor4d(logits.slice(7 * i, 7 * (i + ys.length)), [ys.length, 1, 1, 7]);
      yield { xs, ys: tensor1d(ys, 'int32') };
    }
  },
});

function identity(activation: 'linear' | 'softmax') {
  const images = input({ shape: [1, 1, 7] });
  const flat = layers.flatten().apply(images);
  return layersModel({
    inputs: images,
    outputs: layers.activation({ activation }).apply(flat) as ReturnType<typeof input>,
  });
}

test.each(['linear', 'softmax'] as const)(
  'what evaluate returns is what scikit-learn and Guo compute (%s)',
  async (activation) => {
    const model = identity(activation);
    const before = memory().numTensors;
    const { logits, labels, classes, ...numbers } = reference;
    const found = await evaluate(model, examplesOf(logits, labels), { batchSize: 32 });
    // A probability of less than 1e-7 counts as 1e-7.
    const digits = activation === 'linear' ? 6 : 2;
    for (const key of ['loss', 'accuracy', 'top5Accuracy', 'calibrationError'] as const) {
      expect(found[key], key).toBeCloseTo(numbers[key], key === 'loss' ? digits : 6);
    }
    expect(found.examples).toBe(labels.length);
    expect(found.confusion.classes).toEqual(
      classes.map((one, i) => ({
        name: ['a', 'b', 'c', 'd', 'e', 'f', '6'][i],
        ...one,
        f1: one.f1 === null ? null : expect.closeTo(one.f1, 12),
      })),
    );
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
    // A GPU's softmax rounds by the size of the batch.
    expect(await evaluate(model, examplesOf(logits, labels), { batchSize: 7 })).toEqual({
      ...found,
      loss: expect.closeTo(found.loss, 6),
      calibrationError: expect.closeTo(found.calibrationError, 6),
    });
    expect(memory().numTensors).toBe(before);
    model.dispose();
  },
);

test('ties go to the first class, and five classes have no top-5', async () => {
  const five = input({ shape: [1, 1, 5] });
  const model = layersModel({ inputs: five, outputs: layers.flatten().apply(five) as typeof five });
  const examples: Examples = {
    length: 2,
    shape: [1, 1, 5],
    *batches() {
      yield { xs: tensor4d([3, 3, 0, 0, 0, 3, 3, 0, 0, 0], [2, 1, 1, 5]), ys: tensor1d([0, 1], 'int32') };
    },
  };
  const { accuracy, top5Accuracy } = await evaluate(model, examples);
  expect([accuracy, top5Accuracy]).toEqual([1 / 2, null]);
  model.dispose();
});

test('the loss of equal logits is that of guessing, however large they are', async () => {
  const model = identity('linear');
  for (const logit of [0, 1e15, -1e30]) {
    const { loss } = await evaluate(model, examplesOf(Array(7).fill(logit), [2]));
    expect(loss).toBeCloseTo(Math.log(7), 12);
  }
  model.dispose();
});

test('a label out of range, and examples that are not as many as they say, are refused', async () => {
  const model = identity('linear');
  const before = memory().numTensors;
  const zeros = Array(21).fill(0);
  for (const label of [7, -1]) {
    await expect(evaluate(model, examplesOf(zeros, [0, 1, label]))).rejects.toThrow(
      `evaluate: the test set has the label ${label} at example 2, but the model has 7 classes; labels must be from 0 to 6.`,
    );
  }
  for (const [use, which] of [
    [evaluate, 'evaluate: the test'],
    [predictClasses, 'predictClasses: the given'],
  ] as const) {
    const counted = (length: number): Promise<unknown> => use(model, examplesOf(zeros, [0, 1, 2], length));
    await expect(counted(4)).rejects.toThrow(
      `${which} set returned a batch of 3 examples after 0 of 4, but 4 are due; only the last batch may be smaller than batchSize.`,
    );
    await expect(counted(2)).rejects.toThrow(
      `${which} set returned a batch of 3 examples after 0 of 2, but 2 are due; only the last batch may be smaller than batchSize.`,
    );
  }
  expect(memory().numTensors).toBe(before);
  model.dispose();
});
