import { backend, dispose, memory, setBackend, type Tensor } from '@tensorflow/tfjs-core';
import { describe, expect, test, vi } from 'vitest';
import { ImageFileSet } from '../../src/data/imageFileSet.js';
import { type BatchAugmentation, ImageSet } from '../../src/data/index.js';
import type { Preprocessing } from '../../src/images/preprocessing.js';
import { installWebgpuKernels } from '../../src/webgpu/index.js';
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

const PREPARED = { resize: { shorterSide: 7 }, crop: 5, interpolation: 'bilinear', antialias: true } as const;

/** Five images of 9x7 pixels, gray in all but their names. */
function files(preprocessing: Preprocessing, isGray: boolean): ImageFileSet {
  const entries = Array.from({ length: 5 }, (_, label) => {
    const data = Uint8Array.from({ length: 9 * 7 * 3 }, (_, i) => {
      const at = isGray ? i - (i % 3) : i;
      return (at * 97 + 31 * label + (at >> 3)) % 256;
    });
    const kept = { data, width: 9, height: 7, channels: 3 } as const;
    const read = async () => kept;
    return { path: `${label}.png`, label, kept, read, load: read };
  });
  return new ImageFileSet({
    ...{ entries, preprocessing, parallel: 1, classNames: [...'abcde'] },
    onProblem: async ({ reason }) => {
      throw new Error(reason);
    },
  });
}

/** The numbers of all batches of three, and the bytes of what went to the device. */
async function batchesOn(name: 'cpu' | 'webgpu', set: ImageFileSet) {
  await setBackend(name);
  const uninstall = name === 'webgpu' ? installWebgpuKernels({ tune: false }) : () => {};
  const before = memory().numTensors;
  const made = vi.spyOn(backend(), 'write');
  const numbers: Float32Array[] = [];
  try {
    for await (const { xs, ys } of set.batches({ batchSize: 3, seed: 1 })) {
      numbers.push((await xs.data()) as Float32Array);
      dispose([xs, ys]);
    }
    const sizes = made.mock.calls.flatMap(([values]) => (values ? [(values as Int32Array).byteLength] : []));
    expect(memory().numTensors).toBe(before);
    return { numbers, sizes };
  } finally {
    made.mockRestore();
    uninstall();
  }
}

describe.skipIf(!available)('images from files on WebGPU', () => {
  test.each([
    { channels: 'RGB', white: 1, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    { channels: 'BGR', white: 255, mean: [103.939, 116.779, 123.68], std: [1, 1, 1] },
    { channels: 'gray', white: 1, mean: [0.1307, 0, 0], std: [0.3081, 1, 1] },
  ] as const)('go to the device as bytes, and are the same bits as on cpu: $channels', async (network) => {
    const set = files({ ...network, ...PREPARED }, network.channels === 'gray');
    const [expected, actual] = [await batchesOn('cpu', set), await batchesOn('webgpu', set)];
    expect(actual.numbers).toEqual(expected.numbers);
    const depth = network.channels === 'gray' ? 1 : 3;
    const words = (bytes: number) => 4 * Math.ceil(bytes / 4);
    // Pixels, values and labels of three images and of two.
    const sizes = [3, 2].flatMap((images) => [words(images * 25 * depth), 1024 * depth, 4 * images]);
    expect(actual.sizes.toSorted((a, b) => a - b)).toEqual(sizes.toSorted((a, b) => a - b));
  });
});
