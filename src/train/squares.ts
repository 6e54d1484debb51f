import { type Tensor4D, tensor4d } from '@tensorflow/tfjs-core';
import { cropped } from '../images/crop.js';
import { centerSquare, gridSquares, type Region } from '../images/geometry.js';
import { mirror } from '../images/mirror.js';
import { normalizer } from '../images/normalizer.js';
import type { RgbImage } from '../images/pixels.js';
import { depthOf, type Preprocessing } from '../images/preprocessing.js';

/** Squares per row and column, 0 for the corners and the center, and whether mirror images are squares too. */
const CROPS = { 1: [1, false], 5: [0, false], 10: [0, true], 50: [5, true] } as const;

/** The squares of an image, cut when they are called. Mirror images are cut where the image is, as in torchvision's `TenCrop`. */
export function squaresOf(image: RgbImage, side: number, crops: keyof typeof CROPS): (() => RgbImage)[] {
  const [grid, mirrors] = CROPS[crops];
  return [image, ...(mirrors ? [mirrored(image)] : [])].flatMap((view) =>
    regionsOf(view, side, grid).map((region) => () => cropped(view, region)),
  );
}

function regionsOf(image: RgbImage, side: number, grid: 0 | 1 | 5): Region[] {
  const center = centerSquare(image, side);
  if (grid === 1) return [center];
  return grid === 0 ? [...gridSquares(image, side, 2), center] : gridSquares(image, side, grid);
}

/** The mirror image. */
export function mirrored({ data, ...size }: RgbImage): RgbImage {
  const image = { data: data.slice(), ...size };
  mirror(image);
  return image;
}

/** Images of one size as the network takes them. */
export function batchOf(images: readonly RgbImage[], preprocessing: Preprocessing): Tensor4D {
  const { width, height } = images[0]!;
  const depth = depthOf(preprocessing);
  const size = width * height * depth;
  const values = new Float32Array(images.length * size);
  const normalize = normalizer(preprocessing);
  for (const [i, { data }] of images.entries()) normalize(data, values.subarray(i * size, (i + 1) * size));
  return tensor4d(values, [images.length, height, width, depth]);
}
