import { concat, reverse, type Tensor4D, tensor, tidy, zeros } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { RawImage } from '../../src/images/index.js';
import { VGG16, vgg } from '../../src/index.js';
import { noise } from '../support/bytes.js';
import { fixturePath } from '../support/fixtures.js';
import { readReference } from '../support/safetensors.js';

/** The numbers of fixtures/make_perceptual.py. */
export const TORCH = await readReference(fixturePath('perceptual.safetensors'));

/** Its calibration, in the layout of the file that LPIPS' authors publish. */
export const LPIPS_FILE = fixturePath('lpips-narrow.pth');

/** The calibration of version 0.0, as it was published. */
export const LPIPS_V00_FILE = fixturePath('lpips-v0.0-vgg.pth');

export const NETWORK = fixturePath('torch/vgg16-narrow.safetensors');

/** The VGG-16 of fixtures/make_lpips.py, without its top. */
export function fullVgg16(): LayersModel {
  const model = vgg(VGG16, { inputShape: [null, null, 3], includeTop: false, initializer: 'zeros' });
  const bytes = noise(14_710_464, 3);
  let start = 0;
  tidy(() => {
    const weights = model.getWeights().map(({ shape }) => {
      if (shape.length === 1) return zeros(shape);
      const end = start + shape.reduce((a, b) => a * b);
      const scale = Math.fround(Math.sqrt(1.5 / (9 * shape[2]!)));
      const kernel = Float32Array.from(bytes.subarray(start, end), (byte) => ((byte - 127.5) / 64) * scale);
      start = end;
      return tensor(kernel, shape);
    });
    model.setWeights(weights);
  });
  return model;
}

/** The two images of fixtures/make_perceptual.py, 64 rows of 48 pixels; make_lpips.py has other sizes. */
export function torchImages(height = 64, width = 48): RawImage[] {
  const bytes = noise(2 * height * width * 3);
  return [0, 1].map((image) => {
    const size = bytes.length / 2;
    return { data: bytes.slice(image * size, (image + 1) * size), width, height };
  });
}

/** The scripts' images `[2, height, width, 3]`, RGB from 0 to 1, and those that they are compared with. */
export function torchBatches(height = 64, width = 48): { images: Tensor4D; others: Tensor4D } {
  const [first, second] = torchImages(height, width).map(({ data, height, width }) =>
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
