import { matMul, mul, reshape, type Tensor3D, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { fail, oneOf } from '../../base/check.js';

/** What the sums of a Gram matrix are divided by. */
export type GramNormalization = 'elements' | 'positions' | 'none';

/**
 * The Gram matrix of feature maps: how often two channels are active at the same places, which is what Gatys et al.
 * (2016, section 2.2) take for style. Gradients pass through it.
 *
 * @param features `[batch, height, width, channels]`.
 * @param options.normalization `'elements'`, the default, divides the sums over places by height x width x channels, as
 *   Johnson et al. (2016, equation 4) and PyTorch's tutorial do (which divides by the batch as well); `'positions'` by
 *   height x width; `'none'` leaves them, as the paper writes them.
 * @returns `[batch, channels, channels]`.
 * @throws RangeError when the features have another rank.
 */
export function gramMatrix(
  features: Tensor4D,
  options: { normalization?: GramNormalization } = {},
): Tensor3D {
  const normalization = oneOf('gramMatrix', 'normalization', options.normalization ?? 'elements', [
    'elements',
    'positions',
    'none',
  ]);
  if (features.shape.length !== 4) {
    fail('gramMatrix', `the features have shape [${features.shape}]; give [batch, height, width, channels].`);
  }
  const [batch, height, width, channels] = features.shape;
  const places = height * width;
  const divisor = { elements: places * channels, positions: places, none: 1 }[normalization];
  return tidy(() => {
    const rows = reshape(features, [batch, places, channels]);
    return mul(matMul(rows, rows, true), 1 / divisor) as Tensor3D;
  });
}
