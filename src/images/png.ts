import { checkArguments, PIXELS } from '../base/arguments.js';
import { channelsOf, type RawImage } from './pixels.js';

/**
 * Encodes an image as PNG with fast-png, which is loaded on first use.
 *
 * @param image `width * height` pixels of 1, 2, 3 or 4 bytes.
 * @throws RangeError when the bytes do not match the size.
 */
export function encodePng(image: RawImage): Promise<Uint8Array> {
  return encodedPng('encodePng', image);
}

/** As `encodePng`, for the function that error messages name. */
export async function encodedPng(where: string, image: RawImage): Promise<Uint8Array> {
  checkArguments(where, { image }, { image: PIXELS });

  channelsOf(where, image);
  const { encode } = await import('fast-png');
  // Again, because the bytes may be gone meanwhile, such as to another thread.
  const channels = channelsOf(where, image);
  const { data, width, height } = image;
  return encode({ data, width, height, channels, depth: 8 });
}
