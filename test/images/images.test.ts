import '@tensorflow/tfjs-backend-cpu';
import { setBackend, slice, tensor, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { decode } from 'fast-png';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { colorTable } from '../../src/images/colorMap.js';
import {
  drawImage,
  encodePng,
  type HeatMap,
  heatMapImage,
  imageToTensor,
  normalizeImages,
  overlay,
  preprocess,
  resizeBilinear,
  tensorToImage,
  toRgb,
  visibleRegion,
} from '../../src/images/index.js';
import { PUBLISHED } from '../../src/weights/index.js';

beforeAll(() => setBackend('cpu'));

const preprocessing = PUBLISHED['torchvision/vgg16'].preprocessing;
const map = (values: number[], width: number, region?: HeatMap['region']): HeatMap => ({
  values: Float32Array.from(values),
  width,
  height: values.length / width,
  classIndex: 0,
  region,
});
const black = (width: number, height: number) => ({
  data: new Uint8Array(3 * width * height),
  width,
  height,
});
const pixel = ({ data, width }: { data: ArrayLike<number>; width: number }, x: number, y: number) =>
  [0, 1, 2].map((k) => data[3 * (y * width + x) + k]!);

describe('color maps', () => {
  // matplotlib's tables at 0, 64, 128, 192 and 255; turbo's from its author's polynomial.
  test.each([
    ['viridis', '440154 3b528b 21918c 5ec962 fde725'],
    ['inferno', '000004 57106e bc3754 f98e09 fcffa4'],
    ['turbo', '23171b 26bde1 96fa50 ff801d 900c00'],
    ['gray', '000000 404040 808080 c0c0c0 ffffff'],
  ] as const)('%s is the published one', (name, published) => {
    const table = colorTable(name);
    published.split(' ').forEach((color, i) => {
      const at = 3 * Math.min(255, 64 * i);
      for (let k = 0; k < 3; k++) {
        const byte = Number.parseInt(color.slice(2 * k, 2 * k + 2), 16);
        expect(Math.abs(table[at + k]! - byte), `${color} at ${i}`).toBeLessThanOrEqual(
          name === 'turbo' ? 9 : 0,
        );
      }
    });
  });

  test.each(['viridis', 'inferno', 'gray'] as const)('%s grows lighter all the way', (name) => {
    const table = colorTable(name);
    const lightness = Array.from(
      { length: 256 },
      (_, i) => 0.2126 * table[3 * i]! + 0.7152 * table[3 * i + 1]! + 0.0722 * table[3 * i + 2]!,
    );
    for (let i = 2; i < 256; i++) expect(lightness[i]!).toBeGreaterThan(lightness[i - 2]!);
  });
});

describe('visibleRegion', () => {
  test.each([
    [500, 375],
    [375, 500],
    [301, 402],
    [61, 40],
    [224, 224],
  ])('is the part of an image of %ix%i that preprocess shows the network', async (width, height) => {
    // Red says the column and green the row, so that the prepared image tells where it was taken from.
    const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
      const at = Math.floor(i / 3);
      const [x, y] = [(at % width) + 0.5, Math.floor(at / width) + 0.5];
      return [(255 * x) / width, (255 * y) / height, 0][i % 3]!;
    });
    const unscaled = { ...preprocessing, white: 255, mean: [0, 0, 0], std: [1, 1, 1] } as const;
    const x = await preprocess({ data, width, height }, unscaled);
    const values = await x.data();
    x.dispose();
    const { left, top, ...size } = visibleRegion({ width, height }, preprocessing);
    for (const [column, row] of [
      [10, 30],
      [112, 112],
      [200, 213],
    ] as const) {
      const at = 3 * (row * 224 + column);
      const shown = [(values[at]! / 255) * width, (values[at + 1]! / 255) * height];
      // A byte's step is width / 255 pixels, and two roundings may lie between.
      const close = 1.5 * Math.max(1, width / 255, height / 255);
      expect(Math.abs(shown[0]! - (left + ((column + 0.5) / 224) * size.width))).toBeLessThan(close);
      expect(Math.abs(shown[1]! - (top + ((row + 0.5) / 224) * size.height))).toBeLessThan(close);
    }
  });

  test('is the whole of an image that is stretched', () => {
    expect(visibleRegion({ width: 300, height: 200 }, PUBLISHED['keras/vgg16'].preprocessing)).toEqual({
      left: 0,
      top: 0,
      width: 300,
      height: 200,
    });
  });
});

