import type { RawImage } from './pixels.js';

/**
 * Shows an image on a browser's canvas, which takes its size: overlays, grids, whatever is a `RawImage`.
 *
 * @throws Error when the canvas has a context of another kind than 2D.
 * @example drawImage(document.querySelector('canvas')!, await overlay(img, await gradCam(model, img, published)));
 */
export function drawImage(
  canvas: HTMLCanvasElement | OffscreenCanvas,
  { data, width, height }: RawImage,
): void {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d') as
    | CanvasRenderingContext2D
    | OffscreenCanvasRenderingContext2D
    | null;
  if (!context) {
    throw new Error(
      'drawImage: the canvas has a context of another kind; give one that is new or drawn on in 2D.',
    );
  }
  const bytes = data.length / (width * height);
  const rgba = new Uint8ClampedArray(4 * width * height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const from = pixel * bytes;
    for (let k = 0; k < 3; k++) rgba[4 * pixel + k] = data[from + (bytes >= 3 ? k : 0)]!;
    rgba[4 * pixel + 3] = bytes % 2 === 0 ? data[from + bytes - 1]! : 255;
  }
  context.putImageData(new ImageData(rgba, width, height), 0, 0);
}
