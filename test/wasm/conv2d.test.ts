import {
  backend_util,
  conv2d,
  conv2dTranspose,
  engine,
  grads,
  ones,
  setBackend,
  type Tensor,
  type Tensor4D,
  tensor,
} from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { installWasmKernels } from '../../src/wasm/index.js';
import { expectSame, on, random, rounding, wasm } from './compare.js';

beforeAll(() => void installWasmKernels());

type Shape = [number, number, number, number];
type Pad = Parameters<typeof conv2d>[3];

interface Case {
  image: Shape;
  filter: Shape;
  strides: [number, number];
  pad: Pad;
  seed: number;
}

const side = (min: number, max: number) => fc.integer({ min, max });

const convolutions: fc.Arbitrary<Case> = fc
  .record({
    batch: side(1, 5),
    size: fc.tuple(side(1, 11), side(1, 11)),
    inChannels: side(1, 6),
    outChannels: side(1, 9),
    filter: fc.tuple(side(1, 4), side(1, 4)),
    strides: fc.tuple(side(1, 3), side(1, 3)),
    pad: fc.oneof(
      fc.constantFrom<Pad>('same', 'valid', 1),
      fc.tuple(side(0, 4), side(0, 4), side(0, 4), side(0, 4)).map(
        ([top, bottom, left, right]): Pad => [
          [0, 0],
          [top, bottom],
          [left, right],
          [0, 0],
        ],
      ),
    ),
    seed: fc.nat(),
  })
  .map(({ batch, size, inChannels, outChannels, filter, strides, pad, seed }) => ({
    image: [batch, ...size, inChannels] as Shape,
    filter: [...filter, inChannels, outChannels] as Shape,
    strides,
    pad,
    seed,
  }))
  // tfjs takes height's filter and stride for width's, too, where the padding is a number.
  .filter(
    ({ filter, strides, pad }) =>
      typeof pad !== 'number' || (filter[0] === filter[1] && strides[0] === strides[1]),
  )
  .filter((c) => outputShape(c).every((side) => side > 0));

const outputShape = ({ image, filter, strides, pad }: Case) =>
  backend_util.computeConv2DInfo(image, filter, strides, 1, pad).outShape;

/**
 * The gradients of a convolution with respect to image and filter, for a random gradient of its output. Computed by
 * the kernels alone: tfjs's own forward convolution on wasm goes wrong for 'same' where the stride exceeds the filter.
 */
function gradients(c: Case): Tensor[] {
  const { image, filter, strides, pad, seed } = c;
  const attrs = { strides, pad, dataFormat: 'NHWC', inputShape: image, filterShape: filter };
  const [x, w, dy] = [random(image, seed), random(filter, seed + 1), random(outputShape(c), seed + 2)];
  return [
    engine().runKernel('Conv2DBackpropInput', { dy, filter: w }, attrs) as Tensor,
    engine().runKernel('Conv2DBackpropFilter', { x, dy }, attrs) as Tensor,
  ];
}

/** The same by way of the forward pass, as training does it. */
function gradientsByTape(c: Case): Tensor[] {
  const { image, filter, strides, pad, seed } = c;
  return grads((x, w) => conv2d(x as Tensor4D, w as Tensor4D, strides, pad))(
    [random(image, seed), random(filter, seed + 1)],
    random(outputShape(c), seed + 2),
  );
}

/** No sum of a case's gradients has more terms: over all pixels for the filter, over taps and channels for the image. */
const terms = ({ image: [batch, height, width], filter: [rows, columns, , outChannels] }: Case) =>
  Math.max(batch * (height + 8) * (width + 8), rows * columns * outChannels);

