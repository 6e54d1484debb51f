import { grad, maxPool, mul, round, step, sum, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { type OwnKernels, runOwnKernel, type UpdateKernel } from '../../src/tfjs/kernels.js';
import { adam, momentum, SGD } from '../../src/train/leanOptimizer.js';
import { available, expectSame, on, random } from './compare.js';

describe.skipIf(!available)('what else a training step computes on WebGPU', () => {
  const poolings = [
    { image: [2, 6, 8, 4], size: 2, strides: 2, pad: 'valid' },
    { image: [2, 7, 5, 3], size: 2, strides: 2, pad: 'same' },
    { image: [1, 9, 8, 8], size: 3, strides: 2, pad: 'same' },
    { image: [1, 9, 8, 5], size: 3, strides: 1, pad: 'valid' },
    { image: [1, 9, 8, 4], size: 2, strides: 3, pad: 'valid' },
  ] as const;
  test.each(poolings)(
    'the gradient of max pooling goes to the first of the largest: $image, $size by $strides, $pad',
    async ({ image, size, strides, pad }) => {
      // Whole numbers, many of them equal.
      await expectSame(() => {
        const x = round(mul(random([...image], 1), 3)) as Tensor4D;
        return grad((x: Tensor) => mul(maxPool(x as Tensor4D, size, strides, pad), random([1], 2)))(x);
      });
    },
  );

  test.each([[[2, 5, 7, 4]], [[3, 9, 2, 3]], [[2, 3, 3, 1028]], [[1, 40, 40, 16]], [[300, 5]]])(
    'sums over all axes but the last: %j',
    async (shape) => {
      const axes = shape.slice(1).map((_, axis) => axis);
      await expectSame(() => [sum(random(shape, 1), axes), sum(random(shape, 1), axes, true)]);
    },
  );

  test('other sums are left to the backend', async () => {
    await expectSame(() => [sum(random([3, 4, 5], 1), 1), sum(random([3, 4, 5], 1), 2), sum(random([7], 1))]);
  });

  test('the gradient of a ReLU, with NaN', async () => {
    for (const shape of [[4, 8], [7]]) {
      const inputs = () => {
        const [dy, y] = [random(shape, 1), random(shape, 2)];
        return { dy: mul(dy, 2), y: mul(y, 2) };
      };
      const [actual] = await on('webgpu', () => runOwnKernel('ReluGrad', inputs(), {}));
      const [expected] = await on('cpu', () => {
        const { dy, y } = inputs();
        return mul(dy, step(y));
      });
      expect(actual!.map(Math.abs)).toEqual(expected!.map(Math.abs));
    }
    const nan = await on('webgpu', () => {
      const one = random([4], 1);
      return [
        runOwnKernel('ReluGrad', { dy: mul(one, Number.NaN), y: mul(one, -0) }, {}),
        runOwnKernel('ReluGrad', { dy: one, y: mul(one, Number.NaN) }, {}),
      ];
    });
    for (const numbers of nan) expect(numbers.every(Number.isNaN)).toBe(true);
  });

  test('numbers of a step go by their names, in whatever order', async () => {
    const after = (numbers: { rate: number; decay: number }) =>
      on('webgpu', () =>
        runOwnKernel('SgdUpdate', { weights: random([8], 1), gradient: mul(random([8], 2), 1) }, numbers),
      );
    const [first] = await after({ rate: 0.5, decay: 0.25 });
    const [other] = await after({ decay: 0.25, rate: 0.5 });
    expect(other).toEqual(first);
  });

  const rules = {
    SGD,
    momentum: momentum(),
    Nesterov: momentum({ nesterov: true }),
    Adam: adam({ epsilon: 1e-7 }),
    AdamW: adam({ epsilon: 1e-7, decoupled: true }),
  };
  test.each(Object.entries(rules))('three steps of %s as from tfjs operations', async (_, rule) => {
    for (const shape of [[3, 4], [7]]) {
      const steps = (kernel: boolean) => () => {
        let weights = random(shape, 1);
        let slots = Object.fromEntries(rule.slots.map((slot) => [slot, mul(random(shape, 2), 0)])) as Record<
          string,
          Tensor
        >;
        for (const i of [1, 2, 3]) {
          const gradient = mul(random(shape, 3 + i), 1);
          const inputs = { weights, gradient, ...slots };
          const numbers = rule.numbers(0.1, 0.01, i);
          if (kernel) {
            weights = runOwnKernel(
              rule.kernel as UpdateKernel,
              inputs as never,
              numbers as OwnKernels[UpdateKernel]['attrs'],
            );
          } else {
            const next = rule.update(inputs as never, numbers as never) as Record<string, Tensor>;
            ({ weights, ...slots } = next as { weights: Tensor } & Record<string, Tensor>);
          }
        }
        return [weights, ...Object.values(slots).map((slot) => slot.clone())];
      };
      const [actual, expected] = [await on('webgpu', steps(true)), await on('cpu', steps(false))];
      for (const [k, numbers] of expected.entries()) {
        for (const [i, number] of numbers.entries()) expect(actual[k]![i]).toBeCloseTo(number, 6);
      }
    }
  });

  test('a gradient that another tensor shares keeps its numbers', async () => {
    const [weights, kept] = await on('webgpu', () => {
      const gradient = random([6], 2);
      const shared = gradient.clone();
      return [
        runOwnKernel('SgdUpdate', { weights: random([6], 1), gradient }, { rate: 0.5, decay: 0 }),
        shared,
      ];
    });
    const [w, g] = await on('cpu', () => [random([6], 1), random([6], 2)]);
    expect(kept).toEqual(g);
    for (const [i, number] of weights!.entries()) expect(number).toBeCloseTo(w![i]! - g![i]! / 2, 6);
  });
});
