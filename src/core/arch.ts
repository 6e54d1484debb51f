import { LIST } from '../base/arguments.js';
import { fail, shown, wholeNumber } from '../base/check.js';

/**
 * One VGG block: `convs` 3x3 convolutions of `channels` filters each, then `pointwise` 1x1 convolutions with as many filters
 * (default 0; only configuration C has any), then 2x2 max pooling with stride 2.
 */
export type Block = readonly [convs: number, channels: number, pointwise?: number];

/** The convolutional part of a VGG, block by block: d2l's `conv_arch`. */
export type ConvArch = readonly Block[];

/** Configuration A of Simonyan & Zisserman (2014), table 1: 8 convolutional and 3 fully connected layers. */
export const VGG11: ConvArch = [
  [1, 64],
  [1, 128],
  [2, 256],
  [2, 512],
  [2, 512],
];
/** Configuration B of table 1. */
export const VGG13: ConvArch = [
  [2, 64],
  [2, 128],
  [2, 256],
  [2, 512],
  [2, 512],
];
/** Configuration D of table 1: the usual VGG-16. */
export const VGG16: ConvArch = [
  [2, 64],
  [2, 128],
  [3, 256],
  [3, 512],
  [3, 512],
];
/** Configuration C of table 1: 16 layers; the last convolution of blocks 3 to 5 is 1x1. */
export const VGG16C: ConvArch = [
  [2, 64],
  [2, 128],
  [2, 256, 1],
  [2, 512, 1],
  [2, 512, 1],
];
/** Configuration E of table 1. */
export const VGG19: ConvArch = [
  [2, 64],
  [2, 128],
  [4, 256],
  [4, 512],
  [4, 512],
];

/** Options of an ImageNet network: 224x224 RGB images, 1000 classes. */
export const IMAGENET = { inputShape: [224, 224, 3], classes: 1000 } as const;

/**
 * The same blocks with every width divided by `ratio`; 1x1 convolutions stay.
 *
 * @param ratio a whole number that divides every width, e.g. 4: 64 to 512 channels become 16 to 128.
 * @throws RangeError when `ratio` does not divide a width, which the message names.
 */
export function scaleArch(arch: ConvArch, ratio: number): ConvArch {
  return scaledArch('scaleArch', arch, ratio);
}

/** `scaleArch` on behalf of the function `where`, which error messages name. */
export function scaledArch(where: string, arch: ConvArch, ratio: number): ConvArch {
  checkArch(where, arch);
  wholeNumber(where, 'ratio', ratio);
  return arch.map(([convs, channels, ...pointwise], index) => {
    if (channels % ratio !== 0) {
      fail(
        where,
        `ratio ${ratio} does not divide the ${channels} channels of block ${index + 1}; use a divisor of every width.`,
      );
    }
    return [convs, channels / ratio, ...pointwise] as const;
  });
}

/** Convolutions in a block; a plan has a row for each. */
const MAX_CONVOLUTIONS = 1000;

export const MAX_CHANNELS = 2 ** 16;

/** Throws unless every block has at least one convolution and one channel, all whole numbers. */
export function checkArch(where: string, arch: ConvArch): void {
  if (!LIST.holds(arch) || arch.length === 0) {
    fail(
      where,
      `the architecture is ${shown(arch)}; pass at least one block as [convs, channels], e.g. [[1, 64], [1, 128]].`,
    );
  }
  arch.forEach((given, index) => {
    if (!LIST.holds(given) || given.length < 2 || given.length > 3) {
      fail(where, `block ${index + 1} is ${shown(given)}; pass [convs, channels], e.g. [2, 64].`);
    }
    const [convs, channels, pointwise = 0] = given;
    const block = `block ${index + 1}'s`;
    wholeNumber(where, `${block} number of 3x3 convolutions`, convs, 0, MAX_CONVOLUTIONS);
    wholeNumber(where, `${block} number of 1x1 convolutions`, pointwise, 0, MAX_CONVOLUTIONS);
    wholeNumber(where, `${block} number of convolutions`, convs + pointwise);
    wholeNumber(where, `${block} number of channels`, channels, 1, MAX_CHANNELS);
  });
}
