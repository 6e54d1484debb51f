import { dispose, memory, mul, ones, scalar, type Tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  cacheFeatures,
  featureExtractor,
  type RowStore,
  splitModel,
  type TransferHeadOptions,
  transferHead,
  unfreeze,
} from '../../src/features/index.js';
import type { VggOptions } from '../../src/index.js';
import { type Examples, evaluate, type History, predictClasses, train } from '../../src/train/index.js';
import { type BackendName, backends, isChosen, useAnyBackend, useBackend } from '../support/backends.js';
import { relativeError } from '../weights/files.js';
import { frozenBase, images, narrow, RUN } from './narrow.js';

const numbers = (model: LayersModel) =>
  Promise.all(model.getWeights().map(async (weight) => Array.from(await weight.data())));

describe('the fingerprint of cached features', () => {
  beforeAll(() => useAnyBackend());

  test('is of all of them and their labels, not of the first batch alone', async () => {
    const model = transferHead(narrow(), { classes: 3 });
    const { lower } = splitModel(model, 'block5');
    const fingerprint = async (lastPixels: number, lastLabel: number) => {
      const set = images(5);
      const examples: Examples = {
        ...{ length: set.length, shape: set.shape },
        *batches(options) {
          for (const { xs, ys } of set.batches(options)) {
            const isLast = ys.size === 1;
            yield isLast ? { xs: mul(xs, lastPixels), ys: mul(ys, scalar(lastLabel, 'int32')) } : { xs, ys };
            if (isLast) dispose([xs, ys]);
          }
        },
      };
      const features = await cacheFeatures(lower, examples, { batchSize: 4 });
      await features.dispose();
      return features.fingerprint();
    };
    const first = await fingerprint(1, 1);
    expect(await fingerprint(1, 1)).toBe(first);
    expect(await fingerprint(0.5, 1)).not.toBe(first);
    expect(await fingerprint(1, 0)).not.toBe(first);
    model.dispose();
  });
});

describe.each<BackendName>(isChosen ? backends : ['cpu', 'wasm'])(
  'splitModel and cacheFeatures on %s',
  (backend) => {
    beforeAll(() => useBackend(backend));

    test.each(['block4', 'relu5_1', 'block5', 'global_average_pooling2d'])(
      'split at %s, both parts give the whole',
      async (at) => {
        const model = transferHead(narrow({ batchNorm: at === 'block4' }), { classes: 3, hiddenUnits: 4 });
        const { lower, upper } = splitModel(model, at);
        const x = images(3).batches({ batchSize: 3 }).next().value!;
        const [whole, parts] = tidy(
          () => [model.predict(x.xs), upper.predict(lower.predict(x.xs) as Tensor)] as Tensor[],
        );
        expect(await parts!.data()).toEqual(await whole!.data());
        dispose([x.xs, x.ys, whole!, parts!]);
        const before = memory().numTensors;
        lower.dispose();
        upper.dispose();
        expect(memory().numTensors).toBe(before);
        model.dispose();
      },
    );

    test.each<[string, VggOptions, TransferHeadOptions, string]>([
      ['a head', {}, { classes: 3 }, 'block5'],
      ['a head with dropout on batch norm', { batchNorm: true }, { classes: 3, hiddenUnits: 8 }, 'block5'],
      ['block5 and the head', { batchNorm: true }, { classes: 3 }, 'block4'],
    ])(
      'training %s on cached features is training the whole with the rest frozen',
      async (_, options, head, at) => {
        const data = images(13);
        const test = images(7, 1);
        const build = () => {
          const model = transferHead(frozenBase(options), head);
          return at === 'block4' ? unfreeze(model, 'block5') : model;
        };
        const whole = build();
        const expected = await train(whole, { trainSet: data, testSet: test }, RUN);
        const model = build();
        const { lower, upper } = splitModel(model, at);
        const before = memory().numTensors;
        const cached = await cacheFeatures(lower, data, { batchSize: 4 });
        const cachedTest = await cacheFeatures(lower, test);
        expect([cached.length, cached.classNames]).toEqual([13, ['a', 'b', 'c']]);
        const history = await train(upper, { trainSet: cached, testSet: cachedTest }, RUN);
        expect(memory().numTensors).toBe(before);
        const [learned, wanted] = [await numbers(model), await numbers(whole)];
        const measured = (run: History) =>
          run.epochs.map(({ loss, trainAccuracy, testAccuracy }) => [loss, trainAccuracy, testAccuracy]);
        // Bit for bit on the cpu; elsewhere a kernel may sum otherwise for another size of batch.
        if (backend === 'cpu') {
          expect(measured(history)).toEqual(measured(expected));
          expect(learned).toEqual(wanted);
        } else expect(relativeError(learned.flat(), wanted.flat())).toBeLessThan(1e-6);
        const direct = await evaluate(model, test);
        const onCache = await evaluate(upper, cachedTest);
        expect(onCache.loss).toBeCloseTo(direct.loss, 5);
        expect(await predictClasses(upper, cachedTest)).toEqual(await predictClasses(model, test));
        await cached.dispose();
        await cachedTest.dispose();
        model.dispose();
        whole.dispose();
      },
    );
  },
);

