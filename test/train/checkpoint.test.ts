import { dispose, fill, memory, mul, train as optimizers, tensor1d, zeros } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { crc32 } from '../../src/base/crc32.js';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import {
  type CheckpointStore,
  type EpochRow,
  type Examples,
  memoryStore,
  storedEpochs,
  type TrainOptions,
  type TrainSets,
  train,
} from '../../src/train/index.js';
import { readTensors } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

/** Images of noise, whose classes are to be learned by heart. */
function noise(length: number, seed = 1): ImageSet {
  const images = Uint8Array.from(
    { length: length * 16 },
    (_, i) => (Math.imul(i + seed, 2654435761) >>> 24) & 255,
  );
  const labels = Uint8Array.from({ length }, (_, i) => (i * 7 + seed) % 3);
  return new ImageSet({ images, labels, shape: [4, 4, 1], classNames: ['a', 'b', 'c'] });
}

const sets = () => ({ trainSet: noise(20), validationSet: noise(9, 5) });

const build = (classes = 3) =>
  vgg([[1, 4]], { inputShape: [4, 4, 1], classes, hiddenUnits: 6, dropout: 0.5, batchNorm: true });

const OPTIONS = { epochs: 3, batchSize: 8, seed: 7 } satisfies TrainOptions;

/** All weights of a model. */
const valuesOf = async (model: LayersModel) =>
  Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]));

/** Trains a new model; leaves no tensor. */
async function run(options: TrainOptions, data: TrainSets = sets(), model = build()) {
  const before = memory().numTensors;
  try {
    const history = await train(model, data, { ...OPTIONS, ...options });
    return { history, weights: await valuesOf(model) };
  } finally {
    expect(memory().numTensors, 'tensors beside the model').toBe(before);
    model.dispose();
  }
}

/** Options that stop a run after a number of steps. */
function stopAfter(steps: number): Pick<TrainOptions, 'signal' | 'onStep'> {
  const controller = new AbortController();
  let done = 0;
  const onStep = () => {
    if (++done === steps) controller.abort();
  };
  return { signal: controller.signal, onStep };
}

async function* once(bytes: Uint8Array) {
  yield bytes;
}

/** Changes a byte, counted from the end if negative. */
async function damage(store: CheckpointStore, name: string, at = -100): Promise<void> {
  const bytes = ((await store.open(name)) as Uint8Array).slice();
  bytes[(at + bytes.length) % bytes.length]! ^= 1;
  await store.write(name, once(bytes));
}

/** Replaces text of the same length in a checkpoint, and corrects its checksum. */
async function replaceText(store: CheckpointStore, name: string, old: string, text: string): Promise<void> {
  const bytes = ((await store.open(name)) as Uint8Array).slice();
  const escaped = (one: string) => JSON.stringify(one).slice(1, -1);
  const latin = new TextDecoder('latin1').decode(bytes);
  const at = latin.indexOf(escaped(old));
  expect(at).toBeGreaterThan(0);
  bytes.set(new TextEncoder().encode(escaped(text)), at);
  new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
  await store.write(name, once(bytes));
}

const timeless = <T extends { epochs: object[] }>(history: T) => ({
  ...history,
  epochs: history.epochs.map((row) => ({ ...row, seconds: 0, examplesPerSecond: 0 })),
});

describe('a run that was stopped and resumed ends with the same weights and history', () => {
  test.each<[string, TrainOptions]>([
    ['sgd', { optimizer: 'sgd' }],
    ['momentum, cosine', { optimizer: 'momentum', schedule: 'cosine' }],
    ['adam', { optimizer: 'adam' }],
    ['the best weights', { optimizer: 'adam', learningRate: 0.05, keep: 'best' }],
  ])('%s', async (_, options) => {
    const whole = await run(options);
    for (const steps of [1, 3, 4, 8]) {
      const store = memoryStore();
      const stop = stopAfter(steps);
      const stopped = await run({ ...options, ...stop, checkpoint: { store } });
      expect(stopped.history.ended).toBe('aborted');
      const resumed = await run({ ...options, checkpoint: { store, resume: true } });
      expect(resumed.weights).toEqual(whole.weights);
      expect(timeless(resumed.history)).toEqual(timeless(whole.history));
    }
  });

  test('wherever it is stopped, again and again', async () => {
    const whole = await run({ optimizer: 'adam', keep: 'best' });
    const store = memoryStore();
    const ends: string[] = [];
    for (let i = 0; i < 4; i++) {
      // Nine steps in all.
      const stop = stopAfter(4);
      const checkpoint = { store, resume: true };
      const { history, weights } = await run({ optimizer: 'adam', keep: 'best', ...stop, checkpoint });
      ends.push(history.ended);
      if (history.ended === 'finished') expect(weights).toEqual(whole.weights);
    }
    expect(ends).toEqual(['aborted', 'aborted', 'finished', 'finished']);
  });
});

