import { checkArguments, FINITE, kind, recordOf } from '../base/arguments.js';
import { wholeNumber } from '../base/check.js';
import { type Preprocessing, preprocessingArgument } from './preprocessing.js';

/** Size of an image in pixels. */
interface Size {
  width: number;
  height: number;
}

/** A rectangle of an image, in pixels from its left and top edges; these may be fractions. */
export interface Region extends Size {
  left: number;
  top: number;
}

/** The size of an image after a preprocessing's resize, before its crop. */
export function resizedSize({ width, height }: Size, { resize, crop }: Preprocessing): Size {
  if ('height' in resize) return { width: resize.width, height: resize.height };
  const side = Math.max(resize.shorterSide, crop);
  const shorter = Math.min(width, height);
  // torchvision truncates the longer side.
  const scaled = (length: number) => (length === shorter ? side : Math.trunc((side * length) / shorter));
  return { width: scaled(width), height: scaled(height) };
}

/** The center square of an image. */
export function centerSquare({ width, height }: Size, side: number): Region {
  return { left: cropStart(width, side), top: cropStart(height, side), width: side, height: side };
}

/**
 * Squares of an image on a regular grid, row by row, whose outermost ones lie in its corners.
 *
 * @param count of rows and of columns, at least 2.
 */
export function gridSquares({ width, height }: Size, side: number, count: number): Region[] {
  const starts = (length: number) =>
    Array.from({ length: count }, (_, i) => roundEven(((length - side) * i) / (count - 1)));
  return starts(height).flatMap((top) =>
    starts(width).map((left) => ({ left, top, width: side, height: side })),
  );
}

function cropStart(length: number, crop: number): number {
  return roundEven((length - crop) / 2);
}

/** Rounds as Python, and so torchvision, does: halves to the nearest even number. */
function roundEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + Math.abs(below % 2) : Math.round(value);
}

const LENGTH = kind('above 0', (value) => FINITE.holds(value) && (value as number) > 0);
const SIZE = recordOf('a size as { width, height }, both above 0', { width: LENGTH, height: LENGTH });

/**
 * The part of an image that a network sees after preprocessing, in pixels of the original image.
 *
 * @example
 * visibleRegion({ width: 512, height: 256 }, PUBLISHED['torchvision/vgg16'].preprocessing);
 * // { left: 144, top: 16, width: 224, height: 224 }
 */
export function visibleRegion(image: Size, preprocessing: Preprocessing): Region {
  preprocessingArgument('visibleRegion', preprocessing);
  checkArguments('visibleRegion', { image }, { image: SIZE });

  const resized = resizedSize(image, preprocessing);
  const square = centerSquare(resized, preprocessing.crop);
  const [across, down] = [image.width / resized.width, image.height / resized.height];
  return {
    left: square.left * across,
    top: square.top * down,
    width: square.width * across,
    height: square.height * down,
  };
}

/** The size of an image scaled, in proportion, to a longer side of `size` pixels. */
export function fittedSize(given: Size, size: number): Size {
  wholeNumber('fittedSize', 'size', size);
  checkArguments('fittedSize', { image: given }, { image: SIZE });
  const { width, height } = given;

  const scaled = (length: number) => Math.max(1, Math.round((length * size) / Math.max(width, height)));
  return { width: scaled(width), height: scaled(height) };
}
