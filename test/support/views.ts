import { type Tensor4D, tensor, tensor4d } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { normalizeImages, resizeBilinear } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { PUBLISHED } from '../../src/weights/index.js';
import { noise } from './bytes.js';

/** The images of `make_views.py`. */
export const IMAGES = [
  [41, 31],
  [26, 35],
  [24, 24],
].map(([width, height], i) => ({
  data: noise(3 * width! * height!, 100 + i),
  width: width!,
  height: height!,
}));

export const PREPROCESSING = {
  ...PUBLISHED['torchvision/vgg16'].preprocessing,
  crop: 24,
  resize: { shorterSide: 29 },
};

/** The network of `make_views.py`. */
export function referenceNetwork(classifierActivation: 'linear' | 'softmax' = 'linear'): LayersModel {
  const model = vgg(
    [
      [1, 4],
      [1, 6],
    ],
    { inputShape: [24, 24, 3], hiddenUnits: [7], classes: 5, classifierActivation },
  );
  const weights = model.getWeights().map(({ shape, size }, i) => {
    const inputs = shape.length > 1 ? size / shape.at(-1)! : 100;
    const numbers = Float32Array.from(
      noise(size, i + 1),
      (byte) => ((byte - 127.5) / 127.5) * Math.sqrt(3 / inputs),
    );
    return tensor(numbers, shape);
  });
  model.setWeights(weights);
  for (const one of weights) one.dispose();
  return model;
}

/** An image as a tensor, its shorter side resized. */
export function scaledReference(index: number, scale: number): Tensor4D {
  const { width, height } = IMAGES[index]!;
  const shorter = Math.min(width, height);
  const length = (side: number) => Math.trunc((scale * side) / shorter);
  const image = resizeBilinear(IMAGES[index]!, length(width), length(height));
  const x = tensor4d(
    Float32Array.from(image.data, (byte) => byte / 255),
    [1, image.height, image.width, 3],
  );
  const normalized = normalizeImages(x, PREPROCESSING);
  x.dispose();
  return normalized;
}
