import {
  add,
  cast,
  dispose,
  memory,
  mul,
  oneHot,
  reverse,
  type Tensor,
  type Tensor1D,
  tensor,
  tensor1d,
  tidy,
  transpose,
  type Variable,
  variableGrads,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { fuseLayers } from '../../src/tfjs/fusedLayers.js';
import { AverageWeights } from '../../src/train/averageWeights.js';
import type { Batch } from '../../src/train/batch.js';
import type { TrainOptions } from '../../src/train/index.js';
import { objectiveOf } from '../../src/train/objective.js';
import { chooseOptimizer } from '../../src/train/optimizer.js';
import { startRun, step } from '../../src/train/step.js';
import { installWebgpuKernels } from '../../src/webgpu/index.js';
import { backends, isChosen, useBackend } from '../support/backends.js';
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

const MOMENTUM = { optimizer: 'momentum', learningRate: 0.015 } as const;
const NESTEROV = { optimizer: 'nesterov', learningRate: 0.015 } as const;
const ADAM_RATE = { optimizer: 'adam', learningRate: 0.002 } as const;

/** What fixtures/make_training.py runs by the same names. */
const CASES: Record<string, TrainOptions> = {
  sgd: {},
  momentum: MOMENTUM,
  adam: ADAM_RATE,
  nesterov: NESTEROV,
  'sgd-decay': { weightDecay: 5e-2 },
  'momentum-decay': { ...MOMENTUM, weightDecay: 5e-2 },
  'nesterov-decay': { ...NESTEROV, weightDecay: 3e-2 },
  'adam-decay': { ...ADAM_RATE, weightDecay: 5e-2 },
  adamw: { ...ADAM_RATE, optimizer: 'adamw', weightDecay: 0.5 },
  'decay-of-kernels': { weightDecay: 0.5, weightDecayOf: 'kernels' },
  clip: { clipNorm: 0.5 },
  smoothing: { labelSmoothing: 0.1 },
  'class-weights': {
    labelSmoothing: 0.1,
    classWeights: Array.from({ length: 10 }, (_, i) => ((i % 4) + 2) / 4),
  },
  'sample-weights': {},
  mixup: {},
  average: { ema: 0.9 },
};

/** Batches that are not the plain ones. */
const BATCHES: Record<string, (batch: Batch) => Batch> = {
  'sample-weights': (batch) => ({
    ...batch,
    weights: tensor1d(Array.from({ length: BATCH }, (_, i) => (i % 4) + 1)),
  }),
  mixup: ({ xs, ys }) => {
    const mixed = tidy(() => {
      const own = cast(oneHot(ys as Tensor1D, 10), 'float32');
      return add(mul(own, 0.75), mul(reverse(own, 0), 0.25));
    });
    ys.dispose();
    return { xs, ys: mixed };
  },
};

/** Steps where the whole run would take half a minute. */
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

/** Those of the layers as a run has them, but with an optimizer that leaves all the steps for later. */
function gradients(model: LayersModel, { xs, ys }: Batch): Tensor[] {
  const fused = fuseLayers(model);
  fused.install();
  const { value, grads } = variableGrads(() =>
    objectiveOf('test', model).loss(model.apply(xs, { training: true }) as Tensor, { ys }),
  );
  fused.restore();
  dispose([value, xs, ys]);
  return model.trainableWeights.map((weight) => grads[(weight.read() as Variable).name]!);
}

describe.each(backends)('20 steps on %s are those of PyTorch', (backend) => {
  beforeAll(async () => {
    await useBackend(backend);
    if (backend === 'webgpu') return installWebgpuKernels({ tune: false });
  });
  // tfjs's cpu backend and a GPU in software are slow; the same code goes through all of the cases in a browser.
  const names = Object.keys(CASES).slice(0, isChosen || backend === 'wasm' ? undefined : 3);
  test.each(names)('with %s', async (name) => {
    const options = CASES[name]!;
    const weights = name.startsWith('adam') ? ADAM : ROUNDING;
    const before = memory().numTensors;
    const file = await readReference(fixturePath('training.safetensors'));
    const model = build();
    const initial = parameters(file, 'initial');
    model.setWeights(initial);
    dispose(initial);

    if (name === 'sgd') {
      const [actual, expected] = [gradients(model, batch(0)), parameters(file, 'gradient')];
      expect(await worstError(actual, expected), 'first gradients').toBeLessThan(ROUNDING);
      dispose([actual, expected]);
    }

    const run = startRun('test', model, chooseOptimizer('test', options), {
      seed: 0,
      objective: objectiveOf('test', model, options),
      average: options.ema === undefined ? undefined : new AverageWeights(model, options.ema),
    });
    const isWhole = backend === 'wasm' || name === 'sgd';
    const wanted = [...file.get(`${name}.loss`)!.data].slice(0, isWhole ? undefined : FEW);
    const losses: number[] = [];
    const held: number[] = [];
    for (const i of wanted.keys()) {
      const plain = batch(i);
      const results = await step(run, BATCHES[name]?.(plain) ?? plain);
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
      run.average?.swap();
      const final = parameters(file, name);
      const own = model.getWeights();
      const stored = final.length === own.length ? own : [...own.slice(0, 2), ...own.slice(-2)];
      expect(await worstError(stored, final), 'last weights').toBeLessThan(weights);
      dispose(final);
    }
    run.end();
    model.dispose();
    expect(memory().numTensors, 'tensors at the end').toBe(before);
  });
});
