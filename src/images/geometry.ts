import type { Preprocessing } from './preprocessing.js';

/** A rectangle in a picture, in its pixels, from the left and the top; its sides need not fall between pixels. */
export interface Region {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** The size of a picture, in pixels. */
interface Size {
  width: number;
  height: number;
}

/** What a recipe makes of a picture's size before it cuts the square. */
export function resizedSize({ width, height }: Size, { resize, crop }: Preprocessing): Size {
  if ('height' in resize) return { width: resize.width, height: resize.height };
  const side = Math.max(resize.shorterSide, crop);
  const shorter = Math.min(width, height);
  // torchvision cuts off what is behind the point of the longer side.
  const scaled = (length: number) => (length === shorter ? side : Math.trunc((side * length) / shorter));
  return { width: scaled(width), height: scaled(height) };
}

/** Where the square in the middle begins; of an odd rest torchvision rounds the half to the even neighbour. */
export function cropStart(length: number, crop: number): number {
  const half = Math.floor((length - crop) / 2);
  return (length - crop) % 2 === 1 && half % 2 === 1 ? half + 1 : half;
}

/**
 * The part of a picture that a network sees when a recipe has prepared it: what is left of it after resizing and cutting,
 * in the pixels of the picture as it was.
 *
 * @example
 * visibleRegion({ width: 512, height: 256 }, PUBLISHED['torchvision/vgg16'].preprocessing);
 * // { left: 144, top: 16, width: 224, height: 224 }
 */
export function visibleRegion(picture: Size, recipe: Preprocessing): Region {
  const resized = resizedSize(picture, recipe);
  const [across, down] = [picture.width / resized.width, picture.height / resized.height];
  return {
    left: cropStart(resized.width, recipe.crop) * across,
    top: cropStart(resized.height, recipe.crop) * down,
    width: recipe.crop * across,
    height: recipe.crop * down,
  };
}

/** The size of a picture whose longer side is made `size` pixels, the sides' ratio kept. */
export function fittedSize({ width, height }: Size, size: number): Size {
  const scaled = (side: number) => Math.max(1, Math.round((side * size) / Math.max(width, height)));
  return { width: scaled(width), height: scaled(height) };
}
