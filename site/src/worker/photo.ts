import { resizeBilinear, toRgb } from 'vgg-blocks/images';
import { FORMAT_BYTES, imageFormatOf } from '../../../src/base/imageFormat.js';
import { decodeImage } from '../../../src/images/decode.js';

/** An image as the page keeps it, or why it cannot be used, in English. */
export type Photo = { image: Blob; thumb: Blob } | { isHeic: boolean; reason: string };

/** Larger images are reduced to this shorter side, since no network here sees more of them. */
const MAX_SIDE = 512;
const THUMB = 96;

/** Reads an image once, so that a damaged one is found where it is given, and makes a small one of it to show. */
export async function photo(file: File): Promise<Photo> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    const { data, width, height } = await toRgb(await decodeImage(bytes));
    const size = (side: number) => {
      const scale = side / Math.min(width, height);
      return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))] as const;
    };
    const isLarge = Math.min(width, height) > MAX_SIDE;
    const image = isLarge
      ? resizeBilinear({ data, width, height }, ...size(MAX_SIDE))
      : { data, width, height };
    const small = resizeBilinear(image, ...size(THUMB));
    return {
      image: isLarge ? await encoded(image, 0.95) : new Blob([bytes], { type: file.type }),
      thumb: await encoded(small, 0.8, THUMB),
    };
  } catch (error) {
    return {
      isHeic: imageFormatOf(bytes.subarray(0, FORMAT_BYTES)) === 'HEIC',
      reason: `${file.name}: ${(error as Error).message}`,
    };
  }
}

/** A JPEG of an image, or of the square in its middle. */
async function encoded(
  { data, width, height }: { data: Uint8Array; width: number; height: number },
  quality: number,
  square?: number,
): Promise<Blob> {
  const pixels = new ImageData(width, height);
  for (let i = 0, to = 0; i < data.length; i += 3, to += 4) {
    pixels.data.set(data.subarray(i, i + 3), to);
    pixels.data[to + 3] = 255;
  }
  const canvas = new OffscreenCanvas(square ?? width, square ?? height);
  const [left, top] = [(canvas.width - width) / 2, (canvas.height - height) / 2].map(Math.round);
  canvas.getContext('2d')!.putImageData(pixels, left!, top!);
  return canvas.convertToBlob({ type: 'image/jpeg', quality });
}
