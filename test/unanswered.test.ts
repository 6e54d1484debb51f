import { memory, tidy, zerosLike } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { agreement, compress, correctBiases } from '../src/compress/index.js';
import { drawGarments, ImageSet, imageFiles } from '../src/data/index.js';
import { cacheFeatures, explain, styleTransfer, visualize } from '../src/features/index.js';
import { PLAIN_PREPROCESSING } from '../src/images/index.js';
import { vgg } from '../src/index.js';
import {
  diagnose,
  type Examples,
  evaluate,
  evaluateImages,
  memoryStore,
  predictClasses,
  train,
} from '../src/train/index.js';
import { encodeWeights, fromWeights } from '../src/weights/index.js';
import { useAnyBackend } from './support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

const build = () =>
  vgg([[1, 2]], { inputShape: [4, 4, 3], hiddenUnits: 3, classes: 2, dropout: 0, batchNorm: true });
const preprocessing = { ...PLAIN_PREPROCESSING, crop: 4, resize: { shorterSide: 4 } };
const image = { data: Uint8Array.from({ length: 48 }, (_, i) => 5 * i), width: 4, height: 4 };
const trainSet = new ImageSet({
  images: Uint8Array.from({ length: 40 * 48 }, (_, i) => (7 * i) % 251),
  labels: Uint8Array.from({ length: 40 }, (_, i) => i % 2),
  shape: [4, 4, 3],
  classNames: ['a', 'b'],
});
const parts = { microBatchSize: 1, epochs: 2, batchSize: 20 };
const files = ['a/1', 'b/2', 'b/3', 'stray'].map((path) => ({ path, read: async () => image }));
const images = { content: image, style: { ...image, data: image.data.slice().reverse() } };

/** What never comes, and says that it was asked for. */
type Never = () => Promise<never>;

/** A set whose second batch never comes. */
const endless = (never: Never): Examples => ({
  ...{ length: 40, shape: [4, 4, 3] },
  async *batches() {
    for (const batch of trainSet.batches({ batchSize: 20 })) {
      yield batch;
      break;
    }
    await never();
  },
});

/** Batches that never come. */
const noBatches = (next: Never) => () => ({ [Symbol.asyncIterator]: () => ({ next }) });

/** A set that is the training set, but for one function. */
const setWith = (changes: Partial<Examples>): Examples => ({
  ...{ length: 40, shape: [4, 4, 3], batches: (order) => trainSet.batches(order) },
  ...changes,
});

type Call = (never: Never, signal: AbortSignal, model: ReturnType<typeof build>) => Promise<unknown>;

const checkpointed = (changes: object, signal: AbortSignal, model: ReturnType<typeof build>, more = {}) =>
  train(
    model,
    { trainSet },
    { ...parts, signal, checkpoint: { store: { ...memoryStore(), ...changes }, ...more } },
  );

const originals = (all: () => Iterable<unknown> | AsyncIterable<unknown>) =>
  ({ length: 2, preprocessing, originals: all }) as Parameters<typeof evaluateImages>[1];

