import {
  abs,
  add,
  avgPool,
  backend,
  batchNorm4d,
  cast,
  clone,
  dispose,
  fused,
  grad,
  grads,
  greater,
  matMul,
  maxPool,
  mul,
  prelu,
  setBackend,
  slice,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tensor,
  tidy,
  tile,
  transpose,
} from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { size } from '../../src/base/shapes.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { expectSame, numbers, on, random, rounding, wasm, watchMemory } from './compare.js';

beforeAll(() => void installWasmKernels());

const side = (min: number, max: number) => fc.integer({ min, max });

describe('a large dense layer', () => {
  const dense =
    (
      rows: number,
      inner: number,
      columns: number,
      activation: 'relu' | 'linear' | 'sigmoid',
      bias: boolean,
    ) =>
    () =>
      fused.matMul({
        a: random([rows, inner], 1),
        b: random([inner, columns], 2),
        ...(bias && { bias: random([columns], 3) }),
        activation,
      });

  test.each([1, 3, 8, 32, 33])(
    'of %i examples is that of the cpu backend, with or without bias and activation',
    async (rows) => {
      for (const activation of ['relu', 'linear', 'sigmoid'] as const) {
        for (const bias of [true, false])
          await expectSame(dense(rows, 2051, 517, activation, bias), rounding(2051));
      }
    },
  );

  test('takes no more memory than its result', async () => {
    const compute = dense(1, 4096, 1024, 'relu', true);
    await on('wasm', compute);
    const before = wasm().wasm.HEAPU8.length;
    // Each product has weights of its own, whose copies the stock kernel would keep.
    for (let i = 0; i < 8; i++) await on('wasm', compute);
    expect(wasm().wasm.HEAPU8.length).toBe(before);
  });

  test('takes as little memory under a gradient, and its gradients are those of the cpu backend', async () => {
    const compute = () => {
      const product = (a: Tensor, b: Tensor) => matMul(a, b);
      const [x, weights, dy] = [random([2, 2051], 1), random([2051, 517], 2), random([2, 517], 3)];
      return [product(x, weights), grad((a) => product(a, weights))(x, dy)];
    };
    await expectSame(compute, rounding(2051));
    const before = wasm().wasm.HEAPU8.length;
    for (let i = 0; i < 8; i++) await on('wasm', compute);
    expect(wasm().wasm.HEAPU8.length).toBe(before);
  });

  test('lets NaN and infinity through', async () => {
    const compute = () =>
      tidy(() => {
        const weights = tile(tensor([Number.NaN, Number.POSITIVE_INFINITY, 1, -1], [1, 4]), [1024, 256]);
        return fused.matMul({ a: tile(tensor([[1]]), [1, 1024]), b: weights, activation: 'relu' });
      });
    const [[values], [expected]] = [await on('wasm', compute), await on('cpu', compute)];
    expect([...values!.subarray(0, 4)]).toEqual([Number.NaN, Number.POSITIVE_INFINITY, 1024, 0]);
    expect(values).toEqual(expected);
  });
});

