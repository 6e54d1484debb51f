/** A picture as bytes: grey, grey and alpha, RGB or RGBA, row by row. */
interface Image {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/**
 * The PNG file of a picture of bytes, by fast-png, which is loaded when it is first needed.
 *
 * @param image `width * height` pixels of 1, 2, 3 or 4 bytes.
 * @throws RangeError when the bytes are not its pixels.
 */
export async function encodePng({ data, width, height }: Image): Promise<Uint8Array> {
  const channels = data.length / (width * height);
  if (![1, 2, 3, 4].includes(channels)) {
    throw new RangeError(
      `encodePng: the picture has ${data.length} bytes, and ${width}x${height} pixels need 1, 2, 3 or 4 each.`,
    );
  }
  const { encode } = await import('fast-png');
  return encode({ data, width, height, channels, depth: 8 });
}
