import { concat, reverse, type Tensor4D, tensor, tidy } from '@tensorflow/tfjs-core';
import type { RawImage } from '../../src/images/index.js';
import { noise } from '../support/bytes.js';
import { fixturePath } from '../support/fixtures.js';
import { readReference } from '../support/safetensors.js';

/** The numbers of fixtures/make_perceptual.py. */
export const TORCH = await readReference(fixturePath('perceptual.safetensors'));

/** Its calibration, in the layout of the file that LPIPS' authors publish. */
export const LPIPS_FILE = fixturePath('lpips-narrow.pth');

export const NETWORK = fixturePath('torch/vgg16-narrow.safetensors');

/** The script's two images, 64 rows of 48 pixels. */
export function torchImages(): RawImage[] {
  const [width, height] = [48, 64];
  const bytes = noise(2 * height * width * 3);
  return [0, 1].map((image) => {
    const size = bytes.length / 2;
    return { data: bytes.slice(image * size, (image + 1) * size), width, height };
  });
}

/** The script's images `[2, 64, 48, 3]`, RGB from 0 to 1, and those that they are compared with. */
export function torchBatches(): { images: Tensor4D; others: Tensor4D } {
  const [first, second] = torchImages().map(({ data, height, width }) =>
    tensor(
      Float32Array.from(data, (byte) => byte / 255),
      [1, height, width, 3],
    ),
  ) as [Tensor4D, Tensor4D];
  const images = concat([first, second]);
  const others = tidy(() => concat([second, reverse(first, 2)]));
  for (const one of [first, second]) one.dispose();
  return { images, others };
}

/** The numbers of a gradient or image that the script keeps. */
export function strided(numbers: ArrayLike<number>): number[] {
  return Array.from(numbers).filter((_, i) => i % 37 === 0);
}
