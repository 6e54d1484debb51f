import {
  clipByValue,
  conv2d,
  engine,
  fused,
  grad,
  grads,
  matMul,
  maxPool,
  mean,
  mul,
  relu,
  relu6,
  setBackend,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tensor,
  tile,
} from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { numbers, on, random } from './compare.js';
import { floats, NANS, OTHERS } from './oddBits.js';

beforeAll(() => void installWasmKernels());

const BITS = [...NANS, ...OTHERS];

/** Each odd number in vectors of four and alone at the end. */
const line = () => tensor(floats([...BITS, ...BITS, 0x3f800000, 0xffc00000, 0xbf000000]));

/** What two results are, apart from the bits of NaN and the sign of zero. */
const classes = (values: Float32Array) => Array.from(values, (value) => value + 0);

/** Expects NaN exactly where the cpu backend has it, and its other numbers except for rounding. */
async function expectAlike(compute: () => Tensor | Tensor[]): Promise<void> {
  const [expected, actual] = [await on('cpu', compute), await on('wasm', compute)];
  for (const [i, values] of expected.entries()) {
    expect(actual[i]).toHaveLength(values.length);
    for (const [k, value] of values.entries()) {
      const got = actual[i]![k]!;
      if (Number.isFinite(value) && value !== 0) expect(Math.abs(got / value - 1)).toBeLessThan(1e-5);
      else expect(got + 0).toBe(value + 0);
    }
  }
}

/** `values` with one of them replaced. */
function spoiled(shape: number[], seed: number, at: number, bits: number): Tensor {
  const values = numbers(size(shape), seed);
  values.set(floats([bits]), at);
  return tensor(values, shape);
}

