import type { Tensor } from '@tensorflow/tfjs-core';
import { BYTES, checkArguments, PIXELS, TENSOR, TEXT } from '../base/arguments.js';
import { fail, isReadable, shown, tag, wholeNumber } from '../base/check.js';
import { printedPath, printedValue } from '../base/printable.js';
import { isArrayBuffer, isBlob, isBytes, isUrl, messageOf } from '../base/realm.js';
import { calledBy } from '../io/errors.js';
import { readBytes } from '../io/read.js';
import { type Source, sourceName } from '../io/source.js';
import { canvasPixels } from './canvas.js';
import { decodeImage } from './decode.js';
import type { RawImage, RgbImage } from './rawImage.js';

export type { RawImage, RgbImage };

/**
 * An image: pixels (`ImageData` included), a tensor `[height, width, channels]` of 1, 3 or 4 channels from 0 to 255, or in
 * browsers anything a canvas can draw: an `img`, `video` or `canvas` element, an `ImageBitmap`, an `OffscreenCanvas`. Or an
 * encoded image, whose format its content says: a `File` or `Blob`, a URL, in Node a path, or the file's bytes. Node decodes it with
 * sharp, as `readImage` does, and a browser with what it has.
 *
 * A canvas draws an image as the browser shows it: rotated as EXIF says, in sRGB, and black where it is transparent. PIL
 * does none of this when it decodes a file.
 */
export type ImageInput = RawImage | Tensor | CanvasImageSource | Source;

/**
 * The RGB bytes of an image. Alpha is dropped, as torchvision's `convert('RGB')` does, and gray becomes three channels.
 *
 * @param where the function that error messages name.
 * @throws RangeError when the image cannot be decoded, has no size, or its bytes do not match its size; DataError when a URL
 *   or path cannot be read.
 */
export async function toRgb(image: ImageInput, where = 'toRgb'): Promise<RgbImage> {
  checkArguments('toRgb', { where }, { where: TEXT });
  return rgbOf(image, printedValue(where));
}

async function rgbOf(image: ImageInput, where: string): Promise<RgbImage> {
  if (isEncoded(image)) return rgb(where, await decoded(where, image));
  const isObject = typeof image === 'object' && image !== null && isReadable(image);
  if (!isObject || Array.isArray(image) || 'then' in image) {
    fail(where, `the image is ${shown(image)}; pass pixels, a tensor, a file, its bytes or its URL.`);
  }
  if (ArrayBuffer.isView(image) || tag(image) === 'SharedArrayBuffer') {
    fail(
      where,
      `the image is ${shown(image)}; pass a file's bytes as a Uint8Array, or pixels as { data, width, height }.`,
    );
  }
  if ('values' in image && 'preprocessing' in image) {
    fail(where, 'the image is prepared for a network already; pass the image itself.');
  }
  if (isTensor(image)) checkArguments(where, { image }, { image: TENSOR });
  if (isTensor(image)) return rgb(where, await bytesOfTensor(where, image));
  // The caller may change them, or send them to another thread, once this returns.
  if (PIXELS.holds(image)) return rgb(where, image as RawImage, 'copied');
  return rgb(where, drawn(where, image as CanvasImageSource));
}

function isEncoded(image: unknown): image is Source {
  return TEXT.holds(image) || [isBytes, isArrayBuffer, isBlob, isUrl].some((is) => is(image));
}

async function decoded(where: string, source: Source): Promise<RawImage> {
  const bytes = await readBytes(source).catch((error: unknown) => {
    throw calledBy(where, error);
  });
  try {
    return await decodeImage(bytes);
  } catch (error) {
    const name = isBytes(source) || isArrayBuffer(source) ? 'the image' : printedPath(sourceName(source));
    return fail(where, `${name} could not be read: ${messageOf(error)}`);
  }
}

function isTensor(image: object): image is Tensor {
  return 'dataId' in image && 'shape' in image;
}

async function bytesOfTensor(where: string, image: Tensor): Promise<RawImage> {
  const [height, width, channels] = image.shape;
  if (image.shape.length !== 3 || ![1, 3, 4].includes(channels!)) {
    fail(
      where,
      `the tensor has shape [${image.shape}]; pass [height, width, channels] with 1, 3 or 4 channels.`,
    );
  }
  if (image.dtype === 'bool') {
    fail(where, 'the tensor is of type bool; pass numbers from 0 to 255, such as tensor.toInt().mul(255).');
  }
  const values = await image.data();
  if (values.some(Number.isNaN)) {
    fail(
      where,
      "the tensor has values that are NaN; an image's are from 0 to 255, so check what computed it.",
    );
  }
  checkBytes(where, values);
  // The clamped array rounds halves to even.
  return { data: Uint8ClampedArray.from(values as Float32Array), width: width!, height: height! };
}

