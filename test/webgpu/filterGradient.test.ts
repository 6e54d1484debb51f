import {
  backend,
  backend_util,
  dispose,
  engine,
  memory,
  setBackend,
  type Tensor,
  tensor,
} from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import type { WebgpuBackend } from '../../src/webgpu/backend.js';
import { fewChannelsParts } from '../../src/webgpu/fewChannels.js';
import type { ConvInfo } from '../../src/webgpu/filterGradient.js';
import { filterTiles, TILES, tileParts } from '../../src/webgpu/filterTiles.js';
import { installWebgpuKernels } from '../../src/webgpu/index.js';
import { error, filterGradient } from '../wasm/float64.js';
import { available, numbers, on, random } from './compare.js';

type Shape = [batch: number, height: number, width: number, channels: number];
interface Case {
  image: Shape;
  outChannels: number;
  window?: [height: number, width: number];
  pad?: 'same' | 'valid';
}

/** One input channel, few and many of them, in and not in fours; odd sizes, batch 1, one part of the pixels and several. */
const CASES: Case[] = [
  { image: [1, 1, 1, 1], outChannels: 1 },
  { image: [3, 20, 21, 1], outChannels: 16 },
  { image: [2, 9, 8, 3], outChannels: 70, pad: 'valid' },
  { image: [1, 9, 7, 5], outChannels: 6 },
  { image: [2, 30, 20, 4], outChannels: 8, pad: 'valid' },
  { image: [2, 7, 9, 36], outChannels: 33, window: [1, 1] },
  { image: [1, 4, 5, 132], outChannels: 140 },
];

const infoOf = ({ image, outChannels, window = [3, 3], pad = 'same' }: Case): ConvInfo =>
  backend_util.computeConv2DInfo(image, [...window, image[3], outChannels], 1, 1, pad);

function gradient(x: Tensor, dy: Tensor, { filterShape }: ConvInfo, pad = 'same', strides = 1): Tensor {
  const attrs = { strides: [strides, strides], pad, dataFormat: 'NHWC', filterShape };
  return engine().runKernel('Conv2DBackpropFilter', { x, dy }, attrs) as Tensor;
}

function float64({ image, outChannels }: Case, info: ConvInfo, x: Float32Array, dy: Float32Array) {
  const [batch, height, width, inChannels] = image;
  const { filterHeight, filterWidth, outHeight, outWidth, padInfo } = info;
  return filterGradient(
    {
      ...{ batch, height, width, inChannels, outChannels, outHeight, outWidth, stride: 1 },
      ...{ rows: filterHeight, columns: filterWidth, top: padInfo.top, left: padInfo.left },
    },
    x,
    dy,
  );
}

describe.skipIf(!available)("the gradient of a convolution's filter on WebGPU", () => {
  test.each(CASES)('in float64: $image to $outChannels, $window, $pad', async (one) => {
    const info = infoOf(one);
    const [x, dy] = [numbers(size(info.inShape), 1), numbers(size(info.outShape), 2)];
    const compute = () => gradient(tensor(x, info.inShape), tensor(dy, info.outShape), info, one.pad);
    const [actual] = await on('webgpu', compute);
    expect(error(actual!, float64(one, info, x, dy))).toBeLessThan(2e-6);
    expect(await on('webgpu', compute)).toEqual([actual]);
  });

  test('tiles of all sizes give the same bits, in several parts', async () => {
    const info = infoOf({ image: [1, 34, 31, 4], outChannels: 8 });
    const parts = tileParts(info, 2 ** 27);
    expect(parts.count).toBeGreaterThan(1);
    // One for each size of what an invocation computes.
    const tiles = TILES.filter(({ m, n }) => (m === 128 && n !== 32) || n === 16);
    expect(tiles).toHaveLength(3);
    const results = await on('webgpu', () => {
      const [x, dy] = [random(info.inShape, 1), random(info.outShape, 2)];
      return tiles.map((tile) =>
        engine().makeTensorFromTensorInfo(
          filterTiles(backend() as unknown as WebgpuBackend, x, dy, info, parts, tile),
        ),
      );
    });
    expect(results).toEqual(tiles.map(() => results[0]));
  });

  test('nothing is left behind by 300 steps, and the pool of buffers stops growing', async () => {
    await setBackend('webgpu');
    const uninstall = installWebgpuKernels({ tune: false });
    const inside = backend() as unknown as {
      bufferManager: { getNumUsedBuffers(): number; getNumFreeBuffers(): number };
    };
    try {
      const info = infoOf({ image: [1, 8, 8, 1], outChannels: 1, window: [1, 1] });
      const inputs = [random(info.inShape, 1), random(info.outShape, 2)] as const;
      const steps = async (count: number) => {
        for (let i = 0; i < count; i++) gradient(...inputs, info).dispose();
        const last = gradient(...inputs, info);
        await last.data();
        last.dispose();
        const { bufferManager } = inside;
        const used = bufferManager.getNumUsedBuffers();
        return { left: [memory().numTensors, used], pool: used + bufferManager.getNumFreeBuffers() };
      };
      const before = await steps(40);
      const after = await steps(300);
      expect(after.left).toEqual(before.left);
      // Some more are in flight at the same time, depending on where tfjs submits.
      expect(after.pool).toBeLessThan(before.pool + 100);
      dispose([...inputs]);
    } finally {
      uninstall();
    }
  });

  test.each([
    ['strides of 2', [2, 9, 9, 3], [2, 5, 5, 4], 2],
    ['a gradient larger than the output', [1, 4, 4, 4], [1, 5, 5, 4], 1],
  ] as const)('%s is left to the backend', async (_, image, output, strides) => {
    const compute = () => {
      const info = infoOf({ image: [...image], outChannels: 4 });
      return gradient(random([...image], 1), random([...output], 2), info, 'same', strides);
    };
    const [[expected], [actual]] = [await on('cpu', compute), await on('webgpu', compute)];
    expect(error(actual!, expected!)).toBeLessThan(1e-6);
  });
});

describe('the parts of the pixels', () => {
  test('are at most 4096 pixels each, in layers of VGG-11/4 and VGG-16 at batch 128', () => {
    for (const [side, inChannels, outChannels] of [
      [112, 16, 32],
      [14, 128, 128],
      [224, 64, 64],
      [28, 256, 512],
    ] as const) {
      const info = infoOf({ image: [128, side, side, inChannels], outChannels });
      const { count, length } = tileParts(info, 2 ** 31);
      expect(length).toBeLessThanOrEqual(4096);
      expect(count * length).toBeGreaterThanOrEqual(128 * side * side);
    }
    const first = fewChannelsParts(infoOf({ image: [128, 224, 224, 1], outChannels: 16 }));
    expect(first.length).toBeLessThanOrEqual(4096);
    expect(first.count * first.length).toBeGreaterThanOrEqual(128 * 224 * 224);
  });

  test('are fewer where a buffer could not hold them', () => {
    const info = infoOf({ image: [128, 28, 28, 256], outChannels: 512 });
    const { count, length } = tileParts(info, 2 ** 27);
    expect(4 * count * size(info.filterShape)).toBeLessThanOrEqual(2 ** 27);
    expect(count * length).toBeGreaterThanOrEqual(128 * 28 * 28);
  });
});
