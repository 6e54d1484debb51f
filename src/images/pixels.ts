import type { Tensor } from '@tensorflow/tfjs-core';
import { fail, wholeNumber } from '../base/check.js';

/** A picture as rows of pixels, three bytes each (RGB). */
export interface RgbImage {
  data: Uint8Array;
  width: number;
  height: number;
}

/** A picture as bytes: grey, grey and alpha, RGB or RGBA, row by row. A browser's `ImageData` is one. */
export interface RawImage {
  /** `width * height` pixels of 1, 2, 3 or 4 bytes. */
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/**
 * A picture: bytes (`ImageData` among them), a tensor `[height, width, channels]` of 1, 3 or 4 channels from 0 to 255, or in a
 * browser whatever a canvas can draw: an `img`, `video` or `canvas` element, an `ImageBitmap`, an `OffscreenCanvas`.
 *
 * What a canvas draws is as the browser shows it: turned as EXIF says, its colours in sRGB, and black where it is
 * transparent; a file decoded to bytes by PIL differs in that.
 */
export type ImageInput = RawImage | Tensor | CanvasImageSource;

/**
 * The RGB bytes of a picture; alpha is left out, as torchvision's `convert('RGB')` does, and grey becomes three channels.
 *
 * @param where the name of the function that errors speak of.
 * @throws RangeError when the picture has no size, or bytes that are not its pixels.
 */
export async function toRgb(picture: ImageInput, where = 'toRgb'): Promise<RgbImage> {
  if (isTensor(picture)) return rgb(where, await bytesOfTensor(where, picture));
  if ('data' in picture && ArrayBuffer.isView(picture.data)) return rgb(where, picture as RawImage);
  return rgb(where, drawn(where, picture as CanvasImageSource));
}

function isTensor(picture: ImageInput): picture is Tensor {
  return 'dataId' in picture && 'shape' in picture;
}

async function bytesOfTensor(where: string, picture: Tensor): Promise<RawImage> {
  const [height, width, channels] = picture.shape;
  if (picture.shape.length !== 3 || ![1, 3, 4].includes(channels!)) {
    fail(
      where,
      `the tensor has shape [${picture.shape}]; give [height, width, channels] of 1, 3 or 4 channels.`,
    );
  }
  const values = await picture.data();
  // The array clamps and rounds, to the even neighbour where both are as near.
  return { data: Uint8ClampedArray.from(values as Float32Array), width: width!, height: height! };
}

/** Draws a picture onto a canvas of its own size and reads the pixels. */
function drawn(where: string, picture: CanvasImageSource): RawImage {
  if (typeof OffscreenCanvas === 'undefined') {
    fail(
      where,
      'there is no canvas here to draw the picture on; give its pixels as { data, width, height } or a tensor.',
    );
  }
  const { width, height } = sizeOf(where, picture);
  try {
    // Pixels that are read are better not in the memory of the graphics card.
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
    context.drawImage(picture, 0, 0);
    return context.getImageData(0, 0, width, height);
  } catch (error) {
    const { name, message } = error as Error;
    const sentence =
      name === 'SecurityError'
        ? 'the picture comes from another site, which does not let this page read it; set crossOrigin = "anonymous" before src, and its server must allow it.'
        : `the browser cannot draw the picture: ${message}`;
    fail(where, sentence);
  }
}

/** A picture's own size, which is not the one that it is shown at. */
function sizeOf(where: string, picture: CanvasImageSource): { width: number; height: number } {
  const size = picture as Partial<Record<`${'natural' | 'video' | 'display'}${'Width' | 'Height'}`, number>>;
  const plain = picture as { width: number; height: number };
  const width = size.naturalWidth ?? size.videoWidth ?? size.displayWidth ?? plain.width;
  const height = size.naturalHeight ?? size.videoHeight ?? size.displayHeight ?? plain.height;
  if (typeof width !== 'number' || typeof height !== 'number') {
    fail(
      where,
      'this is no picture; give bytes, a tensor, or what a canvas can draw: an img element, a canvas.',
    );
  }
  if (size.naturalWidth === 0) {
    fail(
      where,
      'the img element has no picture, not yet or for good; await its decode() first, which tells.',
    );
  }
  // A video knows its size before it has a frame; what a canvas would draw until then is nothing, without an error.
  if (size.videoWidth !== undefined && (picture as HTMLVideoElement).readyState < 2) {
    fail(where, 'the video element has no frame yet; wait for its loadeddata event.');
  }
  wholeNumber(where, "the picture's width", width);
  wholeNumber(where, "the picture's height", height);
  return { width, height };
}

function rgb(where: string, { data, width, height }: RawImage): RgbImage {
  wholeNumber(where, "the picture's width", width);
  wholeNumber(where, "the picture's height", height);
  const channels = data.length / (width * height);
  if (data.BYTES_PER_ELEMENT !== 1) {
    fail(
      where,
      `the picture's data is no bytes but a ${data.constructor.name}; give values from 0 to 255 in a Uint8Array.`,
    );
  }
  if (![1, 2, 3, 4].includes(channels)) {
    fail(
      where,
      `the picture has ${data.length} bytes, and ${width}x${height} pixels need 1, 2, 3 or 4 each.`,
    );
  }
  const colours = channels >= 3;
  const bytes = new Uint8Array(3 * width * height);
  for (let pixel = 0, to = 0; to < bytes.length; pixel += channels) {
    for (let colour = 0; colour < 3; colour++) bytes[to++] = data[pixel + (colours ? colour : 0)]!;
  }
  return { data: bytes, width, height };
}
