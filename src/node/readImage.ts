import { stat } from 'node:fs/promises';
import { messageOf } from '../base/realm.js';
import type { RawImage } from '../images/index.js';
import { because } from './writeFile.js';

/** Options of {@link readImage}. */
export interface ReadImageOptions {
  /** Pictures with more pixels than this are refused; default 100 million, 300 MB once they are decoded. */
  maxPixels?: number;
}

/**
 * Decodes a picture (PNG, JPEG, WebP, GIF, TIFF, AVIF, SVG) to RGB bytes by sharp, a package that is installed beside this
 * one. It stands upright whatever the camera noted (EXIF); colours of other profiles become sRGB, 16 bits the upper 8,
 * grey three channels; transparency is left out.
 *
 * @param source a path, or the file's bytes.
 * @throws Error, one sentence that names the picture: not there, no picture, cut off, animated, or too large.
 * @example
 * const predictions = await classify(model, await readImage('cat.jpg'), published);
 */
export async function readImage(
  source: string | Uint8Array,
  { maxPixels = 100_000_000 }: ReadImageOptions = {},
): Promise<RawImage> {
  const name = typeof source === 'string' ? source : 'the picture';
  const { default: sharp } = await import('sharp').catch((cause: unknown) => {
    throw new Error('readImage: the package sharp is not installed; run npm install sharp.', { cause });
  });
  if (typeof source === 'string') {
    const file = await stat(source).catch((error: unknown) => {
      throw new Error(`${name} could not be read: ${because(error)}`, { cause: error });
    });
    if (!file.isFile()) throw new Error(`${name} could not be read: it is no file; give a picture.`);
    if (file.size === 0) throw new Error(`${name} could not be read: it is empty, 0 bytes.`);
  }
  try {
    const picture = sharp(source, { limitInputPixels: false, failOn: 'error' });
    const { width, height, pages = 1 } = await picture.metadata();
    if (pages > 1) throw new Refused(`it is animated or has ${pages} pages; give one picture.`);
    if (width * height > maxPixels) {
      throw new Refused(
        `it has ${width}x${height} pixels, and at most ${maxPixels} are read; make it smaller.`,
      );
    }
    const { data, info } = await picture
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
        : `it is no picture that can be decoded, or is cut off (${firstLine(error)}).`;
    throw new Error(`${name} could not be read: ${why}`, { cause: error });
  }
}

/** A picture that could be decoded and is not wanted. */
class Refused extends Error {}

function firstLine(error: unknown): string {
  return messageOf(error).trim().split('\n')[0]!;
}
