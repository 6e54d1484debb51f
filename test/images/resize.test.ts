import { describe, expect, test } from 'vitest';
import { resizeBilinear, toRgb } from '../../src/images/index.js';
import { resizeNearest, resizeRegion } from '../../src/images/resize.js';
import { filterOf } from '../../src/images/resizeFilter.js';
import { resizeInJavaScript, resizeKernel, resizePasses } from '../../src/images/resizePasses.js';
import { noise } from '../support/bytes.js';

/** Sizes of images and of what they are resized to: larger, smaller, each axis alone, one pixel, long. */
const SIZES = [
  [37, 23, 16, 50],
  [61, 40, 61, 17],
  [61, 40, 5, 40],
  [1, 1, 20, 9],
  [90, 70, 1, 1],
  [900, 2, 115, 7],
  [3, 400, 19, 21],
] as const;

const image = (width: number, height: number) => ({ data: noise(3 * width * height, width), width, height });

describe.each(SIZES)('%ix%i to %ix%i', (fromWidth, fromHeight, width, height) => {
  const given = image(fromWidth, fromHeight);

  test('gives the same bytes in WebAssembly and in JavaScript', () => {
    const filters = [filterOf(fromWidth, width, 0, width), filterOf(fromHeight, height, 0, height)] as const;
    const kernel = resizeKernel();
    expect(kernel).toBeDefined();
    expect(resizePasses(given, ...filters, kernel)).toEqual(
      resizePasses(given, ...filters, resizeInJavaScript),
    );
  });

  test.each([
    ['bilinear', resizeRegion],
    ['nearest', resizeNearest],
  ] as const)('gives a region as it is in the whole, %s', (_, resize) => {
    const whole = resize(given, width, height);
    const region = { left: width >> 2, top: height >> 1, width: width >> 1 || 1, height: height >> 2 || 1 };
    const part = resize(given, width, height, region);
    const rows = Array.from({ length: region.height }, (_, y) => {
      const start = 3 * ((region.top + y) * width + region.left);
      return [...whole.data.subarray(start, start + 3 * region.width)];
    });
    expect([...part.data]).toEqual(rows.flat());
  });
});

test('rounded weights that add up to more than one do not overflow white', async () => {
  const white = { data: new Uint8Array(3 * 1000 * 7).fill(255), width: 1000, height: 7 };
  for (const side of [3, 7, 11, 333]) {
    expect(new Set(resizeBilinear(await toRgb(white), side, side).data)).toEqual(new Set([255]));
  }
});
