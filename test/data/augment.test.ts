import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { augmented, checkAugmentation, randomRegion } from '../../src/data/augment.js';
import { brightness, contrast, hue, saturation } from '../../src/data/jitter.js';
import { PUBLISHED } from '../../src/weights/index.js';
import augmentations from '../fixtures/augmentations.json';

/** By torchvision; see fixtures/make_augmentations.py. */
const reference = augmentations as unknown as Reference;

interface Reference {
  width: number;
  height: number;
  image: number[];
  changes: { name: keyof typeof CHANGES; factor: number; bytes: number[] }[];
  ranges: Record<keyof typeof CHANGES, [number, number]>;
  quantiles: number[];
  crops: {
    width: number;
    height: number;
    scale: [number, number];
    ratio: [number, number];
    area: number[];
    logRatio: number[];
    left: number[];
    top: number[];
  }[];
  fallbacks: { width: number; height: number; box: object }[];
}

const CHANGES = { brightness, contrast, saturation, hue };

describe("color changes are torchvision's, byte for byte", () => {
  test.each(reference.changes)('$name by $factor', ({ name, factor, bytes }) => {
    const changed = Uint8Array.from(reference.image);
    CHANGES[name](changed, factor);
    expect([...changed]).toEqual(bytes);
  });
});

describe("the paper's scale jitter", () => {
  // Red says how far right a pixel is, and green how far down.
  const [width, height] = [120, 80];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [pixel, color] = [Math.floor(i / 3), i % 3];
    return [2 * (pixel % width), 2 * Math.floor(pixel / width), 0][color]!;
  });
  const preprocessing = { ...PUBLISHED['torchvision/vgg16'].preprocessing, crop: 20 };

  test('cuts a pixel at least', () => {
    const white = { data: data.map(() => 255), width, height };
    const crop = { shorterSide: [1e5, 1e6] } as const;
    const bytes = augmented(white, preprocessing, { crop }, seededRandom(3));
    expect(bytes.every((byte) => byte === 255)).toBe(true);
  });

  test('cuts a square as large as the crop once the shorter side has a length of the range', () => {
    const random = seededRandom(3);
    const crop = { shorterSide: [20, 80] } as const;
    const cuts = Array.from({ length: 400 }, () => {
      const bytes = augmented({ data, width, height }, preprocessing, { crop }, random);
      const last = bytes.length - 3;
      // The distance of the first and last pixels' centers, of 19 steps, gives the length that was cut.
      const [left, top] = [bytes[0]! / 2, bytes[1]! / 2];
      const [wide, tall] = [0, 1].map((color) => ((bytes[last + color]! - bytes[color]!) / 2 / 19) * 20);
      expect(Math.abs(wide! - tall!)).toBeLessThan(2);
      return { left, top, shorterSide: (20 * height) / wide! };
    });
    const spread = (name: keyof (typeof cuts)[number]) => {
      const values = cuts.map((one) => one[name]).sort((a, b) => a - b);
      return [values[0]!, values[200]!, values[399]!];
    };
    const [lowest, median, highest] = spread('shorterSide');
    expect(lowest).toBeGreaterThan(18);
    expect(lowest).toBeLessThan(24);
    expect(Math.abs(median! - 50)).toBeLessThan(6);
    expect(highest).toBeGreaterThan(72);
    expect(highest).toBeLessThan(90);
    // From the left edge to the right one, and from the top to the bottom.
    expect(spread('left')[0]).toBeLessThan(4);
    expect(spread('left')[2]).toBeGreaterThan(85);
    expect(spread('top')[2]).toBeGreaterThan(45);
  });

  test.each([
    ['a range that falls', [512, 256]],
    ['a length of 0', [0, 256]],
    ['text', ['256', 512]],
    ['one number', 256],
  ])('refuses %s', (_, shorterSide) => {
    expect(() => checkAugmentation('imageFolder', { crop: { shorterSide: shorterSide as never } })).toThrow(
      `imageFolder: augment.crop.shorterSide is ${JSON.stringify(shorterSide)}; pass two numbers above 0, the smaller first.`,
    );
  });
});

describe("random crops are distributed like torchvision's", () => {
  test.each(reference.crops)('of $width x $height, scale $scale, ratio $ratio', (one) => {
    const { width, height, scale, ratio } = one;
    const random = seededRandom(5);
    const regions = Array.from({ length: 20_000 }, () => randomRegion(width, height, scale, ratio, random));
    const spread = {
      area: regions.map((region) => (region.width * region.height) / (width * height)),
      logRatio: regions.map((region) => Math.log(region.width / region.height)),
      left: regions.map((region) => region.left / width),
      top: regions.map((region) => region.top / height),
    };
    for (const [name, values] of Object.entries(spread)) {
      values.sort((a, b) => a - b);
      const found = reference.quantiles.map((quantile) => values[Math.floor(quantile * values.length)]!);
      const worst = Math.max(
        ...found.map((value, i) => Math.abs(value - one[name as keyof typeof spread][i]!)),
      );
      // Both are samples of 20000: a quantile's standard error is 0.4 % of its variable's range, at most 1.4 here.
      expect(worst, name).toBeLessThan(name === 'logRatio' ? 0.02 : 0.012);
    }
  });

  test('have a pixel at least', () => {
    const region = (low: number, high: number) => randomRegion(9, 9, [0.9, 1], [low, high], seededRandom(1));
    expect(region(1e-9, 1e-8)).toEqual({ left: 4, top: 0, width: 1, height: 9 });
    expect(region(1e8, 1e9)).toEqual({ left: 0, top: 4, width: 9, height: 1 });
  });

  test.each(reference.fallbacks)('of $width x $height, where no draw fits, are the middle', (one) => {
    expect(randomRegion(one.width, one.height, [0.9, 1], [3 / 4, 4 / 3], seededRandom(1))).toEqual(one.box);
  });
});

