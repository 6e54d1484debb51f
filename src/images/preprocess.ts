import { type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';
import { centerSquare, type Region, resizedSize } from './geometry.js';
import { grayed } from './gray.js';
import { normalizer } from './normalize.js';
import { type ImageInput, type RgbImage, toRgb } from './pixels.js';
import { depthOf, type Preprocessing, preprocessingArgument } from './preprocessing.js';
import { resizeNearest, resizeRegion } from './resize.js';

/**
 * Prepares images for a network: resizes them, crops the center square and normalizes the numbers, by the preprocessing of its
 * weights (`PUBLISHED[name].preprocessing`, or `published.preprocessing` from `fromPretrained`).
 *
 * Resizing matches PIL byte for byte, which torchvision and timm use; tfjs's own `resizeBilinear` skips pixels when it shrinks
 * an image.
 *
 * @param images one or several: bytes, tensors `[height, width, channels]` from 0 to 255, or a browser's elements.
 * @returns float32 `[images, crop, crop, 3]`, or 1 channel for gray, which the caller disposes.
 * @throws RangeError when an image has no size, or its bytes do not match its size.
 * @example
 * const { model, published } = await fromPretrained('torchvision/vgg16');
 * const x = await preprocess(imageElement, published.preprocessing); // [1, 224, 224, 3]
 */
export function preprocess(
  images: ImageInput | readonly ImageInput[],
  preprocessing: Preprocessing,
): Promise<Tensor4D> {
  return preprocessed('preprocess', images, preprocessing);
}

/** As `preprocess`, for the function that error messages name. */
export async function preprocessed(
  where: string,
  images: ImageInput | readonly ImageInput[],
  preprocessing: Preprocessing,
): Promise<Tensor4D> {
  preprocessingArgument(where, preprocessing);
  const all = Array.isArray(images) ? (images as readonly ImageInput[]) : [images as ImageInput];
  const { crop } = preprocessing;
  const depth = depthOf(preprocessing);
  const size = depth * crop * crop;
  const values = new Float32Array(all.length * size);
  const normalize = normalizer(preprocessing);
  for (const [i, image] of all.entries()) {
    const { data } = croppedCenter(await toRgb(image, where), preprocessing);
    normalize(data, values.subarray(i * size, (i + 1) * size));
  }
  return tensor4d(values, [all.length, crop, crop, depth]);
}

/** The center square of an image resized by a preprocessing; the rest of it is not computed. */
function croppedCenter(image: RgbImage, preprocessing: Preprocessing): RgbImage {
  const size = resizedSize(image, preprocessing);
  const { crop, interpolation } = preprocessing;
  return resize(inItsColors(image, preprocessing), size, { interpolation }, centerSquare(size, crop));
}

/** An image resized by a preprocessing, before its crop. */
export function resized(image: RgbImage, preprocessing: Preprocessing): RgbImage {
  return resize(inItsColors(image, preprocessing), resizedSize(image, preprocessing), preprocessing);
}

/**
 * Resizes with the interpolation of a preprocessing.
 *
 * @param region the part of the result that is wanted, in whole pixels; default all of it.
 */
export function resize(
  image: RgbImage,
  { width, height }: { width: number; height: number },
  { interpolation }: Pick<Preprocessing, 'interpolation'>,
  region?: Region,
): RgbImage {
  return (interpolation === 'nearest' ? resizeNearest : resizeRegion)(image, width, height, region);
}

function inItsColors(image: RgbImage, { channels }: Preprocessing): RgbImage {
  return channels === 'gray' ? grayed(image) : image;
}