describe('a matrix product', () => {
  const products = fc.record({
    rows: side(1, 12),
    inner: side(1, 40),
    columns: side(1, 40),
    batches: fc.constantFrom<[number[], number[]]>(
      [[], []],
      [[3], [3]],
      [[1], [1]],
      [
        [2, 3],
        [2, 3],
      ],
    ),
    flags: fc.tuple(fc.boolean(), fc.boolean()),
    seed: fc.nat(),
  });

  test('and its gradients are those of the cpu backend for any size and transposes', async () => {
    await fc.assert(
      fc.asyncProperty(products, async ({ rows, inner, columns, batches, flags: [turnA, turnB], seed }) => {
        const compute = () => {
          const a = random([...batches[0], ...(turnA ? [inner, rows] : [rows, inner])], seed);
          const b = random([...batches[1], ...(turnB ? [columns, inner] : [inner, columns])], seed + 1);
          const dy = random([...batches[0], rows, columns], seed + 2);
          const product = (a: Tensor, b: Tensor) => matMul(a, b, turnA, turnB);
          return [product(a, b), ...grads(product)([a, b], dy)];
        };
        await expectSame(compute, rounding(Math.max(rows, inner, columns)));
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  test.each([
    [1, 6],
    [6, 1],
  ])('of batches of %i and %i matrices is that of the cpu backend for any transposes', async (m, n) => {
    for (const turnA of [false, true]) {
      for (const turnB of [false, true]) {
        const compute = () =>
          matMul(
            random([m, ...(turnA ? [20, 3] : [3, 20])], 1),
            random([n, ...(turnB ? [30, 20] : [20, 30])], 2),
            turnA,
            turnB,
          );
        await expectSame(compute, rounding(20));
      }
    }
  });

  test('skips the zeros of a sparse matrix, whatever its size and transposes', async () => {
    // Zeros are looked for from 9 rows and 256 columns on.
    const sizes = fc.record({
      ...{ rows: side(9, 300), inner: side(1, 150), columns: fc.integer({ min: 256, max: 340 }) },
      flags: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(sizes, async ({ rows, inner, columns, flags: [turnA, turnB, relu], seed }) => {
        const compute = () => {
          const kept = random(turnA ? [inner, rows] : [rows, inner], seed);
          const a = mul(kept, cast(greater(kept, 0.5), 'float32')) as Tensor2D;
          const b = random(turnB ? [columns, inner] : [inner, columns], seed + 1) as Tensor2D;
          const bias = random([columns], seed + 2);
          return fused.matMul({
            ...{ a, b, transposeA: turnA, transposeB: turnB, bias },
            activation: relu ? 'relu' : 'linear',
          });
        };
        await expectSame(compute, rounding(inner));
      }),
      {
        ...{ numRuns: 60, seed: 1 },
        // More than are listed, and packed, at a time.
        examples: [[{ rows: 140, inner: 130, columns: 4200, flags: [true, true, true], seed: 1 }]],
      },
    );
  });

  test('multiplies zeros too where they meet an infinity or NaN', async () => {
    for (const [turnB, odd] of [
      [false, Number.POSITIVE_INFINITY],
      [true, Number.NEGATIVE_INFINITY],
      [false, Number.NaN],
      [true, Number.NaN],
    ] as const) {
      const compute = () => {
        // 200 terms: blocks with the odd number and without.
        const values = numbers(200 * 300, 1);
        values[300 * 199 + 299] = odd;
        const b = tensor(values, [200, 300]);
        const a = tensor([...new Array(199).fill(0), 1, ...new Array(9 * 200).fill(0)], [10, 200]);
        return matMul(a, turnB ? transpose(b) : b, false, turnB);
      };
      const [[expected], [actual]] = [await on('cpu', compute), await on('wasm', compute)];
      expect(actual!.filter(Number.isNaN).length, String(odd)).toBeGreaterThan(0);
      expect(Array.from(actual!, Number.isFinite)).toEqual(Array.from(expected!, Number.isFinite));
    }
  });

  test('lets NaN and infinity through', async () => {
    const compute = () =>
      matMul(
        tensor([1, Number.NaN, 2, 3], [2, 2]),
        tensor([1, 1, 2, Number.POSITIVE_INFINITY, 3, 1], [3, 2]),
        false,
        true,
      );
    expect(await on('wasm', compute)).toEqual(await on('cpu', compute));
  });
});

describe('pooling', () => {
  const pools = fc
    .record({
      shape: fc.tuple(side(1, 3), side(1, 9), side(1, 9), side(1, 5)),
      filter: fc.tuple(side(1, 3), side(1, 3)),
      strides: fc.tuple(side(1, 3), side(1, 3)),
      pad: fc.constantFrom('same' as const, 'valid' as const),
      seed: fc.nat(),
    })
    .filter(
      ({ shape: [, height, width], filter: [rows, columns], pad }) =>
        pad === 'same' || (height >= rows && width >= columns),
    );

  test.each([
    ['max', maxPool],
    ['avg', avgPool],
  ])('by %s has the gradients of the cpu backend, ties included', async (_, pool) => {
    await fc.assert(
      fc.asyncProperty(pools, async ({ shape, filter, strides, pad, seed }) => {
        // Whole numbers from -2 to 1, so that most windows have more than one maximum.
        const values = numbers(size(shape), seed).map((value) => Math.floor(2 * value));
        const compute = () => {
          const forward = (x: Tensor) => pool(x as Tensor4D, filter, strides, pad);
          const x = tensor(values, shape);
          return grad(forward)(x, random(forward(x).shape, seed + 1));
        };
        await expectSame(compute, rounding(9));
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  test('by max gives no gradient to NaN, nor to a window of minus infinity', async () => {
    const [nan, low] = [Number.NaN, Number.NEGATIVE_INFINITY];
    const compute = () =>
      grad((x) => maxPool(x as Tensor4D, 2, 2, 'valid'))(
        tensor([nan, 3, low, low, 1, nan, low, low], [1, 2, 4, 1]),
        tensor([5, 7], [1, 1, 2, 1]),
      );
    expect(await on('wasm', compute)).toEqual([Float32Array.from([0, 5, 0, 0, 0, 0, 0, 0])]);
    expect(await on('cpu', compute)).toEqual(await on('wasm', compute));
  });
});

test('batch normalization has the gradients of the cpu backend', async () => {
  const shape = [4, 5, 6, 7];
  const compute = () =>
    grads((x, mean, variance, offset, scale) =>
      batchNorm4d(
        x as Tensor4D,
        mean as Tensor1D,
        variance as Tensor1D,
        offset as Tensor1D,
        scale as Tensor1D,
        1e-3,
      ),
    )(
      [random(shape, 1), random([7], 2), add(abs(random([7], 3)), 0.5), random([7], 4), random([7], 5)],
      random(shape, 6),
    );
  // Variances from 0.5 on make the factors of a term up to 2 ** 1.5.
  await expectSame(compute, 3 * rounding(4 * 5 * 6));
});

test('a tensor repeats as on the cpu backend', async () => {
  const repeats = fc
    .array(fc.record({ size: side(1, 4), count: side(1, 3) }), { minLength: 1, maxLength: 4 })
    .chain((axes) =>
      fc.record({
        axes: fc.constant(axes),
        dtype: fc.constantFrom('float32' as const, 'int32' as const, 'bool' as const),
      }),
    );
  await fc.assert(
    fc.asyncProperty(repeats, async ({ axes, dtype }) => {
      const shape = axes.map(({ size }) => size);
      const values = Array.from({ length: size(shape) }, (_, i) => (dtype === 'bool' ? i % 2 : i));
      await expectSame(
        () =>
          tile(
            tensor(values, shape, dtype),
            axes.map(({ count }) => count),
          ),
        0,
      );
    }),
    { numRuns: 200, seed: 1 },
  );
});

test('a slice is the one of the cpu backend, of any axes and types, and takes no more memory', async () => {
  const cases = fc
    .array(fc.record({ before: side(0, 2), size: side(0, 4), after: side(0, 2) }), {
      minLength: 1,
      maxLength: 5,
    })
    .chain((axes) =>
      fc.record({
        axes: fc.constant(axes),
        dtype: fc.constantFrom('float32' as const, 'int32' as const, 'bool' as const),
      }),
    );
  await fc.assert(
    fc.asyncProperty(cases, async ({ axes, dtype }) => {
      const shape = axes.map(({ before, size, after }) => before + size + after);
      const values = Array.from({ length: size(shape) }, (_, i) => (dtype === 'bool' ? i % 2 : i));
      const compute = () =>
        slice(
          tensor(values, shape, dtype),
          axes.map(({ before }) => before),
          axes.map(({ size }) => size),
        );
      await expectSame(compute, 0);
    }),
    { numRuns: 200, seed: 1 },
  );
  await setBackend('wasm');
  const rows = random([500, 400], 1);
  const read = vi.spyOn(backend(), 'readSync');
  const memory = watchMemory();
  const some = slice(rows, [20, 3], [10, 7]);
  memory.end();
  expect(memory.peak()).toBe(4 * 10 * 7);
  expect(read).not.toHaveBeenCalled();
  read.mockRestore();
  expect(() => slice(rows, [495, 0], [10, 7])).toThrow(
    'Error in slice2D: begin[0] + size[0] (505) would overflow input.shape[0] (500)',
  );
  for (const [begin, sides] of [
    [
      [-2, 0],
      [1, 400],
    ],
    [
      [502, 0],
      [-1, 400],
    ],
    [
      [0, 0],
      [2.5, 400],
    ],
  ]) {
    expect(() => slice(rows, begin!, sides)).toThrow('both must be whole numbers of at least 0.');
  }
  const words = tensor(['a', 'b', 'c']);
  const last = slice(words, 1);
  expect(await last.data()).toEqual(['b', 'c']);
  dispose([rows, some, words, last]);
});

test('a clone shares its numbers with the tensor, and outlives it', async () => {
  await setBackend('wasm');
  const x = random([3, 5], 1);
  const [buffers, numbers] = [wasm().numDataIds(), await x.data()];
  const copy = clone(x);
  expect(wasm().numDataIds()).toBe(buffers);
  x.dispose();
  expect(await copy.data()).toEqual(numbers);
  copy.dispose();
  expect(wasm().numDataIds()).toBe(buffers - 1);
  const words = tensor(['a', 'b']);
  const same = clone(words);
  expect(await same.data()).toEqual(['a', 'b']);
  dispose([words, same]);
});

test.each([
  [[2, 3, 4, 5]],
  [[3, 4, 5]],
  [[1, 4, 1]],
  [[3, 1, 1]],
  [[3, 1, 5]],
  [[3, 4, 1]],
  [[1, 1, 5]],
  [[5]],
  [[1]],
  [[2, 1, 1, 1]],
])(
  'slopes of the shape %j are those of their axes, as on the cpu backend, and leave nothing',
  async (shape) => {
    await expectSame(() => {
      const [x, alpha] = [random([2, 3, 4, 5], 1), random(shape, 2)] as const;
      return [prelu(x, alpha), ...grads(prelu)([x, alpha], random(x.shape, 3))];
    }, 1e-6);
    await on('wasm', () => []);
    const before = wasm().numDataIds();
    await on('wasm', () => prelu(random([2, 3, 4, 5], 1), random(shape, 2)));
    expect(wasm().numDataIds()).toBe(before);
    // The larger of the two may be the slopes.
    await expectSame(() => prelu(random([4, 1], 1), random([3, 1, 5], 2)), 0);
  },
);
