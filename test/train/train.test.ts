import { dispose, memory, train as optimizers, tensor1d, tensor4d } from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { type VggOptions, vgg } from '../../src/index.js';
import {
  type Batch,
  curves,
  type Examples,
  evaluate,
  predictClasses,
  type TrainOptions,
  type TrainProgress,
  type TrainSets,
  throughput,
  train,
} from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

/** Images of 4x4 pixels whose left half, right half, top or bottom is bright, with noise; in a given order. */
class Halves implements Examples {
  readonly shape = [4, 4, 1];
  readonly classNames = ['left', 'right', 'top', 'bottom'];
  seeds: (number | undefined)[] = [];

  constructor(readonly length: number) {}

  *batches({ batchSize, seed }: { batchSize: number; seed?: number }): Iterable<Batch> {
    this.seeds.push(seed);
    for (let start = 0; start < this.length; start += batchSize) {
      const ids = Array.from({ length: Math.min(batchSize, this.length - start) }, (_, i) => start + i);
      const pixels = ids.flatMap((id) =>
        Array.from({ length: 16 }, (_, p) => {
          const lit = [p % 4 < 2, p % 4 >= 2, p < 8, p >= 8][id % 4] ? 1 : 0;
          return lit + 0.3 * Math.sin(id * 31 + p * 17 + (seed ?? 0));
        }),
      );
      yield {
        xs: tensor4d(pixels, [ids.length, 4, 4, 1]),
        ys: tensor1d(
          ids.map((id) => id % 4),
          'int32',
        ),
      };
    }
  }
}

const build = (options: VggOptions = {}) =>
  vgg([[1, 8]], { inputShape: [4, 4, 1], classes: 4, hiddenUnits: 16, dropout: 0.1, ...options });

const FAST: TrainOptions = { epochs: 8, batchSize: 16, optimizer: 'adam', learningRate: 0.02 };

/** Runs `use` with a new model and expects it to leave no tensor behind. */
async function withModel<T>(
  use: (model: ReturnType<typeof build>) => Promise<T>,
  options?: VggOptions,
): Promise<T> {
  const before = memory().numTensors;
  const model = build(options);
  const held = memory().numTensors;
  const result = await use(model);
  expect(memory().numTensors, 'tensors beside the model').toBe(held);
  model.dispose();
  expect(memory().numTensors, 'tensors after the model').toBe(before);
  return result;
}

const values = (model: ReturnType<typeof build>) =>
  Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]));

