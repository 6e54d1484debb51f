import { withFields } from '../base/arguments.js';
import { fail } from '../base/check.js';
import { isFloat32Array } from '../base/realm.js';
import { centerSquare, type Region, resizedSize } from './geometry.js';
import { grayed } from './gray.js';
import { normalizer } from './normalizer.js';
import { type ImageInput, type RgbImage, toRgb } from './pixels.js';
import { depthOf, type Preprocessing, preprocessingArgument } from './preprocessing.js';
import { resizeNearest, resizeRegion } from './resize.js';

/** An image prepared for a network by {@link prepareImage}. It is plain data, which another thread may send. */
export interface PreparedImage {
  /** `crop * crop` pixels of 3 numbers, or 1 for gray: what `preprocess` returns for the image. */
  readonly values: Float32Array;
  /** How it was prepared. */
  readonly preprocessing: Preprocessing;
}

/**
 * Prepares one image as `preprocess` does, without TensorFlow.js: in a worker, for the thread that runs the network. `preprocess`,
 * `classify` and `embed` take the result in place of the image, if their preprocessing is the same.
 *
 * In Node, `prepareImages` of `vgg-blocks/node` does this for many files.
 *
 * @throws RangeError as `preprocess` does.
 * @example
 * // worker.js
 * onmessage = async ({ data: { file, preprocessing } }) => {
 *   const image = await prepareImage(file, preprocessing);
 *   postMessage(image, [image.values.buffer]);
 * };
 */
export async function prepareImage(image: ImageInput, preprocessing: Preprocessing): Promise<PreparedImage> {
  preprocessingArgument('prepareImage', preprocessing);
  const values = new Float32Array(numbersOf(preprocessing));
  await prepareInto(values, 'prepareImage', image, preprocessing);
  return { values, preprocessing };
}

/** The numbers of an image that is prepared. */
export function numbersOf(preprocessing: Preprocessing): number {
  return depthOf(preprocessing) * preprocessing.crop ** 2;
}

/** Writes an image's numbers to an array of their length. */
export async function prepareInto(
  values: Float32Array,
  where: string,
  image: ImageInput | PreparedImage,
  preprocessing: Preprocessing,
): Promise<void> {
  if (isPrepared(image)) {
    checkPrepared(where, image, preprocessing);
    values.set(image.values);
  } else {
    const { data } = croppedCenter(await toRgb(image, where), preprocessing);
    normalizer(preprocessing)(data, values);
  }
}

export function isPrepared(image: ImageInput | PreparedImage): image is PreparedImage {
  return withFields('', 'values', 'preprocessing').holds(image);
}

function checkPrepared(where: string, { values, preprocessing }: PreparedImage, wanted: Preprocessing): void {
  preprocessingArgument(where, preprocessing);
  const text = (one: Preprocessing) =>
    JSON.stringify(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)));
  if (text(preprocessing) !== text(wanted)) {
    fail(where, 'the image was prepared with another preprocessing; prepare it with that of the weights.');
  }
  if (!isFloat32Array(values) || values.length !== numbersOf(wanted)) {
    fail(
      where,
      `the prepared image has no ${numbersOf(wanted)} float32 numbers; pass what prepareImage returned, whose buffer may be sent only once.`,
    );
  }
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
