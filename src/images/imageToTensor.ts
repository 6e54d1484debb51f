import { keep, type Tensor, type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';
import { checkArguments, optionsOf, TENSOR } from '../base/arguments.js';
import { fail, MAX_SIDE, wholeNumber } from '../base/check.js';
import { checkBackend } from '../tfjs/backendReady.js';
import { given } from '../tfjs/held.js';
import { fittedSize } from './geometry.js';
import { type ImageInput, type RawImage, toRgb } from './pixels.js';
import { resizeBilinear } from './resize.js';

/**
 * An image as a tensor: RGB, black 0 and white 1, like torchvision's `to_tensor`.
 *
 * @param options.size longer side in pixels, resized in proportion like PIL's bilinear filter. Default: the image's own.
 * @returns float32 `[1, height, width, 3]`, which the caller disposes.
 * @throws RangeError when the image has no size, or its bytes do not match its size.
 * @example
 * const tensor = await imageToTensor(imageElement, { size: 256 }); // [1, 192, 256, 3]
 */
export async function imageToTensor(image: ImageInput, options: { size?: number } = {}): Promise<Tensor4D> {
  return given(await imageTensor('imageToTensor', image, options));
}

/** As `imageToTensor`, for the function that error messages name; it holds the tensor. */
export async function imageTensor(
  where: string,
  image: ImageInput,
  options: { size?: number },
): Promise<Tensor4D> {
  optionsOf(where, options, { size: 1 });
  checkBackend(where);

  const pixels = await toRgb(image, where);
  const { size = Math.max(pixels.width, pixels.height) } = options;
  wholeNumber(where, 'size', size, 1, MAX_SIDE);
  const { width, height } = fittedSize(pixels, size);
  const { data } = resizeBilinear(pixels, width, height);
  // It may have been removed meanwhile.
  checkBackend(where);
  return keep(
    tensor4d(
      Float32Array.from(data, (byte) => byte / 255),
      [1, height, width, 3],
    ),
  );
}

/**
 * A tensor as an image. The type says the range: float32 is from 0 to 1 and becomes bytes, rounded, where what an optimizer
 * moved beyond is clipped; int32 is from 0 to 255.
 *
 * @param tensor `[height, width, 3]` or `[1, height, width, 3]`; the caller disposes it.
 * @throws RangeError when it has another shape, a number that is not finite, or the numbers of another range: int32 that are no
 *   bytes, or float32 below -1 or above 2.
 */
export async function tensorToImage(tensor: Tensor): Promise<RawImage> {
  const where = 'tensorToImage';
  checkArguments(where, { tensor }, { tensor: TENSOR });
  checkBackend(where);
  const [height, width, channels] = tensor.shape.slice(-3);
  const isOne = tensor.rank === 3 || (tensor.rank === 4 && tensor.shape[0] === 1);
  if (channels !== 3 || !isOne || tensor.size === 0) {
    fail(
      where,
      `the tensor has shape [${tensor.shape}]; pass [height, width, 3] or [1, height, width, 3], with sides of at least 1.`,
    );
  }
  const isBytes = tensor.dtype === 'int32';
  const values = await tensor.data();
  if (!values.every(Number.isFinite)) {
    fail(where, 'the tensor has numbers that are not finite; check what computed it.');
  }
  const [least, most] = isBytes ? [0, 255] : [-1, 2];
  const stray = values.find((value) => value < least || value > most);
  if (stray !== undefined) {
    fail(
      where,
      `the ${tensor.dtype} tensor has the value ${Number(stray.toPrecision(3))}; pass ${isBytes ? 'int32 from 0 to 255' : 'float32 from 0 to 1, or bytes from 0 to 255 as int32'}.`,
    );
  }
  // The clamped array rounds halves to even, as TensorFlow.js does.
  const bytes = Uint8ClampedArray.from(values, (value) => (isBytes ? value : 255 * value));
  return { data: new Uint8Array(bytes.buffer), width: width!, height: height! };
}