describe('overlay', () => {
  test('enlarges the map as a bilinear resizing does', async () => {
    const [values, width, height] = [[0, 40, 255, 16, 128, 64, 200, 8, 90], 21, 15];
    const shown = await overlay(black(width, height), map(values, 3), { colorMap: 'gray', opacity: 1 });
    const reference = resizeBilinear(
      await toRgb({ data: Uint8Array.from(values), width: 3, height: 3 }),
      width,
      height,
    );
    const worst = Math.max(...reference.data.map((value, i) => Math.abs(value - shown.data[i]!)));
    expect([shown.width, shown.height]).toEqual([width, height]);
    expect(worst).toBeLessThanOrEqual(1);
  });

  test('puts a maximum where the network saw it: in the part that was not cut off', async () => {
    // 512x256 is shown as its middle 224x224 pixels of 256: columns 144 to 368, rows 16 to 240.
    const image = { data: new Uint8Array(3 * 512 * 256).fill(100), width: 512, height: 256 };
    const values = Array.from({ length: 14 * 14 }, (_, i) => (i === 2 * 14 + 11 ? 1 : 0));
    const region = visibleRegion(image, preprocessing);
    const shown = await overlay(image, map(values, 14, region), { colorMap: 'gray', opacity: 1 });
    const [x, y] = [144 + 11.5 * 16, 16 + 2.5 * 16];
    // The center of the maximum falls between two pixels.
    expect(pixel(shown, x, y)[0]).toBeGreaterThan(235);
    expect(pixel(shown, x - 20, y)).toEqual([0, 0, 0]);
    expect(pixel(shown, x, y + 20)).toEqual([0, 0, 0]);
    // What was cut off is the image, darker.
    for (const [column, row] of [
      [143, 100],
      [368, 100],
      [200, 15],
      [200, 240],
    ] as const)
      expect(pixel(shown, column, row)).toEqual([40, 40, 40]);
    expect(pixel(shown, 144, 16)).toEqual([0, 0, 0]);
    expect(pixel(shown, 367, 239)).toEqual([0, 0, 0]);
  });

  test('mixes color and image by the opacity, and scales and clips the map', async () => {
    const image = { data: new Uint8Array(3 * 4).fill(200), width: 4, height: 1 };
    const at = (shown: { data: ArrayLike<number> }) => [0, 3, 6, 9].map((i) => shown.data[i]);
    const of = map([0, 2, 5, 10], 4);
    expect(at(await overlay(image, of, { colorMap: 'gray', opacity: 1 }))).toEqual([0, 51, 128, 255]);
    expect(at(await overlay(image, of, { colorMap: 'gray', opacity: 0 }))).toEqual([200, 200, 200, 200]);
    expect(at(await overlay(image, of, { colorMap: 'gray', opacity: 0.5 }))).toEqual([100, 126, 164, 228]);
    expect(at(await overlay(image, of, { colorMap: 'gray', opacity: 1, clip: 0.7 }))).toEqual([
      0, 102, 255, 255,
    ]);
    const dead = map([0, 0, -1, 0], 4);
    expect(at(await overlay(image, dead, { colorMap: 'gray', opacity: 1 }))).toEqual([0, 0, 0, 0]);
  });

  test('scales maps to a common value, and says which in a legend', async () => {
    const image = { data: new Uint8Array(3 * 60 * 2).fill(200), width: 60, height: 2 };
    const turbo = colorTable('turbo');
    const color = (level: number) => [...turbo.subarray(3 * level, 3 * level + 3)];
    const of = map(
      Array.from({ length: 120 }, (_, i) => (i % 60) / 59),
      60,
    );
    const shown = await overlay(image, of, { full: 4, opacity: 1, legend: true });
    expect([shown.width, shown.height]).toEqual([60, 36]);
    expect(pixel(shown, 59, 0)).toEqual(color(64));
    expect([pixel(shown, 4, 8), pixel(shown, 55, 8)]).toEqual([color(0), color(255)]);
    // Black pixels of the zero at the left, and of the 4 at the right.
    const isBlack = (x: number, y: number) => pixel(shown, x, y).every((byte) => byte === 0);
    const drawn = (left: number) =>
      [0, 1, 2, 3, 4].map((y) =>
        [0, 1, 2].map((x) => (isBlack(left + 2 * x, 22 + 2 * y) ? '#' : '.')).join(''),
      );
    expect(drawn(4)).toEqual(['###', '#.#', '#.#', '#.#', '###']);
    expect(drawn(50)).toEqual(['#.#', '#.#', '###', '..#', '..#']);
    expect(drawn(20)).toEqual(Array(5).fill('...'));
    expect((await overlay(black(3, 3), map([1e-7], 1), { legend: true })).width).toBeGreaterThan(3);
    // Beyond float32.
    const huge = { values: [1e300, 2e300] as never, width: 2, height: 1 };
    expect(await overlay(black(3, 3), huge, { clip: 0.9, legend: true })).toEqual(
      await overlay(black(3, 3), huge, { full: 1e300, legend: true }),
    );
  });

  test('shrinks large images, and the part that was seen with them', async () => {
    const region = { left: 40, top: 0, width: 40, height: 40 };
    const shown = await overlay(black(120, 40), map([1], 1, region), {
      colorMap: 'gray',
      opacity: 1,
      maxSide: 30,
    });
    expect([shown.width, shown.height]).toEqual([30, 10]);
    expect([9, 10, 19, 20].map((x) => pixel(shown, x, 5)[0])).toEqual([0, 255, 255, 0]);
    expect((await overlay(black(12, 4), map([1], 1), { maxSide: 30 })).width).toBe(12);
  });

  test.each<[Parameters<typeof overlay>[2], string]>([
    [{ opacity: 2 }, 'overlay: opacity is 2; it must be from 0 to 1.'],
    [{ clip: 0 }, 'overlay: clip is 0; it must be above 0 and at most 1.'],
    [{ full: 0 }, 'overlay: full is 0; it must be above 0.'],
    [{ full: 1, clip: 0.5 }, 'overlay: clip is 0.5 and full 1; pass one of them.'],
    [{ legend: 1 as never }, 'overlay: legend is 1; it must be one of true, false.'],
    [{ maxSide: 0.5 }, 'overlay: maxSide is 0.5'],
    [{ colorMap: 'jet' as 'turbo' }, 'overlay: colorMap is "jet"; it must be one of "viridis"'],
  ])('refuses %j', async (options, message) => {
    await expect(overlay(black(4, 4), map([1], 1), options)).rejects.toThrow(message);
  });

  test('refuses maps of numbers that have no color, and of a part that the image does not have', async () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const message = `the map has the value ${value}; pass finite numbers, and check what computed it.`;
      await expect(overlay(black(4, 4), map([1, value], 2))).rejects.toThrow(`overlay: ${message}`);
      expect(() => heatMapImage(map([1, value], 2))).toThrow(`heatMapImage: ${message}`);
    }
    for (const [left, top, width, height] of [
      [-5, 0, 4, 4],
      [0, 2, 4, 4],
      [0, 0, 0, 4],
    ] as const)
      await expect(overlay(black(4, 4), map([1], 1, { left, top, width, height }))).rejects.toThrow(
        `overlay: map.region is ${width}x${height} at (${left}, ${top}), which is not a part of the image of 4x4; pass the image that the map was computed from.`,
      );
  });
});

