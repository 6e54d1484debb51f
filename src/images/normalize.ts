import { div, mul, reverse, sub, sum, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { checkArguments, TENSOR } from '../base/arguments.js';
import { fail } from '../base/check.js';
import { floats } from '../tfjs/floats.js';
import { onBackend } from '../tfjs/onBackend.js';
import { type Preprocessing, preprocessingArgument } from './preprocessing.js';

/**
 * Normalizes images that are already tensors, as `preprocess` does: the channel order of the weights, minus the mean, divided
 * by the standard deviation. Gradients pass through it, so a loss may depend on images that a network produces or that are
 * optimized step by step.
 *
 * @param images `[batch, height, width, 3]`, RGB, float32 from 0 to 1 or int32 from 0 to 255; for gray also
 *   `[batch, height, width, 1]`.
 * @param preprocessing that of the weights; its sizes are not used.
 * @returns float32, shaped like the images, or `[batch, height, width, 1]` for gray.
 */
export function normalizeImages(images: Tensor4D, preprocessing: Preprocessing): Tensor4D {
  checkArguments('normalizeImages', { images }, { images: TENSOR });
  preprocessingArgument('normalizeImages', preprocessing);
  const { channels, white, mean, std } = preprocessing;
  const isGray = channels === 'gray' && images.shape[3] === 1;
  if (images.shape.length !== 4 || (images.shape[3] !== 3 && !isGray)) {
    fail('normalizeImages', `the images have shape [${images.shape}]; pass [batch, height, width, 3].`);
  }
  const compute = (): Tensor4D => {
    const x = images.dtype === 'int32' ? div(floats(images), 255) : floats(images);
    if (channels === 'gray') {
      const gray = isGray ? x : (sum(mul(x, [0.299, 0.587, 0.114]), 3, true) as Tensor4D);
      return div(sub(mul(gray, white), mean[0]), std[0]);
    }
    const ordered = channels === 'RGB' ? x : reverse(x, 3);
    return div(sub(mul(ordered, white), [...mean]), [...std]);
  };
  return onBackend('normalizeImages', () => tidy(compute));
}
