import { type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';
import { cropStart, resizedSize } from './geometry.js';
import { type ImageInput, type RgbImage, toRgb } from './pixels.js';
import type { Preprocessing } from './preprocessing.js';
import { resizeBilinear, resizeNearest } from './resize.js';

/**
 * Makes pictures ready for a set of weights: resized, cut to a square in the middle, and scaled, by the recipe that belongs
 * to the weights (`PUBLISHED[name].preprocessing`, and `published.preprocessing` of what `fromPretrained` gives).
 *
 * Resizing is PIL's, byte for byte, which torchvision and timm use; tfjs's own `resizeBilinear` leaves out pixels where
 * it makes a picture smaller.
 *
 * @param pictures one or several: bytes, tensors `[height, width, channels]` from 0 to 255, or a browser's elements.
 * @returns float32 `[pictures, crop, crop, 3]`, which the caller disposes.
 * @throws RangeError when a picture has no size, or bytes that are not its pixels.
 * @example
 * const { model, published } = await fromPretrained('torchvision/vgg16');
 * const x = await preprocess(imageElement, published.preprocessing); // [1, 224, 224, 3]
 */
export async function preprocess(
  pictures: ImageInput | readonly ImageInput[],
  recipe: Preprocessing,
): Promise<Tensor4D> {
  const all = Array.isArray(pictures) ? (pictures as readonly ImageInput[]) : [pictures as ImageInput];
  const { crop } = recipe;
  const size = 3 * crop * crop;
  const values = new Float32Array(all.length * size);
  for (const [i, picture] of all.entries()) {
    const pixels = cropped(resized(await toRgb(picture, 'preprocess'), recipe), crop);
    normalize(pixels.data, recipe, values.subarray(i * size, (i + 1) * size));
  }
  return tensor4d(values, [all.length, crop, crop, 3]);
}

/** A picture at the size that a recipe cuts its square from. */
export function resized(picture: RgbImage, recipe: Preprocessing): RgbImage {
  const { width, height } = resizedSize(picture, recipe);
  return (recipe.interpolation === 'nearest' ? resizeNearest : resizeBilinear)(picture, width, height);
}

/** The square in the middle. */
export function cropped({ data, width, height }: RgbImage, side: number): RgbImage {
  if (width === side && height === side) return { data, width, height };
  const [top, left] = [cropStart(height, side), cropStart(width, side)];
  const square = new Uint8Array(3 * side * side);
  for (let y = 0; y < side; y++) {
    const from = 3 * ((top + y) * width + left);
    square.set(data.subarray(from, from + 3 * side), 3 * side * y);
  }
  return { data: square, width: side, height: side };
}

/** RGB bytes as a network takes them: in its order of colours, less the mean, divided by the deviation. */
export function normalize(bytes: ArrayLike<number>, recipe: Preprocessing, into: Float32Array): void {
  const { channels, white, mean, std } = recipe;
  const order = channels === 'RGB' ? [0, 1, 2] : [2, 1, 0];
  for (let pixel = 0; pixel < into.length; pixel += 3) {
    for (let i = 0; i < 3; i++)
      into[pixel + i] = ((bytes[pixel + order[i]!]! * white) / 255 - mean[i]!) / std[i]!;
  }
}