test('heatMapImage draws a map without its image', () => {
  const gray = heatMapImage(map([0, 1, 2, 4], 2), { colorMap: 'gray' });
  const whole = { ...map([], 2), values: Uint8Array.of(0, 1, 2, 4) as never, height: 2 };
  expect(heatMapImage(whole, { colorMap: 'gray' })).toEqual(gray);
  expect(gray).toEqual({ data: Uint8ClampedArray.of(0, 64, 128, 255), width: 2, height: 2 });
  const large = heatMapImage(map([0, 1], 2), { width: 4, height: 2 });
  expect([large.width, large.height, large.data.length]).toEqual([4, 2, 24]);
  expect(pixel(large, 3, 1)).toEqual([...colorTable('inferno').slice(-3)]);
  expect(() => heatMapImage({ ...map([1, 2], 2), height: 2 })).toThrow(
    'the map has 2 values, but its size is 2x2; pass one value for each position.',
  );
});

describe('an image', () => {
  test.each([1, 2, 3, 4])('of %i bytes a pixel becomes a PNG of the same bytes', async (channels) => {
    const data = Uint8Array.from({ length: 6 * channels }, (_, i) => 11 * i);
    const png = decode(await encodePng({ data, width: 3, height: 2 }));
    expect(png).toMatchObject({ width: 3, height: 2, channels, depth: 8 });
    expect([...png.data]).toEqual([...data]);
  });

  test('whose bytes do not match its size is refused', async () => {
    await expect(encodePng({ data: new Uint8Array(5), width: 2, height: 1 })).rejects.toThrow(
      'encodePng: the image has 5 bytes, but 2x1 pixels take 1, 2, 3 or 4 each; check its width and height.',
    );
  });

  test.each<[number[], number[]]>([
    [
      [7, 8],
      [7, 7, 7, 255, 8, 8, 8, 255],
    ],
    [
      [7, 100, 8, 200],
      [7, 7, 7, 100, 8, 8, 8, 200],
    ],
    [
      [1, 2, 3, 4, 5, 6],
      [1, 2, 3, 255, 4, 5, 6, 255],
    ],
    [
      [1, 2, 3, 4, 5, 6, 7, 8],
      [1, 2, 3, 4, 5, 6, 7, 8],
    ],
  ])('of bytes %j is drawn on a canvas, which is resized to it', (data, rgba) => {
    const put = vi.fn();
    // As of canvases in Node, where there is no global ImageData.
    const createImageData = (width: number, height: number) => ({
      ...{ data: new Uint8ClampedArray(4 * width * height), width, height },
    });
    const canvas = { width: 0, height: 0, getContext: () => ({ putImageData: put, createImageData }) };
    drawImage(canvas as unknown as OffscreenCanvas, { data: Uint8Array.from(data), width: 2, height: 1 });
    expect([canvas.width, canvas.height]).toEqual([2, 1]);
    expect(put).toHaveBeenCalledWith({ data: Uint8ClampedArray.from(rgba), width: 2, height: 1 }, 0, 0);
  });

  test('is not drawn on a canvas with another context', () => {
    const canvas = { getContext: () => null } as unknown as OffscreenCanvas;
    expect(() => drawImage(canvas, black(1, 1))).toThrow(
      'drawImage: the canvas already has a context other than 2D',
    );
  });

  test('is not drawn on a canvas whose context makes no pixels', () => {
    const canvas = { getContext: () => ({ putImageData: () => undefined }) } as unknown as OffscreenCanvas;
    expect(() => drawImage(canvas, black(1, 1))).toThrow(
      'drawImage: context is {"putImageData":the function putImageData}; it must be one with createImageData and putImageData.',
    );
  });
});

