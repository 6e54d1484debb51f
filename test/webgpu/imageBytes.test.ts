import { backend, type Tensor } from '@tensorflow/tfjs-core';
import { describe, expect, test, vi } from 'vitest';
import { type BatchAugmentation, ImageSet } from '../../src/data/index.js';
import { available, error, on } from './compare.js';

/** Batches of three of five images of 5x7 pixels, whose bytes are no whole number of words. */
function batch(channels: number, size?: number | [number, number], augment?: BatchAugmentation): Tensor {
  const set = new ImageSet({
    images: Uint8Array.from({ length: 5 * 35 * channels }, (_, i) => (i * 97 + (i >> 3)) % 256),
    labels: new Uint8Array(5),
    shape: [5, 7, channels],
    classNames: ['one'],
    ...{ size, augment },
  });
  const [first] = set.batches({ batchSize: 3, seed: 1 });
  first!.ys.dispose();
  return first!.xs;
}

describe.skipIf(!available)('image sets on WebGPU', () => {
  test.each([
    { channels: 1 },
    { channels: 3 },
    { channels: 1, size: 5 },
    { channels: 3, size: [13, 28] as [number, number] },
    { channels: 1, size: [3, 4] as [number, number] },
    { channels: 1, size: 9, augment: { shift: 2, flip: 0.5, erase: 0.5 } },
    { channels: 1, size: 9, augment: { mixup: 0.2 } },
  ])('are as on cpu: %o', async ({ channels, size, augment }) => {
    const images = () => batch(channels, size, augment);
    const [[expected], [actual]] = [await on('cpu', images), await on('webgpu', images)];
    expect(actual).toHaveLength(expected!.length);
    expect(error(actual!, expected!)).toBeLessThan(1e-6);
    expect(await on('webgpu', images)).toEqual([actual]);
  });

  test('go to the device as bytes', async () => {
    await on('webgpu', () => {
      const made = vi.spyOn(backend(), 'write');
      const xs = batch(1, 28);
      // The result has no numbers on the host.
      const sizes = made.mock.calls.flatMap(([values]) =>
        values ? [(values as Int32Array).byteLength] : [],
      );
      made.mockRestore();
      // Three labels, and the pixels of three images of 35.
      expect(sizes.toSorted((a, b) => a - b)).toEqual([12, 108]);
      return xs;
    });
  });
});
