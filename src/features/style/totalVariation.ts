import {
  add,
  neg,
  relu,
  slice,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import { checkArguments, TENSOR } from '../../base/arguments.js';
import { fail } from '../../base/check.js';
import { floats } from '../../tfjs/floats.js';
import { onBackend } from '../../tfjs/onBackend.js';

/**
 * The total variation of images: the absolute differences between each pixel and its neighbors below and to the right, summed
 * over positions and channels, like `tf.image.total_variation`. It is small where an image is smooth. Gradients pass through
 * it; between equal neighbors they are 0, as in PyTorch.
 *
 * @param images `[batch, height, width, channels]`.
 * @returns `[batch]`.
 * @throws RangeError when the images have another rank.
 */
export function totalVariation(images: Tensor4D): Tensor1D {
  checkArguments('totalVariation', { images }, { images: TENSOR });

  if (images.shape.length !== 4 || images.size === 0) {
    fail(
      'totalVariation',
      `the images have shape [${images.shape}]; pass [batch, height, width, channels], each at least 1.`,
    );
  }
  const [batch, height, width, channels] = images.shape;
  const compute = () => {
    const x = floats(images);
    const down = sub(
      slice(x, [0, 1, 0, 0], [batch, height - 1, width, channels]),
      slice(x, [0, 0, 0, 0], [batch, height - 1, width, channels]),
    );
    const right = sub(
      slice(x, [0, 0, 1, 0], [batch, height, width - 1, channels]),
      slice(x, [0, 0, 0, 0], [batch, height, width - 1, channels]),
    );
    return add(absolute(down), absolute(right)) as Tensor1D;
  };
  return onBackend('totalVariation', () => tidy(compute));
}

/** The absolute values, summed per image. tfjs's own `abs` has the gradient -1 at 0, which would change flat areas. */
function absolute(x: Tensor): Tensor {
  return sum(add(relu(x), relu(neg(x))), [1, 2, 3]);
}
