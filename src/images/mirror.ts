import type { RgbImage } from './rawImage.js';

/** Mirrors an image left to right, in place. */
export function mirror({ data, width }: RgbImage): void {
  const step = 3 * width;
  for (let row = 0; row < data.length; row += step) {
    for (let left = row, right = row + step - 3; left < right; left += 3, right -= 3) {
      for (let color = 0; color < 3; color++) {
        const held = data[left + color]!;
        data[left + color] = data[right + color]!;
        data[right + color] = held;
      }
    }
  }
}