describe('train', () => {
  test('learns, and reports each epoch', async () => {
    await withModel(async (model) => {
      const rows: number[] = [];
      const history = await train(
        model,
        { trainSet: new Halves(64), testSet: new Halves(13) },
        {
          ...FAST,
          learningRate: 0.03,
          onEpoch: ({ epoch }) => void rows.push(epoch),
        },
      );
      expect(history.ended).toBe('finished');
      expect(history.epochs.map(({ epoch }) => epoch)).toEqual(rows);
      expect(rows).toHaveLength(FAST.epochs!);
      expect(history.epochs.at(-1)!.testAccuracy).toBe(1);
      expect(history.epochs.at(-1)!.loss).toBeLessThan(history.epochs[0]!.loss / 4);
      expect(history.epochs.every(({ examples }) => examples === 64)).toBe(true);
      expect(JSON.parse(JSON.stringify(history))).toEqual(history);
    });
  });

  test('returns the same history and weights for the same seed, dropout included, and different ones for another', async () => {
    const run = (seed: number) =>
      withModel(
        async (model) => {
          const { epochs } = await train(model, { trainSet: new Halves(24) }, { ...FAST, epochs: 2, seed });
          return { losses: epochs.map(({ loss }) => loss), weights: await values(model) };
        },
        { dropout: 0.5 },
      );
    const first = await run(3);
    expect(await run(3)).toEqual(first);
    expect((await run(4)).losses).not.toEqual(first.losses);
  });

  test('shuffles again in every epoch, and tests in stored order', async () => {
    await withModel(async (model) => {
      const [examples, tests] = [new Halves(32), new Halves(8)];
      await train(model, { trainSet: examples, testSet: tests }, { ...FAST, epochs: 3 });
      expect(new Set(examples.seeds).size).toBe(3);
      expect(tests.seeds).toEqual([undefined, undefined, undefined]);
    });
  });

  test('leaves all layers as they are between steps and afterwards, and what the model was compiled with', async () => {
    await withModel(async (model) => {
      const sgd = optimizers.sgd(0.1);
      model.compile({ optimizer: sgd, loss: 'meanSquaredError' });
      const changed: string[] = [];
      const note = () => {
        changed.push(...model.layers.filter((layer) => Object.hasOwn(layer, 'call')).map(({ name }) => name));
      };
      await train(model, { trainSet: new Halves(16) }, { ...FAST, epochs: 1, onProgress: note });
      note();
      expect(changed).toEqual([]);
      expect(model.optimizer).toBe(sgd);
      sgd.dispose();
    });
  });

  test('lets timers run, which may stop it, however short its epochs are', async () => {
    await withModel(async (model) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 150);
      const options = { ...FAST, epochs: 1000, batchSize: 4, signal: controller.signal };
      const history = await train(model, { trainSet: new Halves(4) }, options);
      expect(history.ended).toBe('aborted');
    });
  });

  test('stops after a batch when the signal says so, with a history and a model that learned', async () => {
    await withModel(async (model) => {
      const before = await values(model);
      const controller = new AbortController();
      class Stopping extends Halves {
        override *batches(options: { batchSize: number; seed?: number }): Iterable<Batch> {
          let taken = 0;
          for (const batch of super.batches(options)) {
            if (taken++ === 2) controller.abort();
            yield batch;
          }
        }
      }
      const history = await train(
        model,
        { trainSet: new Stopping(64), testSet: new Halves(8) },
        { ...FAST, signal: controller.signal },
      );
      expect(history.ended).toBe('aborted');
      expect(history.epochs).toHaveLength(1);
      expect(history.epochs[0]).toMatchObject({
        epoch: 1,
        examples: 32,
        testAccuracy: null,
        validationAccuracy: null,
      });
      expect(await values(model)).not.toEqual(before);
    });
  });

  test('trains nothing when the signal is already aborted', async () => {
    await withModel(async (model) => {
      const before = await values(model);
      const history = await train(
        model,
        { trainSet: new Halves(16) },
        { ...FAST, signal: AbortSignal.abort() },
      );
      expect(history).toMatchObject({ epochs: [], ended: 'aborted', weightsOf: 0 });
      expect(await values(model)).toEqual(before);
    });
  });

  test("keep: 'best' ends with the weights of the best test accuracy", async () => {
    await withModel(async (model) => {
      const tests = new Halves(32);
      const optimizer = optimizers.sgd(0.5);
      const snapshots: number[][][] = [];
      const history = await train(
        model,
        { trainSet: new Halves(32), testSet: tests },
        {
          ...FAST,
          epochs: 4,
          learningRate: undefined,
          optimizer,
          keep: 'best',
          onEpoch: async () => void snapshots.push(await values(model)),
        },
      );
      optimizer.dispose();
      const accuracies = history.epochs.map(({ testAccuracy }) => testAccuracy!);
      const best = accuracies.indexOf(Math.max(...accuracies));
      expect(history.weightsOf).toBe(best + 1);
      expect(await values(model)).toEqual(snapshots[best]);
      expect((await evaluate(model, tests)).accuracy).toBe(accuracies[best]);
    });
  });

  test('measures the validation set as well, and chooses the best weights by it', async () => {
    await withModel(async (model) => {
      // Of images whose classes are all wrong the best epoch is the one that is worst on the others.
      class Wrong extends Halves {
        override *batches(options: { batchSize: number }): Iterable<Batch> {
          for (const { xs, ys } of super.batches(options)) {
            const wrong = tensor1d(
              Array.from(ys.dataSync(), (y) => (y + 1) % 4),
              'int32',
            );
            ys.dispose();
            yield { xs, ys: wrong };
          }
        }
      }
      const history = await train(
        model,
        { trainSet: new Halves(32), testSet: new Halves(16), validationSet: new Wrong(16) },
        { ...FAST, keep: 'best' },
      );
      const accuracies = history.epochs.map(({ validationAccuracy }) => validationAccuracy!);
      expect(history.weightsOf).toBe(accuracies.indexOf(Math.max(...accuracies)) + 1);
      expect(history.epochs.at(-1)).toMatchObject({ testAccuracy: 1, validationAccuracy: 0 });
      expect((await evaluate(model, new Wrong(16))).accuracy).toBe(accuracies[history.weightsOf - 1]);
      const svg = curves(history);
      for (const label of ['train loss', 'train accuracy', 'test accuracy', 'validation accuracy'])
        expect(svg).toContain(`>${label}<`);
    });
  });

  test.each(['sgd', 'momentum', 'adam'] as const)(
    "schedule: 'cosine' lowers the rate of %s to 0",
    async (optimizer) => {
      await withModel(async (model) => {
        const moved: number[] = [];
        let last = (await values(model)).flat();
        const options = { ...FAST, optimizer, learningRate: 0.01, epochs: 4, batchSize: 8 };
        const onEpoch = async () => {
          const now = (await values(model)).flat();
          moved.push(now.reduce((sum, value, i) => sum + Math.abs(value - last[i]!), 0));
          last = now;
        };
        await train(model, { trainSet: new Halves(24) }, { ...options, schedule: 'cosine', onEpoch });
        // The rate averages 0.95 of its start over the first quarter of the cosine and 0.05 over the last.
        expect(moved[3]! / moved[0]!).toBeLessThan(0.4);
      });
    },
  );

  test('stops when the loss diverges', async () => {
    await withModel(async (model) => {
      const history = await train(
        model,
        { trainSet: new Halves(64) },
        { ...FAST, optimizer: 'sgd', learningRate: 1e20 },
      );
      expect(history.ended).toBe('diverged');
      expect(history.epochs).toHaveLength(1);
    });
  });

  test('reports progress over the epoch and over the whole run', async () => {
    await withModel(async (model) => {
      const progress: TrainProgress[] = [];
      await train(
        model,
        { trainSet: new Halves(40) },
        { ...FAST, epochs: 2, onProgress: (p) => void progress.push(p) },
      );
      const ends = progress.filter(({ batch, batches }) => batch === batches);
      expect(ends.map(({ epoch }) => epoch)).toEqual([1, 2]);
      expect(ends.every(({ batches, epochs }) => batches === 3 && epochs === 2)).toBe(true);
      expect(ends.map(({ done, total, unit }) => [done, total, unit])).toEqual([
        [3, 6, 'batches'],
        [6, 6, 'batches'],
      ]);
      expect(ends[1]!.secondsLeft).toBeCloseTo(0);
      expect(ends[0]!.examplesPerSecond).toBeGreaterThan(0);
    });
  });

  test('leaves nothing behind when onStep throws', async () => {
    await withModel(async (model) => {
      const onStep = () => {
        throw new Error('mine');
      };
      await expect(train(model, { trainSet: new Halves(8) }, { ...FAST, onStep })).rejects.toThrow('mine');
    });
  });

  test('refuses layers that another run trains now, and leaves that run alone', async () => {
    await withModel(async (model) => {
      const initial = model.getWeights().map((weight) => weight.clone());
      const run = () => train(model, { trainSet: new Halves(32) }, FAST);
      await run();
      const expected = await values(model);
      model.setWeights(initial);
      dispose(initial);
      const first = run();
      await expect(run()).rejects.toThrow(
        'train: another run trains the layer block1_conv1 now; await that run first.',
      );
      await expect(throughput(model, { mode: 'training' })).rejects.toThrow('another run trains the layer');
      await first;
      expect(await values(model)).toEqual(expected);
      expect(model.layers.filter((layer) => Object.hasOwn(layer, 'call'))).toEqual([]);
    });
  });

  test('a model that is disposed already leaves no tensor', async () => {
    const model = build();
    model.dispose();
    const before = memory().numTensors;
    await expect(train(model, { trainSet: new Halves(8) })).rejects.toThrow('disposed');
    expect(memory().numTensors).toBe(before);
  });

  test('an error in the middle of a step leaves no tensor', async () => {
    await withModel(async (model) => {
      const broken: Examples = {
        length: 32,
        shape: [4, 4, 1],
        *batches() {
          yield* new Halves(16).batches({ batchSize: 16 });
          const [batch] = new Halves(16).batches({ batchSize: 16 });
          dispose(batch!.ys);
          yield { xs: batch!.xs, ys: tensor1d([1, 2, 3], 'int32') };
        },
      };
      await expect(train(model, { trainSet: broken }, { ...FAST, batchSize: 16 })).rejects.toThrow(
        /shape|16/i,
      );
    });
  });

  test.each<[string, TrainOptions, string]>([
    ['epochs', { epochs: 0 }, 'train: epochs is 0; it must be a whole number of at least 1.'],
    ['batchSize', { batchSize: 1.5 }, 'train: batchSize is 1.5; it must be a whole number of at least 1.'],
    [
      'learningRate',
      { learningRate: -1 },
      'train: learningRate is -1; it must be a number above 0, e.g. 0.05 for sgd.',
    ],
    [
      'optimizer',
      { optimizer: 'lion' as 'sgd' },
      'train: optimizer is "lion"; it must be one of "sgd", "momentum", "nesterov", "adam", "adamw".',
    ],
    [
      'schedule',
      { schedule: 'linear' as 'cosine' },
      'train: schedule is "linear"; it must be one of "constant", "step", "cosine", "plateau".',
    ],
    [
      'option of a schedule',
      { schedule: { name: 'cosine', every: 3 } as unknown as 'cosine' },
      "train: schedule 'cosine' has no option every; its options are: none.",
    ],
    [
      'factor of a schedule',
      { schedule: { name: 'step', factor: 10 } },
      'train: schedule.factor is 10; it must be above 0 and below 1, such as 0.1.',
    ],
    [
      'schedule without what it follows',
      { schedule: 'plateau' },
      "train: schedule 'plateau' follows the accuracy on a validation set, and there is none; pass a validationSet, or validationFraction: 0.1.",
    ],
    [
      'patience without what it follows',
      { patience: 3 },
      'train: patience follows the accuracy on a validation set, and there is none; pass a validationSet, or validationFraction: 0.1.',
    ],
    [
      'warmupEpochs',
      { warmupEpochs: 2, epochs: 2 },
      'train: warmupEpochs is 2; it must be at least 0 and below the 2 epochs.',
    ],
    ['ema', { ema: 1 }, 'train: ema is 1; it must be above 0 and below 1, such as 0.999.'],
    [
      'weightDecay',
      { weightDecay: -1 },
      'train: weightDecay is -1; it must be at least 0 and below 1, such as 5e-4.',
    ],
    ['clipNorm', { clipNorm: 0 }, 'train: clipNorm is 0; it must be a number above 0, such as 1.'],
    [
      'labelSmoothing',
      { labelSmoothing: 1 },
      'train: labelSmoothing is 1; it must be at least 0 and below 1, such as 0.1.',
    ],
    [
      'classWeights',
      { classWeights: [1, 2] },
      'train: classWeights has 2 numbers for 4 classes; pass one for each class.',
    ],
    [
      'validationFraction',
      { validationFraction: 0.1 },
      'train: validationFraction needs a training set with split, such as an ImageSet; pass a validationSet.',
    ],
    ['seed', { seed: -1 }, 'train: seed is -1; it must be a whole number from 0 to 4294967295.'],
    ['keep', { keep: 'first' as 'last' }, 'train: keep is "first"; it must be one of "last", "best".'],
    [
      "keep: 'best' without a set to choose by",
      { keep: 'best' },
      "train: keep is 'best', but there is no set to measure it on; pass a validationSet, or leave keep out.",
    ],
  ])('refuses a bad %s before it trains', async (_, options, message) => {
    await withModel(async (model) => {
      await expect(train(model, { trainSet: new Halves(8) }, options)).rejects.toThrow(message);
    });
  });

  test('refuses a set whose fingerprint is no function', async () => {
    await withModel(async (model) => {
      const trainSet = Object.assign(new Halves(8), { fingerprint: 'abc' as never });
      await expect(train(model, { trainSet })).rejects.toThrow(
        /^train: trainSet is .*; it must be examples, such as an ImageSet/,
      );
    });
  });

  test('refuses examples that do not fit the model', async () => {
    await withModel(
      async (model) => {
        await expect(train(model, { trainSet: new Halves(8) })).rejects.toThrow(
          'train: the training images are 4x4x1, but the model takes 8x8x1; resize the images or build the model with inputShape [4, 4, 1].',
        );
      },
      { inputShape: [8, 8, 1] },
    );
    await withModel(
      async (model) => {
        await expect(train(model, { trainSet: new Halves(8) })).rejects.toThrow(
          'train: the training images are 4x4x1, but the model takes 4x4x3; pass images with 3 channels, or a model for images with 1.',
        );
      },
      { inputShape: [4, 4, 3] },
    );
    await withModel(
      async (model) => {
        await expect(train(model, { trainSet: new Halves(8) })).rejects.toThrow(
          'train: the training set has 4 classes, but the model has 3 outputs; build it with classes: 4.',
        );
      },
      { classes: 3 },
    );
    await withModel(async (model) => {
      const sets = { train: new Halves(8) } as unknown as TrainSets;
      await expect(train(model, sets)).rejects.toThrow('it must be { trainSet, testSet?, validationSet? }.');
    });
    await withModel(async (model) => {
      await expect(train(model, { trainSet: new Halves(0) })).rejects.toThrow(
        'train: the training set is empty',
      );
    });
  });
});

