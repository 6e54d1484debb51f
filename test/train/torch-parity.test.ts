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
import { vgg } from '../../src/index.js';
import type { Batch } from '../../src/train/examples.js';
import { chooseOptimizer, type OptimizerName } from '../../src/train/optimizer.js';
import { type Run, startRun, step } from '../../src/train/step.js';
import { hasRelaxedSimd } from '../../src/wasm/kernels.js';
import { backends, inBrowser, useBackend } from '../support/backends.js';
import { type Reference, readReference } from '../support/safetensors.js';
import { hasShared, sharedPath } from '../support/shared.js';

/**
 * The longest sums, those of the first layer's gradient, have 16 x 32 x 32 = 16384 terms. Rounding to float32, half of
 * 2^-23 at each, grows with their root: 128 x 6e-8 = 8e-6 of the largest value. The most seen is 1.4e-6.
 */
const ROUNDING = 1e-5;

/**
 * Adam divides a gradient by its own size plus epsilon, 1e-7, so a gradient that small is rounded at full rate. One
 * weight of the run, in the eighth kernel, has a single gradient in 20 steps, -1.4e-7: it ends 2.4e-4 off, alike on all
 * backends. All others are within 4e-5: tfjs rounds 0.999 to float32 before it takes it from 1, which is 1.3e-5 off.
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

/**
 * With fused multiply-add the run of Adam is PyTorch's to 3e-7 up to here. Then two numbers that are equal but for rounding fall the
 * other way round in a ReLU or a pooling window: the next gradients differ by 1e-3, from weights within 4e-7.
 */
const BEFORE_A_TIE = 3;

const build = () =>
  vgg(
    [
      [1, 4],
      [1, 8],
      [2, 16],
      [2, 16],
      [2, 16],
    ],
    { inputShape: [32, 32, 1], hiddenUnits: 32, dropout: 0 },
  );

/** What `nn.Sequential` named `initial.0.weight`, `initial.0.bias`, ... as tfjs lays it out, in the layers' order. */
function parameters(file: Map<string, Reference>, prefix: string): Tensor[] {
  const place = (name: string) => 2 * Number(name.split('.')[1]) + (name.endsWith('bias') ? 1 : 0);
  return [...file.keys()]
    .filter((name) => name.startsWith(`${prefix}.`))
    .sort((a, b) => place(a) - place(b))
    .map((name) => {
      const { shape, data } = file.get(name)!;
      return tidy(() => transpose(tensor(data, shape), { 1: [0], 2: [1, 0], 4: [2, 3, 1, 0] }[shape.length]));
    });
}

/** The batch of a step: images, whose one channel reads the same in NCHW and NHWC, and their classes. */
function batch(file: Map<string, Reference>, step: number): Batch {
  const [x, y] = [file.get('x')!, file.get('y')!];
  const count = x.shape[1]!;
  const size = count * 32 * 32;
  const classes = y.data.subarray(step * count, (step + 1) * count);
  const pixels = x.data.subarray(step * size, (step + 1) * size);
  return { xs: tensor(pixels, [count, 32, 32, 1]), ys: tensor1d([...classes], 'int32') };
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

describe.skipIf(!hasShared).each(backends)('20 steps on %s are those of PyTorch', (backend) => {
  beforeAll(() => useBackend(backend));
  // tfjs's cpu backend and a GPU in software are slow; the same code goes through all of it on WebGPU in a browser.
  const isQuick = inBrowser || backend === 'wasm';

  test.each(CASES)('with $name', async ({ name, learningRate, weights }) => {
    const before = memory().numTensors;
    const file = await readReference(sharedPath(`reference/torch/train-${name}.safetensors`));
    const model = build();
    const initial = parameters(file, 'initial');
    model.setWeights(initial);
    dispose(initial);

    const run = startRun(model, chooseOptimizer('test', name, learningRate), { seed: 0 });
    const [actual, expected] = [gradients(run, batch(file, 0)), parameters(file, 'gradient')];
    expect(await worstError(actual, expected), 'first gradients').toBeLessThan(ROUNDING);
    dispose([actual, expected]);

    const meetsTie = name === 'adam' && backend === 'wasm' && hasRelaxedSimd();
    const isWhole = (isQuick || name === 'sgd') && !meetsTie;
    const wanted = [...file.get('loss')!.data].slice(0, isWhole ? undefined : meetsTie ? BEFORE_A_TIE : FEW);
    const losses: number[] = [];
    const held: number[] = [];
    for (const i of wanted.keys()) {
      const results = step(run, batch(file, i));
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
      const final = parameters(file, 'final');
      expect(await worstError(model.getWeights(), final), 'last weights').toBeLessThan(weights);
      dispose(final);
    }
    run.end();
    model.dispose();
    expect(memory().numTensors, 'tensors at the end').toBe(before);
  });
});
