import { backend, engine, setBackend, type TensorInfo, tidy } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import type { WebgpuBackend } from '../../src/webgpu/backend.js';
import { convolve } from '../../src/webgpu/convolve.js';
import { KeptForms } from '../../src/webgpu/keptForms.js';
import { tilesFor } from '../../src/webgpu/multiply.js';
import type { Tuner } from '../../src/webgpu/tuner.js';
import { available, random } from './compare.js';

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
});
