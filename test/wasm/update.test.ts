import '@tensorflow/tfjs-backend-wasm';
import { setBackend, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { runOwnKernel } from '../../src/tfjs/kernels.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { numbers } from './compare.js';

beforeAll(async () => {
  installWasmKernels();
  await setBackend('wasm');
});

// Not a multiple of four.
const COUNT = 1003;

/** Numbers of both signs and of all sizes from 2^-148 to 1, subnormal ones too. */
const ofAllSizes = (seed: number) => {
  const exponents = numbers(COUNT, seed);
  return numbers(COUNT, seed + 1).map((value, i) => value * 2 ** (74 * (exponents[i]! - 1)));
};

describe('numbers too small to matter are 0 in the step of', () => {
  test('SGD, whose weights are within 2^-100 times the rate of those in float64', () => {
    const [weights, gradient] = [ofAllSizes(1), ofAllSizes(3)];
    const next = tidy(() =>
      runOwnKernel(
        'SgdUpdate',
        { weights: tensor1d(weights), gradient: tensor1d(gradient) },
        { rate: 0.5, decay: 0 },
      ).dataSync(),
    );
    for (const [i, w] of weights.entries()) {
      const step = 0.5 * gradient[i]!;
      const rounding = 2 ** -23 * (Math.abs(w) + Math.abs(step)) + 2 ** -149;
      expect(Math.abs(next[i]! - (w - step))).toBeLessThanOrEqual(0.5 * 2 ** -100 + rounding);
    }
  });

  test('momentum, whose velocity is within 2^-99 of that in float64', () => {
    const [weights, gradient, velocity] = [ofAllSizes(1), ofAllSizes(3), ofAllSizes(5)];
    const attrs = { rate: 0.5, momentum: 0.75, nesterov: false, decay: 0 };
    const [next, after] = tidy(() => {
      const state = tensor1d(velocity);
      const inputs = { weights: tensor1d(weights), gradient: tensor1d(gradient), velocity: state };
      return [runOwnKernel('MomentumUpdate', inputs, attrs).dataSync(), state.dataSync()];
    });
    for (const [i, w] of weights.entries()) {
      const exact = 0.75 * velocity[i]! + gradient[i]!;
      const rounding = 2 ** -22 * (Math.abs(velocity[i]!) + Math.abs(gradient[i]!)) + 2 ** -149;
      expect(Math.abs(after[i]! - exact)).toBeLessThanOrEqual(2 ** -99 + rounding);
      expect(Math.abs(next[i]! - (w - 0.5 * exact))).toBeLessThanOrEqual(
        2 ** -100 + rounding + 2 ** -24 * Math.abs(w),
      );
    }
  });

  test('Adam, whose steps are within a rounding of those in float64', () => {
    const [gradient, first, second] = [ofAllSizes(3), ofAllSizes(5), ofAllSizes(7).map(Math.abs)];
    const attrs = {
      ...{ rate: 0.5, beta1: 0.9, beta2: 0.999, scale1: 0.1, scale2: 0.001, epsilon: 1e-7 },
      ...{ decay: 0, keep: 1 },
    };
    const [next, m, v] = tidy(() => {
      const moments = { first: tensor1d(first), second: tensor1d(second) };
      const inputs = { weights: tensor1d(new Float32Array(COUNT)), gradient: tensor1d(gradient), ...moments };
      const next = runOwnKernel('AdamUpdate', inputs, attrs).dataSync();
      return [next, moments.first.dataSync(), moments.second.dataSync()];
    });
    for (const [i, g] of gradient.entries()) {
      const [mean, square] = [0.9 * first[i]! + 0.1 * g, 0.999 * second[i]! + 0.001 * g * g];
      const terms = Math.abs(0.9 * first[i]!) + Math.abs(0.1 * g);
      expect(Math.abs(m[i]! - mean)).toBeLessThanOrEqual(2 ** -99 + 2 ** -22 * terms);
      expect(Math.abs(v[i]! - square)).toBeLessThanOrEqual(2 ** -119 + 2 ** -22 * square);
      const root = Math.sqrt(square / 0.001) + 1e-7;
      const step = (0.5 * (mean / 0.1)) / root;
      // 2^-99 of the mean, over epsilon, is less than 1e-21; the root's change is far below its rounding.
      expect(Math.abs(next[i]! + step)).toBeLessThanOrEqual(1e-21 + 2 ** -20 * ((0.5 * terms) / 0.1 / root));
    }
  });
});

describe('a weight whose gradient stays 0', () => {
  const zero = () => tensor1d(new Float32Array(5));

  test('loses its velocity, which does not stay a subnormal number', () => {
    tidy(() => {
      const velocity = tensor1d([1e-3, -1e-3, 1, -1, 1e-20]);
      const attrs = { rate: 0.01, momentum: 0.9, nesterov: false, decay: 0 };
      for (let i = 0; i < 700; i++) {
        tidy(
          () => void runOwnKernel('MomentumUpdate', { weights: zero(), gradient: zero(), velocity }, attrs),
        );
      }
      expect(Array.from(velocity.dataSync(), Math.abs)).toEqual([0, 0, 0, 0, 0]);
    });
  });

  test("loses Adam's averages, which do not stay subnormal numbers", () => {
    tidy(() => {
      const [first, second] = [
        tensor1d([1e-3, -1e-3, 1, -1, 1e-20]),
        tensor1d([1e-30, 1e-30, 1e-35, 1e-36, 1e-37]),
      ];
      const attrs = {
        ...{ rate: 0.01, beta1: 0.9, beta2: 0.99, scale1: 1, scale2: 1, epsilon: 1e-7 },
        ...{ decay: 0, keep: 1 },
      };
      for (let i = 0; i < 1600; i++) {
        tidy(
          () => void runOwnKernel('AdamUpdate', { weights: zero(), gradient: zero(), first, second }, attrs),
        );
      }
      expect(Array.from(first.dataSync(), Math.abs)).toEqual([0, 0, 0, 0, 0]);
      expect(Array.from(second.dataSync())).toEqual([0, 0, 0, 0, 0]);
    });
  });
});
