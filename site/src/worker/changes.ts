import type { RgbImage } from 'vgg-blocks/images';
import { seededRandom } from '../../../src/base/random.js';

/** How often a blurred copy is averaged with its neighbors. */
const TIMES = 20;

/** Copies of an image that differ from it equally in their pixels, and not at all to the eye. */
export function changed(image: RgbImage): Record<'darker' | 'noisy' | 'blurred', RgbImage> {
  const blurred = blur(image);
  const by = pixelDifference(image, blurred);
  const random = seededRandom(0);
  const copy = (change: () => number) => ({
    ...image,
    data: image.data.map((byte) => Math.max(0, Math.min(255, Math.round(byte + change())))),
  });
  return {
    darker: copy(() => -by),
    // The deviation of numbers from -1 to 1 is the root of a third.
    noisy: copy(() => random.between(-by, by) * Math.sqrt(3)),
    blurred,
  };
}

/** The root of the mean squared difference of the bytes of two images of one size. */
export function pixelDifference({ data }: RgbImage, { data: other }: RgbImage): number {
  const sum = data.reduce((total, byte, i) => total + (byte - other[i]!) ** 2, 0);
  return Math.sqrt(sum / data.length);
}

function blur({ data, width, height }: RgbImage): RgbImage {
  const row = 3 * width;
  let before = data;
  for (let time = 0; time < TIMES; time++) {
    const now = before.slice();
    for (let at = 0; at < now.length; at++) {
      const around = [at];
      if (at >= row) around.push(at - row);
      if (at < row * (height - 1)) around.push(at + row);
      if (at % row >= 3) around.push(at - 3);
      if (at % row < row - 3) around.push(at + 3);
      now[at] = Math.round(around.reduce((sum, one) => sum + before[one]!, 0) / around.length);
    }
    before = now;
  }
  return { data: before, width, height };
}