/** Calls that wait for the caller's code. */
const CALLS: Record<string, Call> = {
  'train, onStep': (onStep, signal, model) => train(model, { trainSet }, { ...parts, signal, onStep }),
  'train, onEpoch': (onEpoch, signal, model) => train(model, { trainSet }, { ...parts, signal, onEpoch }),
  'train, onProgress': (onProgress, signal, model) =>
    train(model, { trainSet }, { ...parts, signal, onProgress }),
  'train, onNote': (onNote, signal, model) => train(model, { trainSet }, { ...parts, signal, onNote }),
  'train, batches': (never, signal, model) =>
    train(model, { trainSet: endless(never) }, { ...parts, signal }),
  'train, batches of the test set': (never, signal, model) =>
    train(model, { trainSet, testSet: setWith({ batches: noBatches(never) }) }, { ...parts, signal }),
  'train, the batch to diagnose': (never, signal, model) => {
    let asked = 0;
    const batches: Examples['batches'] = (order) =>
      asked++ === 0 ? trainSet.batches(order) : noBatches(never)();
    // That of guessing.
    tidy(() => model.setWeights(model.getWeights().map((weight) => zerosLike(weight))));
    return train(model, { trainSet: setWith({ batches }) }, { ...parts, signal });
  },
  'train, fingerprint': (fingerprint, signal, model) =>
    train(
      model,
      { trainSet: setWith({ fingerprint }) },
      { ...parts, signal, checkpoint: { store: memoryStore() } },
    ),
  'train, lock of a store': (lock, signal, model) => checkpointed({ lock }, signal, model),
  'train, list of a store': (list, signal, model) => checkpointed({ list }, signal, model),
  'train, write to a store': (write, signal, model) => checkpointed({ write }, signal, model),
  'train, later write to a store': (never, signal, model) => {
    const { write } = memoryStore();
    let writes = 0;
    const later: typeof write = (...all) => (writes++ === 0 ? write(...all) : never());
    return checkpointed({ write: later }, signal, model);
  },
  'train, open of a store': async (open, signal, model) => {
    const store = memoryStore();
    await train(model, { trainSet }, { ...parts, epochs: 1, checkpoint: { store } });
    return train(
      model,
      { trainSet },
      { ...parts, signal, checkpoint: { store: { ...store, open }, resume: true } },
    );
  },
  'train, remove of a store': (remove, signal, model) =>
    checkpointed({ remove }, signal, model, { everySeconds: 0 }),
  'train, onProblem': (onProblem, signal, model) => {
    const { write } = memoryStore();
    let writes = 0;
    const full: typeof write = (...all) =>
      writes++ === 0 ? write(...all) : Promise.reject(new Error('the disk is full'));
    return checkpointed({ write: full }, signal, model, { onProblem });
  },
  'evaluate, onProgress': (onProgress, signal, model) => evaluate(model, trainSet, { onProgress, signal }),
  'evaluate, batches': (never, signal, model) => evaluate(model, endless(never), { batchSize: 20, signal }),
  'predictClasses, batches': (never, signal, model) =>
    predictClasses(model, endless(never), { batchSize: 20, signal }),
  'diagnose, batches': (never, signal, model) =>
    diagnose(model, setWith({ batches: noBatches(never) }), { signal }),
  'evaluateImages, originals': (never, signal, model) =>
    evaluateImages(
      model,
      originals(async function* () {
        yield { image, label: 0 };
        await never();
      }),
      { signal },
    ),
  'evaluateImages, onProgress': (onProgress, signal, model) =>
    evaluateImages(
      model,
      originals(() => [{ image, label: 0 }]),
      { onProgress, signal },
    ),
  'evaluateImages, onProblem': (onProblem, signal, model) =>
    evaluateImages(
      model,
      originals(() => [{ image: { ...image, width: 5 }, label: 0 }]),
      { onProblem, signal },
    ),
  'imageFiles, read': (read, signal) => imageFiles([{ path: 'a/1', read }], { preprocessing, signal }),
  'imageFiles, onProgress': (onProgress, signal) => imageFiles(files, { preprocessing, signal, onProgress }),
  'imageFiles, onProblem': (onProblem, signal) => imageFiles(files, { preprocessing, signal, onProblem }),
  'batches of imageFiles, read': async (never, signal) => {
    let reads = 0;
    const read = async () => (reads++ < 2 ? image : never());
    const { trainSet: set } = await imageFiles(
      ['a/1', 'b/2'].map((path) => ({ path, read })),
      { preprocessing, maxBytes: 0, validationFraction: 0 },
    );
    for await (const { xs } of set.batches({ batchSize: 2, signal })) expect.unreachable(String(xs));
  },
  'drawGarments, onProgress': (onProgress, signal) => drawGarments({ onProgress, signal }),
  'cacheFeatures, batches': (never, signal, model) =>
    cacheFeatures(model, endless(never), { batchSize: 20, signal }),
  'cacheFeatures, onProgress': (onProgress, signal, model) =>
    cacheFeatures(model, trainSet, { onProgress, signal }),
  'cacheFeatures, overflow': (overflow, signal, model) =>
    cacheFeatures(model, trainSet, { overflow, maxBytes: 0, signal }),
  'cacheFeatures, write of overflow': (write, signal, model) =>
    cacheFeatures(model, trainSet, {
      ...{ maxBytes: 0, signal },
      overflow: async () => ({ write, read: write, dispose: () => new Promise(() => {}) }),
    }),
  'compress, onProgress': (onProgress, signal, model) =>
    compress(model, { maxError: 0.5, onProgress, signal }),
  'compress, batches': (never, signal, model) =>
    compress(model, { maxError: 0.5, batchSize: 20, signal }, endless(never)),
  'correctBiases, batches': (never, signal, model) =>
    correctBiases(model, endless(never), { batchSize: 20, signal }),
  'correctBiases, onProgress': (onProgress, signal, model) =>
    correctBiases(model, trainSet, { onProgress, signal }),
  'agreement, batches': (never, signal, model) =>
    agreement(model, model, endless(never), { batchSize: 20, signal }),
  'explain by occlusion, onProgress': (onProgress, signal, model) =>
    explain(model, image, { method: 'occlusion', preprocessing, window: 2, stride: 2, onProgress, signal }),
  'explain by gradients, onProgress': (onProgress, signal, model) =>
    explain(model, image, { method: 'integrated-gradients', preprocessing, steps: 2, onProgress, signal }),
  'visualize, onProgress': (onProgress, signal, model) =>
    visualize(model, 'block1_conv1', 0, { steps: 2, preprocessing, onProgress, signal }),
  'styleTransfer, onProgress': (onProgress, signal, model) =>
    styleTransfer(model, images, {
      ...{ contentLayers: ['relu1_1'], styleLayers: ['relu1_1'], steps: 20, every: 1, optimizer: 'adam' },
      ...{ preprocessing, onProgress, signal },
    }),
  'fromWeights, shards': (shards, signal) =>
    fromWeights(new TextEncoder().encode('{"weight_map":{"a":"a.safetensors"}}'), { shards, signal }),
  'fromWeights of bytes, onProgress': async (onProgress, signal, model) =>
    fromWeights(await encodeWeights(model), { onProgress, signal, inputShape: [4, 4, 3] }),
  'fromWeights, onProgress': async (onProgress, signal, model) => {
    const bytes = await encodeWeights(model);
    return fromWeights('https://example.org/a.safetensors', {
      ...{ onProgress, signal, inputShape: [4, 4, 3] },
      fetch: async () => new Response(bytes as Uint8Array<ArrayBuffer>),
    });
  },
};

