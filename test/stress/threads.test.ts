import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-wasm';
import {
  avgPool,
  clipByValue,
  fused,
  grads,
  matMul,
  maxPool,
  mean,
  relu,
  setBackend,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { Helper } from '../../src/wasm/helper.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { on, random } from '../wasm/compare.js';

afterEach(() => installWasmKernels()());

const side = (min: number, max: number) => fc.integer({ min, max });

const cases = fc.record({
  batch: side(1, 5),
  height: side(1, 9),
  width: side(1, 9),
  channels: fc.constantFrom([1, 3], [4, 8], [8, 4], [5, 12]),
  filter: fc.constantFrom([3, 3], [1, 1], [2, 3]),
  window: fc.tuple(side(1, 3), side(1, 3)),
  inner: side(1, 9),
  columns: side(1, 40),
  flags: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
  seed: fc.nat(1000),
});

/** Everything that is divided between threads, at small sizes. */
function everything(c: typeof cases extends fc.Arbitrary<infer C> ? C : never): Tensor[] {
  const [ins, outs] = c.channels as [number, number];
  const [turnA, turnB, sparse] = c.flags;
  const x = random([c.batch, c.height, c.width, ins], c.seed) as Tensor4D;
  const weights = random([...c.filter, ins, outs], c.seed + 1) as Tensor4D;
  const bias = random([outs], c.seed + 2) as Tensor1D;
  const convolution = (x: Tensor, filter: Tensor, bias: Tensor) =>
    fused.conv2d({
      ...{ x: x as Tensor4D, filter: filter as Tensor4D, bias: bias as Tensor1D },
      ...{ strides: 1, pad: 'same', activation: 'relu' },
    });
  const pools = [maxPool, avgPool].map(
    (pool) => (x: Tensor) => pool(x as Tensor4D, c.window, c.window, 'same') as Tensor,
  );
  const a = random(turnA ? [c.inner, c.batch] : [c.batch, c.inner], c.seed + 3);
  const b = random(turnB ? [c.columns, c.inner] : [c.inner, c.columns], c.seed + 4);
  return [
    convolution(x, weights, bias),
    ...grads(convolution)([x, weights, bias]),
    ...pools.flatMap((pool) => [pool(x), ...grads(pool)([x])]),
    matMul(sparse ? relu(a) : a, b, turnA, turnB),
    ...[[0], [0, 1, 2], [1, 2], [3]].flatMap((axes) => [sum(x, axes), mean(x, axes)]),
    relu(x),
    clipByValue(x, -0.5, 0.25),
  ];
}

test.each([2, 3, 4])(
  '%i threads compute what one does and what the cpu backend does, however little',
  async (threads) => {
    const all = fc.sample(cases, { numRuns: 25, seed: threads });
    // Shares the backend's memory before it starts.
    installWasmKernels({ threads: 2 })();
    installWasmKernels();
    await setBackend('wasm');
    const expected: Float32Array[][] = [];
    for (const one of all) expected.push(await on('wasm', () => everything(one)));
    installWasmKernels()();

    installWasmKernels({ threads });
    const start = vi.spyOn(Helper.prototype, 'start');
    const helping = () => new Set(start.mock.contexts.filter((_, i) => start.mock.results[i]!.value)).size;
    while (helping() < threads - 1) {
      await on('wasm', () => everything({ ...all[0]!, batch: 8 }));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const [i, one] of all.entries()) {
      start.mockClear();
      const actual = await on('wasm', () => everything(one));
      const onCpu = await on('cpu', () => everything(one));
      expect(start).toHaveBeenCalled();
      for (const [k, values] of expected[i]!.entries()) {
        // The gradient of a filter is a sum of the threads' sums.
        const tolerance = k === 2 ? 1e-5 * Math.max(...values.map(Math.abs)) : 0;
        const wrong = values.findIndex((value, at) => !(Math.abs(actual[k]![at]! - value) <= tolerance));
        const far = values.findIndex((value, at) => !(Math.abs(onCpu[k]![at]! - value) <= 1e-4));
        expect({ case: one, result: k, wrong, far }).toEqual({ case: one, result: k, wrong: -1, far: -1 });
      }
    }
    start.mockRestore();
  },
);
