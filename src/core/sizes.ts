import type { ConvArch } from './arch.js';

/** How a convolution treats the border: 'same' pads with zeros and keeps the size at stride 1, 'valid' pads nothing. */
export const PADDINGS = ['same', 'valid'] as const;

/** A convolution's padding. */
export type Padding = (typeof PADDINGS)[number];

/** The height (or width) that a convolution or a pooling gives; at most 0 where its window does not fit. */
export function outputSize(size: number, window: number, stride: number, padding: Padding): number {
  return padding === 'same' ? Math.ceil(size / stride) : Math.floor((size - window) / stride) + 1;
}

/** The height (or width) of the last feature map for images of `size`; at most 0 where nothing is left of them. */
export function featureSize(arch: ConvArch, size: number, padding: Padding): number {
  return arch.reduce((length, [threes]) => {
    for (let i = 0; i < threes; i++) length = outputSize(length, 3, 1, padding);
    return outputSize(length, 2, 2, 'valid');
  }, size);
}

/** The smallest height (or width) of images whose last feature map has at least `features` positions along it. */
export function minimumSize(arch: ConvArch, padding: Padding, features = 1): number {
  return arch.reduceRight(
    (length, [threes]) => 2 * length + (padding === 'valid' ? 2 * threes : 0),
    features,
  );
}
