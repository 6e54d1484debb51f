import {
  dispose,
  grad,
  memory,
  type Scalar,
  type Tensor,
  tensor,
  type Variable,
  variableGrads,
} from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { flushGradient } from '../../src/tfjs/flush.js';
import { fuseLayers } from '../../src/tfjs/fusedLayers.js';
import { objectiveOf } from '../../src/train/objective.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

test('a gradient below 2^-64 is 0, and NaN, infinity and all others stay', async () => {
  const dy = [0, 2 ** -65, -(2 ** -65), 2 ** -64, -(2 ** -64), 1e-38, 3, -3, Number.NaN, 1 / 0, -1 / 0];
  const before = memory().numTensors;
  const [x, gradient] = [tensor(dy.map(() => 1)), tensor(dy)];
  const result = grad(flushGradient)(x, gradient);
  const kept = [0, 0, 0, 2 ** -64, -(2 ** -64), 0, 3, -3, Number.NaN, 1 / 0, -1 / 0];
  expect(Array.from(await result.data(), (value) => value + 0)).toEqual(kept);
  // The one passed is the caller's.
  expect(Array.from(await gradient.data())[6]).toBe(3);
  dispose([x, gradient, result]);
  expect(memory().numTensors).toBe(before);
});

test.each(['linear', 'softmax'] as const)(
  'late in training, gradients behind %s outputs are those of float64 within the bound',
  async (activation) => {
    const [examples, inputs, classes] = [40, 3, 4];
    const model = sequential({
      layers: [layers.dense({ units: classes, activation, inputShape: [inputs] })],
    });
    // The right class leads by 0, 3, 6, ... 117, which makes the other probabilities 1 down to 1e-51.
    const x = Array.from({ length: examples }, (_, i) => [3 * i, 1 + i / 40, -0.5]);
    const kernel = [
      [1, 0, 0, 0],
      [0, 0.25, -0.25, 0.5],
      [0.5, 0, 0.25, 0],
    ];
    model.setWeights([tensor(kernel), tensor([0, 0, 0, 0])]);
    const fused = fuseLayers(model);
    fused.install();
    const objective = objectiveOf('test', model);
    const [xs, ys] = [
      tensor(x),
      tensor(
        x.map(() => 0),
        [examples],
        'int32',
      ),
    ];
    const weights = model.trainableWeights.map((weight) => weight.read() as Variable);
    const { value, grads } = variableGrads(
      () => objective.loss(model.apply(xs, { training: true }) as Tensor, { ys: ys as never }) as Scalar,
      weights,
    );
    const actual = await grads[weights[0]!.name]!.data();
    fused.restore();

    const exact = new Float64Array(inputs * classes);
    const sizes = new Float64Array(inputs * classes);
    for (const row of x) {
      const logits = kernel[0]!.map((_, c) => row.reduce((sum, value, i) => sum + value * kernel[i]![c]!, 0));
      const powers = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
      const total = powers.reduce((a, b) => a + b);
      for (const [c, power] of powers.entries()) {
        // Written so that the right class's does not cancel.
        const others = c === 0 ? -(total - power) : power;
        for (const [i, value] of row.entries()) {
          exact[i * classes + c]! += (value * others) / total / examples;
          sizes[i * classes + c]! += Math.abs(value) / examples;
        }
      }
    }
    // Of probabilities the loss takes none below 1e-7, and those of float32 are rounded.
    const error = activation === 'softmax' ? 2e-6 : 2 ** -24;
    for (const [k, value] of exact.entries()) {
      expect(Math.abs(actual[k]! - value)).toBeLessThanOrEqual(error * sizes[k]! + 1e-5 * Math.abs(value));
    }
    expect(Math.abs(exact[1]!)).toBeGreaterThan(1e-3);
    dispose([value, grads, xs, ys]);
    model.dispose();
  },
);
