import { matMul, mul, reshape, type Tensor3D, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { checkArguments, optionsOf, TENSOR } from '../../base/arguments.js';
import { fail, oneOf } from '../../base/check.js';
import { floats } from '../../tfjs/floats.js';
import { onBackend } from '../../tfjs/onBackend.js';

/** The divisor of the sums in a Gram matrix. */
export type GramNormalization = 'elements' | 'positions' | 'none';

/**
 * The Gram matrix of feature maps: how strongly two channels are active at the same positions, which Gatys et al. (2016,
 * section 2.2) use to describe style. Gradients pass through it.
 *
 * @param features `[batch, height, width, channels]`.
 * @param options.normalization `'elements'`, the default, divides the sums over positions by height x width x channels, as
 *   Johnson et al. (2016, equation 4) and PyTorch's tutorial do (the latter also by the batch size); `'positions'` divides by
 *   height x width; `'none'` does not divide, as in the paper.
 * @returns `[batch, channels, channels]`.
 * @throws RangeError when the features have another rank.
 */
export function gramMatrix(
  features: Tensor4D,
  options: { normalization?: GramNormalization } = {},
): Tensor3D {
  checkArguments('gramMatrix', { features }, { features: TENSOR });
  const { normalization = 'elements' } = optionsOf('gramMatrix', options, { normalization: 1 });

  oneOf('gramMatrix', 'normalization', normalization, ['elements', 'positions', 'none']);
  if (features.shape.length !== 4 || features.size === 0) {
    fail(
      'gramMatrix',
      `the features have shape [${features.shape}]; pass [batch, height, width, channels], each at least 1.`,
    );
  }
  const [batch, height, width, channels] = features.shape;
  const positions = height * width;
  const divisor = { elements: positions * channels, positions: positions, none: 1 }[normalization];
  const compute = () => {
    const rows = reshape(floats(features), [batch, positions, channels]);
    return mul(matMul(rows, rows, true), 1 / divisor) as Tensor3D;
  };
  return onBackend('gramMatrix', () => tidy(compute));
}
