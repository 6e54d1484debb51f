import { checkArguments, PIXELS } from '../base/arguments.js';
import { fail, MAX_SIDE, wholeNumber } from '../base/check.js';
import { cropped } from './crop.js';
import type { Region } from './geometry.js';
import { channelsOf } from './pixels.js';
import type { RgbImage } from './rawImage.js';
import { filterOf } from './resizeFilter.js';
import { resizePasses } from './resizePasses.js';

/**
 * Resizes an image like PIL's bilinear filter, byte for byte. Its triangle widens when the image shrinks, so every pixel
 * counts. Rows are resized first and rounded to bytes, then columns.
 */
export function resizeBilinear(image: RgbImage, width: number, height: number): RgbImage {
  wholeNumber('resizeBilinear', 'width', width, 1, MAX_SIDE);
  wholeNumber('resizeBilinear', 'height', height, 1, MAX_SIDE);
  checkArguments('resizeBilinear', { image }, { image: PIXELS });
  const channels = channelsOf('resizeBilinear', image);
  if (channels !== 3) {
    fail('resizeBilinear', `the image has ${channels} bytes per pixel; pass RGB, as toRgb returns it.`);
  }
  return resizeRegion(image, width, height);
}

/**
 * A region of what `resizeBilinear` returns, without computing the rest.
 *
 * @param region in whole pixels of the result; default all of it.
 */
export function resizeRegion(
  image: RgbImage,
  width: number,
  height: number,
  region: Region = { left: 0, top: 0, width, height },
): RgbImage {
  if (width === image.width && height === image.height) {
    return region.width === width && region.height === height ? image : cropped(image, region);
  }
  const columns = filterOf(image.width, width, region.left, region.width);
  const rows = filterOf(image.height, height, region.top, region.height);
  return { data: resizePasses(image, columns, rows), width: region.width, height: region.height };
}

/** Resizes an image like PIL's nearest filter: takes the pixel under the center of each new one. */
export function resizeNearest(
  { data, width: from, height: rows }: RgbImage,
  width: number,
  height: number,
  region: Region = { left: 0, top: 0, width, height },
): RgbImage {
  const columns = nearest(from, width, region.left, region.width);
  const lines = nearest(rows, height, region.top, region.height);
  const resized = new Uint8Array(3 * region.width * region.height);
  let to = 0;
  for (const line of lines) {
    for (const column of columns) {
      const at = 3 * (line * from + column);
      for (let color = 0; color < 3; color++) resized[to++] = data[at + color]!;
    }
  }
  return { data: resized, width: region.width, height: region.height };
}

/**
 * The pixels under the centers of `count` new ones, from `start` on. Centers are accumulated as in PIL, because their rounding
 * decides ties.
 */
function nearest(from: number, to: number, start: number, count: number): number[] {
  const scale = from / to;
  const pixels: number[] = [];
  let center = scale / 2;
  for (let i = 0; i < start + count; i++) {
    if (i >= start) pixels.push(Math.min(from - 1, Math.floor(center)));
    center += scale;
  }
  return pixels;
}
