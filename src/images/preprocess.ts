import { type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';
import { centerCropped } from './crop.js';
import { resizedSize } from './geometry.js';
import { normalizer } from './normalize.js';
import { type ImageInput, type RgbImage, toRgb } from './pixels.js';
import type { Preprocessing } from './preprocessing.js';
import { resizeBilinear, resizeNearest } from './resize.js';

/**
 * Prepares images for a network: resizes them, crops the center square and normalizes the numbers, by the preprocessing of its
 * weights (`PUBLISHED[name].preprocessing`, or `published.preprocessing` from `fromPretrained`).
 *
 * Resizing matches PIL byte for byte, which torchvision and timm use; tfjs's own `resizeBilinear` skips pixels when it shrinks
 * an image.
 *
 * @param images one or several: bytes, tensors `[height, width, channels]` from 0 to 255, or a browser's elements.
 * @returns float32 `[images, crop, crop, 3]`, which the caller disposes.
 * @throws RangeError when an image has no size, or its bytes do not match its size.
 * @example
 * const { model, published } = await fromPretrained('torchvision/vgg16');
 * const x = await preprocess(imageElement, published.preprocessing); // [1, 224, 224, 3]
 */
export async function preprocess(
  images: ImageInput | readonly ImageInput[],
  preprocessing: Preprocessing,
): Promise<Tensor4D> {
  const all = Array.isArray(images) ? (images as readonly ImageInput[]) : [images as ImageInput];
  const { crop } = preprocessing;
  const size = 3 * crop * crop;
  const values = new Float32Array(all.length * size);
  const normalize = normalizer(preprocessing);
  for (const [i, image] of all.entries()) {
    const { data } = centerCropped(resized(await toRgb(image, 'preprocess'), preprocessing), crop);
    normalize(data, values.subarray(i * size, (i + 1) * size));
  }
  return tensor4d(values, [all.length, crop, crop, 3]);
}

/** An image resized by a preprocessing, before its crop. */
export function resized(image: RgbImage, preprocessing: Preprocessing): RgbImage {
  const { width, height } = resizedSize(image, preprocessing);
  return resize(image, width, height, preprocessing);
}

/** Resizes with the interpolation of a preprocessing. */
export function resize(
  image: RgbImage,
  width: number,
  height: number,
  { interpolation }: Preprocessing,
): RgbImage {
  return (interpolation === 'nearest' ? resizeNearest : resizeBilinear)(image, width, height);
}