describe('the gradients of a convolution', () => {
  test('are those of the cpu backend for any size, stride and padding', async () => {
    await fc.assert(
      fc.asyncProperty(convolutions, (c) => expectSame(() => gradients(c), rounding(terms(c)))),
      { numRuns: 300, seed: 1 },
    );
  });

  test.each<[string, Case]>([
    [
      'a 3x3 layer of VGG',
      { image: [4, 14, 14, 24], filter: [3, 3, 24, 40], strides: [1, 1], pad: 'same', seed: 1 },
    ],
    [
      'its last, of 1x1 pixel',
      { image: [8, 1, 1, 24], filter: [3, 3, 24, 40], strides: [1, 1], pad: 'same', seed: 2 },
    ],
    [
      'the 1x1 layer of VGG-16 C',
      { image: [3, 7, 7, 32], filter: [1, 1, 32, 32], strides: [1, 1], pad: 'same', seed: 3 },
    ],
    [
      "AlexNet's first",
      { image: [2, 67, 67, 3], filter: [11, 11, 3, 8], strides: [4, 4], pad: 'valid', seed: 4 },
    ],
    [
      'more images than go into one piece',
      { image: [3, 350, 350, 1], filter: [2, 2, 1, 8], strides: [1, 1], pad: 'same', seed: 5 },
    ],
    [
      'images of more than one piece',
      { image: [2, 520, 520, 1], filter: [2, 1, 1, 8], strides: [2, 1], pad: 'valid', seed: 6 },
    ],
  ])('are those of the cpu backend for %s', async (_, c) => {
    await expectSame(() => gradientsByTape(c), rounding(terms(c)));
  });

  test('are used by the transposed convolution, too', async () => {
    for (const stride of [1, 2, 3]) {
      await expectSame(
        () =>
          grads((x, w) => conv2dTranspose(x as Tensor4D, w as Tensor4D, [2, 12, 12, 4], stride, 'same'))(
            [random([2, 12 / stride, 12 / stride, 5], 1), random([3, 3, 4, 5], 2)],
            random([2, 12, 12, 4], 3),
          ),
        rounding(2 * 144),
      );
    }
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'let %s through wherever the cpu backend does',
    async (odd) => {
      const compute = () => {
        const values = random([2, 4, 4, 3], 3).dataSync();
        values[17] = odd;
        return grads((x, w) => conv2d(x as Tensor4D, w as Tensor4D, 1, 'same'))(
          [random([2, 4, 4, 2], 1), random([3, 3, 2, 3], 2)],
          tensor(values, [2, 4, 4, 3]),
        );
      };
      const [expected, actual] = [await on('cpu', compute), await on('wasm', compute)];
      for (const [i, values] of expected.entries()) {
        const spoilt = [...values.keys()].filter((k) => !Number.isFinite(values[k]));
        expect(spoilt.length).toBeGreaterThan(0);
        expect(spoilt.filter((k) => Number.isFinite(actual[i]![k]))).toEqual([]);
      }
    },
  );

  test('of a large batch need no second copy of it', async () => {
    await setBackend('wasm');
    const [batch, side, channels] = [64, 112, 16];
    await on('wasm', () => {
      const x = random([batch, side, side, 1], 1);
      const dy = ones([batch, side, side, channels]);
      const before = wasm().wasm.HEAPU8.length;
      const attrs = { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', filterShape: [3, 3, 1, channels] };
      const gradient = engine().runKernel('Conv2DBackpropFilter', { x, dy }, attrs) as Tensor;
      expect(wasm().wasm.HEAPU8.length - before).toBeLessThan(4 * dy.size);
      return gradient;
    });
  });

  test.each(['Conv2DBackpropFilter', 'Conv2DBackpropInput'])('%s refuses channels first', async (kernel) => {
    await setBackend('wasm');
    const [x, dy] = [ones([1, 1, 2, 2]), ones([1, 1, 2, 2])];
    const attrs = {
      strides: [1, 1],
      pad: 'same',
      dataFormat: 'NCHW',
      filterShape: [1, 1, 1, 1],
      inputShape: [1, 1, 2, 2],
    };
    expect(() => engine().runKernel(kernel, { x, dy, filter: ones([1, 1, 1, 1]) }, attrs)).toThrow(
      `${kernel}: dataFormat is 'NCHW', but the wasm backend supports only 'NHWC'; transpose the images.`,
    );
  });
});