test.each(Object.entries(CALLS))('%s: what never comes is waited for until an abort', async (_, call) => {
  const model = build();
  const before = memory().numTensors;
  const controller = new AbortController();
  const reason = new Error('stopped by the caller');
  let ask = () => {};
  const asked = new Promise<void>((resolve) => {
    ask = resolve;
  });
  const never = () => {
    ask();
    return new Promise<never>(() => {});
  };
  const end = call(never, controller.signal, model).then(
    (result) => (result as { ended?: string }).ended,
    (error) => error,
  );
  await Promise.race([asked, end]);
  controller.abort(reason);
  expect([reason, 'aborted']).toContain(await end);
  expect(memory().numTensors).toBe(before);
  model.dispose();
});

/** A promise, and what settles it. */
function later<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((...both) => {
    [resolve, reject] = both;
  });
  return { promise, resolve, reject };
}

/** Lets promises settle, and Node report rejections that nobody handles, which fail the test. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

/** Aborts a call once it waits for something, and returns how it ends. */
async function abortedAt(asked: Promise<unknown>, call: (signal: AbortSignal) => Promise<unknown>) {
  const controller = new AbortController();
  const end = call(controller.signal).then(
    (result) => (result as { ended?: string }).ended,
    (error: Error) => error.name,
  );
  await Promise.race([asked, end]);
  controller.abort();
  return end;
}

test('a batch that comes after the abort is disposed, and its generator ends', async () => {
  const model = build();
  const [asked, coming, ended] = [later<void>(), later<void>(), later<void>()];
  const before = memory().numTensors;
  async function* batches() {
    try {
      asked.resolve();
      await coming.promise;
      yield* trainSet.batches({ batchSize: 20 });
    } finally {
      ended.resolve();
    }
  }
  const call = (signal: AbortSignal) => evaluate(model, setWith({ batches }), { batchSize: 20, signal });
  expect(await abortedAt(asked.promise, call)).toBe('AbortError');
  coming.resolve();
  await ended.promise;
  expect(memory().numTensors).toBe(before);
  model.dispose();
});

test('storage that opens after the abort is disposed', async () => {
  const model = build();
  const [asked, coming, disposed] = [later<void>(), later<void>(), later<void>()];
  const overflow = async () => {
    asked.resolve();
    await coming.promise;
    const unused = async () => expect.unreachable();
    return { write: unused, read: unused, dispose: async () => disposed.resolve() };
  };
  const call = (signal: AbortSignal) => cacheFeatures(model, trainSet, { overflow, maxBytes: 0, signal });
  expect(await abortedAt(asked.promise, call)).toBe('AbortError');
  coming.resolve();
  await disposed.promise;
  model.dispose();
});

