import {
  concat,
  reverse,
  sigmoid,
  slice,
  type Tensor4D,
  tensor,
  tidy,
  transpose,
} from '@tensorflow/tfjs-core';
import { readReference } from '../support/safetensors.js';
import { hasShared, sharedPath } from '../support/shared.js';

const file = (name: string) => new URL(name, import.meta.url).href;

/** What makeTorchPerceptual.py wrote. */
export const TORCH = await readReference(file('torchPerceptual.safetensors'));

/** Its calibration, in the layout of the file that LPIPS' authors publish. */
export const LPIPS_FILE = file('lpips-narrow.pth');

export const NETWORK = hasShared ? sharedPath('reference/torch/vgg16-narrow.safetensors') : '';

/** The script's images `[2, 64, 48, 3]`, RGB from 0 to 1, and those that they are compared with. */
export async function torchImages(): Promise<{ images: Tensor4D; others: Tensor4D }> {
  const reference = await readReference(sharedPath('reference/torch/vgg16-narrow-expected.safetensors'));
  const { data, shape } = reference.get('input96')!;
  return tidy(() => {
    const all = sigmoid(transpose(tensor(data, shape), [0, 2, 3, 1])) as Tensor4D;
    const images = slice(all, [0, 0, 0, 0], [2, 64, 48, 3]);
    const [first, second] = [slice(images, [0, 0, 0, 0], [1, 64, 48, 3]), slice(images, [1, 0, 0, 0])];
    return { images, others: concat([second, reverse(first, 2)]) as Tensor4D };
  });
}

/** The numbers of a gradient or picture that the script keeps. */
export function strided(numbers: ArrayLike<number>): number[] {
  return Array.from(numbers).filter((_, i) => i % 37 === 0);
}