describe('augmented', () => {
  const preprocessing = { ...PUBLISHED['torchvision/vgg16'].preprocessing, crop: 8 };
  const image = { data: Uint8Array.from(reference.image), width: 12, height: 10 };
  const middle = augmented(image, preprocessing, {}, seededRandom(0));

  test('does not change its input, and cuts the middle by default', () => {
    const before = image.data.slice();
    augmented(image, preprocessing, { flip: 1, jitter: { brightness: 0.9 } }, seededRandom(3));
    expect(image.data).toEqual(before);
    const at = 3 * (1 * 12 + 2);
    expect(middle.subarray(0, 24)).toEqual(image.data.subarray(at, at + 24));
  });

  test('mirrors with the given probability', () => {
    const mirrored = augmented(image, preprocessing, { flip: 1 }, seededRandom(0));
    for (const [y, x] of [
      [0, 0],
      [3, 7],
      [7, 2],
    ] as const) {
      const at = (column: number) => 3 * (y * 8 + column);
      expect([...mirrored.subarray(at(x), at(x) + 3)]).toEqual([
        ...middle.subarray(at(7 - x), at(7 - x) + 3),
      ]);
    }
    const flips = Array.from({ length: 400 }, (_, i) =>
      augmented(image, preprocessing, { flip: 0.25 }, seededRandom(9, i)).every(
        (byte, at) => byte === mirrored[at],
      ),
    ).filter(Boolean).length;
    expect(flips).toBeGreaterThan(70);
    expect(flips).toBeLessThan(130);
  });

  test('the same seed changes an image in the same way, another seed in another', () => {
    const all = {
      flip: 0.5,
      crop: {},
      jitter: { brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 },
    };
    const once = augmented(image, preprocessing, all, seededRandom(2, 7));
    expect(augmented(image, preprocessing, all, seededRandom(2, 7))).toEqual(once);
    expect(augmented(image, preprocessing, all, seededRandom(2, 8))).not.toEqual(once);
    expect(once.length).toBe(3 * 8 * 8);
  });

  test('random squares reach every corner', () => {
    const corners = new Set(
      Array.from({ length: 300 }, (_, i) =>
        augmented(image, preprocessing, { crop: 'random' }, seededRandom(1, i)).subarray(0, 3).join(),
      ),
    );
    // 5 positions across and 3 down.
    expect(corners.size).toBe(15);
  });

  test("a number gives torchvision's range of factors", () => {
    for (const [name, range] of Object.entries(reference.ranges)) {
      const amount = { brightness: 0.4, contrast: 1.5, saturation: 0.2, hue: 0.1 }[name]!;
      const drawn = (jitter: number | [number, number]) =>
        augmented(image, preprocessing, { jitter: { [name]: jitter } }, seededRandom(6, 6));
      expect(drawn(amount), name).toEqual(drawn(range as [number, number]));
    }
  });

  test.each<[string, object, RegExp]>([
    [
      'an unknown option',
      { rotate: 3 },
      /augment is \{"rotate":3\}; it must be an object with some of flip, crop, jitter/,
    ],
    ['a flip beyond 1', { flip: 2 }, /augment\.flip is 2; it must be a probability from 0 to 1/],
    [
      'no scale',
      { crop: { scale: [0, 1] } },
      /augment\.crop\.scale is \[0,1\]; pass two numbers above 0 and up to 1/,
    ],
    [
      'a ratio upside down',
      { crop: { ratio: [2, 1] } },
      /augment\.crop\.ratio is \[2,1\]; pass two numbers above 0, the/,
    ],
    [
      'a crop of no kind',
      { crop: 'corner' },
      /augment\.crop is "corner"; it must be "center", "random", an object with some of scale, ratio, or/,
    ],
    [
      'a hue beyond half a rotation',
      { jitter: { hue: 0.6 } },
      /augment\.jitter\.hue is 0\.6; pass a number from 0 to 0\.5/,
    ],
    [
      'a negative jitter',
      { jitter: { contrast: -1 } },
      /augment\.jitter\.contrast is -1; pass a number of at least 0/,
    ],
  ])('refuses %s', (_, augment, message) => {
    expect(() => checkAugmentation('imageFolder', augment)).toThrow(message);
  });
});
