import { type Scalar, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkArguments, MODEL, TEXTS } from '../../base/arguments.js';
import { fail } from '../../base/check.js';
import { publishedOptionsOf } from '../../base/publishedOptions.js';
import { checkInUse } from '../../tfjs/disposed.js';
import { onBackend } from '../../tfjs/onBackend.js';
import { layerWeights, sameShape, weightedDifference } from './differences.js';
import { type ImageFeaturesOptions, imageFeatures } from './imageFeatures.js';

/** Options of {@link perceptualLoss}. */
export interface PerceptualLossOptions extends Pick<ImageFeaturesOptions, 'preprocessing'> {
  /** Factor of each layer's difference. Default 1 each. */
  weights?: readonly number[];
}

/**
 * The feature reconstruction loss of Johnson, Alahi & Fei-Fei (2016, section 3.2): the distance between two images in a
 * network's features, which matches perception better than the distance between their pixels. For each layer the squared
 * differences are averaged over batch, positions and channels (PyTorch's `mse_loss`, the paper's 1/CHW), then weighted and
 * summed.
 *
 * @param model any VGG of the library; the caller disposes it, and its weights do not change.
 * @param layers the layers whose features are compared, by any name that `featureExtractor` knows; Johnson et al. use `relu3_3`.
 * @returns a function from two batches `[batch, height, width, channels]` of the same shape to a scalar. Gradients pass through
 *   it to both; no tensors are kept. It can be passed to `compile` as a model's `loss`.
 * @throws RangeError when there is no such layer, or the numbers of weights and layers differ; the function, when the shapes
 *   differ or there is no image.
 * @example
 * const loss = perceptualLoss(model, ['relu2_2', 'relu3_3'], { preprocessing: published.preprocessing });
 * const gradient = tf.grad((images) => loss(images, targets))(images);
 */
export function perceptualLoss(
  model: LayersModel,
  layers: readonly string[],
  options: PerceptualLossOptions = {},
): (images: Tensor4D, targets: Tensor4D) => Scalar {
  checkArguments('perceptualLoss', { model, layers }, { model: MODEL, layers: TEXTS });
  const { preprocessing, weights: given } = publishedOptionsOf('perceptualLoss', options, {
    weights: 1,
    preprocessing: 1,
  });

  const weights = layerWeights('perceptualLoss', 'weights', layers, given);
  const { features } = imageFeatures('perceptualLoss', model, layers, { preprocessing });
  return (images, targets) => {
    checkInUse('perceptualLoss', { model });
    sameShape('perceptualLoss', images, targets);
    if (images.size === 0) {
      fail(
        'perceptualLoss',
        `the images have shape [${images.shape}]; pass [batch, height, width, channels], each at least 1.`,
      );
    }
    return onBackend('perceptualLoss', () =>
      tidy(() => weightedDifference(features(images), features(targets), weights)),
    );
  };
}