/** Throws for numbers that bytes do not hold, and for fractions within -1 and 1: a network's input, which as bytes would be black. */
function checkBytes(where: string, values: ArrayLike<number>): void {
  let [least, most, isWhole] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, true];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    least = Math.min(least, value);
    most = Math.max(most, value);
    isWhole &&= Number.isInteger(value);
  }
  const isFraction = !isWhole && least >= -1 && most <= 1;
  // What a resize adds is rounded.
  if (!isFraction && least > -1 && most < 256) return;
  const [from, to] = [least, most].map((value) => Number(value.toPrecision(3)));
  fail(
    where,
    `the tensor's values are from ${from} to ${to}; an image's are from 0 to 255, so scale them, or ${isFraction ? 'round those of a dark image' : 'clip them'}.`,
  );
}

/** Draws an image on a canvas of the same size and reads the pixels. */
function drawn(where: string, image: CanvasImageSource): RawImage {
  if (typeof OffscreenCanvas === 'undefined') {
    fail(
      where,
      'there is no canvas here to draw the image on; pass its pixels as { data, width, height } or a tensor.',
    );
  }
  const { width, height } = sizeOf(where, image);
  try {
    return canvasPixels(image, width, height);
  } catch (error) {
    const { name, message } = error as Error;
    const sentence =
      name === 'SecurityError'
        ? 'the image comes from another site, which does not let this page read it; set crossOrigin = "anonymous" before src (its server must allow this).'
        : `the browser cannot draw the image: ${message}`;
    fail(where, sentence);
  }
}

/** The intrinsic size of an image, not the size it is displayed at. */
function sizeOf(where: string, image: CanvasImageSource): { width: number; height: number } {
  const size = image as Partial<Record<`${'natural' | 'video' | 'display'}${'Width' | 'Height'}`, number>>;
  const plain = image as { width: number; height: number };
  const width = size.naturalWidth ?? size.videoWidth ?? size.displayWidth ?? plain.width;
  const height = size.naturalHeight ?? size.videoHeight ?? size.displayHeight ?? plain.height;
  if (typeof width !== 'number' || typeof height !== 'number') {
    fail(
      where,
      'this is not an image; pass bytes, a tensor, or anything a canvas can draw, such as an img element.',
    );
  }
  if (size.naturalWidth === 0) {
    fail(
      where,
      'the img element has no image: it is not loaded yet, or failed to load; await its decode() first.',
    );
  }
  // A video knows its size before it has a frame; until then a canvas draws nothing, without an error.
  if (size.videoWidth !== undefined && (image as HTMLVideoElement).readyState < 2) {
    fail(where, 'the video element has no frame yet; wait for its loadeddata event.');
  }
  wholeNumber(where, "the image's width", width);
  wholeNumber(where, "the image's height", height);
  return { width, height };
}

function rgb(where: string, image: RawImage, kept: 'copied' | 'own' = 'own'): RgbImage {
  const { data, width, height } = image;
  const channels = channelsOf(where, image);
  if (channels === 3) {
    const own = kept === 'copied' ? data.slice() : data;
    return { data: new Uint8Array(own.buffer, own.byteOffset, own.length), width, height };
  }
  const isColor = channels === 4;
  const bytes = new Uint8Array(3 * width * height);
  const [green, blue] = isColor ? [1, 2] : [0, 0];
  for (let pixel = 0, to = 0; to < bytes.length; pixel += channels, to += 3) {
    bytes[to] = data[pixel]!;
    bytes[to + 1] = data[pixel + green]!;
    bytes[to + 2] = data[pixel + blue]!;
  }
  return { data: bytes, width, height };
}

/** Bytes per pixel, 1 to 4; throws if the bytes do not match the size. */
export function channelsOf(where: string, { data, width, height }: RawImage): number {
  wholeNumber(where, "the image's width", width);
  wholeNumber(where, "the image's height", height);
  if (!BYTES.holds(data)) {
    fail(where, `the image's data is ${shown(data)}; pass values from 0 to 255 in a Uint8Array.`);
  }
  const channels = data.length / (width * height);
  if (![1, 2, 3, 4].includes(channels)) {
    fail(
      where,
      `the image has ${data.length} bytes, but ${width}x${height} pixels take 1, 2, 3 or 4 each; check its width and height.`,
    );
  }
  return channels;
}