describe('checkpoints', () => {
  test("go to a store of the caller's class, with a signal and without", async () => {
    class Store implements CheckpointStore {
      readonly name = 'mine';
      readonly #within = memoryStore();
      lock() {
        return this.#within.lock();
      }
      list() {
        return this.#within.list();
      }
      open(name: string) {
        return this.#within.open(name);
      }
      write(name: string, content: AsyncIterable<Uint8Array>) {
        return this.#within.write(name, content);
      }
      remove(name: string) {
        return this.#within.remove(name);
      }
    }
    for (const signal of [undefined, new AbortController().signal]) {
      const store = new Store();
      const { history } = await run({ epochs: 1, signal, checkpoint: { store } });
      expect([history.ended, history.problems, (await store.list()).length]).toEqual([
        'finished',
        undefined,
        2,
      ]);
    }
  });

  test.each<[string, unknown, string]>([
    [
      'a store without functions',
      { store: {} },
      'checkpoint.store is {}, without lock, list, open, write, remove; pass memoryStore()',
    ],
    ['a map as the store', { store: new Map() }, 'checkpoint.store is an object of class Map, without lock'],
    ['no store', {}, 'checkpoint.store is undefined, without lock'],
    ['a path', 'runs', 'checkpoint is "runs"; pass { store: memoryStore() }'],
    ['null', null, 'checkpoint is null; pass { store: memoryStore() }'],
    [
      'an option of another name',
      { store: memoryStore(), every: 3 },
      `checkpoint's option is "every"; it must be one of`,
    ],
    [
      'resume as text',
      { store: memoryStore(), resume: 'yes' },
      'checkpoint.resume is "yes"; it must be one of true, false',
    ],
    [
      'a callback that is none',
      { store: memoryStore(), onProblem: 1 },
      'checkpoint.onProblem is 1; pass a function.',
    ],
  ])('%s is refused before the first step', async (_, checkpoint, message) => {
    const onStep = () => expect.unreachable();
    await expect(run({ checkpoint, onStep } as TrainOptions)).rejects.toThrow(`train: ${message}`);
  });

  test('the last two and the best are kept', async () => {
    const store = memoryStore();
    const accuracies: number[] = [];
    const onEpoch = (row: EpochRow) => void accuracies.push(row.validationAccuracy!);
    await run({ optimizer: 'adam', epochs: 6, checkpoint: { store, everySeconds: 0 }, onEpoch });
    const best = accuracies.indexOf(Math.max(...accuracies)) + 1;
    expect((await store.list()).sort()).toEqual(
      [...new Set([best + 1, 7])]
        .map((epoch) => `epoch-0000${epoch}-batch-0000000`)
        .concat(['epoch-00006-batch-0000002'])
        .sort(),
    );
  });

  test('are safetensors files with the weights, the slots and the best weights', async () => {
    const store = memoryStore();
    await run({ optimizer: 'momentum', keep: 'best', checkpoint: { store } });
    const [name] = (await store.list()).sort().slice(-1);
    const tensors = await readTensors((await store.open(name!)) as Uint8Array);
    const parts = new Set([...tensors.keys()].map((key) => key.split('/')[0]));
    expect([...parts].sort()).toEqual(['best', 'checksum', 'epoch', 'optimizer', 'weights']);
    expect((await storedEpochs(store)).map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  });

  test('a damaged one is named, and the one before it is used; if all are, that is said', async () => {
    const whole = await run({ optimizer: 'adam' });
    const store = memoryStore();
    const stop = stopAfter(7);
    await run({ optimizer: 'adam', ...stop, checkpoint: { store } });
    const [before, last] = (await store.list()).sort().slice(-2) as [string, string];
    await damage(store, last);
    const problems: string[] = [];
    const checkpoint = { store, resume: true, onProblem: (problem: string) => void problems.push(problem) };
    const resumed = await run({ optimizer: 'adam', checkpoint });
    expect(resumed.weights).toEqual(whole.weights);
    expect(problems).toEqual([
      `memory: ${last}: it is damaged or incomplete: its checksum is wrong. The one before it is used.`,
    ]);
    expect(resumed.history.problems).toEqual(problems);
    expect(before < last).toBe(true);
    for (const name of await store.list()) await damage(store, name);
    await expect(run({ checkpoint: { store, resume: true } })).rejects.toThrow(
      /^train: no checkpoint in memory can be read: memory: epoch-.* checksum is wrong\. .*Start a new run\.$/,
    );
  });

  test.each([0, 3, 9, 100, 2000, -1, -3])('a change of byte %i is found', async (at) => {
    const store = memoryStore();
    await run({ epochs: 1, checkpoint: { store } });
    for (const name of await store.list()) await damage(store, name, at);
    await expect(run({ epochs: 1, checkpoint: { store, resume: true } })).rejects.toThrow(
      'checksum is wrong',
    );
  });

  test.each([
    ['{"format":1', '["format",1'],
    ['"format":1', '"formit":1'],
  ])('a description that is none, %s instead of %s, is damaged', async (old, text) => {
    const store = memoryStore();
    await run({ epochs: 1, checkpoint: { store } });
    for (const name of await store.list()) await replaceText(store, name, old, text);
    await expect(run({ epochs: 1, checkpoint: { store, resume: true } })).rejects.toThrow(
      'it is damaged: its description is no JSON of a checkpoint',
    );
  });

  test.each([0, 7, 100, 2000])('a file of %i bytes is incomplete', async (length) => {
    const store = memoryStore();
    await run({ epochs: 1, checkpoint: { store } });
    for (const name of await store.list()) {
      const bytes = (await store.open(name)) as Uint8Array;
      await store.write(name, once(bytes.slice(0, length)));
    }
    await expect(run({ epochs: 1, checkpoint: { store, resume: true } })).rejects.toThrow(
      'checksum is wrong',
    );
  });

  const other = { trainSet: noise(20, 3), validationSet: noise(9, 5) };

  test.each<[string, TrainOptions, ReturnType<typeof sets>, number, RegExp]>([
    ['an option', { seed: 8 }, sets(), 3, /: the option seed was 7 and is 8\. Pass what it began with\.$/],
    ['a new option', { clipNorm: 1 }, sets(), 3, /: the option clipNorm was not set and is 1\./],
    [
      'the data',
      {},
      other,
      3,
      /: of the data, trainSet was "20 examples of 4x4x1, \w+" and is "20 examples of 4x4x1, \w+"\./,
    ],
    ['the model', {}, sets(), 4, /: of layer 10 of the model \(Dense\), units was 3 and is 4\./],
  ])('another run is refused by what differs: %s', async (_, options, data, classes, message) => {
    const store = memoryStore();
    const stop = stopAfter(4);
    await run({ ...stop, checkpoint: { store } });
    const checkpoint = { store, resume: true };
    await expect(run({ ...options, checkpoint }, data, build(classes))).rejects.toThrow(message);
  });

  test('other data may be allowed, and another engine is refused', async () => {
    const store = memoryStore();
    const stop = stopAfter(4);
    await run({ ...stop, checkpoint: { store } });
    for (const name of await store.list()) await replaceText(store, name, '"tfjs":"4.', '"tfjs":"3.');
    const checkpoint = { store, resume: true };
    await expect(run({ checkpoint })).rejects.toThrow(
      /: of the engine, tfjs was "3\.[\d.]+" and is "4\.[\d.]+"\./,
    );
    const { history } = await run({ checkpoint: { ...checkpoint, allow: ['engine', 'data'] } }, other);
    expect(history.ended).toBe('finished');
  });

  test('an unfinished run is not overwritten, and a finished one is', async () => {
    const store = memoryStore();
    const stop = stopAfter(4);
    await run({ ...stop, checkpoint: { store } });
    await expect(run({ checkpoint: { store } })).rejects.toThrow(
      'train: memory has an unfinished run, up to epoch-00002-batch-0000001; go on with it (resume: true) or choose another store.',
    );
    await run({ checkpoint: { store, resume: true } });
    expect((await run({ seed: 2, checkpoint: { store } })).history.seed).toBe(2);
  });

  test('a store in use is refused, and is free after a run, also one that failed', async () => {
    const store = memoryStore();
    const release = await store.lock();
    await expect(run({ checkpoint: { store } })).rejects.toThrow('another run has this store');
    await release();
    const failing = () => {
      throw new Error('no');
    };
    await expect(run({ onEpoch: failing, checkpoint: { store } })).rejects.toThrow('no');
    await (await store.lock())();
  });

  test('a store that cannot be released takes no results with it, and leaves the model as after any run', async () => {
    const store: CheckpointStore = {
      ...memoryStore(),
      lock: async () => async () => {
        throw new Error('the lock is gone.');
      },
    };
    const model = build();
    const before = memory().numTensors;
    const problems: string[] = [];
    const checkpoint = { store, onProblem: (problem: string) => void problems.push(problem) };
    const history = await train(model, sets(), { ...OPTIONS, checkpoint });
    expect(history.epochs).toHaveLength(OPTIONS.epochs);
    expect(history.problems).toEqual(problems);
    expect(problems).toEqual(['memory could not be released: the lock is gone.']);
    expect(memory().numTensors).toBe(before);
    // Refused while another run has the layers.
    await train(model, sets(), OPTIONS);
    model.dispose();
  });

  test.each<[string, object, string]>([
    [
      'lock',
      { lock: async () => null },
      'train: lock() of checkpoint.store returned null; return a function that releases the store.',
    ],
    [
      'list',
      { list: async () => null },
      "train: what the store's list() returned is null; it must be a list of texts.",
    ],
    [
      'open',
      { list: async () => ['epoch-00001-batch-0000000'], open: async () => 5 },
      "train: what the store's open() returned is 5; it must be a path, a URL,",
    ],
    [
      'write',
      { write: () => Promise.reject(new Error('the disk is full.')) },
      'train: nothing was trained, since no checkpoint can be stored: the disk is full.',
    ],
    [
      'write',
      { write: () => Promise.reject(undefined) },
      'no checkpoint can be stored: undefined was thrown, which is not an error.',
    ],
  ])('a store whose %s() fails is refused before the first step', async (called, changes, message) => {
    const store = { ...memoryStore(), ...changes } as CheckpointStore;
    const onStep = () => expect.unreachable();
    await expect(run({ checkpoint: { store, resume: true }, onStep })).rejects.toThrow(message);
    if (/list|open/.test(called)) {
      await expect(storedEpochs(store)).rejects.toThrow(message.replace('train', 'storedEpochs'));
    }
  });

  test('of examples with weights leave no tensor, and name other weights as other data', async () => {
    const weighted = (weight: number): Examples => {
      const set = noise(20);
      return {
        ...{ length: set.length, shape: set.shape },
        *batches(options) {
          for (const batch of set.batches(options)) {
            const counts = Array.from({ length: batch.xs.shape[0] }, (_, i) => (i % 2 ? weight : 1));
            yield { ...batch, weights: tensor1d(counts) };
          }
        },
      };
    };
    const store = memoryStore();
    await run({ ...stopAfter(2), checkpoint: { store } }, { ...sets(), trainSet: weighted(2) });
    const resume = { checkpoint: { store, resume: true } };
    await expect(run(resume, { ...sets(), trainSet: weighted(3) })).rejects.toThrow('of the data, trainSet');
    await run(resume, { ...sets(), trainSet: weighted(2) });
  });

  test('a full disk is reported, training goes on, and the next one is tried', async () => {
    const inner = memoryStore();
    let writes = 0;
    const store: CheckpointStore = {
      ...inner,
      async write(name, content) {
        if (++writes === 3) throw new Error('the disk is full; free some space.');
        await inner.write(name, content);
      },
    };
    const { history, weights } = await run({ checkpoint: { store } });
    expect(history.problems).toEqual([
      'a checkpoint could not be stored: the disk is full; free some space. Training goes on, and the next checkpoint will be tried.',
    ]);
    expect((await inner.list()).sort()).toEqual(['epoch-00002-batch-0000000', 'epoch-00004-batch-0000000']);
    expect(weights).toEqual((await run({})).weights);
  });

  test('a store that cannot be written to is an error before the first step', async () => {
    const store: CheckpointStore = {
      ...memoryStore(),
      write: async () => {
        throw new Error('permission denied.');
      },
    };
    let steps = 0;
    await expect(run({ checkpoint: { store }, onStep: () => void steps++ })).rejects.toThrow(
      'permission denied',
    );
    expect(steps).toBe(0);
  });

  test('after a divergence the model has the weights of the last good one', async () => {
    const store = memoryStore();
    const stored: Record<string, number[][]> = {};
    const model = build();
    const keepWeights: CheckpointStore = {
      ...store,
      async write(name, content) {
        stored[name] = await valuesOf(model);
        await store.write(name, content);
      },
    };
    let steps = 0;
    const { trainSet } = sets();
    const poisoned = {
      length: trainSet.length,
      shape: trainSet.shape,
      *batches(order: { batchSize: number; seed?: number }) {
        for (const { xs, ys } of trainSet.batches(order)) {
          yield { xs: steps > 4 ? mul(xs, Number.NaN) : xs, ys };
          if (steps++ > 4) xs.dispose();
        }
      },
    };
    const data = { trainSet: poisoned } as unknown as ReturnType<typeof sets>;
    const { history, weights } = await run({ checkpoint: { store: keepWeights } }, data, model);
    expect(history).toMatchObject({ ended: 'diverged', weightsOf: 1 });
    expect(weights).toEqual(stored['epoch-00002-batch-0000000']);
  });

  test('a run whose loss grows far above that of guessing has diverged, and ends with its best epoch', async () => {
    const build = () => vgg([[1, 4]], { inputShape: [4, 4, 1], classes: 3, hiddenUnits: [] });
    const model = build();
    const store = memoryStore();
    const stored: Record<string, number[][]> = {};
    const write: CheckpointStore['write'] = async (name, content) => {
      stored[name] = await valuesOf(model);
      await store.write(name, content);
    };
    const { trainSet, validationSet } = sets();
    let brightness = 1;
    const glaring: Examples = {
      length: trainSet.length,
      shape: trainSet.shape,
      *batches(order) {
        for (const { xs: dim, ys } of trainSet.batches(order)) {
          const xs = mul(dim, brightness);
          dim.dispose();
          yield { xs, ys };
        }
      },
    };
    const options: TrainOptions = {
      ...{ optimizer: 'sgd', learningRate: 0.01, checkpoint: { store: { ...store, write } } },
      onEpoch({ epoch }) {
        if (epoch === 2) brightness = 1e4;
      },
    };
    const data = { trainSet: glaring, validationSet };
    const { history, weights } = await run(options, data, model);

    expect(history.ended).toBe('diverged');
    expect(history.weightsOf).toBeLessThan(3);
    expect(weights).toEqual(stored[`epoch-0000${history.weightsOf + 1}-batch-0000000`]);
    // So it does when it is asked for again.
    brightness = 1;
    const again = await run({ ...options, checkpoint: { store, resume: true } }, data, build());
    expect(again).toEqual({ history, weights });
  });

  test('a run that recovers has not diverged', async () => {
    const model = vgg([[1, 4]], { inputShape: [4, 4, 1], classes: 3, hiddenUnits: [] });
    const onEpoch = ({ epoch }: EpochRow) => {
      const weights = model.getWeights().map((weight) => mul(weight, epoch === 1 ? 64 : 1 / 64));
      model.setWeights(weights);
      dispose(weights);
    };
    const { history } = await run({ onEpoch, optimizer: 'sgd', learningRate: 1e-9 }, sets(), model);
    expect(history.epochs[1]!.loss).toBeGreaterThan(2 * Math.log(3));
    expect(history).toMatchObject({ ended: 'finished', weightsOf: 3 });
  });

  test('a run that loses what it had learned has diverged', async () => {
    const model = vgg([[1, 4]], { inputShape: [4, 4, 1], classes: 3, hiddenUnits: [] });
    const onEpoch = ({ epoch, loss }: EpochRow) => {
      if (epoch !== 29) return;
      expect(loss).toBeLessThan(0.9 * Math.log(3));
      // All units die.
      const weights = model.getWeights().map((weight) => zeros(weight.shape));
      model.setWeights(weights);
      dispose(weights);
    };
    const options: TrainOptions = { onEpoch, epochs: 30, optimizer: 'sgd', learningRate: 0.3 };
    const { history } = await run(options, { trainSet: noise(9) }, model);
    expect(history).toMatchObject({ ended: 'diverged', weightsOf: 30 });
  });

  test.each([false, true])(
    'weights that are not finite are a divergence, whatever the loss; stopped: %s',
    async (stopped) => {
      const model = build();
      const store = memoryStore();
      const controller = new AbortController();
      const onStep = () => {
        if (stopped) controller.abort();
        const [first, ...others] = model.getWeights();
        const infinite = fill(first!.shape, Number.POSITIVE_INFINITY);
        model.setWeights([infinite, ...others]);
        infinite.dispose();
      };
      const data = { trainSet: noise(20) } as ReturnType<typeof sets>;
      const options = { onStep, epochs: 1, batchSize: stopped ? 10 : 20, signal: controller.signal };
      const { history, weights } = await run({ ...options, checkpoint: { store } }, data, model);
      expect(history).toMatchObject({ ended: 'diverged', weightsOf: 0 });
      expect(await store.list()).toEqual(['epoch-00001-batch-0000000']);
      expect(weights.flat().every(Number.isFinite)).toBe(true);
    },
  );

  test.each<[TrainOptions, string]>([
    [{ checkpoint: {} as { store: CheckpointStore } }, 'train: checkpoint.store is undefined, without lock'],
    [{ checkpoint: { store: memoryStore(), everySeconds: -1 } }, 'train: checkpoint.everySeconds is -1;'],
    [
      { checkpoint: { store: memoryStore(), allow: ['seed' as 'data'] } },
      'train: checkpoint.allow is "seed"; it must be one of',
    ],
  ])('bad options are refused: %#', async (options, message) => {
    await expect(run(options)).rejects.toThrow(message);
  });

  test("an optimizer of tfjs's own is refused", async () => {
    const optimizer = optimizers.sgd(0.1);
    await expect(run({ optimizer, checkpoint: { store: memoryStore() } })).rejects.toThrow(
      'train: checkpoints cannot store the state of the optimizer passed; name an optimizer.',
    );
    optimizer.dispose();
  });
});

describe('batches that are not what the set says are one sentence', () => {
  type Change = {
    xs?: number[];
    ys?: number[];
    dtype?: 'float32';
    stop?: boolean;
    nothing?: boolean;
    again?: boolean;
  };
  test.each<[string, Change, string]>([
    [
      'fewer',
      { stop: true },
      'the training set returned 8 examples, but its length is 20; correct its length.',
    ],
    [
      'more',
      { again: true },
      'the training set returned more examples than its length of 20; correct its length.',
    ],
    [
      'no batch',
      { nothing: true },
      'the training set returned undefined; return batches { xs, ys } of tensors of numbers that are not disposed.',
    ],
    [
      'an empty batch',
      { xs: [0, 4, 4, 1], ys: [] },
      'the training set returned a batch of 0 examples after 8 of 20, but 8 are due; only the last batch may be smaller than batchSize.',
    ],
    [
      'a batch of another size',
      { xs: [5, 4, 4, 1], ys: [0, 0, 0, 0, 0] },
      'returned a batch of 5 examples after 8 of 20, but 8 are due;',
    ],
    [
      'images of another size',
      { xs: [8, 5, 4, 1], ys: Array(8).fill(0) },
      'returned images of 5x4x1, but its shape is 4x4x1;',
    ],
    [
      'too few labels',
      { xs: [8, 4, 4, 1], ys: [0, 1] },
      'returned 8 images with 2 labels; return one label for each image.',
    ],
    [
      'labels of another type',
      { xs: [8, 4, 4, 1], ys: Array(8).fill(0), dtype: 'float32' },
      'returned labels of the type float32; return int32.',
    ],
    [
      'a label too large',
      { xs: [8, 4, 4, 1], ys: [0, 1, 3, 0, 0, 0, 0, 0] },
      'the training set has the label 3 at example 10, but the model has 3 classes; labels must be from 0 to 2.',
    ],
  ])('%s', async (_, change, message) => {
    const good = noise(20);
    const trainSet = {
      length: 20,
      shape: [4, 4, 1],
      *batches(order: { batchSize: number; seed?: number }) {
        const batches = good.batches(order);
        yield batches.next().value;
        if (change.stop) return;
        if (change.nothing) yield undefined as never;
        const { xs, ys, dtype = 'int32' } = change;
        if (xs && ys) yield { xs: zeros(xs), ys: tensor1d(ys, dtype) };
        else yield* batches;
        if (change.again) yield* good.batches(order);
      },
    };
    const data = { trainSet } as unknown as ReturnType<typeof sets>;
    await expect(run({}, data)).rejects.toThrow(message);
  });
});
