import {
  grad,
  maxPool,
  mul,
  ones,
  relu,
  round,
  scalar,
  step,
  sum,
  type Tensor,
  type Tensor4D,
  tensor,
} from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { type OwnKernels, type Pooling, runOwnKernel, type UpdateKernel } from '../../src/tfjs/kernels.js';
import { adam, momentum, SGD } from '../../src/train/leanOptimizer.js';
import { RunningMeans } from '../../src/train/running.js';
import { available, error, expectSame, numbers, on, random } from './compare.js';

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
    await expectSame(() => sum(random([2, 3, 4], 1), [0, 0]));
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

  // Rows for one workgroup and for many, in fours and not, of 2D and 4D tensors.
  test.each([[[4, 8]], [[7, 3]], [[40, 1028]], [[2, 30, 31, 16]]])(
    'the gradient of a ReLU with that of the bias before it, as the two by themselves: %j',
    async (shape) => {
      const both = (atOnce: boolean) => () => {
        const [dy, y] = [mul(random(shape, 1), 2), random(shape, 2)];
        if (atOnce) return runOwnKernel('ReluBiasGrad', { dy, y }, {});
        const before = mul(dy, step(y));
        return [
          before,
          sum(
            before,
            shape.slice(1).map((_, axis) => axis),
          ),
        ];
      };
      const [expected, actual] = [await on('cpu', both(false)), await on('webgpu', both(true))];
      expect(error(actual[0]!, expected[0]!)).toBe(0);
      expect(error(actual[1]!, expected[1]!)).toBeLessThan(2e-6);
      expect(await on('webgpu', both(true))).toEqual(actual);
    },
  );

  test('a gradient that another tensor shares keeps its numbers behind a ReLU', async () => {
    const [, , kept] = await on('webgpu', () => {
      const dy = mul(random([6, 4], 1), 1);
      const shared = dy.clone();
      return [...runOwnKernel('ReluBiasGrad', { dy, y: random([6, 4], 2) }, {}), shared];
    });
    expect(kept).toEqual((await on('cpu', () => random([6, 4], 1)))[0]);
  });

  test.each(poolings.flatMap((one) => [true, false].map((relu) => ({ ...one, relu }))))(
    'the gradients before max pooling and ReLU and of the bias: $image, $size by $strides, $pad, ReLU $relu',
    async ({ image, size, strides, pad, relu: isRelu }) => {
      const both = (atOnce: boolean) => () => {
        const x = round(mul(random([...image], 1), 3)) as Tensor4D;
        const map = isRelu ? relu(x) : x;
        const pooled = (x: Tensor) => maxPool(x as Tensor4D, size, strides, pad);
        const dy = mul(ones(pooled(map).shape), random([image[3]], 2));
        if (atOnce) {
          const pool = { size: [size, size], strides: [strides, strides], pad } as Pooling;
          return runOwnKernel('PoolBiasGrad', { dy, map }, { pool, relu: isRelu });
        }
        const behind = mul(grad(pooled)(map, dy), isRelu ? step(map) : 1);
        return [behind, sum(behind, [0, 1, 2])];
      };
      const [expected, actual] = [await on('cpu', both(false)), await on('webgpu', both(true))];
      // Where windows overlap, gradients are added.
      expect(error(actual[0]!, expected[0]!)).toBeLessThan(2e-7);
      expect(error(actual[1]!, expected[1]!)).toBeLessThan(2e-6);
    },
  );

  test.each([
    { examples: 1, classes: 2 },
    { examples: 5, classes: 10 },
    { examples: 300, classes: 65 },
    { examples: 7, classes: 1000 },
  ])('cross-entropy and its gradient as in float64: $examples of $classes classes', async (one) => {
    const { examples, classes } = one;
    const logits = numbers(examples * classes, 1).map((number) => 20 * number);
    const labels = Int32Array.from({ length: examples }, (_, i) => (7 * i) % classes);
    // Of equal logits, the first counts.
    logits[0] = logits[1] = 30;
    labels[0] = 1;
    const compute = () =>
      runOwnKernel(
        'CrossEntropy',
        { logits: tensor(logits, [examples, classes]), labels: tensor(labels, [examples], 'int32') },
        { count: 3 },
      );
    const [loss, correct, gradient] = await on('webgpu', compute);
    const [total, right] = [{ value: 0 }, { value: 0 }];
    const slopes = new Float64Array(logits.length);
    labels.forEach((label, row) => {
      const own = [...logits.subarray(row * classes, (row + 1) * classes)];
      const largest = Math.max(...own);
      const sum = own.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
      total.value += (Math.log(sum) + largest - own[label]!) / 3;
      right.value += Number(own.indexOf(largest) === label);
      for (const [i, logit] of own.entries()) {
        slopes[row * classes + i] = (Math.exp(logit - largest) / sum - Number(i === label)) / 3;
      }
    });
    expect(error(loss!, [total.value])).toBeLessThan(1e-5);
    expect(correct).toEqual(Float32Array.of(right.value));
    expect(error(gradient!, slopes)).toBeLessThan(1e-5);
    expect(await on('webgpu', compute)).toEqual([loss, correct, gradient]);
  });

  test('logits that are not finite give a loss that is not', async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const [loss] = await on('webgpu', () =>
        runOwnKernel(
          'CrossEntropy',
          { logits: tensor([1, bad, 3], [1, 3]), labels: tensor([0], [1], 'int32') },
          { count: 1 },
        ),
      );
      expect(loss![0], String(bad)).not.toSatisfy(Number.isFinite);
    }
  });

  test('sums over many batches lose no more than those of tfjs operations', async () => {
    const read = (name: 'cpu' | 'webgpu') =>
      on(name, () => {
        const means = new RunningMeans();
        for (let i = 0; i < 200; i++) means.add(3, [scalar(0.1), scalar(i % 2, 'int32')]);
        return Object.values(means.tensors());
      });
    const [[expected], [actual]] = [await read('cpu'), await read('webgpu')];
    expect(actual).toEqual(expected);
    expect(actual![0]).toBeCloseTo(60, 5);
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
