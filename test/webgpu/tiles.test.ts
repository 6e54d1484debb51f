import { backend, engine, setBackend, type TensorInfo, tidy } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import type { WebgpuBackend } from '../../src/webgpu/backend.js';
import { productOf } from '../../src/webgpu/convolution.js';
import { convolve } from '../../src/webgpu/convolve.js';
import { KeptForms } from '../../src/webgpu/keptForms.js';
import { layoutFor, multiplyInTiles, tilesFor } from '../../src/webgpu/multiply.js';
import { rotateFilter } from '../../src/webgpu/rotateFilter.js';
import { Tuner } from '../../src/webgpu/tuner.js';
import { available, error, random } from './compare.js';

describe.skipIf(!available)('tiles of a product on WebGPU', () => {
  test.each([
    { inChannels: 3, outChannels: 16, rotated: false },
    { inChannels: 4, outChannels: 32, rotated: true },
    { inChannels: 8, outChannels: 132, rotated: true },
  ])('all give the same bits: $inChannels to $outChannels channels', async (one) => {
    const { inChannels, outChannels, rotated } = one;
    await setBackend('webgpu');
    const outShape: [number, number, number, number] = [1, 13, 12, outChannels];
    const rows = 13 * 12;
    const tiles = tilesFor({ rows, columns: outChannels, terms: 9 * inChannels });
    expect(tiles.length).toBeGreaterThan(1);
    const results = tiles.map((_, chosen) => {
      const tuner = {
        run: (_b: WebgpuBackend, _k: string, variants: unknown[], compute: (tile: unknown) => TensorInfo) =>
          compute(variants[chosen]),
      } as unknown as Tuner;
      return tidy(() => {
        const x = random([1, 13, 12, inChannels], 1);
        const filter = random(
          [3, 3, ...(rotated ? [outChannels, inChannels] : [inChannels, outChannels])],
          2,
        );
        const gpu = backend() as unknown as WebgpuBackend;
        const forms = new KeptForms(gpu);
        const tools = { backend: gpu, tuner, forms, allowsWinograd: false };
        const y = convolve(tools, { x, filter, rotated, pad: [1, 1], outShape });
        forms.close();
        return engine().makeTensorFromTensorInfo(y);
      });
    });
    const [first, ...others] = await Promise.all(results.map((result) => result.data()));
    for (const result of results) result.dispose();
    expect(first!.some((number) => number !== 0)).toBe(true);
    for (const other of others) expect(other).toEqual(first);
  });

  test.each([
    [3, 3, 8, 36],
    [2, 3, 5, 20],
    [1, 1, 7, 3],
  ])(
    'a filter of %i x %i, %i to %i channels, that is rotated first gives the same bits',
    async (...shape) => {
      await setBackend('webgpu');
      const gpu = backend() as unknown as WebgpuBackend;
      const forms = new KeptForms(gpu);
      const tools = { backend: gpu, tuner: new Tuner(false), forms, allowsWinograd: false };
      const results = tidy(() => {
        const filter = random(shape, 1);
        const made = { x: random([2, 7, 9, shape[3]], 2), pad: [1, 1] as [number, number] };
        const outShape: [number, number, number, number] = [2, 8 - shape[0] + 2, 10 - shape[1] + 1, shape[2]];
        const first = rotateFilter(gpu, filter);
        const both = [
          convolve(tools, { ...made, filter, rotated: true, outShape }),
          convolve(tools, { ...made, filter: first, outShape }),
        ];
        gpu.disposeData(first.dataId);
        return both.map((result) => engine().makeTensorFromTensorInfo(result));
      });
      forms.close();
      const [read, stored] = await Promise.all(results.map((result) => result.data()));
      for (const result of results) result.dispose();
      expect(read!.some((number) => number !== 0)).toBe(true);
      expect(stored).toEqual(read);
    },
  );

  test.each([
    { inChannels: 32, outChannels: 20, rotated: false, bias: true },
    { inChannels: 36, outChannels: 33, rotated: true, bias: false },
  ])('lanes of a workgroup add up to the same: $inChannels to $outChannels channels', async (one) => {
    const { inChannels, outChannels, rotated, bias } = one;
    await setBackend('webgpu');
    const gpu = backend() as unknown as WebgpuBackend;
    const results = tidy(() => {
      const x = random([1, 5, 6, inChannels], 1);
      const filter = random([3, 3, ...(rotated ? [outChannels, inChannels] : [inChannels, outChannels])], 2);
      const outShape: [number, number, number, number] = [1, 5, 6, outChannels];
      const more = bias ? { bias: random([outChannels], 3), activation: 'relu' as const } : {};
      const product = productOf({ x, filter, rotated, pad: [1, 1], outShape, ...more });
      const small = { rows: 8, columns: 64, perRow: 2, perColumn: 4, depth: 8 };
      const square = { rows: 32, columns: 32, perRow: 4, perColumn: 4, depth: 16 };
      const layouts = [{ ...square, lanes: 1 }, ...[2, 3, 4].map((lanes) => ({ ...square, lanes }))];
      return [...layouts, { ...small, lanes: 4 }].map((tile) =>
        engine().makeTensorFromTensorInfo(multiplyInTiles(gpu, product, tile, 1)),
      );
    });
    const [first, ...others] = await Promise.all(results.map((result) => result.data()));
    for (const result of results) result.dispose();
    for (const other of others) expect(error(other, first!)).toBeLessThan(2e-6);
  });
});

describe('the layout of a product', () => {
  test.each([
    // Feature maps of one image, and dense layers.
    { rows: 784, columns: 128, terms: 1152, lanes: 3, parts: 1 },
    { rows: 196, columns: 128, terms: 1152, lanes: 4, parts: 1 },
    { rows: 1, columns: 4096, terms: 4096, lanes: 4, parts: 1 },
    // Too few tiles, or too many terms, for lanes alone.
    { rows: 49, columns: 64, terms: 576, lanes: undefined, parts: 4 },
    { rows: 1, columns: 4096, terms: 25088, lanes: undefined, parts: 7 },
    { rows: 128, columns: 10, terms: 4096, lanes: undefined, parts: 128 },
  ])('has lanes where they spare a second program: %o', ({ lanes, parts, ...sides }) => {
    const layout = layoutFor(sides);
    expect(layout.tiles[0]!.lanes).toBe(lanes);
    expect(layout.parts).toBe(parts);
  });
});
