import '@tensorflow/tfjs-backend-wasm';
import { memory, type Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { memoryView, unfilledTensor } from '../../src/tfjs/memory.js';
import { decoder, encode } from '../../src/weights/formats/numbers.js';
import { encodeWeights, fromWeights } from '../../src/weights/index.js';
import type { Axes } from '../../src/weights/layout/axes.js';
import { type Rows, scatterAnywhere, scatterOnBackend } from '../../src/weights/layout/scatter.js';
import { useBackend } from '../support/backends.js';

beforeAll(() => useBackend('wasm'));

/** Rows of numbers that all differ, from -0.5 to below 0.5, of which the least are subnormal as float16. */
function rowsOf(dtype: 'F32' | 'F16' | 'BF16', first: number, count: number, row: number): Rows {
  const numbers = Float32Array.from(
    { length: count * row },
    (_, i) => ((i + first * row) % 8191) / 8191 - 0.5,
  );
  numbers.set([0, -0, 2 ** -20, -(2 ** -24)].slice(0, numbers.length));
  const bytes = encode(numbers, dtype);
  return { tensor: { dtype }, bytes, first, numbers: () => decoder(dtype, count * row)(bytes) };
}

/** A tensor of the backend, filled with what tells that nothing was written there. */
function untouched({ out, channels, window }: Axes): Tensor {
  const to = unfilledTensor([window, channels, out])!;
  memoryView(to)!.fill(-7);
  return to;
}

describe.each(['F32', 'F16', 'BF16'] as const)('rows of %s', (dtype) => {
  test.each<[string, Axes, number, number]>([
    ['a 3x3 kernel', { out: 64, channels: 8, window: 9 }, 0, 64],
    ['some of its rows', { out: 64, channels: 8, window: 9 }, 20, 12],
    ['rows and columns that are no fours', { out: 11, channels: 3, window: 9 }, 3, 7],
    ['a linear weight', { out: 10, channels: 37, window: 1 }, 0, 10],
    ['the first linear weight', { out: 8, channels: 4, window: 49 }, 0, 8],
    ['fewer than four of all', { out: 3, channels: 1, window: 2 }, 1, 2],
  ])('of %s come where JavaScript puts them', (_, sides, first, count) => {
    const tensors = memory().numTensors;
    const rows = rowsOf(dtype, first, count, sides.channels * sides.window);
    const to = untouched(sides);
    expect(scatterOnBackend()(rows, sides, () => memoryView(to)!)).toBe(false);
    const actual = memoryView(to)!.slice();
    const expected = new Float32Array(actual.length).fill(-7);
    scatterAnywhere(rows, sides, () => expected);
    expect(new Uint32Array(actual.buffer)).toEqual(new Uint32Array(expected.buffer));
    to.dispose();
    expect(memory().numTensors).toBe(tensors);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%s is seen wherever it is',
    (special) => {
      const sides = { out: 5, channels: 3, window: 2 };
      const scatter = scatterOnBackend();
      const to = untouched(sides);
      for (let at = 0; at < 30; at++) {
        const numbers = new Float32Array(30).fill(1);
        numbers[at] = special;
        const bytes = encode(numbers, dtype);
        const rows = { tensor: { dtype }, bytes, first: 0, numbers: () => decoder(dtype, 30)(bytes) };
        expect(
          scatter(rows, sides, () => memoryView(to)!),
          `at ${at}`,
        ).toBe(true);
        expect(scatterAnywhere(rows, sides, () => new Float32Array(30))).toBe(true);
        expect(memoryView(to)!.filter((number) => Object.is(number, special))).toHaveLength(1);
      }
      to.dispose();
    },
  );
});

test('quantized numbers are scaled', () => {
  const sides = { out: 4, channels: 4, window: 1 };
  const to = untouched(sides);
  const bytes = encode(new Float32Array(16).fill(3), 'F32');
  const affine = { scale: 2, min: 1 };
  const rows = {
    ...{ tensor: { dtype: 'F32' as const, affine }, bytes, first: 0 },
    numbers: () => decoder('F32', 16, affine)(bytes),
  };
  scatterOnBackend()(rows, sides, () => memoryView(to)!);
  expect(memoryView(to)!.slice()).toEqual(new Float32Array(16).fill(7));
  to.dispose();
});

test('a network loads as it was saved, and an aborted load leaves nothing', async () => {
  const model = vgg([[1, 8]], { inputShape: [32, 32, 1], classes: 3, hiddenUnits: 130, seed: 3 });
  const bytes = await encodeWeights(model);
  const before = memory().numTensors;
  const { model: again } = await fromWeights(bytes);
  for (const [i, layer] of model.layers.entries()) {
    for (const [k, weight] of layer.getWeights().entries()) {
      const [expected, actual] = await Promise.all([weight.data(), again.layers[i]!.getWeights()[k]!.data()]);
      expect(
        actual.every((number, at) => number === expected[at]),
        `${layer.name}, ${k}`,
      ).toBe(true);
    }
  }
  again.dispose();
  const stop = new AbortController();
  const onProgress = () => stop.abort(new Error('enough'));
  await expect(fromWeights(bytes, { signal: stop.signal, onProgress })).rejects.toThrow('enough');
  expect(memory().numTensors).toBe(before);
  model.dispose();
});
