import { toRgb } from 'vgg-blocks/images';
import { FORMAT_BYTES, imageFormatOf } from '../../../src/base/imageFormat.js';
import { decodeImage } from '../../../src/images/decode.js';

/** An image as the page keeps it, or why it cannot be used, in English. */
export type Photo = { image: Blob; thumb: Blob } | { isHeic: boolean; reason: string };

/** Larger images are reduced to this shorter side, since no network here sees more of them. */
const MAX_SIDE = 512;
const THUMB = 96;

/** Reads an image once, so that a damaged one is found where it is given, and makes a small one of it to show. */
export async function photo(file: File): Promise<Photo> {
  try {
    const whole = await bitmapOf(file);
    const isLarge = Math.min(whole.width, whole.height) > MAX_SIDE;
    const image = isLarge ? await reduced(whole, MAX_SIDE) : whole;
    const kept = isLarge
      ? await encoded(image, 0.95)
      : new Blob([await file.arrayBuffer()], { type: file.type });
    return { image: kept, thumb: await encoded(await reduced(image, THUMB), 0.8, THUMB) };
  } catch (error) {
    const first = new Uint8Array(await file.slice(0, FORMAT_BYTES).arrayBuffer());
    return { isHeic: imageFormatOf(first) === 'HEIC', reason: `${file.name}: ${(error as Error).message}` };
  }
}

/** An image, decoded by the browser or else by the library, which also says why it cannot be. */
async function bitmapOf(file: File): Promise<ImageBitmap> {
  const found = await createImageBitmap(file).catch(() => undefined);
  if (found) return found;
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { data, width, height } = await toRgb(await decodeImage(bytes));
  const pixels = new ImageData(width, height);
  for (let i = 0, to = 0; i < data.length; i += 3, to += 4) {
    pixels.data.set(data.subarray(i, i + 3), to);
    pixels.data[to + 3] = 255;
  }
  return createImageBitmap(pixels);
}

/** An image with another shorter side. The browser reduces it: the pixels of a phone's photograph are a hundred megabytes. */
async function reduced(image: ImageBitmap, side: number): Promise<ImageBitmap> {
  const scale = side / Math.min(image.width, image.height);
  const small = await createImageBitmap(image, {
    resizeWidth: Math.max(1, Math.round(image.width * scale)),
    resizeHeight: Math.max(1, Math.round(image.height * scale)),
    resizeQuality: 'high',
  });
  image.close();
  return small;
}

/** A JPEG of an image, or of the square in its middle. */
async function encoded(image: ImageBitmap, quality: number, square?: number): Promise<Blob> {
  const canvas = new OffscreenCanvas(square ?? image.width, square ?? image.height);
  const [left, top] = [(canvas.width - image.width) / 2, (canvas.height - image.height) / 2].map(Math.round);
  canvas.getContext('2d')!.drawImage(image, left!, top!);
  return canvas.convertToBlob({ type: 'image/jpeg', quality });
}
