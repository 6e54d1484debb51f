import type { RawImage } from './rawImage.js';

/** The pixels of an image, drawn on a canvas of the same size. */
export function canvasPixels(image: CanvasImageSource, width: number, height: number): RawImage {
  // Keeps the pixels out of GPU memory, from which reading is slow.
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height);
}
