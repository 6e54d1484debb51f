import {
  clipByValue,
  conv2d,
  engine,
  fill,
  fused,
  relu,
  relu6,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tensor,
} from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { installWasmKernels } from '../../src/wasm/index.js';
import { expectSame, on, random, rounding } from './compare.js';

beforeAll(() => void installWasmKernels());

const ACTIVATIONS = ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu', 'prelu'] as const;

/** What fused operations take for an activation. */
const epilogue = (activation: (typeof ACTIVATIONS)[number], channels: number) => ({
  activation,
  leakyreluAlpha: 0.3,
  ...(activation === 'prelu' && { preluActivationWeights: fill([channels], 0.2) }),
});

// The backend's own kernel forgets the bias of some of them.
test.each(ACTIVATIONS)(
  'products with a bias and %s are those of the cpu backend, transposed and in batches',
  async (activation) => {
    for (const batch of [[], [2]]) {
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          await expectSame(() => {
            const a = random([...batch, ...(transposeA ? [7, 5] : [5, 7])], 1);
            const b = random([...batch, ...(transposeB ? [9, 7] : [7, 9])], 2);
            const bias = random([9], 3);
            return fused.matMul({ a, b, transposeA, transposeB, bias, ...epilogue(activation, 9) }) as Tensor;
          }, rounding(7));
        }
      }
    }
  },
);

test.each(ACTIVATIONS)('a bias that broadcasts is added before %s', async (activation) => {
  for (const shape of [[1], [1, 9], [5, 1], [5, 9]]) {
    await expectSame(
      () =>
        fused.matMul({
          ...{ a: random([5, 7], 1) as Tensor2D, b: random([7, 9], 2) as Tensor2D, bias: random(shape, 3) },
          ...epilogue(activation, 9),
        }),
      rounding(7),
    );
  }
  for (const filter of [3, 2]) {
    await expectSame(
      () =>
        fused.conv2d({
          ...{
            x: random([2, 5, 5, 8], 1) as Tensor4D,
            filter: random([filter, filter, 8, 8], 2) as Tensor4D,
          },
          ...{ strides: 1, pad: 'same', bias: random([1], 3) as never },
          ...epilogue(activation, 8),
        }),
      rounding(72 * 16),
    );
  }
  // No terms at all.
  await expectSame(
    () =>
      fused.matMul({
        ...{ a: random([5, 0], 1) as Tensor2D, b: random([0, 9], 2) as Tensor2D, bias: random([9], 3) },
        ...epilogue(activation, 9),
      }),
    rounding(1),
  );
});

test('NaN passes each fused activation whatever its sign', async () => {
  for (const bits of [0x7fc00000, 0xffc00000]) {
    const bias = () => tensor(new Float32Array(Uint32Array.from(Array(8).fill(bits)).buffer)) as never;
    for (const activation of ACTIVATIONS) {
      for (const filter of [3, 2]) {
        const [y, product] = await on('wasm', () => [
          fused.conv2d({
            ...{
              x: random([1, 3, 3, 8], 1) as Tensor4D,
              filter: random([filter, filter, 8, 8], 2) as Tensor4D,
            },
            ...{ strides: 1, pad: 'same', bias: bias(), ...epilogue(activation, 8) },
          }),
          fused.matMul({
            ...{ a: random([5, 7], 1) as Tensor2D, b: random([7, 8], 2) as Tensor2D, bias: bias() },
            ...epilogue(activation, 8),
          }),
        ]);
        expect([...y!, ...product!].every(Number.isNaN)).toBe(true);
      }
    }
  }
});

test('convolutions have as many outputs as tfjs counts, rounded up, and for filters that are not square', async () => {
  const check = async (filter: [number, number], strides: [number, number], rest: object) =>
    expectSame(
      () =>
        engine().runKernel(
          'Conv2D',
          { x: random([2, 6, 7, 5], 1), filter: random([...filter, 5, 4], 2) },
          { strides, dataFormat: 'NHWC', dilations: [1, 1], ...rest },
        ) as Tensor,
      rounding(60),
    );
  for (const dimRoundingMode of ['floor', 'round', 'ceil']) {
    for (const pad of [0, 1, 2]) {
      await check([2, 2], [3, 2], { pad, dimRoundingMode });
      await check([3, 3], [2, 2], { pad, dimRoundingMode });
    }
  }
  // tfjs counts both sides by the filter's height.
  for (const filter of [
    [2, 4],
    [4, 2],
  ] as [number, number][]) {
    for (const dilations of [
      [1, 1],
      [2, 1],
    ]) {
      await check(filter, [1, 1], { pad: 2, dilations });
    }
  }
});

test('whole numbers are clamped as whole numbers', async () => {
  const line = () => tensor([-50, -3, -1, 0, 1, 3, 7, 50], undefined, 'int32');
  await expectSame(() => [clipByValue(line(), -3, 4), relu(line()), relu6(line())], 0);
});

test('the gradient of a convolution with padding in pixels fits its output', async () => {
  await expectSame(
    () => {
      const [x, filter] = [random([2, 5, 6, 3], 1) as Tensor4D, random([4, 5, 3, 4], 2) as Tensor4D];
      const y = conv2d(x, filter, [1, 3], 3);
      const run = (kernel: string, inputs: Record<string, Tensor>, shapes: object) =>
        engine().runKernel(kernel, inputs, {
          ...{ strides: [1, 3], pad: 3, dataFormat: 'NHWC', ...shapes },
        }) as Tensor;
      return [
        y,
        run('Conv2DBackpropInput', { dy: y, filter }, { inputShape: x.shape }),
        run('Conv2DBackpropFilter', { dy: y, x }, { filterShape: filter.shape }),
      ];
    },
    rounding(20 * 20 * 4),
  );
});
