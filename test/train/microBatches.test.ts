import { dispose, memory, type Tensor, tensor, tensor1d } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import type { TrainOptions } from '../../src/train/index.js';
import { partsOf } from '../../src/train/microBatches.js';
import { objectiveOf } from '../../src/train/objective.js';
import { chooseOptimizer } from '../../src/train/optimizer.js';
import { startRun, step } from '../../src/train/step.js';
import { backends, useBackend } from '../support/backends.js';
import { noise } from '../support/bytes.js';
import { fixtureJson, noiseImages } from '../support/fixtures.js';

test('a batch is divided as evenly as possible', () => {
  const sizes = (examples: number, size: number) => partsOf(examples, size).map(({ count }) => count);
  expect(sizes(7, 3)).toEqual([3, 2, 2]);
  expect(sizes(128, 64)).toEqual([64, 64]);
  expect(sizes(5, 128)).toEqual([5]);
  expect(partsOf(7, 3).map(({ first }) => first)).toEqual([0, 3, 5]);
});

/** What fixtures/make_parts.py runs by the same names. */
const CASES: Record<string, TrainOptions> = {
  plain: { learningRate: 0.1 },
  weighted: {
    ...{ optimizer: 'momentum', learningRate: 0.05, weightDecay: 0.01, clipNorm: 0.5 },
    ...{ labelSmoothing: 0.1, classWeights: [0, 1, 2, 3, 4].map((i) => ((i % 4) + 2) / 4) },
  },
  norm: { learningRate: 0.1 },
};
const [BATCH, SIZE, CLASSES] = [7, 8, 5];

interface Case {
  initial: Record<string, number[]>;
  final: Record<string, number[]>;
  losses: number[];
}

describe.each(backends)("steps in parts on %s are those of PyTorch's gradient accumulation", (backend) => {
  test.each(Object.entries(CASES))('%s', async (name, options) => {
    await useBackend(backend);
    const { initial, final, losses } = (await fixtureJson<Record<string, Case>>('parts.json'))[name]!;
    const before = memory().numTensors;
    const model = vgg([[1, 4]], {
      ...{ inputShape: [SIZE, SIZE, 1], classes: CLASSES, hiddenUnits: [], batchNorm: name === 'norm' },
    });
    // In PyTorch's order, that of the layers; it has the square of a part's deviation for n - 1.
    const weights = model.layers.flatMap((layer) => layer.weights);
    const names = Object.keys(initial);
    for (const [i, key] of names.entries()) {
      const value = tensor(initial[key]!, weights[i]!.shape as number[]);
      weights[i]!.write(value);
      value.dispose();
    }
    const objective = objectiveOf('test', model, options);
    const run = startRun('test', model, chooseOptimizer('test', optimizerOf(options)), {
      ...{ seed: 0, objective, microBatchSize: 3 },
    });
    const images = noiseImages([losses.length, BATCH, SIZE, SIZE, 1], 3).data;
    const classes = noise(losses.length * BATCH, 4).map((byte) => byte % CLASSES);
    for (const [i, loss] of losses.entries()) {
      const size = BATCH * SIZE * SIZE;
      const results: Tensor[] = await step(run, {
        xs: tensor(images.subarray(i * size, (i + 1) * size), [BATCH, SIZE, SIZE, 1]),
        ys: tensor1d([...classes.subarray(i * BATCH, (i + 1) * BATCH)], 'int32'),
        ...(name === 'weighted' && {
          weights: tensor1d(Array.from({ length: BATCH }, (_, k) => (k % 3) + 1)),
        }),
      });
      expect((await results[0]!.data())[0]! / loss).toBeCloseTo(1, 5);
      dispose(results);
    }
    for (const [i, key] of names.entries()) {
      if (key.endsWith('running_var')) continue;
      const largest = Math.max(...final[key]!.map(Math.abs));
      const got = await weights[i]!.read().data();
      const off = final[key]!.map((value, k) => Math.abs(got[k]! - value) / largest);
      expect(Math.max(...off), key).toBeLessThan(1e-5);
    }
    run.end();
    model.dispose();
    expect(memory().numTensors).toBe(before);
  });
});

function optimizerOf({ labelSmoothing, classWeights, ...options }: TrainOptions): TrainOptions {
  return options;
}
