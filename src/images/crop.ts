import { centerSquare, type Region } from './geometry.js';
import type { RgbImage } from './pixels.js';

/** Copies a rectangle of an image, in whole pixels. */
export function cropped({ data, width }: RgbImage, { left, top, ...size }: Region): RgbImage {
  const row = 3 * size.width;
  const bytes = new Uint8Array(row * size.height);
  for (let y = 0; y < size.height; y++) {
    const from = 3 * ((top + y) * width + left);
    bytes.set(data.subarray(from, from + row), row * y);
  }
  return { data: bytes, ...size };
}

/** The center square of an image, or the image itself if it is that square. */
export function centerCropped(image: RgbImage, side: number): RgbImage {
  if (image.width === side && image.height === side) return image;
  return cropped(image, centerSquare(image, side));
}
