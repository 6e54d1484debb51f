import '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-wasm';
import { dispose, fused, setBackend, type Tensor2D, tensor } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ConvInfo } from '../../src/wasm/backend.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { partsOf } from '../../src/wasm/parts.js';
import { rangesOf } from '../../src/wasm/tasks.js';
import { numbers, on } from './compare.js';

const side = (min: number, max: number) => fc.integer({ min, max });

describe('the shares of threads', () => {
  test('are ranges without gaps, none empty, the first never the largest', () => {
    fc.assert(
      fc.property(side(1, 50), side(1, 8), (units, threads) => {
        const ranges = rangesOf(units, threads);
        expect(ranges).toHaveLength(Math.min(units, threads));
        expect(ranges[0]![0]).toBe(0);
        expect(ranges.at(-1)![1]).toBe(units);
        const lengths = ranges.map(([from, to]) => to - from);
        expect(Math.min(...lengths)).toBeGreaterThan(0);
        expect(lengths[0]).toBe(Math.min(...lengths));
        for (const [i, [from]] of ranges.entries()) if (i > 0) expect(from).toBe(ranges[i - 1]![1]);
      }),
      { seed: 1 },
    );
  });

  test('of a convolution are parts of its images, or of the rows of a single one, none empty', () => {
    const shapes = fc.record({
      batchSize: side(1, 6),
      outHeight: side(1, 40),
      strideHeight: side(1, 4),
      filterHeight: side(1, 4),
      top: side(0, 3),
      rows: fc.constantFrom(1, 2, 4),
      threads: side(2, 4),
    });
    fc.assert(
      fc.property(shapes, ({ rows, threads, top, ...shape }) => {
        const inHeight = (shape.outHeight - 1) * shape.strideHeight + 1;
        const info = {
          ...{
            ...shape,
            inHeight,
            inWidth: 64,
            inChannels: 512,
            outWidth: 64,
            outChannels: 512,
            filterWidth: 3,
          },
          padInfo: { top, bottom: 0, left: 0, right: 0 },
        } as ConvInfo;
        const parts = partsOf(info, threads, rows);
        const total = (of: (part: ConvInfo) => number) => parts.reduce((sum, part) => sum + of(part.info), 0);
        for (const { info } of parts) expect(info.batchSize * info.outHeight).toBeGreaterThan(0);
        expect(total((part) => part.batchSize * part.outHeight)).toBe(shape.batchSize * shape.outHeight);
      }),
      { seed: 1 },
    );
  });
});

describe('threads with fewer terms than threads', () => {
  beforeAll(async () => {
    installWasmKernels({ threads: 4 })();
    await setBackend('wasm');
  });
  afterEach(() => installWasmKernels()());

  test.each([1, 3])('multiply as one does, of %i terms', async (inner) => {
    const columns = 4_194_307;
    const a = tensor(numbers(inner, 1), [1, inner]) as Tensor2D;
    const b = tensor(numbers(inner * columns, 2), [inner, columns]) as Tensor2D;
    const compute = () => fused.matMul({ a, b, activation: 'relu' });
    installWasmKernels();
    const [expected] = await on('wasm', compute);
    installWasmKernels()();
    installWasmKernels({ threads: 4 });
    for (let use = 0; use < 2; use++) {
      const [actual] = await on('wasm', compute);
      expect(expected!.findIndex((value, k) => !(Math.abs(actual![k]! - value) < 1e-6))).toBe(-1);
    }
    dispose([a, b]);
  });
});
