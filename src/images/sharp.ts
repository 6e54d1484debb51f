import type sharpModule from 'sharp';
import type { Sharp, SharpOptions } from 'sharp';
import { FORMAT_BYTES, imageFormatOf } from '../base/imageFormat.js';
import { firstLineOf } from '../base/realm.js';
import { jpegSize } from './formats/jpegSize.js';
import { statedSize } from './formats/statedSize.js';
import type { RawImage } from './rawImage.js';
import { Refused } from './refused.js';
import { checkBits } from './twelveBits.js';

/** The most pixels of a side that sharp's libraries have. */
const MAX_SIDE = 10_000_000;

/**
 * Decodes an image with sharp: upright by its EXIF orientation, other color profiles as sRGB, CMYK as PIL converts it, the upper 8 of
 * 16 bits, without transparency.
 *
 * @throws Error that says what is wrong.
 */
export async function decodeWithSharp(
  bytes: Uint8Array,
  checkSize: (width: number, height: number) => void,
): Promise<RawImage> {
  const sharp = loadSharp();
  const kind = imageFormatOf(bytes.subarray(0, FORMAT_BYTES));
  const stated = kind && statedSize(kind, bytes);
  if (stated) checkStated(stated, checkSize);
  const open = (options: SharpOptions = {}) =>
    sharp(bytes, { limitInputPixels: false, failOn: 'error', ...options });
  const image = open();
  // Sharp opens the file once more to say so, a tenth of the time of a small photograph.
  const jpeg = kind === 'JPEG' ? jpegSize(bytes) : undefined;
  if (jpeg) {
    checkSize(jpeg.width, jpeg.height);
    return pixels(image, 'srgb');
  }
  const { format, width, height, space, depth } = await image.metadata();
  checkSize(width, height);
  if (depth !== 'uchar' && depth !== 'ushort') {
    throw new Refused(
      `its values are of the type ${depth}, whose range is unknown; convert it to 8 or 16 bits.`,
    );
  }
  if (space === 'cmyk')
    return fromCmyk(await pixels(open({ ignoreIcc: true }).pipelineColourspace('cmyk'), 'cmyk'));
  if (depth === 'ushort') return from16Bits(await pixels(image, 'rgb16', 'ushort'));
  // A frame whose data ends early is only a warning, and its rest blank.
  return pixels(format === 'gif' ? open({ failOn: 'warning' }) : image, 'srgb');
}

/**
 * Refuses what sharp's libraries would complain of on standard error, and then take for an image of one pixel's width or height.
 */
function checkStated(
  stated: { width: number; height: number },
  checkSize: (width: number, height: number) => void,
): void {
  const [width, height] = [Math.round(stated.width), Math.round(stated.height)];
  if (Math.max(width, height) <= MAX_SIDE) return;
  checkSize(width, height);
  throw new Refused(
    `it is ${width}x${height}, and a side may have ${MAX_SIDE} pixels at most; make it smaller.`,
  );
}

/** Sharp is not imported by a statement, for which bundlers for browsers would look for it. */
export function loadSharp(): typeof sharpModule {
  const { createRequire } = globalThis.process.getBuiltinModule('node:module');
  try {
    return createRequire(import.meta.url)('sharp');
  } catch (cause) {
    const { permission } = globalThis.process as { permission?: { has(scope: string): boolean } };
    const why =
      permission && !permission.has('addon')
        ? 'cannot be loaded without the permission for addons; start Node with --allow-addons'
        : (cause as { code?: unknown }).code === 'MODULE_NOT_FOUND'
          ? 'is not installed; run npm install sharp'
          : `cannot be loaded (${firstLineOf(cause)}); install it again`;
    throw new Refused(`the package sharp, which decodes it, ${why}.`, { cause });
  }
}

async function pixels(
  image: Sharp,
  space: 'srgb' | 'rgb16' | 'cmyk',
  depth: 'uchar' | 'ushort' = 'uchar',
): Promise<RawImage> {
  const { data, info } = await image
    .rotate()
    .toColourspace(space)
    .removeAlpha()
    .raw({ depth })
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height };
}

/** The upper 8 bits. */
function from16Bits({ data, width, height }: RawImage): RawImage {
  const aligned = data.slice();
  const values = new Uint16Array(aligned.buffer);
  checkBits(values.reduce((most, value) => Math.max(most, value), 0));
  return { data: Uint8Array.from(values, (value) => value >> 8), width, height };
}

/** RGB as PIL makes it of inks: each leaves its part of what black leaves. */
function fromCmyk({ data: inks, width, height }: RawImage): RawImage {
  const data = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; to < data.length; from += 4) {
    const white = 255 - inks[from + 3]!;
    for (let ink = from; ink < from + 3; ink++) {
      // The product divided by 255 and rounded.
      const product = inks[ink]! * white + 128;
      data[to++] = white - (((product >> 8) + product) >> 8);
    }
  }
  return { data, width, height };
}
