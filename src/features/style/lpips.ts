import {
  add,
  cast,
  div,
  mean,
  type Tensor1D,
  type Tensor3D,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL, NUMBERS, optionsOf, TENSOR } from '../../base/arguments.js';
import { fail, oneOf, shown } from '../../base/check.js';
import { checkInUse } from '../../tfjs/disposed.js';
import { onBackend } from '../../tfjs/onBackend.js';
import { total } from '../../tfjs/total.js';
import { enlargedBilinear } from './bilinear.js';
import { sameShape } from './differences.js';
import { type Comparison, layerDistances } from './lpipsLayers.js';

/** Options of {@link lpips}. */
export interface LpipsOptions extends Comparison {
  /**
   * The range of float images: `[0, 1]`, or `[-1, 1]` as in the authors' Python package without `normalize=True`. It has no
   * default, because the same numbers are other images in the other range; int32 images are 0 to 255 and need none.
   */
  range?: readonly [0, 1] | readonly [-1, 1];
  /** Returns the distances at all positions, `[batch, height, width]`, as the package does with `spatial=True`. Default false. */
  spatial?: boolean;
}

const RANGES = [
  [0, 1],
  [-1, 1],
];

/**
 * The learned perceptual distance between images, LPIPS (Zhang et al. 2018, equation 1) with VGG-16. It takes the features of
 * five layers, scales the channels at each position to length one, weights their squared differences by the calibration, and
 * sums over channels, averages over positions and sums over layers. It is 0 for equal images.
 *
 * Images are RGB: int32 from 0 to 255, or float32 in the range that the options say. Their size is any of at least 16x16.
 * `imageDistance` compares two images that are not tensors, and notices a GPU that has no room for them, which this function cannot.
 *
 * @param model a VGG-16. The published calibrations are for torchvision's weights (`torchvision/vgg16`, `timm/vgg16`).
 * @returns a function from two batches `[batch, height, width, 3]` of the same shape to their distances `[batch]`. Gradients
 *   pass through it to both; no tensors are kept. With `spatial`, each layer's distances are enlarged to the images' size
 *   bilinearly and added: `[batch, height, width]`.
 * @throws RangeError when the model lacks one of the layers, is not a VGG-16 (for the published calibration), or says that its
 *   weights expect other images than torchvision's, or when the calibration does not fit it or is that of another version; the
 *   function, when the shapes differ or float images come without a range.
 * @example
 * const { model } = await fromWeights('vgg16-397923af.pth', { includeTop: false });
 * const distance = lpips(model, { range: [0, 1] });
 * distance(images, others); // [batch]
 */
export function lpips(
  model: LayersModel,
  options: LpipsOptions & { spatial: true },
): (images: Tensor4D, others: Tensor4D) => Tensor3D;
export function lpips(
  model: LayersModel,
  options?: LpipsOptions & { spatial?: false },
): (images: Tensor4D, others: Tensor4D) => Tensor1D;
export function lpips(
  model: LayersModel,
  options: LpipsOptions = {},
): (images: Tensor4D, others: Tensor4D) => Tensor3D | Tensor1D {
  checkArguments('lpips', { model }, { model: MODEL });
  const {
    range,
    spatial = false,
    ...comparison
  } = optionsOf('lpips', options, { range: NUMBERS, spatial: 1, calibration: 1, version: 1 });

  if (range !== undefined && !RANGES.some((one) => one.join() === String(range))) {
    fail('lpips', `range is ${shown(range)}; it must be [0, 1] or [-1, 1].`);
  }
  oneOf('lpips', 'spatial', spatial, [true, false]);
  const distances = layerDistances('lpips', model, comparison);
  return (images, others) => {
    checkArguments('lpips', { images, others }, { images: TENSOR, others: TENSOR });
    checkInUse('lpips', { model });
    sameShape('lpips', images, others);
    const compute = () => {
      const maps = distances(fromRange(images, range), fromRange(others, range));
      const [, height, width] = images.shape;
      return spatial
        ? total(maps.map((map) => enlargedBilinear(map, height, width)))
        : (total(maps.map((map) => mean(map, [1, 2]))) as Tensor1D);
    };
    return onBackend('lpips', () => tidy(compute));
  };
}

/** Images from 0 to 1. */
function fromRange(images: Tensor4D, range: LpipsOptions['range']): Tensor4D {
  if (images.dtype === 'int32') return div(cast(images, 'float32'), 255);
  if (images.dtype !== 'float32') {
    fail('lpips', `the images are ${images.dtype}; pass int32 from 0 to 255, or float32 and its range.`);
  }
  if (!range) {
    fail(
      'lpips',
      'the images are float32, whose range nothing says; pass range: [0, 1] or [-1, 1], or images from 0 to 255 as int32.',
    );
  }
  return range[0] === 0 ? images : div(add(images, 1), 2);
}
