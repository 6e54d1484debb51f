import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../core/check.js';
import { normalizeImages } from '../imagenet/index.js';
import type { Preprocessing } from '../weights/index.js';
import { type ExtractorOptions, featureExtractor } from './featureExtractor.js';

/** A network to look at images with. */
export interface LossNetwork {
  /** Any VGG of the library; it stays the caller's, and none of its weights change. */
  model: LayersModel;
  /**
   * The recipe that belongs to the model's weights (`published.preprocessing`): images are then RGB from 0 to 1. Default
   * none: images are what the model takes.
   */
  preprocessing?: Preprocessing;
}

/** What layers make of images, in a form that gradients pass through. */
export interface ImageFeatures {
  /** From images `[batch, height, width, channels]` to the layers' outputs, in the order in which they were asked for. */
  features: (images: Tensor4D) => Tensor[];
  /** The layers as a model. */
  extractor: LayersModel;
}

/**
 * The features that losses are made of. For layers of the convolutions images may have any size.
 *
 * @throws RangeError when there is no such layer; `features`, when the images are of another rank or other channels.
 */
export function imageFeatures(
  where: string,
  { model, preprocessing }: LossNetwork,
  layers: readonly string[],
  options: Pick<ExtractorOptions, 'pooling'> = {},
): ImageFeatures {
  const extractor = featureExtractor(model, layers, { ...options, inputShape: 'any' });
  const channels = extractor.inputs[0]!.shape[3];
  const features = (images: Tensor4D) => {
    if (images.shape.length !== 4 || images.shape[3] !== channels) {
      fail(where, `the images have shape [${images.shape}]; give [batch, height, width, ${channels}].`);
    }
    const x = preprocessing ? normalizeImages(images, preprocessing) : images;
    // Not predict, which lets go of what gradients need.
    return [extractor.apply(x, { training: false }) as Tensor | Tensor[]].flat();
  };
  return { features, extractor };
}
