import { wholeNumber } from '../base/check.js';

/** The preparation of images that a set of weights was trained with. */
export interface Preprocessing {
  /**
   * The order of the color channels, or `'gray'`: one channel, as PIL's `convert('L')`, with the first number of `mean` and `std`.
   */
  channels: 'RGB' | 'BGR' | 'gray';
  /** The value of white before mean and standard deviation are applied. */
  white: 1 | 255;
  /** Subtracted from each channel, in the order of `channels`. */
  mean: readonly [number, number, number];
  /** Each channel is then divided by this. */
  std: readonly [number, number, number];
  /** The shorter side after resizing, or both sides where the image is stretched. */
  resize: { shorterSide: number } | { height: number; width: number };
  /** Side of the square that is cut from the center. */
  crop: number;
  interpolation: 'bilinear' | 'nearest';
  /** Whether resizing averages over the pixels it drops. */
  antialias: boolean;
}

/** The number of channels that a network of this preprocessing takes. */
export function depthOf({ channels }: Pick<Preprocessing, 'channels'>): 1 | 3 {
  return channels === 'gray' ? 1 : 3;
}

/** Preprocessing for networks trained from scratch: RGB from 0 to 1, the 224x224 center of an image whose shorter side is 224. */
export const PLAIN_PREPROCESSING: Preprocessing = {
  channels: 'RGB',
  white: 1,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  resize: { shorterSide: 224 },
  crop: 224,
  interpolation: 'bilinear',
  antialias: true,
};

/**
 * The same preprocessing for another input size. The crop keeps its proportion to the resized image: 224 of 256 becomes 96 of
 * 110.
 *
 * @param size side of the resulting square images.
 */
export function preprocessingAt(preprocessing: Preprocessing, size: number): Preprocessing {
  const { crop, resize } = preprocessing;
  wholeNumber('preprocessingAt', 'size', size);
  const scaled = (length: number) => Math.round((length * size) / crop);
  return {
    ...preprocessing,
    crop: size,
    resize:
      'height' in resize
        ? { height: scaled(resize.height), width: scaled(resize.width) }
        : { shorterSide: scaled(resize.shorterSide) },
  };
}
