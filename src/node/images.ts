import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { firstLineOf } from '../base/realm.js';
import type { RawImage } from '../images/index.js';
import { encodePng } from '../images/png.js';
import { because, writeFileAtomic } from './writeFile.js';

/** Options of {@link readImage}. */
export interface ReadImageOptions {
  /** Images with more pixels are refused; default 100 million, which take 300 MB once decoded. */
  maxPixels?: number;
}

/**
 * Decodes an image (PNG, JPEG, WebP, GIF, TIFF, AVIF or SVG) to RGB bytes with sharp, which must be installed beside this
 * package. The image is rotated upright by its EXIF orientation, other color profiles become sRGB, 16-bit values are
 * reduced to their upper 8 bits, gray becomes three channels, and transparency is dropped.
 *
 * @param source a path, or the file's bytes.
 * @throws Error, one sentence that names the image, if it does not exist or is not an image, truncated, animated or too
 *   large.
 * @example
 * const predictions = await classify(model, await readImage('cat.jpg'), published);
 */
export async function readImage(
  source: string | Uint8Array,
  { maxPixels = 100_000_000 }: ReadImageOptions = {},
): Promise<RawImage> {
  const name = typeof source === 'string' ? source : 'the image';
  const { default: sharp } = await import('sharp').catch((cause: unknown) => {
    throw new Error('readImage: the package sharp is not installed; run npm install sharp.', { cause });
  });
  if (typeof source === 'string') {
    const file = await stat(source).catch((error: unknown) => {
      throw new Error(`${name} could not be read: ${because(error)}`, { cause: error });
    });
    if (!file.isFile()) throw new Error(`${name} could not be read: it is not a file; pass an image.`);
    if (file.size === 0) throw new Error(`${name} could not be read: it is empty (0 bytes).`);
  }
  try {
    const image = sharp(source, { limitInputPixels: false, failOn: 'error' });
    const { width, height, pages = 1 } = await image.metadata();
    if (pages > 1) throw new Refused(`it is animated or has ${pages} pages; pass a single image.`);
    if (width * height > maxPixels) {
      throw new Refused(
        `it is ${width}x${height}, more than the limit of ${maxPixels} pixels; make it smaller.`,
      );
    }
    const { data, info } = await image
      .rotate()
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return {
      data: new Uint8Array(data.buffer, data.byteOffset, data.length),
      width: info.width,
      height: info.height,
    };
  } catch (error) {
    const why =
      error instanceof Refused
        ? error.message
        : `it is truncated or not an image that can be decoded (${firstLineOf(error)}).`;
    throw new Error(`${name} could not be read: ${why}`, { cause: error });
  }
}

/**
 * Writes an image, such as an overlay or a grid, as a PNG file; missing folders are created.
 *
 * @throws Error, one sentence, if the path does not end in `.png` or cannot be written to.
 * @example await writeImage('cat.gradcam.png', await overlay(image, map));
 */
export async function writeImage(path: string, image: RawImage): Promise<void> {
  if (extname(path).toLowerCase() !== '.png') {
    throw new Error(`${path} could not be written: only PNG is supported; use a path that ends in .png.`);
  }
  await writeFileAtomic(path, await encodePng(image));
}

/** An image that could be decoded but is not accepted. */
class Refused extends Error {}
