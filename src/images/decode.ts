import { isTransferred } from '../base/check.js';
import { FORMAT_BYTES, imageFormatOf, isAppleDouble } from '../base/imageFormat.js';
import { firstLineOf } from '../base/realm.js';
import { canvasPixels } from './canvas.js';
import { decodeBmp } from './formats/bmp.js';
import { decodePnm } from './formats/pnm.js';
import type { RawImage } from './rawImage.js';
import { Refused } from './refused.js';
import { decodeWithSharp } from './sharp.js';

/** The formats that are decoded here. */
const OWN_FORMATS = ['BMP', 'PNM'];

/** The default limit on an image's pixels. */
const MAX_PIXELS = 100_000_000;

/**
 * Decodes an image file, whose format its first bytes say, to pixels: BMP and the netpbm formats here, others with sharp in Node and
 * with the browser's decoders elsewhere. Of an animation it is the first frame, and of a TIFF the first page, as in PIL.
 *
 * @param maxPixels larger images are refused.
 * @throws Error, whose message continues a sentence that begins with the image's name.
 */
export async function decodeImage(bytes: Uint8Array, maxPixels = MAX_PIXELS): Promise<RawImage> {
  const checkSize = (width: number, height: number) => {
    if (width * height <= maxPixels) return;
    throw new Refused(
      `it is ${width}x${height}, more than the limit of ${maxPixels} pixels; make it smaller.`,
    );
  };
  try {
    const format = formatOf(bytes);
    return await decodedAs(format, bytes, checkSize);
  } catch (error) {
    // While they were read.
    if (isTransferred(bytes))
      throw new Refused('its bytes were transferred to another thread; pass bytes that stay here.');
    throw error;
  }
}

async function decodedAs(
  format: string,
  bytes: Uint8Array,
  checkSize: (width: number, height: number) => void,
): Promise<RawImage> {
  try {
    if (format === 'BMP') return decodeBmp(bytes, checkSize);
    if (format === 'PNM') return decodePnm(bytes, checkSize);
    return inNode() ? await decodeWithSharp(bytes, checkSize) : await decodeWithBrowser(bytes, checkSize);
  } catch (cause) {
    if (cause instanceof Refused) throw cause;
    // What other decoders say is in their words, if they say anything.
    const why = OWN_FORMATS.includes(format) ? ` (${firstLineOf(cause).replace(/\.$/, '')})` : '';
    throw new Error(sentence(format, why), { cause });
  }
}

const inNode = () => globalThis.process?.getBuiltinModule !== undefined;

/** Why an image of a format could not be decoded, and what to do. */
function sentence(format: string, why: string): string {
  if (format === 'HEIC') {
    const which = inNode() ? 'sharp, as it is published, does' : 'most browsers do';
    return `it is HEIC, which ${which} not decode; convert it to JPEG or PNG.`;
  }
  const isCommon = ['JPEG', 'PNG', ...OWN_FORMATS].includes(format);
  const remedy = isCommon ? 'get the file again' : 'get the file again, or convert it to PNG or JPEG';
  return `it is ${format}, but damaged or of a kind that cannot be decoded here${why}; ${remedy}.`;
}

function formatOf(bytes: Uint8Array): string {
  const format = imageFormatOf(bytes.subarray(0, FORMAT_BYTES));
  if (format !== undefined) return format;
  if (bytes.length === 0) throw new Refused('it is empty (0 bytes); get the file again.');
  throw new Refused(
    isAppleDouble(bytes)
      ? 'it is not an image, but what macOS keeps beside one; leave it out.'
      : 'it is not an image, judging by its first bytes; pass one that is.',
  );
}

async function decodeWithBrowser(
  bytes: Uint8Array,
  checkSize: (width: number, height: number) => void,
): Promise<RawImage> {
  if (typeof createImageBitmap === 'undefined') {
    throw new Refused('there is no decoder for it here; pass its pixels as { data, width, height }.');
  }
  const bitmap = await createImageBitmap(new Blob([bytes as BlobPart]));
  try {
    checkSize(bitmap.width, bitmap.height);
    return canvasPixels(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}
