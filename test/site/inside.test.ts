import '@tensorflow/tfjs-backend-cpu';
import { readFile } from 'node:fs/promises';
import { randomNormal, setBackend, type Tensor, type Tensor4D, tensor4d, zeros } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { filled } from '../../site/src/state/fill.js';
import { seenBy, stagesOf } from '../../site/src/state/stages.js';
import { startOf } from '../../site/src/state/start.js';
import { at, byPart, type Detail, inputsAt, rangeOf, sumAt } from '../../site/src/state/sum.js';
import { activationColor, inkOn, weightColor } from '../../site/src/ui/colors.js';
import { digits, signed } from '../../site/src/ui/format.js';
import { trace } from '../../site/src/worker/trace.js';
import { seededRandom } from '../../src/base/random.js';
import { drawGarment } from '../../src/data/garments/drawGarment.js';
import { featureExtractor } from '../../src/features/index.js';
import { plan, VGG11, vgg } from '../../src/index.js';
import { fromWeights } from '../../src/weights/index.js';

const SAMPLE = new URL('../../examples/fashion-mnist.safetensors', import.meta.url);

beforeAll(() => setBackend('cpu'));

/** A garment that the library draws, as the network of the opening gets it. */
function garment(kind: number, seed: number): Tensor4D {
  const shades = Float32Array.from(drawGarment(kind, seededRandom(seed)), (shade) => shade / 255);
  return tensor4d(shades, [1, 28, 28, 1]);
}

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
    expect(await explains(model, garment(9, 24))).toEqual(new Set(['conv', 'pool', 'dense']));
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

test('input maps are listed by their part of the sum', async () => {
  const model = vgg([[2, 7]], { inputShape: [8, 8, 2], includeTop: false });
  const input = randomNormal([1, 8, 8, 2], 0, 1, 'float32', 5) as Tensor4D;
  const { detail } = await trace(model, input, 'block1_conv2');
  for (const [y, x] of places(8, 8)) {
    const place = { map: 2, y, x };
    const { parts } = sumAt(detail, place);
    const order = byPart(detail, place);
    expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const sizes = order.map((channel) => Math.abs(parts[channel]!.sum));
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  }
});

/** What a visitor sees of the place where the explanation of a layer begins. */
function telling(detail: Detail, map?: number) {
  const place = startOf(detail, map === undefined ? undefined : [map]);
  const { low, high } = rangeOf(detail.input.data);
  const sum = detail.kernel && sumAt(detail, place);
  const channels = sum ? sum.parts.map(({ channel }) => channel) : [place.map];
  const ranges = channels.map((channel) => {
    const numbers = inputsAt(detail, place, channel).map((value) => value ?? Number.NaN);
    return Math.max(...numbers) - Math.min(...numbers);
  });
  return {
    map: place.map,
    number: at(detail.output, place.y, place.x, place.map),
    edge: Math.max(...ranges.filter((one) => !Number.isNaN(one))) / (high - low),
    sum: sum ? sum.total : Number.POSITIVE_INFINITY,
  };
}

describe('the explanation of a layer begins', () => {
  test('at an edge with a positive sum and a number that is seen, for every garment and layer of the opening', async () => {
    const { model } = await fromWeights(await readFile(SAMPLE));
    const { stages } = await trace(model, garment(9, 24));
    const layers = stages.filter(({ kind, shape }) => kind === 'conv' || (kind === 'pool' && shape[0]! > 3));
    expect(layers.length).toBeGreaterThan(4);
    for (const kind of [9, 7, 5, 8, 3, 1, 0, 4]) {
      for (const { name } of layers) {
        const { detail } = await trace(model, garment(kind, 24), name);
        const found = telling(detail);
        const which = `garment ${kind}, ${name}`;
        expect(found.number, which).toBeGreaterThan(detail.high / 4);
        expect(found.sum, which).toBeGreaterThan(0);
        expect(found.edge, which).toBeGreaterThan(0.25);
      }
    }
  });

  test('in the map that was picked', async () => {
    const { model } = await fromWeights(await readFile(SAMPLE));
    const { detail } = await trace(model, garment(9, 24));
    const all = Array.from({ length: detail.output.channels }, (_, map) => telling(detail, map));
    expect(all.map(({ map }) => map)).toEqual(all.map((_, map) => map));
    expect(
      all.filter(({ sum, number, edge }) => sum > 0 && number > 0 && edge > 0.25).length,
    ).toBeGreaterThan(8);
  });

  test('somewhere in an image that has no edge', async () => {
    const { model } = await fromWeights(await readFile(SAMPLE));
    const { stages } = await trace(model, zeros([1, 28, 28, 1]));
    for (const { name } of stages.slice(1)) {
      const { detail } = await trace(model, zeros([1, 28, 28, 1]), name);
      const { map, y, x } = startOf(detail);
      expect(at(detail.output, y, x, map)).not.toBeUndefined();
    }
  });
});

test('numbers are read on every color of both scales', () => {
  const luminance = (color: readonly number[]) => {
    const [red, green, blue] = color.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
  };
  for (let i = 0; i <= 1000; i++) {
    for (const color of [activationColor(i / 1000), weightColor(i / 500 - 1)]) {
      const ink = inkOn(color) === '#000000' ? 0 : 1;
      const [light, dark] = [luminance(color), ink].sort((a, b) => b - a);
      expect((light! + 0.05) / (dark! + 0.05), `${color}`).toBeGreaterThan(4.5);
    }
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

describe('a drawing', () => {
  const [width, height] = [9, 9];
  /** Light pixels on black. */
  const drawing = (light: readonly (readonly [x: number, y: number])[]) => {
    const data = new Uint8ClampedArray(4 * width * height);
    for (const [x, y] of light) data.fill(230, 4 * (y * width + x), 4 * (y * width + x) + 3);
    return { data, width, height };
  };
  const outline = [2, 3, 4, 5, 6].flatMap(
    (i) =>
      [
        [i, 2],
        [i, 6],
        [2, i],
        [6, i],
      ] as [number, number][],
  );

  test('that is an outline is filled, also where it has a gap, and its outside is not', () => {
    const { image, inside } = filled(drawing(outline.filter(([x, y]) => x !== 4 || y !== 6)));
    const shade = (x: number, y: number) => image.data[4 * (y * width + x)];
    expect([shade(3, 3), shade(5, 4), shade(2, 2), shade(0, 4), shade(7, 7), shade(4, 1)]).toEqual([
      165, 165, 230, 0, 0, 0,
    ]);
    // All but the column through the gap.
    expect(inside).toBeCloseTo(6 / 81, 10);
  });

  test.each([
    ['a dot', [[4, 4]]],
    ['a line', outline.filter(([, y]) => y === 2)],
    ['an angle', outline.filter(([x, y]) => y === 2 || x === 2)],
    ['an outline that is open at the top', outline.filter(([, y]) => y > 2)],
  ] as [string, [number, number][]][])('that is %s stays as it is', (_, light) => {
    const given = drawing(light);
    expect(filled(given)).toEqual({ image: given, inside: 0 });
  });
});

test('numbers of a sum are short, also where training diverged', () => {
  expect([0.123, -0.001, -59.66, 123.4, -1234.5].map((value) => digits(value))).toEqual([
    '0.12',
    '0.00',
    '\u221259.66',
    '123',
    '\u22121235',
  ]);
  expect([-59.66, -123456, 1.6e33].map((value) => digits(value, 1))).toEqual([
    '\u221259.7',
    '\u22121e5',
    '2e33',
  ]);
  expect([0.5, -0.5, 98765].map(signed)).toEqual(['+0.500', '\u22120.500', '+9.88e4']);
});
