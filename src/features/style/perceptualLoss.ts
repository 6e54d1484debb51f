import { type Scalar, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { layerWeights, sameShape, weightedDifference } from './differences.js';
import { imageFeatures, type LossNetwork } from './imageFeatures.js';

/** What a perceptual loss is made of. */
export interface PerceptualLossOptions extends LossNetwork {
  /** The layers whose features are compared, by any name that `featureExtractor` knows; Johnson et al. take `relu3_3`. */
  layers: readonly string[];
  /** What each layer's difference is multiplied by. Default 1 each. */
  weights?: readonly number[];
}

/**
 * The feature reconstruction loss of Johnson, Alahi & Fei-Fei (2016, section 3.2): how far two images are apart in what
 * a network makes of them, which follows what people see better than pixels do. The squared differences of a layer's
 * features are averaged over batch, places and channels (PyTorch's `mse_loss`, the paper's 1/CHW), weighed, and summed
 * over the layers.
 *
 * @returns a function of two batches `[batch, height, width, channels]` of one shape to a scalar. Gradients pass through
 *   it to both; it keeps no tensor, and as a model's `loss` it is what `compile` takes.
 * @throws RangeError when a layer is none, or the weights are others than layers; the function, when the shapes differ.
 * @example
 * const loss = perceptualLoss({ model, preprocessing: published.preprocessing, layers: ['relu2_2', 'relu3_3'] });
 * const gradient = tf.grad((images) => loss(images, targets))(images);
 */
export function perceptualLoss(
  options: PerceptualLossOptions,
): (images: Tensor4D, targets: Tensor4D) => Scalar {
  const { layers } = options;
  const weights = layerWeights('perceptualLoss', 'weights', layers, options.weights);
  const { features } = imageFeatures('perceptualLoss', options, layers);
  return (images, targets) => {
    sameShape('perceptualLoss', images, targets);
    return tidy(() => weightedDifference(features(images), features(targets), weights));
  };
}
