import { depthwiseConv2d, fused, memory, setBackend, type Tensor4D, tensor } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { installWasmKernels } from '../../src/wasm/index.js';
import { expectSame, on, random, rounding } from './compare.js';

beforeAll(() => void installWasmKernels());

const side = (min: number, max: number) => fc.integer({ min, max });

const cases = fc.record({
  image: fc.tuple(side(0, 2), side(1, 9), side(1, 9), side(1, 9)),
  filter: fc.tuple(side(1, 4), side(1, 4), side(1, 3)),
  strides: fc.oneof(fc.constant<[number, number]>([1, 1]), fc.tuple(side(1, 5), side(1, 5))),
  dilations: fc.tuple(side(1, 3), side(1, 3)),
  pad: fc.constantFrom<'same' | 'valid' | number>('same', 'valid', 1, 2),
  dimRoundingMode: fc.constantFrom<'floor' | 'round' | 'ceil'>('floor', 'round', 'ceil'),
  activation: fc.constantFrom<'linear' | 'relu' | 'relu6' | 'elu'>('linear', 'relu', 'relu6', 'elu'),
  seed: fc.nat(),
});

/** Some pixels of an axis under a filter, or none, but not less than none. */
const fits = (pixels: number, taps: number, dilation: number) => pixels >= (taps - 1) * dilation;

// The backend's own kernel writes outside its output where images are smaller than the filter.
test('depthwise convolutions are those of the cpu backend for any image, filter, stride, dilation and padding', async () => {
  await setBackend('wasm');
  const kept = random([4096], 1);
  const before = await kept.data();
  await fc.assert(
    fc.asyncProperty(cases, async (c) => {
      const [rows, columns, multiplier] = c.filter;
      const dilations: [number, number] = c.strides.every((stride) => stride === 1) ? c.dilations : [1, 1];
      fc.pre(typeof c.pad !== 'number' || (c.image[1] > 7 && c.image[2] > 7));
      fc.pre(
        c.pad !== 'valid' ||
          (fits(c.image[1], rows, dilations[0]) && fits(c.image[2], columns, dilations[1])),
      );
      const dimRoundingMode = typeof c.pad === 'number' ? c.dimRoundingMode : undefined;
      await expectSame(() => {
        const x = random(c.image, c.seed) as Tensor4D;
        const filter = random([rows, columns, c.image[3], multiplier], c.seed + 1) as Tensor4D;
        const bias = random([c.image[3] * multiplier], c.seed + 2);
        const { strides, pad, activation } = c;
        return [
          depthwiseConv2d(x, filter, strides, pad, 'NHWC', dilations, dimRoundingMode),
          fused.depthwiseConv2d({
            ...{ x, filter, strides, pad, dilations, bias, activation },
            ...(dimRoundingMode && { dimRoundingMode }),
          }),
        ];
      }, rounding(16));
    }),
    { numRuns: 200, seed: 1 },
  );
  await setBackend('wasm');
  expect(await kept.data()).toEqual(before);
  kept.dispose();
});

test('depthwise convolutions of images that leave less than nothing are refused', async () => {
  await setBackend('wasm');
  const [x, filter] = [random([1, 1, 6, 2], 1) as Tensor4D, random([4, 3, 2, 1], 2) as Tensor4D];
  const before = memory().numTensors;
  const message = "images of 1x6 are too small for 4x3 windows; use larger images, or padding 'same'.";
  expect(() => depthwiseConv2d(x, filter, 1, 'valid')).toThrow(`depthwiseConv2d: ${message}`);
  expect(() => fused.depthwiseConv2d({ x, filter, strides: 1, pad: 'valid' })).toThrow(
    `fused.depthwiseConv2d: ${message}`,
  );
  expect(memory().numTensors).toBe(before);
  x.dispose();
  filter.dispose();
});

test('NaN of either sign passes their ReLU', async () => {
  for (const bits of [0x7fc00000, 0xffc00000]) {
    const bias = () => tensor(new Float32Array(Uint32Array.from([bits, bits]).buffer));
    const [y] = await on('wasm', () =>
      fused.depthwiseConv2d({
        ...{ x: random([1, 3, 3, 2], 1) as Tensor4D, filter: random([2, 2, 2, 1], 2) as Tensor4D },
        ...{ strides: 1, pad: 'same', bias: bias(), activation: 'relu' },
      }),
    );
    expect(y!.every(Number.isNaN)).toBe(true);
  }
});
