import {
  backend_util,
  conv2d,
  engine,
  grads,
  setBackend,
  type Tensor,
  type Tensor4D,
  tensor,
  tidy,
} from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import type { ConvInfo } from '../../src/wasm/backend.js';
import { tilesAtOnce } from '../../src/wasm/convolution.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { numbers, on, wasm } from './compare.js';
import { convolution, error, filterGradient, type Geometry, inputGradient } from './float64.js';

beforeAll(async () => {
  installWasmKernels();
  await setBackend('wasm');
});

/**
 * F(4x4, 3x3) rounds about ten times as much as a plain sum (2^-24 and its root with the terms): its transforms add and
 * subtract numbers that are larger than what is left.
 */
const TOLERANCE = 5e-6;

interface Case {
  image: [number, number, number, number];
  outChannels: number;
  pad: 'same' | 'valid' | [[number, number], [number, number], [number, number], [number, number]];
  bias: boolean;
  relu: boolean;
  seed: number;
}

function geometry({ image, outChannels, pad }: Case): Geometry {
  const [batch, height, width, inChannels] = image;
  const info = backend_util.computeConv2DInfo(image, [3, 3, inChannels, outChannels], 1, 1, pad);
  return {
    ...{ batch, height, width, inChannels, outChannels, rows: 3, columns: 3, stride: 1 },
    ...{ top: info.padInfo.top, left: info.padInfo.left },
    ...{ outHeight: info.outHeight, outWidth: info.outWidth },
  };
}