test('an image survives the way to a tensor and back, and is resized as by PIL', async () => {
  const image = { data: Uint8Array.from({ length: 60 }, (_, i) => (i * 37) % 256), width: 5, height: 4 };
  await expect(imageToTensor('')).rejects.toThrow('imageToTensor: the image is ""; pass pixels');
  const [same, smaller] = [await imageToTensor(image), await imageToTensor(image, { size: 3 })];
  expect([same.shape, smaller.shape]).toEqual([
    [1, 4, 5, 3],
    [1, 2, 3, 3],
  ]);
  expect(await tensorToImage(same)).toEqual(image);
  const beyond = tensor([-1, 0.5, 2], [1, 1, 3]);
  expect((await tensorToImage(beyond)).data).toEqual(Uint8Array.of(0, 128, 255));
  const bool = tensor([true, false, true], [1, 1, 3], 'bool');
  expect((await tensorToImage(bool)).data).toEqual(Uint8Array.of(255, 0, 255));
  bool.dispose();
  await expect(tensorToImage(tidy(() => slice(smaller, [0, 0, 0, 0], [1, 2, 3, 1])))).rejects.toThrow(
    'tensorToImage: the tensor has shape [1,2,3,1]; pass [height, width, 3]',
  );
  const deep = tensor([0, 0.5, 1], [1, 1, 1, 1, 3]);
  const empty = tensor([], [0, 8, 3]);
  await expect(tensorToImage(empty)).rejects.toThrow(
    'tensorToImage: the tensor has shape [0,8,3]; pass [height, width, 3] or [1, height, width, 3], with sides of at least 1.',
  );
  empty.dispose();
  await expect(tensorToImage(deep)).rejects.toThrow('the tensor has shape [1,1,1,1,3]; pass');
  deep.dispose();
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const odd = tensor([0, value, 1], [1, 1, 3]);
    await expect(tensorToImage(odd)).rejects.toThrow(
      'tensorToImage: the tensor has numbers that are not finite; check what computed it.',
    );
    odd.dispose();
  }
  for (const one of [same, smaller, beyond]) one.dispose();
});