describe('evaluate and predictClasses', () => {
  test('do not depend on the batch size, and agree with each other', async () => {
    await withModel(async (model) => {
      const examples = new Halves(37);
      const whole = await evaluate(model, examples, { batchSize: 37 });
      const parts = await evaluate(model, examples, { batchSize: 5 });
      expect(parts.loss).toBeCloseTo(whole.loss, 6);
      expect(parts.accuracy).toBe(whole.accuracy);
      const classes = await predictClasses(model, examples, { batchSize: 8 });
      expect([...classes].filter((c, i) => c === i % 4).length / 37).toBeCloseTo(whole.accuracy, 12);
    });
  });

  test('the loss of probabilities is that of the logits behind them', async () => {
    const loss = (classifierActivation: 'linear' | 'softmax') =>
      withModel(async (model) => (await evaluate(model, new Halves(20))).loss, { classifierActivation });
    expect(await loss('softmax')).toBeCloseTo(await loss('linear'), 5);
    const before = memory().numTensors;
    const model = build();
    const softmax = sequential({ layers: [...model.layers, layers.softmax()] });
    expect((await evaluate(softmax, new Halves(20))).loss).toBeCloseTo(await loss('linear'), 5);
    softmax.dispose();
    model.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('stop by a signal and leave no tensor', async () => {
    await withModel(async (model) => {
      await expect(evaluate(model, new Halves(8), { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    });
  });
});
