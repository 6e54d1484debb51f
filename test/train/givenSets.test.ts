import { fill, memory, scalar, type Tensor, tensor1d, zeros } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { agreement, correctBiases } from '../../src/compress/index.js';
import { cacheFeatures } from '../../src/features/index.js';
import { vgg } from '../../src/index.js';
import { diagnose, evaluate, predictClasses, train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

const build = () =>
  vgg([[1, 2]], { inputShape: [4, 4, 3], hiddenUnits: 3, classes: 2, dropout: 0, batchNorm: true });
type Model = ReturnType<typeof build>;
const setOf = (batches: () => unknown) =>
  ({ length: 4, shape: [4, 4, 3], classNames: ['a', 'b'], batches }) as never;
const labels = () => tensor1d([0, 1, 0, 1], 'int32');
const batchOf = (xs: Tensor, ys: Tensor = labels()) => ({ xs, ys });

/** What reads the batches of a set of the caller's. */
const CALLS: Record<string, (model: Model, set: never) => Promise<unknown>> = {
  agreement: (model, set) => agreement(model, model, set),
  cacheFeatures: (model, set) => cacheFeatures(model, set),
  correctBiases: (model, set) => correctBiases(model, set),
  diagnose: (model, set) => diagnose(model, set),
  evaluate: (model, set) => evaluate(model, set),
  predictClasses: (model, set) => predictClasses(model, set),
  train: (model, set) => train(model, { trainSet: set }, { epochs: 1 }),
};

/** Sets that return something else than they say, and what is said of them. */
const SETS: Record<string, [() => unknown, RegExp]> = {
  'images of another size': [
    function* () {
      yield batchOf(zeros([4, 8, 8, 3]));
    },
    /returned images of 8x8x3, but its shape is 4x4x3; correct its shape\.$/,
  ],
  'one image in place of a batch': [
    function* () {
      yield batchOf(zeros([4, 4, 3]));
    },
    /returned images of 4x3, but its shape is 4x4x3; correct its shape\.$/,
  ],
  'a scalar in place of a batch': [
    function* () {
      yield batchOf(scalar(1));
    },
    /returned a scalar as images; return \[batch, height, width, channels\]\.$/,
  ],
  'an empty batch': [
    function* () {
      yield batchOf(zeros([0, 4, 4, 3]), tensor1d([], 'int32'));
    },
    /returned a batch of (no examples; return at least one with each\.|0 examples after 0 of 4, but 4 are due; .*)$/,
  ],
  'fewer labels': [
    function* () {
      yield batchOf(zeros([4, 4, 4, 3]), tensor1d([0, 1], 'int32'));
    },
    /returned 4 images with 2 labels; return one label for each image\.$/,
  ],
  'an iterator without next': [
    () => ({ [Symbol.iterator]: () => ({}) }),
    /the iterator of the \w+ set is \{\}; return batches as an async generator does\.$/,
  ],
  'a step that is none': [
    () => ({ [Symbol.asyncIterator]: () => ({ next: () => null }) }),
    /what next\(\) returned of the \w+ set is null; return batches as an async generator does\.$/,
  ],
};

test.each(Object.keys(CALLS).flatMap((name) => Object.keys(SETS).map((set) => [name, set] as const)))(
  '%s refuses %s, and keeps nothing',
  async (name, set) => {
    const model = build();
    const before = memory().numTensors;
    const [batches, fault] = SETS[set]!;
    const error = await CALLS[name]!(model, setOf(batches)).catch((error: Error) => error);
    expect((error as Error).message).toMatch(new RegExp(`^${name}: `));
    expect((error as Error).message).toMatch(fault);
    expect(memory().numTensors).toBe(before);
    model.dispose();
  },
);

test.each(Object.keys(CALLS).filter((name) => name !== 'diagnose'))(
  '%s stops a set that does not end',
  async (name) => {
    const model = build();
    const before = memory().numTensors;
    let given = 0;
    const endless = setOf(function* () {
      for (; given < 1000; given++) yield batchOf(zeros([4, 4, 4, 3]));
    });
    await expect(CALLS[name]!(model, endless)).rejects.toThrow(
      'returned more examples than its length of 4;',
    );
    expect(given).toBe(1);
    expect(memory().numTensors).toBe(before);
    model.dispose();
  },
);

test('cacheFeatures refuses labels that are no classes before it has computed all features', async () => {
  const model = build();
  const before = memory().numTensors;
  const cached = (ys: () => Tensor) =>
    cacheFeatures(
      model,
      setOf(function* () {
        yield batchOf(zeros([4, 4, 4, 3]), ys());
      }),
    );
  for (const label of [-1, 2])
    await expect(cached(() => tensor1d([0, 1, label, 1], 'int32'))).rejects.toThrow(
      `cacheFeatures: the examples have labels such as ${label}; return int32, each the index of a class from 0.`,
    );
  await expect(cached(() => tensor1d([0, 1, 0, 1]))).rejects.toThrow(
    'have labels of the type float32; return int32',
  );
  expect(memory().numTensors).toBe(before);
  model.dispose();
});

/** Labels and weights that are none, and what is said of them. */
const CONTENTS: Record<string, [() => object, string]> = {
  'labels of floats': [
    () => ({ ys: tensor1d([0, 1, 0, 1]) }),
    'returned labels of the type float32; return int32.',
  ],
  'labels of no rank': [
    () => ({ ys: zeros([4, 1, 2]) }),
    'returned labels of the shape 4x1x2; return [batch],',
  ],
  'probabilities of other classes': [() => ({ ys: zeros([4, 3]) }), 'returned labels of the shape 4x3;'],
  'probabilities that are none': [
    () => ({ ys: zeros([4, 2]) }),
    'has an example whose probabilities add up to 0, the lowest being 0;',
  ],
  'probabilities of NaN': [
    () => ({ ys: fill([4, 2], Number.NaN) }),
    'has an example whose probabilities add up to NaN, the lowest being NaN;',
  ],
  'weights below 0': [
    () => ({ ys: labels(), weights: tensor1d([1, 1, -1, 1]) }),
    'returned a batch whose weights are not all at least 0',
  ],
  'weights of NaN': [
    () => ({ ys: labels(), weights: tensor1d([1, 1, Number.NaN, 1]) }),
    'returned a batch whose weights are not all at least 0',
  ],
  'weights of infinity': [
    () => ({ ys: labels(), weights: tensor1d([1, 1, Number.POSITIVE_INFINITY, 1]) }),
    'returned a batch with a weight that is infinite; return finite numbers.',
  ],
  'logits of a teacher that are NaN': [
    () => ({ ys: labels(), teacherLogits: fill([4, 2], Number.NaN) }),
    'returned teacherLogits that are NaN or infinite;',
  ],
  'weights of another shape': [
    () => ({ ys: labels(), weights: zeros([4, 2]) }),
    'returned 4 images with weights of the shape 4x2; return one weight for each image.',
  ],
};

test.each(
  ['diagnose', 'evaluate', 'predictClasses', 'train'].flatMap((name) =>
    Object.keys(CONTENTS).map((content) => [name, content] as const),
  ),
)('%s refuses %s in the same words', async (name, content) => {
  const model = build();
  const before = memory().numTensors;
  const [rest, fault] = CONTENTS[content]!;
  const set = setOf(function* () {
    yield { xs: zeros([4, 4, 4, 3]), ...rest() };
  });
  const error = await CALLS[name]!(model, set).catch((error: Error) => error);
  expect((error as Error).message.replace(/^\w+: the \w+ set /, '').slice(0, fault.length)).toBe(fault);
  expect((error as Error).message).toMatch(new RegExp(`^${name}: the \\w+ set `));
  expect(memory().numTensors).toBe(before);
  model.dispose();
});

test('labels that are of no class are a finding of diagnose, which says why a network does not learn', async () => {
  const model = build();
  const set = setOf(function* () {
    yield batchOf(zeros([4, 4, 4, 3]), tensor1d([1, 2, 1, 2], 'int32'));
  });
  const { findings } = await diagnose(model, set);
  expect(findings.map(({ fault, text }) => [fault, text])).toEqual([
    ['labels', 'labels are from 1 to 2, but the model has the classes 0 to 1'],
  ]);
  model.dispose();
});

test('train refuses a split that is none', async () => {
  const model = build();
  for (const parts of [null, {}, { trainSet: setOf(() => []), validationSet: 3 }]) {
    const trainSet = { ...(setOf(() => []) as object), split: () => parts } as never;
    await expect(train(model, { trainSet }, { epochs: 1, validationFraction: 0.5 })).rejects.toThrow(
      /^train: split\(\) of the training set returned .*; return \{ trainSet, validationSet \}, both examples\.$/,
    );
  }
  model.dispose();
});
