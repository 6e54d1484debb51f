import { fail } from '../base/check.js';
import { type RawImage, type RgbImage, toRgb } from '../images/pixels.js';
import { resized } from '../images/prepare.js';
import type { Preprocessing } from '../images/preprocessing.js';

/** Limit on pixels after resizing, the same as `readImage`'s before: 300 MB. */
const MAX_PIXELS = 100_000_000;

/** The pixels of a decoded image; a browser's bitmap is closed. */
export async function pixelsOf(path: string, image: RawImage | ImageBitmap): Promise<RgbImage> {
  try {
    return await toRgb(image, path);
  } finally {
    if ('close' in image) image.close();
  }
}

/** A decoded image, resized for the preprocessing; a browser's bitmap is closed. */
export async function resizedImage(
  path: string,
  image: RawImage | ImageBitmap,
  preprocessing: Preprocessing,
): Promise<RgbImage> {
  const pixels = await pixelsOf(path, image);
  const { width, height } = pixels;
  const { resize } = preprocessing;
  const growth = 'height' in resize ? 0 : (resize.shorterSide / Math.min(width, height)) ** 2;
  if (growth * width * height > MAX_PIXELS) {
    fail(path, `it has ${width}x${height} pixels, and more than ${MAX_PIXELS} after resizing; crop it.`);
  }
  return resized(pixels, preprocessing);
}