test('an image that is read after the abort is disposed', async () => {
  const [asked, coming, disposed] = [later<void>(), later<void>(), later<void>()];
  const read = async () => {
    asked.resolve();
    await coming.promise;
    return { ...image, close: () => disposed.resolve() };
  };
  const call = (signal: AbortSignal) => imageFiles([{ path: 'a/1', read }], { preprocessing, signal });
  expect(await abortedAt(asked.promise, call)).toBe('AbortError');
  coming.resolve();
  await disposed.promise;
});

test('a lock that comes after the abort is released', async () => {
  const model = build();
  const [asked, coming, released] = [later<void>(), later<void>(), later<void>()];
  const lock = async () => {
    asked.resolve();
    await coming.promise;
    return async () => released.resolve();
  };
  expect(await abortedAt(asked.promise, (signal) => checkpointed({ lock }, signal, model))).toBe('aborted');
  coming.resolve();
  await released.promise;
  model.dispose();
});

test('a checkpoint that is written slowly is cut when the run is stopped, which says so and waits no more for that store', async () => {
  const model = build();
  const [asked, goOn] = [later<void>(), later<void>()];
  const { write } = memoryStore();
  let writes = 0;
  let slow: Promise<void> = Promise.resolve();
  const cut: typeof write = (name, content) => {
    if (writes++ === 0) return write(name, content);
    slow = (async () => {
      for await (const { length } of content) {
        expect(length).toBeGreaterThan(0);
        asked.resolve();
        await goOn.promise;
      }
    })();
    return slow;
  };
  const controller = new AbortController();
  const checkpoint = { store: { ...memoryStore(), write: cut } };
  const running = train(model, { trainSet }, { ...parts, signal: controller.signal, checkpoint });
  await asked.promise;
  controller.abort();
  const { ended, epochs, problems } = await running;
  expect([ended, epochs.length, writes]).toEqual(['aborted', 1, 2]);
  expect(problems).toEqual([
    'memory had not answered when the run was stopped, so its last checkpoint may be missing.',
  ]);
  goOn.resolve();
  await expect(slow).rejects.toThrow('the run was stopped before this checkpoint was written.');
  model.dispose();
});

test("what fails after the abort is nobody's unhandled rejection", async () => {
  const model = build();
  const [asked, coming] = [later<void>(), later<void>()];
  const onEpoch = () => {
    asked.resolve();
    return coming.promise;
  };
  const call = (signal: AbortSignal) => train(model, { trainSet }, { ...parts, signal, onEpoch });
  expect(await abortedAt(asked.promise, call)).toBe('aborted');
  coming.reject(new Error('too late'));
  await settled();
  model.dispose();
});

test('a callback that stops the run itself is waited for, and so are the last checkpoint and epoch', async () => {
  const model = build();
  const controller = new AbortController();
  const done: string[] = [];
  const slowly = async (what: string) => {
    await settled();
    done.push(what);
  };
  const { write, ...store } = memoryStore();
  const slowWrite: typeof write = async (...all) => {
    await write(...all);
    await slowly('checkpoint');
  };
  const { ended } = await train(
    model,
    { trainSet },
    {
      ...{ ...parts, signal: controller.signal, checkpoint: { store: { ...store, write: slowWrite } } },
      onStep: async () => {
        controller.abort();
        await slowly('step');
      },
      onEpoch: () => slowly('epoch'),
    },
  );
  expect([ended, done]).toEqual(['aborted', ['checkpoint', 'step', 'checkpoint', 'epoch']]);
  model.dispose();
});

test('a run that was stopped while it waited goes on as if it had not been', async () => {
  const [model, whole] = [build(), build()];
  const store = memoryStore();
  const asked = later<void>();
  const onStep = async ({ step }: { step: number }) => {
    if (step < 3) return;
    asked.resolve();
    await new Promise<never>(() => {});
  };
  const call = (signal: AbortSignal) =>
    train(model, { trainSet }, { ...parts, signal, onStep, checkpoint: { store } });
  expect(await abortedAt(asked.promise, call)).toBe('aborted');
  await train(model, { trainSet }, { ...parts, checkpoint: { store, resume: true } });
  await train(whole, { trainSet }, parts);
  for (const [i, weight] of whole.getWeights().entries()) {
    expect(await model.getWeights()[i]!.data()).toEqual(await weight.data());
  }
  for (const each of [model, whole]) each.dispose();
});
