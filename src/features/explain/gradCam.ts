import { mean, mul, relu, sum, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import type { HeatMap } from '../../images/heatMap.js';
import type { ImageInput } from '../../images/index.js';
import { logitsFrom } from '../taps/chain.js';
import { featureExtractor } from '../taps/featureExtractor.js';
import { tapOf } from '../taps/taps.js';
import { type ClassOptions, classGradient, inputOf } from './classGradient.js';

/** Options of {@link gradCam}. */
export interface GradCamOptions extends ClassOptions {
  /** Whose feature maps are weighed, by any name that `featureExtractor` knows. Default: the last convolution, after its ReLU. */
  layer?: string;
}

/**
 * Where a network sees a class in a picture: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391, section 3). The feature maps
 * of a layer are added up, each weighed by the mean over its places of the gradient of the class's logit, and what is
 * below zero is left out.
 *
 * @param image a picture, with `preprocessing`; or a tensor `[1, height, width, channels]` that is prepared for the model.
 * @returns a map of the layer's size (14x14 for VGG-16 and 224x224), not scaled; `overlay` lays it over the picture.
 * @throws RangeError when there is no such layer or class, the layer's output has no places, the model has no top or is no
 *   chain, its outputs are not finite, or the image does not fit.
 * @example
 * const { model, published } = await fromPretrained('torchvision/vgg16');
 * const map = await gradCam(model, picture, published); // of the most probable class
 * const image = await overlay(picture, map);
 */
export async function gradCam(
  model: LayersModel,
  image: ImageInput | Tensor4D,
  { layer = lastConvolution(model), classIndex, preprocessing }: GradCamOptions = {},
): Promise<HeatMap> {
  const tap = tapOf('gradCam', model, layer);
  const logits = logitsFrom('gradCam', model, tap);
  const extractor = featureExtractor(model, layer);
  const { shape } = extractor.outputs[0]!;
  if (shape.length !== 4) {
    fail(
      'gradCam',
      `the output of ${layer} has no places; give a convolution, its ReLU or a pooling, such as ${lastConvolution(model)}.`,
    );
  }
  const input = await inputOf('gradCam', model, image, { classIndex, preprocessing });
  let features: Tensor | undefined;
  let gradient: Tensor | undefined;
  let map: Tensor | undefined;
  try {
    features = tidy(() => extractor.predict(input.x) as Tensor);
    const explained = await classGradient('gradCam', logits, features, classIndex);
    gradient = explained.gradient;
    map = tidy(() => relu(sum(mul(features!, mean(gradient!, [1, 2], true)), -1)));
    const [, height, width] = map.shape as [number, number, number];
    const values = await map.data<'float32'>();
    return { values, width, height, classIndex: explained.classIndex, region: input.region };
  } finally {
    for (const tensor of [features, gradient, map]) tensor?.dispose();
    input.dispose();
  }
}

/** The name of the last convolution, or of what follows it up to its ReLU. */
function lastConvolution(model: LayersModel): string {
  const kinds = model.layers.map((layer) => layer.getClassName());
  let last = kinds.lastIndexOf('Conv2D');
  if (last < 0) fail('gradCam', 'the model has no convolution; give one that has.');
  while (/^(BatchNormalization|ReLU|Activation)$/.test(kinds[last + 1] ?? '')) last++;
  return model.layers[last]!.name;
}