/** The errors of a convolution and both of its gradients against float64. */
async function errors(c: Case): Promise<number[]> {
  const g = geometry(c);
  const filterShape = [3, 3, g.inChannels, g.outChannels] as const;
  const outShape = [g.batch, g.outHeight, g.outWidth, g.outChannels];
  const [x, filter, bias, dy] = [c.image, filterShape, [g.outChannels], outShape].map((shape, i) =>
    numbers(size(shape), c.seed + i),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const attrs = { strides: [1, 1], pad: c.pad, dataFormat: 'NHWC', dilations: [1, 1] };
  const [y, dx, dw] = await on('wasm', () => {
    const [image, weights] = [tensor(x, c.image), tensor(filter, [...filterShape])];
    const gradient = tensor(dy, outShape);
    const inputs = { x: image, filter: weights, ...(c.bias && { bias: tensor(bias) }) };
    const kernel = c.bias || c.relu ? 'FusedConv2D' : 'Conv2D';
    const activation = c.relu ? 'relu' : 'linear';
    const shapes = { inputShape: c.image, filterShape };
    return [
      engine().runKernel(kernel, inputs, { ...attrs, activation }) as Tensor,
      engine().runKernel(
        'Conv2DBackpropInput',
        { dy: gradient, filter: weights },
        { ...attrs, ...shapes },
      ) as Tensor,
      engine().runKernel(
        'Conv2DBackpropFilter',
        { x: image, dy: gradient },
        { ...attrs, ...shapes },
      ) as Tensor,
    ];
  });
  return [
    error(y!, convolution(g, x, filter, c.bias ? bias : undefined, c.relu)),
    error(dx!, inputGradient(g, filter, dy)),
    error(dw!, filterGradient(g, x, dy)),
  ];
}

const isSmall = (one: number) => one < TOLERANCE;

const side = (min: number, max: number) => fc.integer({ min, max });
const padding = fc.oneof(
  fc.constantFrom<Case['pad']>('same', 'valid'),
  fc.tuple(side(0, 2), side(0, 2), side(0, 2), side(0, 2)).map(([top, bottom, left, right]): Case['pad'] => [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]),
);

const cases = (channels: fc.Arbitrary<number>, most: number): fc.Arbitrary<Case> =>
  fc
    .record({
      image: fc.tuple(side(1, 3), side(1, most), side(1, most), channels),
      outChannels: channels,
      pad: padding,
      bias: fc.boolean(),
      relu: fc.boolean(),
      seed: fc.nat(),
    })
    .filter((c) => {
      const { outHeight, outWidth } = geometry(c);
      return outHeight > 0 && outWidth > 0;
    });

describe('a 3x3 convolution and its gradients are those of float64', () => {
  test('for any size and padding, with few channels', async () => {
    await fc.assert(
      fc.asyncProperty(cases(side(1, 9), 11), async (c) => {
        for (const one of await errors(c)) expect(one).toBeLessThan(TOLERANCE);
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  test('where the last tiles of a row or a column have few outputs', async () => {
    for (const height of [4, 5, 6, 7, 13, 14])
      for (const width of [4, 5, 6, 7, 13, 14])
        for (const pad of ['same', 'valid'] as const) {
          const c: Case = {
            ...{
              image: [2, height, width, 8],
              outChannels: 12,
              pad,
              bias: true,
              relu: false,
              seed: height * width,
            },
          };
          for (const one of await errors(c))
            expect({ c, one }).toEqual({ c, one: expect.toSatisfy(isSmall) });
        }
  });

  test('for any size and padding, with enough channels for tiles', async () => {
    await fc.assert(
      fc.asyncProperty(cases(fc.constantFrom(8, 12, 20, 32), 13), async (c) => {
        for (const one of await errors(c)) expect(one).toBeLessThan(TOLERANCE);
      }),
      { numRuns: 80, seed: 2 },
    );
  });

  test.each<[string, Case['image'], number]>([
    ['one pixel', [5, 1, 1, 32], 64],
    ['2x2 pixels', [3, 2, 2, 32], 24],
    ['2x10 pixels', [3, 2, 10, 32], 24],
    ['one row', [1, 1, 40, 24], 32],
    ["VGG's first layer", [1, 70, 50, 3], 64],
    ['more tiles than are transformed at a time', [1, 60, 60, 64], 8],
    ['the width of the last block', [1, 4, 4, 512], 512],
  ])('for %s', async (_, image, outChannels) => {
    for (const one of await errors({ image, outChannels, pad: 'same', bias: true, relu: true, seed: 1 })) {
      expect(one).toBeLessThan(TOLERANCE);
    }
  });
});

describe('NaN and infinity', () => {
  test.each([
    [Number.NaN, 1],
    [Number.NaN, 16],
    [Number.POSITIVE_INFINITY, 16],
    [Number.NEGATIVE_INFINITY, 16],
  ])(
    '%s comes through wherever a plain sum lets it, with %i channels, and stays within its tiles',
    async (odd, channels) => {
      const c: Case = {
        image: [1, 20, 20, channels],
        outChannels: 16,
        pad: 'same',
        bias: true,
        relu: true,
        seed: 1,
      };
      const x = numbers(size(c.image), 1);
      x[(9 * 20 + 9) * channels] = odd;
      const [filter, bias] = [numbers(9 * channels * 16, 2), numbers(16, 3)];
      const expected = convolution(geometry(c), x, filter, bias, true);
      const [actual] = await on('wasm', () =>
        tidy(
          () =>
            engine().runKernel(
              'FusedConv2D',
              { x: tensor(x, c.image), filter: tensor(filter, [3, 3, channels, 16]), bias: tensor(bias) },
              { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', dilations: [1, 1], activation: 'relu' },
            ) as Tensor,
        ),
      );
      // Minus infinity is cut off by ReLU in a plain sum, but may meet its opposite in a tile.
      const spoilt = [...expected.keys()].filter((i) => !Number.isFinite(expected[i]));
      if (odd !== Number.NEGATIVE_INFINITY) expect(spoilt.length).toBeGreaterThan(0);
      expect(spoilt.filter((i) => Number.isFinite(actual![i]))).toEqual([]);
      const far = [...expected.keys()].filter((i) => {
        const [row, column] = [Math.floor(i / 16 / 20), Math.floor(i / 16) % 20];
        return row < 4 || row > 15 || column < 4 || column > 15;
      });
      expect(far.filter((i) => !Number.isFinite(actual![i]))).toEqual([]);
    },
  );
});

test("the backend's own kernels compute other strides, with any activation", async () => {
  const [x, filter] = [numbers(6 * 6 * 8, 1), numbers(9 * 8 * 8, 2)];
  const compute = (activation: string) => () =>
    engine().runKernel(
      'FusedConv2D',
      { x: tensor(x, [1, 6, 6, 8]), filter: tensor(filter, [3, 3, 8, 8]), bias: tensor(numbers(8, 3)) },
      { strides: [2, 2], pad: 'same', dataFormat: 'NHWC', dilations: [1, 1], activation },
    ) as Tensor;
  const all = [compute('sigmoid'), compute('relu')];
  const ours = await Promise.all(all.map((one) => on('wasm', one)));
  installWasmKernels()();
  const stock = await Promise.all(all.map((one) => on('wasm', one)));
  installWasmKernels();
  expect(ours).toEqual(stock);
});

test('working memory is freed', async () => {
  const x = numbers(2 * 24 * 24 * 32, 1);
  const filter = numbers(9 * 32 * 32, 2);
  const compute = () =>
    on('wasm', () => {
      const [image, weights] = [tensor(x, [2, 24, 24, 32]), tensor(filter, [3, 3, 32, 32])];
      return grads((x, w) => conv2d(x as Tensor4D, w as Tensor4D, 1, 'same'))([image, weights], image);
    });
  await compute();
  const before = wasm().wasm.HEAPU8.length;
  for (let i = 0; i < 200; i++) await compute();
  expect(wasm().wasm.HEAPU8.length).toBe(before);
});

test('tiles are computed in equal groups, whose planes have 2 MB or, in wide layers, half of the bytes of the filter or 64 MB', () => {
  const atOnce = (batchSize: number, side: number, inChannels: number, outChannels = inChannels) =>
    tilesAtOnce(6, { batchSize, outHeight: side, outWidth: side, inChannels, outChannels } as ConvInfo);
  // 144 bytes for each channel of a tile: 2 MB are 227.6 tiles of 2 x 32 channels, so the 1568 of 8 images take seven groups.
  expect(atOnce(8, 56, 32)).toBe(1568 / 7);
  // The filter of 256 x 256 channels has as many bytes as 128 tiles, of which half go into a group: 1568 tiles take 25.
  expect(atOnce(8, 56, 256)).toBe(64);
  // The filter of 512 x 512 channels has 38 MB: 64 MB are 455 tiles, and the 784 of 16 images take two groups.
  expect(atOnce(8, 28, 512)).toBe(392);
  expect(atOnce(16, 28, 512)).toBe(392);
  expect(atOnce(8, 14, 512)).toBe(128);
  // At most 60 where that is more: seven groups of 56, not six and a rest.
  expect(atOnce(8, 28, 256, 128)).toBe(56);
  expect(atOnce(1, 10, 512)).toBe(9);
  expect(atOnce(0, 28, 512)).toBe(0);
});
