import { keep, type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';
import { checkArguments, LIST } from '../base/arguments.js';
import { attempted, fail } from '../base/check.js';
import { checkBackend } from '../tfjs/backendReady.js';
import { given } from '../tfjs/held.js';
import type { ImageInput } from './pixels.js';
import { numbersOf, type PreparedImage, prepareInto } from './prepare.js';
import { depthOf, type Preprocessing, preprocessingArgument } from './preprocessing.js';

/**
 * Prepares images for a network: resizes them, crops the center square and normalizes the numbers, by the preprocessing of its
 * weights (`PUBLISHED[name].preprocessing`, or `published.preprocessing` from `fromPretrained`).
 *
 * Resizing matches PIL byte for byte, which torchvision and timm use; tfjs's own `resizeBilinear` skips pixels when it shrinks
 * an image.
 *
 * @param images one or several: bytes, tensors `[height, width, channels]` from 0 to 255, or a browser's elements; or what
 *   `prepareImage` returned, from another thread.
 * @returns float32 `[images, crop, crop, 3]`, or 1 channel for gray, which the caller disposes.
 * @throws RangeError when an image has no size, or its bytes do not match its size.
 * @example
 * const { model, published } = await fromPretrained('torchvision/vgg16');
 * const x = await preprocess(imageElement, published.preprocessing); // [1, 224, 224, 3]
 */
export async function preprocess(
  images: ImageInput | PreparedImage | readonly (ImageInput | PreparedImage)[],
  preprocessing: Preprocessing,
): Promise<Tensor4D> {
  return given(await preprocessed('preprocess', images, preprocessing));
}

/** The most numbers of a tensor. */
const MOST_NUMBERS = 2 ** 30;

/** One or several images as a list: the list itself, if they are one. */
export function imagesIn<T>(where: string, images: T | readonly T[]): readonly T[] {
  if (attempted(() => Array.isArray(images)) !== true) return [images as T];
  checkArguments(where, { images }, { images: LIST });
  return images as readonly T[];
}

/** As `preprocess`, for the function that error messages name; it holds the tensor. */
export async function preprocessed(
  where: string,
  images: ImageInput | PreparedImage | readonly (ImageInput | PreparedImage)[],
  preprocessing: Preprocessing,
): Promise<Tensor4D> {
  preprocessingArgument(where, preprocessing);
  checkBackend(where);
  const all = imagesIn(where, images);
  const { crop } = preprocessing;
  const size = numbersOf(preprocessing);
  if (all.length * size > MOST_NUMBERS) {
    fail(
      where,
      `there are ${all.length} images of ${size} numbers, more than 2^30 together; pass fewer at a time.`,
    );
  }
  const values = new Float32Array(all.length * size);
  for (const [i, image] of all.entries()) {
    await prepareInto(values.subarray(i * size, (i + 1) * size), where, image, preprocessing);
  }
  // It may have been removed meanwhile.
  checkBackend(where);
  return keep(tensor4d(values, [all.length, crop, crop, depthOf(preprocessing)]));
}
