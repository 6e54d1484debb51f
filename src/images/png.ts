import { checkArguments, PIXELS } from '../base/arguments.js';
import { channelsOf, type RawImage } from './pixels.js';

/**
 * Encodes an image as PNG with fast-png, which is loaded on first use.
 *
 * @param image `width * height` pixels of 1, 2, 3 or 4 bytes.
 * @throws RangeError when the bytes do not match the size.
 */
export async function encodePng(image: RawImage): Promise<Uint8Array> {
  checkArguments('encodePng', { image }, { image: PIXELS });

  const channels = channelsOf('encodePng', image);
  const { encode } = await import('fast-png');
  const { data, width, height } = image;
  return encode({ data, width, height, channels, depth: 8 });
}
