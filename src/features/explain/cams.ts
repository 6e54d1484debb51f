import {
  add,
  div,
  image as images,
  max,
  maximum,
  mean,
  min,
  mul,
  notEqual,
  relu,
  where as select,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor4D,
  tidy,
  zerosLike,
} from '@tensorflow/tfjs-core';
import type { BatchOptions } from './batches.js';
import { ofVersions } from './batches.js';
import { firstComponent } from './firstComponent.js';
import { numbersOf, type Subject } from './subject.js';

/** A layer's feature maps, and the gradient of the class's logit with respect to them, both `[1, height, width, channels]`. */
interface LayerGradient {
  features: Tensor4D;
  gradient: Tensor4D;
}

/** Makes one map of a layer's feature maps, `height * width` numbers. */
export type Combine = (layer: LayerGradient) => Promise<Float32Array>;

/** Grad-CAM: each map weighted by its mean gradient (Selvaraju et al. 2017, equations 1 and 2). */
export const gradCamMap: Combine = ({ features, gradient }) =>
  numbersOf(() => weighted(features, mean(gradient, [1, 2], true)));

/**
 * Grad-CAM++ (Chattopadhay et al. 2018, equations 10 and 19): the positive gradients count, in proportion to how few other
 * positions of their map matter. The 1e-6 that keeps the quotient finite is pytorch-grad-cam's.
 */
export const gradCamPlusPlusMap: Combine = ({ features, gradient }) =>
  numbersOf(() => {
    // Divided by the square, which float32 does not hold for the largest gradients.
    const rest = mul(sum(features, [1, 2], true), gradient);
    const alpha = div(1, add(add(rest, 2), div(1e-6, square(gradient))));
    const used = select(notEqual(gradient, 0), alpha, zerosLike(alpha));
    return weighted(features, sum(mul(relu(gradient), used), [1, 2], true));
  });

/** Layer-CAM: each position of each map weighted by its own gradient if that is positive (Jiang et al. 2021, equations 3 and 4). */
export const layerCamMap: Combine = ({ features, gradient }) =>
  numbersOf(() => weighted(features, relu(gradient)));

/**
 * Eigen-CAM (Muhammad & Yeasin 2020, section III): the feature maps projected onto their first principal component, whatever the
 * class. As in pytorch-grad-cam, each channel is centered first. A component has no sign; here it is the one by which positions of
 * stronger features get the larger numbers.
 */
export const eigenCamMap: Combine = async ({ features }) => {
  const channels = features.shape[3];
  const values = await features.data<'float32'>();
  return firstComponent(values, channels).map((value) => Math.max(0, value));
};

/**
 * Score-CAM (Wang et al. 2020, section 3, algorithm 1): each map, enlarged and scaled to 0 to 1, masks the image, and is then
 * weighted by the softmax, over the maps, of the class's logit in its masked image. It uses no gradient, but a forward pass for
 * every channel. As in pytorch-grad-cam, corners are aligned in enlarging, and the mask multiplies the preprocessed image.
 */
export function scoreCamMap(subject: Subject, options: BatchOptions): Combine {
  return async ({ features }) => {
    const [, height, width, channels] = features.shape;
    const size: [number, number] = [subject.x.shape[1], subject.x.shape[2]];
    const masked = (channel: number, x: Tensor4D) => {
      const one = slice(features, [0, 0, 0, channel], [1, height, width, 1]);
      const large = images.resizeBilinear(one, size, true);
      const lowest = min(large);
      // A flat map has no mask; the largest range of a flat one is 0.
      return mul(x, div(sub(large, lowest), maximum(sub(max(large), lowest), 1e-8)));
    };
    const scores = await ofVersions(subject, channels, masked, subject.score, options);
    const largest = scores.reduce((a, b) => Math.max(a, b));
    const powers = Array.from(scores, (score) => Math.exp(score - largest));
    const total = powers.reduce((a, b) => a + b);
    return numbersOf(() =>
      weighted(
        features,
        powers.map((power) => power / total),
      ),
    );
  };
}

/** The weighted sum of feature maps, 0 where it is negative: `[1, height, width]`. */
function weighted(features: Tensor4D, weights: Tensor | number[]): Tensor {
  return tidy(() => relu(sum(mul(features, weights), -1)));
}
