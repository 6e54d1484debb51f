import { concat, reverse, type Tensor4D, tensor, tidy } from '@tensorflow/tfjs-core';
import type { RawImage } from '../../src/images/index.js';
import { readReference } from '../support/safetensors.js';
import { hasShared, sharedPath } from '../support/shared.js';

const file = (name: string) => new URL(name, import.meta.url).href;

/** What makeTorchPerceptual.py wrote. */
export const TORCH = await readReference(file('torchPerceptual.safetensors'));

/** Its calibration, in the layout of the file that LPIPS' authors publish. */
export const LPIPS_FILE = file('lpips-narrow.pth');

export const NETWORK = hasShared ? sharedPath('reference/torch/vgg16-narrow.safetensors') : '';

/** The script's two images, 64 rows of 48 pixels. */
export async function torchImages(): Promise<RawImage[]> {
  const reference = await readReference(sharedPath('reference/torch/vgg16-narrow-expected.safetensors'));
  const { data } = reference.get('input96')!;
  const [width, height] = [48, 64];
  return [0, 1].map((image) => {
    const bytes = new Uint8Array(3 * width * height);
    for (let i = 0; i < bytes.length; i++) {
      const [channel, place] = [i % 3, Math.floor(i / 3)];
      const [row, column] = [Math.floor(place / width), place % width];
      const x = data[((image * 3 + channel) * 96 + row) * 96 + column]!;
      bytes[i] = Math.round(255 / (1 + Math.exp(-x)));
    }
    return { data: bytes, width, height };
  });
}

/** The script's images `[2, 64, 48, 3]`, RGB from 0 to 1, and those that they are compared with. */
export async function torchBatches(): Promise<{ images: Tensor4D; others: Tensor4D }> {
  const [first, second] = (await torchImages()).map(({ data, height, width }) =>
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