test('the type of a tensor says the range of its numbers, and another range is refused', async () => {
  const imageFrom = async (values: number[], dtype: 'int32' | 'float32') => {
    const given = tensor(values, [1, 1, 3], dtype);
    return tensorToImage(given).finally(() => given.dispose());
  };
  expect((await imageFrom([0, 100, 255], 'int32')).data).toEqual(Uint8Array.of(0, 100, 255));
  const floats = 'pass float32 from 0 to 1, or bytes from 0 to 255 as int32.';
  for (const [values, dtype, sentence] of [
    [[0, 256, 0], 'int32', 'the int32 tensor has the value 256; pass int32 from 0 to 255.'],
    [[-1, 0, 0], 'int32', 'the int32 tensor has the value -1; pass int32 from 0 to 255.'],
    [[0, 100.5, 255], 'float32', `the float32 tensor has the value 101; ${floats}`],
    [[0, -2.118, 1], 'float32', `the float32 tensor has the value -2.12; ${floats}`],
  ] as const)
    await expect(imageFrom([...values], dtype)).rejects.toThrow(`tensorToImage: ${sentence}`);

  const [bytes, fractions] = [
    tensor4d([51, 102, 255], [1, 1, 1, 3], 'int32'),
    tensor4d([0.2, 0.4, 1], [1, 1, 1, 3]),
  ];
  const [normalized, expected] = [bytes, fractions].map((one) => normalizeImages(one, preprocessing));
  const [numbers, wanted] = [await normalized!.data(), await expected!.data()];
  for (const [i, value] of wanted.entries()) expect(numbers[i]).toBeCloseTo(value, 6);
  for (const one of [bytes, fractions, normalized!, expected!]) one.dispose();
});

test.each([
  [[-5, 0, 9], 'int32', '-5 to 9', 'clip them'],
  [[0, 999, 9], 'float32', '0 to 999', 'clip them'],
  [[-123.68, 151.06, 9], 'float32', '-124 to 151', 'clip them'],
  [[0, Number.POSITIVE_INFINITY, 9], 'float32', '0 to Infinity', 'clip them'],
  [[-1, 0, 1], 'int32', '-1 to 1', 'clip them'],
  [[0, 0.5, 1], 'float32', '0 to 1', 'round those of a dark image'],
] as const)('a tensor of %j (%s) is no image', async (values, dtype, range, remedy) => {
  const pixels = tensor([...values], [1, 1, 3], dtype);
  await expect(toRgb(pixels, 'a\nb')).rejects.toThrow(
    `a\ufffdb: the tensor's values are from ${range}; an image's are from 0 to 255, so scale them, or ${remedy}.`,
  );
  pixels.dispose();
});

test('what a resize adds to bytes is rounded', async () => {
  const pixels = tensor([-0.4, 255.4, 0.5], [1, 1, 3]);
  expect((await toRgb(pixels)).data).toEqual(Uint8Array.of(0, 255, 0));
  pixels.dispose();
});
