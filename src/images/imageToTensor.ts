import {
  clipByValue,
  div,
  mul,
  reverse,
  round,
  sub,
  type Tensor,
  type Tensor4D,
  tensor4d,
  tidy,
} from '@tensorflow/tfjs-core';
import { fail, wholeNumber } from '../base/check.js';
import { fittedSize } from './geometry.js';
import { type ImageInput, type RawImage, toRgb } from './pixels.js';
import type { Preprocessing } from './preprocessing.js';
import { resizeBilinear } from './resize.js';

/**
 * A picture as numbers that can be computed with: RGB, black 0 and white 1, as torchvision's `to_tensor` gives it.
 *
 * @param options.size the longer side after resizing as PIL does it, the sides' ratio kept. Default: the picture's own.
 * @returns float32 `[1, height, width, 3]`, which the caller disposes.
 * @throws RangeError when the picture has no size, or bytes that are not its pixels.
 * @example
 * const image = await imageToTensor(imageElement, { size: 256 }); // [1, 192, 256, 3]
 */
export async function imageToTensor(picture: ImageInput, options: { size?: number } = {}): Promise<Tensor4D> {
  const pixels = await toRgb(picture, 'imageToTensor');
  const size = wholeNumber('imageToTensor', 'size', options.size ?? Math.max(pixels.width, pixels.height));
  const { width, height } = fittedSize(pixels, size);
  const { data } = resizeBilinear(pixels, width, height);
  return tensor4d(
    Float32Array.from(data, (byte) => byte / 255),
    [1, height, width, 3],
  );
}

/**
 * An image that was computed as a picture: numbers from 0 to 1 become bytes, rounded, those outside the nearest of the two.
 *
 * @param image `[height, width, 3]` or `[1, height, width, 3]`; it stays the caller's.
 * @throws RangeError when it has another shape.
 */
export async function tensorToImage(image: Tensor): Promise<RawImage> {
  const [height, width, channels] = image.shape.slice(-3);
  if (channels !== 3 || image.size !== height! * width! * 3) {
    fail(
      'tensorToImage',
      `the image has shape [${image.shape}]; give [height, width, 3] or [1, height, width, 3].`,
    );
  }
  const bytes = tidy(() => round(mul(clipByValue(image, 0, 1), 255)));
  try {
    return { data: Uint8Array.from(await bytes.data()), width: width!, height: height! };
  } finally {
    bytes.dispose();
  }
}

/**
 * What `preprocess` makes of colours, for images that are tensors already: in the order that the weights take, less
 * the mean, divided by the deviation. Gradients pass through it, so that losses can be taken of images that are made by a
 * network or changed step by step.
 *
 * @param images `[batch, height, width, 3]`, RGB from 0 to 1; the size stays.
 * @param recipe the one that belongs to the weights; of it the colours' part alone is used.
 * @returns float32, shaped as the images.
 */
export function normalizeImages(images: Tensor4D, { channels, white, mean, std }: Preprocessing): Tensor4D {
  if (images.shape.length !== 4 || images.shape[3] !== 3) {
    fail('normalizeImages', `the images have shape [${images.shape}]; give [batch, height, width, 3].`);
  }
  return tidy(() => {
    const ordered = channels === 'RGB' ? images : reverse(images, 3);
    return div(sub(mul(ordered, white), [...mean]), [...std]);
  });
}