describe('cacheFeatures', () => {
  beforeAll(() => useAnyBackend());

  test("keeps a teacher's logits: training with them is training the whole with the teacher", async () => {
    const [data, other] = [images(13), transferHead(narrow({ seed: 6 }), { classes: 3 })];
    const teacher = transferHead(narrow({ seed: 5 }), { classes: 3, classifierActivation: 'softmax' });
    const [whole, model] = [0, 1].map(() => transferHead(frozenBase(), { classes: 3 }));
    const expected = await train(whole!, { trainSet: data }, { ...RUN, distill: { teacher } });
    const { lower, upper } = splitModel(model!, 'block5');
    const cache = async (by?: LayersModel) => {
      const before = memory().numTensors;
      const features = await cacheFeatures(lower, data, { batchSize: 4, teacher: by });
      expect(memory().numTensors).toBe(before);
      return features;
    };
    const [features, others, without] = [await cache(teacher), await cache(other), await cache()];
    const names = [features, others, without].map((set) => set.teacher);
    expect(names).toEqual([
      expect.stringMatching(/ layers, \w{8}$/),
      expect.stringMatching(/ layers, \w{8}$/),
      undefined,
    ]);
    expect(names[0]).not.toBe(names[1]);
    const prints = [features, others, without].map((set) => set.fingerprint());
    expect(new Set(prints).size).toBe(3);
    const history = await train(upper, { trainSet: features }, { ...RUN, distill: {} });
    expect(history.epochs.at(-1)!.loss).toBeCloseTo(expected.epochs.at(-1)!.loss, 5);
    const [learned, wanted] = [await numbers(model!), await numbers(whole!)];
    expect(relativeError(learned.flat(), wanted.flat())).toBeLessThan(1e-5);
    await expect(train(upper, { trainSet: without }, { ...RUN, distill: {} })).rejects.toThrow(
      'distill has no teacher',
    );
    for (const set of [features, others, without]) await set.dispose();
    const gone =
      'FeatureSet: the features are disposed; dispose them after their last use, or cache them again.';
    expect(() => features.batches({ batchSize: 2 })).toThrow(gone);
    for (const one of [whole!, model!, teacher, other]) one.dispose();
  });

  test('refuses a teacher of other images, or whose numbers are not finite', async () => {
    const [base, small] = [narrow(), narrow({ inputShape: [64, 64, 3], includeTop: true, classes: 3 })];
    await expect(cacheFeatures(base, images(2), { teacher: small })).rejects.toThrow(
      'cacheFeatures: the images are 32x32x3, but the teacher takes 64x64x3',
    );
    const nan = transferHead(narrow({ seed: 3 }), { classes: 3 });
    const values = mul(nan.weights[0]!.read(), Number.NaN);
    nan.weights[0]!.write(values);
    values.dispose();
    const before = memory().numTensors;
    await expect(cacheFeatures(base, images(2), { teacher: nan })).rejects.toThrow(
      'cacheFeatures: the teacher returns NaN or infinity',
    );
    expect(memory().numTensors).toBe(before);
    for (const one of [base, small, nan]) one.dispose();
  });
  const first = async (
    set: { batches(o: { batchSize: number; seed?: number }): AsyncIterable<{ xs: Tensor; ys: Tensor }> },
    seed?: number,
  ) => {
    for await (const { xs, ys } of set.batches({ batchSize: 2, seed })) {
      const values = [(await xs.data()).join(), (await ys.data()).join()];
      dispose([xs, ys]);
      return values;
    }
    throw new Error('no batch');
  };

  /** Examples that remember the seeds they were asked for, and are brighter with each. */
  function varying() {
    const seeds: (number | undefined)[] = [];
    const plain = images(4);
    const examples: Examples = {
      length: 4,
      shape: plain.shape,
      async *batches({ batchSize, seed }) {
        seeds.push(seed);
        for (const { xs, ys } of plain.batches({ batchSize })) {
          const brighter = mul(xs, seed === undefined ? 1 : 1 + (seed % 7)) as typeof xs;
          xs.dispose();
          yield { xs: brighter, ys };
        }
      },
    };
    return { examples, seeds };
  }

  test('keeps augmented passes, of which the seed of an epoch chooses one, and the plain pass without a seed', async () => {
    const base = narrow();
    const { examples, seeds } = varying();
    const total: number[] = [];
    const features = await cacheFeatures(base, examples, {
      augmentedPasses: 3,
      batchSize: 2,
      seed: 5,
      onProgress: (progress) => total.push(progress.done / progress.total),
    });
    expect(seeds[0]).toBeUndefined();
    expect(new Set(seeds.slice(1)).size).toBe(3);
    expect(total).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((i) => i / 8));
    expect(features.length).toBe(4);
    const plain = await cacheFeatures(base, examples, { batchSize: 2 });
    expect(await first(features)).toEqual(await first(plain));
    const seen = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      for await (const { xs, ys } of features.batches({ batchSize: 4, seed })) {
        seen.add(`${[...(await xs.data())].sort()}`);
        dispose([xs, ys]);
      }
    }
    expect(seen.size).toBe(4);
    expect(await first(features, 9)).toEqual(await first(features, 9));
    base.dispose();
  });

  test('a base for any size uses the size of the images', async () => {
    const base = narrow({ inputShape: [null, null, 3] });
    const features = await cacheFeatures(base, images(3).resize(64));
    expect(features.shape).toEqual([2, 2, 16]);
    base.dispose();
  });

  test('leaves no tensor when it is aborted, when the examples fail, and when a loop ends early', async () => {
    const base = narrow();
    const before = memory().numTensors;
    const stop = new AbortController();
    await expect(
      cacheFeatures(base, images(9), {
        batchSize: 2,
        signal: stop.signal,
        onProgress: ({ done }) => done === 4 && stop.abort(new Error('enough')),
      }),
    ).rejects.toThrow('enough');
    const failing: Examples = {
      length: 4,
      shape: [32, 32, 3],
      *batches() {
        yield* images(2).batches({ batchSize: 2 });
        throw new Error('torn');
      },
    };
    await expect(cacheFeatures(base, failing)).rejects.toThrow('torn');
    for (const length of [3, 9]) {
      const lying: Examples = { length, shape: [32, 32, 3], batches: (o) => images(6).batches(o) };
      await expect(cacheFeatures(base, lying)).rejects.toThrow(/the (examples|given set) returned/);
    }
    const features = await cacheFeatures(base, images(6));
    await first(features, 1);
    await features.dispose();
    expect(memory().numTensors).toBe(before);
    base.dispose();
  });

  test('refuses examples that are more than a class each', async () => {
    const base = narrow();
    const before = memory().numTensors;
    const set = images(6);
    const weighted: Examples = {
      ...{ length: set.length, shape: set.shape },
      *batches(options) {
        for (const batch of set.batches(options)) yield { ...batch, weights: ones([batch.xs.shape[0]]) };
      },
    };
    await expect(cacheFeatures(base, weighted)).rejects.toThrow(
      'the examples have weights, but only a class',
    );
    const mixed = set.augment({ mixup: 0.2 });
    await expect(cacheFeatures(base, mixed, { augmentedPasses: 1 })).rejects.toThrow(
      'the examples have a probability for each class, as mixed images do, but only a class',
    );
    expect(memory().numTensors).toBe(before);
    base.dispose();
  });

  test('refuses features beyond maxBytes, and models that do not fit', async () => {
    const base = narrow();
    await expect(cacheFeatures(base, images(6), { maxBytes: 6 * 16 * 4 - 1 })).rejects.toThrow(
      'cacheFeatures: the features take 0.0 MB and maxBytes allows 0.0 MB; raise it, use a layer with a smaller output, or in Node pass overflow: temporaryFile().',
    );
    await cacheFeatures(base, images(6), { maxBytes: 6 * 16 * 4 });
    await expect(cacheFeatures(base, images(6).resize(48))).rejects.toThrow(
      'cacheFeatures: the images are 48x48x3, but the base takes 32x32x3; prepare the images at that size.',
    );
    const two = featureExtractor(base, ['pool4', 'pool5']);
    await expect(cacheFeatures(two, images(6))).rejects.toThrow(/the base has 2 outputs/);
    expect(() => splitModel(base, 'pool5')).toThrow(/block5_pool is the model's last layer/);
    base.dispose();
  });

  test('checks what the storage for large features returns', async () => {
    const base = narrow();
    const before = memory().numTensors;
    const kept = (store: unknown) =>
      cacheFeatures(base, images(2), { maxBytes: 0, overflow: async () => store as RowStore });
    for (const store of [undefined, null, {}, { write() {}, read() {}, dispose: Map }]) {
      await expect(kept(store)).rejects.toThrow(
        /^cacheFeatures: what overflow\(\) returned is .*; it must be an object as \{ write, read, dispose \}, all functions\.$/,
      );
    }
    const failing = async () => {
      throw new Error('of the caller');
    };
    // What failed first is what is thrown.
    await expect(
      kept({ write: failing, read: failing, dispose: () => Promise.reject('later') }),
    ).rejects.toThrow('of the caller');
    for (const values of [null, [1, 2], new Float32Array(3)]) {
      const features = await kept({ async write() {}, read: async () => values, async dispose() {} });
      await expect(features.batches({ batchSize: 2 }).next()).rejects.toThrow(
        /^cacheFeatures: what read\(\) of overflow returned is .*; it must be a Float32Array of 32 numbers, 16 for each of 2 rows\.$/,
      );
    }
    expect(memory().numTensors).toBe(before);
    base.dispose();
  });
});
