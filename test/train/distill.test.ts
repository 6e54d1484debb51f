import {
  add,
  cast,
  dispose,
  memory,
  mul,
  oneHot,
  reverse,
  type Tensor,
  tensor,
  tensor1d,
  tidy,
  type Variable,
  variableGrads,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { type VggOptions, vgg } from '../../src/index.js';
import type { DistillOptions, TrainOptions } from '../../src/train/index.js';
import { objectiveOf } from '../../src/train/objective.js';
import { chooseOptimizer } from '../../src/train/optimizer.js';
import { startRun, step } from '../../src/train/step.js';
import { teacherOf } from '../../src/train/teacher.js';
import { backends, useBackend } from '../support/backends.js';
import { noise } from '../support/bytes.js';
import { fixtureJson, noiseImages } from '../support/fixtures.js';

const [BATCH, SIZE, CLASSES] = [7, 8, 5];

/** What fixtures/make_distill.py runs by the same names. */
const CASES: Record<string, TrainOptions & { distill: DistillOptions }> = {
  plain: { learningRate: 0.1, distill: {} },
  weighted: {
    ...{ optimizer: 'momentum', learningRate: 0.02, labelSmoothing: 0.1 },
    ...{ classWeights: [0, 1, 2, 3, 4].map((i) => ((i % 4) + 2) / 4) },
    distill: { temperature: 2, weight: 0.5 },
  },
  mixed: {
    learningRate: 0.05,
    classWeights: [0, 1, 2, 3, 4].map((i) => ((i % 4) + 2) / 4),
    distill: { temperature: 1, weight: 1 },
  },
};

type Weights = Record<string, number[]>;
interface Case extends Record<'teacher' | 'initial' | 'gradient' | 'final', Weights> {
  losses: number[];
  labelLosses: number[];
}

/** A network with weights in PyTorch's order. */
function network(channels: number, weights: Weights, options: VggOptions): LayersModel {
  const model = vgg([[1, channels]], {
    ...{ inputShape: [SIZE, SIZE, 1], classes: CLASSES, hiddenUnits: [], ...options },
  });
  for (const [i, values] of Object.values(weights).entries()) {
    const value = tensor(values, model.weights[i]!.shape as number[]);
    model.weights[i]!.write(value);
    value.dispose();
  }
  return model;
}

/** The batch of a step of make_distill.py. */
function batchOf(name: string, i: number) {
  const size = BATCH * SIZE * SIZE;
  const images = noiseImages([3, BATCH, SIZE, SIZE, 1], 3).data;
  const classes = noise(3 * BATCH, 4).map((byte) => byte % CLASSES);
  const labels = tensor1d([...classes.subarray(i * BATCH, (i + 1) * BATCH)], 'int32');
  const mixed = () =>
    tidy(() => {
      const own = cast(oneHot(labels, CLASSES), 'float32');
      labels.dispose();
      return add(mul(own, 0.75), mul(reverse(own, 0), 0.25));
    });
  return {
    xs: tensor(images.subarray(i * size, (i + 1) * size), [BATCH, SIZE, SIZE, 1]),
    ys: name === 'mixed' ? mixed() : labels,
    ...(name !== 'plain' && { weights: tensor1d(Array.from({ length: BATCH }, (_, k) => (k % 3) + 1)) }),
  };
}

async function expectClose(actual: Tensor, expected: number[], what: string) {
  const [got, largest] = [await actual.data(), Math.max(...expected.map(Math.abs))];
  expect(got.length).toBe(expected.length);
  const off = Math.max(...expected.map((value, k) => Math.abs(got[k]! - value) / largest));
  expect(off, what).toBeLessThan(1e-5);
}

describe.each(backends)('steps with a teacher on %s are those of PyTorch', (backend) => {
  test.each([
    ['plain', undefined, {}, {}],
    ['weighted', 3, { classifierActivation: 'softmax' }, {}],
    ['mixed', undefined, {}, { classifierActivation: 'softmax' }],
    ['mixed', 3, {}, {}],
  ] as const)('%s, in parts of %s', async (name, microBatchSize, ofTeacher, ofModel) => {
    await useBackend(backend);
    const wanted = (await fixtureJson<Record<string, Case>>('distill.json'))[name]!;
    const before = memory().numTensors;
    const model = network(4, wanted.initial, ofModel);
    const taughtBy = network(6, wanted.teacher, ofTeacher);
    const { labelSmoothing, classWeights, distill, ...optimizer } = CASES[name]!;
    const objective = objectiveOf('test', model, { labelSmoothing, classWeights, distill });
    const teacher = teacherOf('test', taughtBy, { length: 1, shape: [SIZE, SIZE, 1], batches: () => [] });

    const first = batchOf(name, 0);
    const teacherLogits = teacher.logits(first.xs);
    const { value, grads } = variableGrads(() =>
      objective.loss(model.apply(first.xs) as Tensor, { ...first, teacherLogits }),
    );
    expect((await value.data())[0]! / wanted.losses[0]!, 'first loss').toBeCloseTo(1, 5);
    for (const [i, [key, values]] of Object.entries(wanted.gradient).entries()) {
      await expectClose(grads[(model.weights[i]!.read() as Variable).name]!, values, `gradient of ${key}`);
    }
    dispose([value, grads, { ...first }, teacherLogits]);

    const chosen = chooseOptimizer('test', optimizer);
    const run = startRun('test', model, chosen, { seed: 0, objective, teacher, microBatchSize });
    const held: number[] = [];
    for (const [i, loss] of wanted.labelLosses.entries()) {
      const results: Tensor[] = await step(run, batchOf(name, i));
      expect((await results[0]!.data())[0]! / loss, 'loss of the labels').toBeCloseTo(1, 5);
      dispose(results);
      held.push(memory().numTensors);
    }
    expect(new Set(held).size, 'tensors held after each step').toBe(1);
    for (const [i, [key, values]] of Object.entries(wanted.final).entries()) {
      await expectClose(model.weights[i]!.read(), values, key);
    }
    run.end();
    for (const [i, [key, values]] of Object.entries(wanted.teacher).entries()) {
      await expectClose(taughtBy.weights[i]!.read(), values, `the teacher's ${key}`);
    }
    dispose([model, taughtBy] as unknown as Tensor[]);
    expect(memory().numTensors).toBe(before);
  });
});
