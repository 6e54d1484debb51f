import { memory, type Tensor, tensor1d, zeros } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { agreement, correctBiases } from '../../src/compress/index.js';
import { vgg } from '../../src/index.js';
import { diagnose, type Examples, evaluate, predictClasses, train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend('cpu'));

/** Four images in one batch with what is beside them. */
const setWith = (
  beside: () => Record<string, unknown> = () => ({}),
  changes: Partial<Examples> = {},
): Examples => ({
  ...{ length: 4, shape: [8, 8, 3] },
  *batches() {
    yield { xs: zeros([4, 8, 8, 3]), ys: tensor1d([0, 1, 2, 0], 'int32'), ...beside() };
  },
  ...changes,
});

const build = () => vgg([[1, 4]], { inputShape: [8, 8, 3], hiddenUnits: 6, classes: 3 });

describe('sets of the caller', () => {
  test.each([
    ['evaluate', 'test', (set: Examples) => evaluate(build(), set)],
    ['predictClasses', 'given', (set: Examples) => predictClasses(build(), set)],
    ['diagnose', 'given', (set: Examples) => diagnose(build(), set)],
    ['train', 'training', (set: Examples) => train(build(), { trainSet: set })],
    ['agreement', 'given', (set: Examples) => agreement(build(), build(), set)],
  ])('%s refuses weights and logits that are no tensors', async (where, which, use) => {
    for (const name of ['weights', 'teacherLogits']) {
      await expect(use(setWith(() => ({ [name]: [1, 1, 1, 1] })))).rejects.toThrow(
        `${where}: the ${which} set returned a batch whose ${name} are [1,1,1,1]; return batches { xs, ys } of tensors of numbers that are not disposed.`,
      );
    }
  });

  test('predictClasses says that a length is too large before it allocates for it', async () => {
    await expect(predictClasses(build(), setWith(undefined, { length: 1e12 }))).rejects.toThrow(
      /^predictClasses: the given set returned a batch of 4 examples after 0 of 1000000000000, but 128 are due/,
    );
  });

  test.each([
    ['agreement', (model: ReturnType<typeof build>, set: Examples) => agreement(model, model, set)],
    [
      'correctBiases',
      async (model: ReturnType<typeof build>, set: Examples) => (await correctBiases(model, set)).dispose(),
    ],
  ])('%s disposes all that is in a batch', async (_, use) => {
    const model = build();
    const before = memory().numTensors;
    await use(
      model,
      setWith(() => ({ teacherLogits: zeros([4, 3]), weights: tensor1d([1, 1, 1, 1]) })),
    );
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  const pair = () => ({ xs: zeros([4, 8, 8, 3]), ys: tensor1d([0, 1, 2, 0], 'int32') });
  const endless = (result: () => unknown) => ({ [Symbol.asyncIterator]: () => ({ next: result }) });

  test.each<[string, () => unknown, string]>([
    ['a list', () => [Object.values(pair())], 'the training set returned [an object of class'],
    ['other names', () => [{ x: zeros([4, 8, 8, 3]), y: zeros([4]) }], 'the training set returned {"x":an'],
    ['a Map', () => [new Map(Object.entries(pair()))], 'the training set returned an object of class Map'],
    ['a batch in a batch', () => [{ batch: [{ ...pair() }] }], 'the training set returned {"batch":[{"xs":'],
    ['a tensor', () => [zeros([4, 8, 8, 3])], 'the training set returned an object of class Tensor'],
    [
      'more than a batch has',
      () => [{ xs: zeros([4, 8, 8, 3]), ys: zeros([3]), ids: zeros([4]) }],
      '4 images with 3 labels',
    ],
    [
      'a promise of batches',
      () => Promise.resolve([pair()]),
      'batches() of the training set returned a Promise',
    ],
    ['batches without an iterator', pair, 'batches() of the training set returned {"xs":an object of class'],
    ['batches as steps', () => endless(pair), 'what next() returned of the training set is {"xs":an object'],
  ])('what a refused set holds is disposed: %s', async (_, batches, said) => {
    const model = build();
    const before = memory().numTensors;
    const set = setWith(undefined, { batches: batches as never });
    await expect(train(model, { trainSet: set }, { batchSize: 4 })).rejects.toThrow(said);
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test('a model in a refused batch keeps its weights', async () => {
    const [model, other] = [build(), build()];
    const set = setWith(() => ({ ys: other }));
    await expect(train(model, { trainSet: set }, { batchSize: 4 })).rejects.toThrow(
      'return batches { xs, ys }',
    );
    expect(other.getWeights().some(({ isDisposed }) => isDisposed)).toBe(false);
    for (const each of [model, other]) each.dispose();
  });

  test('diagnose disposes the batch of a set that cannot be ended', async () => {
    const model = build();
    const before = memory().numTensors;
    const batch = (): { xs: Tensor; ys: Tensor } => [...(setWith().batches({ batchSize: 4 }) as never)][0]!;
    const endless = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: batch() }),
        return: () => {
          throw new Error('no end');
        },
      }),
    };
    const set = setWith(undefined, { batches: () => endless as never });
    await expect(diagnose(model, set, { batchSize: 4 })).rejects.toThrow('no end');
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });
});
