import {
  dispose,
  memory,
  type Tensor,
  tensor,
  tensor1d,
  tidy,
  transpose,
  type Variable,
  variableGrads,
} from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import type { OptimizerName } from '../../src/core/optimizers.js';
import { vgg } from '../../src/index.js';
import type { Batch } from '../../src/train/examples.js';
import { chooseOptimizer } from '../../src/train/optimizer.js';
import { type Run, startRun, step } from '../../src/train/step.js';
import { backends, inBrowser, useBackend } from '../support/backends.js';
import { noise } from '../support/bytes.js';
import { fixturePath, noiseImages } from '../support/fixtures.js';
import { type Reference, readReference } from '../support/safetensors.js';

/**
 * The longest sums, those of the first layer's gradient, have 16 x 32 x 32 = 16384 terms. Rounding to float32, half of
 * 2^-23 at each, grows with their root: 128 x 6e-8 = 8e-6 of the largest value. The most seen is 1.4e-6.
 */
const ROUNDING = 1e-5;

/**
 * Adam divides a gradient by its own size plus epsilon, 1e-7, so a gradient that small is rounded at full rate; and tfjs
 * rounds 0.999 to float32 before it takes it from 1, which is 1.3e-5 off.
 */
const ADAM = 1e-3;

interface Case {
  name: OptimizerName;
  learningRate: number;
  /** Error allowed of the last weights. */
  weights: number;
}

const CASES: Case[] = [
  { name: 'sgd', learningRate: 0.05, weights: ROUNDING },
  { name: 'momentum', learningRate: 0.02, weights: ROUNDING },
  { name: 'adam', learningRate: 0.002, weights: ADAM },
];

/** Steps where the whole run would take half a minute, and is gone through on other backends. */
const FEW = 4;

const build = () =>
  vgg(
    [
      [1, 4],
      [1, 4],
      [2, 8],
      [2, 8],
      [2, 8],
    ],
    { inputShape: [32, 32, 1], hiddenUnits: 16, dropout: 0 },
  );

/** What `nn.Sequential` named `initial.0.weight`, `initial.0.bias`, ... as tfjs lays it out, in the layers' order. */
function parameters(file: Map<string, Reference>, prefix: string): Tensor[] {
  const place = (name: string) => 2 * Number(name.split('.')[1]) + (name.endsWith('bias') ? 1 : 0);
  return [...file.keys()]
    .filter((name) => name.startsWith(`${prefix}.`) && !name.endsWith('.loss'))
    .sort((a, b) => place(a) - place(b))
    .map((name) => {
      const { shape, data } = file.get(name)!;
      return tidy(() => transpose(tensor(data, shape), { 1: [0], 2: [1, 0], 4: [2, 3, 1, 0] }[shape.length]));
    });
}

/** What fixtures/make_training.py draws for 20 steps: images, whose one channel reads the same in NCHW and NHWC, and classes. */
const [STEPS, BATCH, SIZE] = [20, 16, 32];
const images = noiseImages([STEPS, BATCH, SIZE, SIZE, 1], 3).data;
const classes = noise(STEPS * BATCH, 4).map((byte) => byte % 10);

function batch(step: number): Batch {
  const size = BATCH * SIZE * SIZE;
  return {
    xs: tensor(images.subarray(step * size, (step + 1) * size), [BATCH, SIZE, SIZE, 1]),
    ys: tensor1d([...classes.subarray(step * BATCH, (step + 1) * BATCH)], 'int32'),
  };
}

/** The largest difference between two tensors as a fraction of the expected one's largest value; the worst of many pairs. */
async function worstError(actual: Tensor[], expected: Tensor[]): Promise<number> {
  expect(actual.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
  const errors = expected.map(async (wanted, i) => {
    const [got, want] = [await actual[i]!.data(), await wanted.data()];
    const largest = (values: ArrayLike<number>) =>
      Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const differences = Array.from(want, (value, k) => got[k]! - value);
    // A NaN on either side makes this NaN, which is below no tolerance.
    return largest(differences) / largest(want);
  });
  return Math.max(...(await Promise.all(errors)));
}

function gradients({ model, objective }: Run, { xs, ys }: Batch): Tensor[] {
  const { value, grads } = variableGrads(() =>
    objective.loss(model.apply(xs, { training: true }) as Tensor, ys),
  );
  dispose([value, xs, ys]);
  return model.trainableWeights.map((weight) => grads[(weight.read() as Variable).name]!);
}

describe.each(backends)('20 steps on %s are those of PyTorch', (backend) => {
  beforeAll(() => useBackend(backend));
  // tfjs's cpu backend and a GPU in software are slow; the same code goes through all of it on WebGPU in a browser.
  const isQuick = inBrowser || backend === 'wasm';

  test.each(CASES)('with $name', async ({ name, learningRate, weights }) => {
    const before = memory().numTensors;
    const file = await readReference(fixturePath('training.safetensors'));
    const model = build();
    const initial = parameters(file, 'initial');
    model.setWeights(initial);
    dispose(initial);

    const run = startRun(model, chooseOptimizer('test', name, learningRate), { seed: 0 });
    const [actual, expected] = [gradients(run, batch(0)), parameters(file, 'gradient')];
    expect(await worstError(actual, expected), 'first gradients').toBeLessThan(ROUNDING);
    dispose([actual, expected]);

    const isWhole = isQuick || name === 'sgd';
    const wanted = [...file.get(`${name}.loss`)!.data].slice(0, isWhole ? undefined : FEW);
    const losses: number[] = [];
    const held: number[] = [];
    for (const i of wanted.keys()) {
      const results = step(run, batch(i));
      losses.push((await results[0]!.data())[0]!);
      dispose(results);
      held.push(memory().numTensors);
    }
    for (const [step, loss] of losses.entries()) {
      expect(Math.abs(loss / wanted[step]! - 1), `loss of step ${step + 1}`).toBeLessThan(ROUNDING);
    }
    // The first step makes the optimizer's own tensors.
    expect(new Set(held), 'tensors held after each step').toEqual(new Set([held[0]]));

    if (isWhole) {
      const final = parameters(file, name);
      expect(await worstError(model.getWeights(), final), 'last weights').toBeLessThan(weights);
      dispose(final);
    }
    run.end();
    model.dispose();
    expect(memory().numTensors, 'tensors at the end').toBe(before);
  });
});
