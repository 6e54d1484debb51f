import { dispose, type Tensor3D } from '@tensorflow/tfjs-core';
import { TENSOR } from '../base/arguments.js';
import { fail } from '../base/check.js';
import { resizedSize } from '../images/geometry.js';
import { type RawImage, type RgbImage, toRgb } from '../images/pixels.js';
import { resized } from '../images/prepare.js';
import type { Preprocessing } from '../images/preprocessing.js';

/** Limit on pixels after resizing, the same as `readImage`'s before: 300 MB. */
const MAX_PIXELS = 100_000_000;

/** What a file is decoded to. */
export type DecodedImage = RawImage | ImageBitmap | Tensor3D;

/** The pixels of a decoded image; a browser's bitmap is closed, and a tensor disposed. */
export async function pixelsOf(path: string, image: DecodedImage): Promise<RgbImage> {
  try {
    return await toRgb(image, path);
  } finally {
    // A stranger's function may return anything.
    (image as Partial<ImageBitmap> | null | undefined)?.close?.();
    if (TENSOR.holds(image)) dispose(image as Tensor3D);
  }
}

/** A decoded image, resized for the preprocessing, and given back as by {@link pixelsOf}. */
export async function resizedImage(
  path: string,
  image: DecodedImage,
  preprocessing: Preprocessing,
): Promise<RgbImage> {
  const pixels = await pixelsOf(path, image);
  const { width, height } = pixels;
  const after = resizedSize(pixels, preprocessing);
  if (!('height' in preprocessing.resize) && after.width * after.height > MAX_PIXELS) {
    fail(path, `it has ${width}x${height} pixels, and more than ${MAX_PIXELS} after resizing; crop it.`);
  }
  return resized(pixels, preprocessing);
}