describe('each pattern of bits', () => {
  test.each([
    ['relu', () => relu(line())],
    ['relu6', () => relu6(line())],
    ['clipByValue', () => clipByValue(line(), -0.25, 0.5)],
    ['the gradient of relu', () => grad((x) => relu(x))(line(), line())],
    ['tile', () => tile(line(), [3])],
    ['sum over the first axis', () => sum(tensor(floats(BITS), [1, BITS.length]), 0)],
    ['mean over the first axis', () => mean(tensor(floats(BITS), [1, BITS.length]), 0)],
    ['sum over the last axis', () => sum(tensor(floats(BITS), [BITS.length, 1]), 1)],
    ['mean over the last axis', () => mean(tensor(floats(BITS), [BITS.length, 1]), 1)],
  ])('passes %s as on the cpu backend', async (_, compute) => {
    await expectAlike(compute);
  });

  test('passes the kernels that only training has', async () => {
    await setBackend('wasm');
    const odd = Array.from(floats(BITS));
    const pairs = odd.flatMap((a) => odd.map((b) => [a, b] as const));
    const run = (kernel: string, inputs: Record<string, Float32Array>, attrs: object) => {
      const tensors = Object.fromEntries(
        Object.entries(inputs).map(([name, values]) => [name, tensor(values)]),
      );
      const result = engine().runKernel(kernel, tensors, attrs as never) as Tensor;
      const values = result.dataSync() as Float32Array;
      for (const one of [...Object.values(tensors), result]) one.dispose();
      return classes(values);
    };
    const [a, b] = [0, 1].map((i) => Float32Array.from(pairs, (pair) => pair[i]!)) as [
      Float32Array,
      Float32Array,
    ];
    const each = (compute: (a: number, b: number) => number) =>
      classes(Float32Array.from(pairs, ([x, y]) => compute(x, y)));
    const f = Math.fround;
    const flush = (x: number, limit = 2 ** -100) => (Math.abs(x) < limit ? 0 : x);
    expect(run('ReluGrad', { dy: a, y: b }, {})).toEqual(each((dy, y) => dy * (y > 0 ? 1 : y * 0)));
    const weights = a;
    const gradient = b;
    // Without weight decay, 0 * w is added, which is NaN for an infinite w.
    const decayed = (w: number, g: number) => flush(f(g + 0 * w));
    expect(run('SgdUpdate', { weights, gradient }, { rate: 0.5, decay: 0 })).toEqual(
      each((w, g) => w - f(0.5 * decayed(w, g))),
    );
    const momentum = { rate: 0.5, momentum: 0.5, nesterov: false, decay: 0 };
    expect(run('MomentumUpdate', { weights, gradient, velocity: gradient.slice() }, momentum)).toEqual(
      each((w, g) => {
        const x = decayed(w, g);
        return w - f(0.5 * f(flush(f(f(0.5 * g) + x)) + 0 * x));
      }),
    );
    const moments = { first: new Float32Array(pairs.length), second: new Float32Array(pairs.length) };
    const adam = {
      ...{ rate: 1, beta1: 0.5, beta2: 0.5, scale1: 0.5, scale2: 0.5, epsilon: f(1e-7) },
      ...{ decay: 0, keep: 1 },
    };
    expect(run('AdamUpdate', { weights, gradient, ...moments }, adam)).toEqual(
      each((w, g) => {
        const x = decayed(w, g);
        const second = f(0.5 * f(flush(x, 2 ** -55) ** 2));
        return w - f(f(f(0.5 * x) / 0.5) / f(f(Math.sqrt(f(second / 0.5))) + adam.epsilon));
      }),
    );
  });

  const dense =
    (activation: 'linear' | 'relu' | 'relu6', rows: number, zeros: boolean, place: 'a' | 'b') =>
    (bits: number) => {
      const [inner, columns] = [37, 261];
      const kept = numbers(rows * inner, 1).map((value, i) => (zeros && i % 4 ? 0 : value));
      const a = place === 'a' ? spoiled([rows, inner], 1, 40, bits) : tensor(kept, [rows, inner]);
      const b = place === 'b' ? spoiled([inner, columns], 2, 300, bits) : random([inner, columns], 2);
      return fused.matMul({
        a: a as Tensor2D,
        b: b as Tensor2D,
        bias: random([columns], 3) as Tensor1D,
        activation,
      });
    };

  const convolution =
    (
      activation: 'linear' | 'relu' | 'relu6',
      {
        side,
        channels,
        filter,
        stride = 1,
      }: { side: number; channels: number; filter: number; stride?: number },
      place: 'x' | 'filter',
    ) =>
    (bits: number) => {
      const [image, weights] = [
        [2, side, side, channels],
        [filter, filter, channels, channels],
      ];
      return fused.conv2d({
        x: (place === 'x' ? spoiled(image, 1, 20, bits) : random(image, 1)) as Tensor4D,
        filter: (place === 'filter' ? spoiled(weights, 2, 9, bits) : random(weights, 2)) as Tensor4D,
        bias: random([channels], 3) as Tensor1D,
        strides: stride,
        pad: 'same',
        activation,
      });
    };

  const gradients = (channels: number, place: 'x' | 'dy') => (bits: number) => {
    const [image, weights] = [
      [2, 5, 5, channels],
      [3, 3, channels, channels],
    ];
    return grads((x, w) => conv2d(x as Tensor4D, w as Tensor4D, 1, 'same'))(
      [place === 'x' ? spoiled(image, 1, 20, bits) : random(image, 1), random(weights, 2)],
      place === 'dy' ? spoiled(image, 3, 20, bits) : random(image, 3),
    );
  };

  const kernels: [string, (bits: number) => Tensor | Tensor[]][] = [];
  for (const activation of ['linear', 'relu', 'relu6'] as const) {
    for (const place of ['a', 'b'] as const) {
      for (const rows of [3, 40]) {
        kernels.push([
          `a product of ${rows} rows, ${activation}, in ${place}`,
          dense(activation, rows, false, place),
        ]);
      }
    }
    kernels.push([`a sparse product, ${activation}`, dense(activation, 12, true, 'b')]);
    for (const place of ['x', 'filter'] as const) {
      for (const [kind, geometry] of [
        ['in tiles of 4x4', { side: 9, channels: 8, filter: 3 }],
        ['in tiles of 2x2', { side: 2, channels: 8, filter: 3 }],
        ['of few channels', { side: 7, channels: 3, filter: 3 }],
        ['of one pixel', { side: 7, channels: 8, filter: 1 }],
        ['of stride 2', { side: 7, channels: 8, filter: 3, stride: 2 }],
      ] as const) {
        kernels.push([
          `a convolution ${kind}, ${activation}, in ${place}`,
          convolution(activation, geometry, place),
        ]);
      }
    }
  }
  for (const channels of [3, 8, 24]) {
    for (const place of ['x', 'dy'] as const) {
      kernels.push([
        `the gradients of a convolution of ${channels} channels, in ${place}`,
        gradients(channels, place),
      ]);
    }
  }
  kernels.push([
    'a product of transposed matrices',
    (bits) => matMul(spoiled([37, 9], 1, 40, bits), random([270, 37], 2), true, true),
  ]);
  kernels.push([
    'the gradient of max pooling',
    (bits) =>
      grad((x) => maxPool(x as Tensor4D, 2, 2, 'valid'))(
        random([1, 4, 4, 5], 1),
        spoiled([1, 2, 2, 5], 2, 7, bits),
      ),
  ]);
  kernels.push(['a sum', (bits) => sum(spoiled([300, 21], 1, 50, bits), 0)]);
  kernels.push(['a mean', (bits) => mean(spoiled([3, 5, 7, 21], 1, 50, bits), [1, 2])]);

  test.each(kernels)('reaches what depends on it through %s', async (_, compute) => {
    for (const bits of [...NANS.slice(0, 4), ...OTHERS.slice(0, 6)]) {
      const [expected, actual] = [
        await on('cpu', () => compute(bits)),
        await on('wasm', () => compute(bits)),
      ];
      const [odd] = floats([bits]);
      const wrong = expected.flatMap((values, i) =>
        Array.from(values, (value, k) => {
          const got = actual[i]![k]!;
          if (Number.isNaN(value)) return !Number.isNaN(got);
          // The sum of infinities of both signs is NaN, and tiles spread both.
          if (!Number.isFinite(value)) return Number.isFinite(got);
          return Math.abs(odd!) < 1 && !(Math.abs(got - value) < 1e-4);
        }),
      );
      expect(wrong.filter(Boolean)).toEqual([]);
      if (NANS.includes(bits))
        expect(expected.flatMap((values) => [...values]).some(Number.isNaN)).toBe(true);
    }
  });
});

test('a product of zeros and NaN is NaN whichever factor is which', async () => {
  const compute = () => [
    mul(line(), 0),
    matMul(tensor(floats([0xffc00000]), [1, 1]), tensor([[0]]) as Tensor2D),
    matMul(tensor([[0]]) as Tensor2D, tensor(floats([0xffc00000]), [1, 1])),
  ];
  await expectAlike(compute);
});
