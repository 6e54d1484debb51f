import { mean, mul, relu, sum, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../../base/check.js';
import type { HeatMap } from '../../images/heatMap.js';
import type { ImageInput } from '../../images/index.js';
import { logitsFrom } from '../taps/chain.js';
import { featureExtractor } from '../taps/featureExtractor.js';
import { tapOf } from '../taps/taps.js';
import { type ClassOptions, classGradient, prepareInput } from './classGradient.js';

/** Options of {@link gradCam}. */
export interface GradCamOptions extends ClassOptions {
  /** The layer whose feature maps are used, by any name that `featureExtractor` knows. Default: the last convolution of the blocks, after its ReLU. */
  layer?: string;
}

/**
 * Where a network sees a class in an image: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391, section 3). It sums the feature
 * maps of a layer, each weighted by the mean gradient of the class's logit over its positions, and sets negative sums to 0.
 *
 * @param image an image, with `preprocessing`; or a preprocessed tensor `[1, height, width, channels]`.
 * @returns a map of the layer's size (14x14 for VGG-16 and 224x224), not scaled; `overlay` lays it over the image.
 * @throws RangeError when there is no such layer or class, the layer's output is not a feature map, the model has no top or
 *   is not a chain, its outputs are not finite, or the image does not fit.
 * @example
 * const { model, published } = await fromPretrained('torchvision/vgg16');
 * const map = await gradCam(model, image, published); // of the most probable class
 * const shown = await overlay(image, map);
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
      `the output of ${layer} is not a feature map; use a convolution, its ReLU or a pooling, such as ${lastConvolution(model)}.`,
    );
  }
  const input = await prepareInput('gradCam', model, image, { classIndex, preprocessing });
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

/** The name of the last convolution before the top, or of its separate batch normalization or ReLU. */
function lastConvolution(model: LayersModel): string {
  const kinds = model.layers.map((layer) => layer.getClassName());
  let last = model.layers.findLastIndex(({ name }, i) => kinds[i] === 'Conv2D' && !/^fc\d+$/.test(name));
  if (last < 0) fail('gradCam', 'the model has no convolution; pass one with a convolution.');
  while (/^(BatchNormalization|ReLU|Activation)$/.test(kinds[last + 1] ?? '')) last++;
  return model.layers[last]!.name;
}
