import type { RgbImage } from './rawImage.js';

/** An image whose three channels are its gray, as PIL's `convert('L')` computes it (ITU-R 601, rounded). */
export function grayed({ data, width, height }: RgbImage): RgbImage {
  const gray = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const value = (19595 * data[i]! + 38470 * data[i + 1]! + 7471 * data[i + 2]! + 0x8000) >> 16;
    gray.fill(value, i, i + 3);
  }
  return { data: gray, width, height };
}
