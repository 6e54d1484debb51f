import { readFile, stat } from 'node:fs/promises';
import { BYTES, checkArguments, either, optionsOf, TEXT } from '../base/arguments.js';
import { wholeNumber } from '../base/check.js';
import { printedPath } from '../base/printable.js';
import { messageOf } from '../base/realm.js';
import { isAbsent } from '../base/systemReason.js';
import { decodeImage } from '../images/decode.js';
import { type RawImage, toRgb } from '../images/pixels.js';
import { because } from './writeFile.js';

/** Options of {@link readImage}. */
export interface ReadImageOptions {
  /** Images with more pixels are refused; default 100 million, which take 300 MB once decoded. */
  maxPixels?: number;
}

/**
 * Decodes an image to RGB bytes: PNG, JPEG, WebP, GIF, TIFF, AVIF or SVG with sharp, which must be installed beside this package,
 * BMP, PBM, PGM and PPM without. The format is that of the content, whatever the file is called. The image is rotated upright by its
 * EXIF orientation, other color profiles become sRGB, CMYK becomes what PIL makes of it, 16-bit values are reduced to their upper 8
 * bits, gray becomes three channels, and transparency is dropped. Of an animation it is the first frame, of a TIFF the first page.
 * HEIC needs a sharp that was built with HEVC, which the published one is not.
 *
 * @param source a path, or the file's bytes.
 * @throws Error, one sentence that names the image, if it does not exist, or is not an image, truncated or too large, or if its 16-bit
 *   values are of 12 bits.
 * @example
 * const predictions = await classify(model, await readImage('cat.jpg'), published);
 */
export async function readImage(
  source: string | Uint8Array,
  options: ReadImageOptions = {},
): Promise<RawImage> {
  checkArguments('readImage', { source }, { source: either(TEXT, BYTES) });
  const { maxPixels } = optionsOf('readImage', options, { maxPixels: 1 });
  if (maxPixels !== undefined) wholeNumber('readImage', 'maxPixels', maxPixels);

  return toRgb(await decodedFrom(source, maxPixels));
}

/** As `readImage`, but with any number of channels, in a buffer that may not be sent to another thread. */
export async function decodedFrom(source: string | Uint8Array, maxPixels?: number): Promise<RawImage> {
  const name = typeof source === 'string' ? source : 'readImage: the image';
  try {
    return await decodeImage(typeof source === 'string' ? await contentOf(source) : source, maxPixels);
  } catch (error) {
    throw new Error(`${printedPath(name)} could not be read: ${messageOf(error)}`, { cause: error });
  }
}

async function contentOf(path: string): Promise<Uint8Array> {
  try {
    if ((await stat(path)).isFile()) return await readFile(path);
  } catch (cause) {
    if (isAbsent(cause) && /^[a-z][a-z\d+.-]+:\/\//i.test(path))
      throw new Error('it is an address, and images are read from files; download it and pass its path.', {
        cause,
      });
    throw new Error(because(cause), { cause });
  }
  throw new Error('it is not a file; pass an image.');
}
