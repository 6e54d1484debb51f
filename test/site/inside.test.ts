import '@tensorflow/tfjs-backend-cpu';
import { readFile } from 'node:fs/promises';
import { randomNormal, setBackend, type Tensor, type Tensor4D } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { filled } from '../../site/src/state/fill.js';
import { seenBy, stagesOf } from '../../site/src/state/stages.js';
import { at, byStrength, inputsAt, sumAt } from '../../site/src/state/sum.js';
import { trace } from '../../site/src/worker/trace.js';
import { seededRandom } from '../../src/base/random.js';
import { drawGarment } from '../../src/data/garments/drawGarment.js';
import { featureExtractor } from '../../src/features/index.js';
import { plan, VGG11, vgg } from '../../src/index.js';
import { fromWeights } from '../../src/weights/index.js';

const SAMPLE = new URL('../../examples/fashion-mnist.safetensors', import.meta.url);

beforeAll(() => setBackend('cpu'));

/** Pixels of a map: corners, where zeros surround the input, and some others. */
const places = (height: number, width: number) =>
  [
    [0, 0],
    [height - 1, width - 1],
    [0, width >> 1],
    [height >> 1, 0],
    [height >> 1, width >> 1],
  ] as const;

/** Compares each explained number of each stage with the model's. */
async function explains(model: LayersModel, input: Tensor4D): Promise<Set<string>> {
  const seen = new Set<string>();
  const { stages } = await trace(model, input);
  for (const { name, layers } of stages.slice(1)) {
    const { detail } = await trace(model, input, name);
    const own = featureExtractor(model, layers.at(-1)!).predict(input) as Tensor;
    const numbers = await own.data();
    const channels = own.shape.at(-1)!;
    const { output, stage, high } = detail;
    seen.add(stage.kind);
    if (own.rank === 2) {
      expect(output.data).toEqual(numbers.slice(0, 64));
      for (const map of [0, output.channels - 1]) {
        const sum = sumAt(detail, { y: 0, x: 0, map });
        expect(sum.parts).toHaveLength(stage.inputShape.reduce((all, size) => all * size, 1));
        const { value = numbers[map]! } = sum.after.at(-1) ?? { value: sum.total };
        expect(Math.abs(value - numbers[map]!), `${name}, unit ${map}`).toBeLessThan(2e-6 * (1 + high));
      }
      continue;
    }
    for (const [y, x] of places(output.height, output.width)) {
      for (const map of [0, output.channels - 1]) {
        const value = numbers[(y * output.width + x) * channels + map]!;
        expect(at(output, y, x, map)).toBe(value);
        const place = { y, x, map };
        const computed =
          stage.kind === 'conv'
            ? (sumAt(detail, place).after.at(-1)?.value ?? sumAt(detail, place).total)
            : Math.max(...inputsAt(detail, place, map).map((one) => one ?? Number.NEGATIVE_INFINITY));
        expect(Math.abs(computed - value), `${name} at ${y}, ${x}`).toBeLessThan(2e-6 * (1 + high));
      }
    }
  }
  return seen;
}

describe('the sum behind a pixel gives the number that the network computed', () => {
  test('in every layer of the network that the page opens with, on a drawn boot', async () => {
    const { model } = await fromWeights(await readFile(SAMPLE));
    const boot = Float32Array.from(drawGarment(9, seededRandom(24)), (shade) => shade / 255);
    const { tensor4d } = await import('@tensorflow/tfjs-core');
    expect(await explains(model, tensor4d(boot, [1, 28, 28, 1]))).toEqual(new Set(['conv', 'pool', 'dense']));
  });

  test('without batch normalization, in color, with 1x1 convolutions and no padding', async () => {
    const input = randomNormal([1, 20, 20, 3], 0, 1, 'float32', 3) as Tensor4D;
    for (const padding of ['same', 'valid'] as const) {
      const model = vgg(
        [
          [1, 4],
          [1, 70, 1],
        ],
        { inputShape: [20, 20, 3], hiddenUnits: 4, padding },
      );
      expect((await explains(model, input)).has('conv')).toBe(true);
    }
  });
});

test('input maps are listed by their part in the largest number of a map', async () => {
  const model = vgg([[2, 3]], { inputShape: [8, 8, 2], includeTop: false });
  const input = randomNormal([1, 8, 8, 2], 0, 1, 'float32', 5) as Tensor4D;
  const { detail } = await trace(model, input, 'block1_conv2');
  for (const map of [0, 1, 2]) {
    const numbers = Array.from({ length: 64 }, (_, pixel) => detail.output.data[3 * pixel + map]!);
    const best = numbers.indexOf(Math.max(...numbers));
    const { parts } = sumAt(detail, { map, y: best >> 3, x: best % 8 });
    const sizes = byStrength(detail, map).map((channel) => Math.abs(parts[channel]!.sum));
    expect(sizes).toHaveLength(3);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  }
});

test('a pixel sees the pixels of the image that change it', async () => {
  const [size, channels] = [16, 1];
  const model = vgg(
    [
      [2, 2],
      [1, 2],
    ],
    { inputShape: [size, size, channels], includeTop: false },
  );
  const { stages } = await trace(model, randomNormal([1, size, size, channels]) as Tensor4D);
  const index = stages.findIndex(({ name }) => name === 'block2_conv1');
  // Two convolutions, a pooling by 2 and a convolution: 2 (2 + 1) + 2 x 2 = 10 pixels, fewer at a corner.
  expect(seenBy(stages, index, 4, 4)).toEqual({ top: 4, left: 4, bottom: 13, right: 13 });
  expect(seenBy(stages, index, 0, 7)).toEqual({ top: 0, left: 10, bottom: 5, right: 15 });
});

test('the stages of a plan have the parameters and multiply-accumulates of all its layers', () => {
  const rows = plan(VGG11, { inputShape: [32, 32, 1], batchNorm: true });
  const total = (all: readonly { params: number; macs: number }[], of: 'params' | 'macs') =>
    all.reduce((sum, one) => sum + one[of], 0);
  for (const of of ['params', 'macs'] as const) expect(total(stagesOf(rows), of)).toBe(total(rows, of));
  expect(stagesOf(rows).map(({ kind }) => kind)).toEqual(
    'input conv pool conv pool conv conv pool conv conv pool conv conv pool dense dense dense'.split(' '),
  );
});

test('the inside of a drawn outline is filled, also where it has a gap, and the outside is not', () => {
  const [width, height] = [9, 9];
  const data = new Uint8ClampedArray(4 * width * height);
  const put = (x: number, y: number) => data.fill(230, 4 * (y * width + x), 4 * (y * width + x) + 3);
  for (let i = 2; i <= 6; i++)
    for (const [x, y] of [
      [i, 2],
      [i, 6],
      [2, i],
      [6, i],
    ] as const)
      if (x !== 4 || y !== 6) put(x, y);
  const result = filled({ data, width, height });
  const shade = (x: number, y: number) => result.data[4 * (y * width + x)];
  expect([shade(3, 3), shade(5, 4), shade(2, 2), shade(0, 4), shade(7, 7), shade(4, 1)]).toEqual([
    165, 165, 230, 0, 0, 0,
  ]);
});
