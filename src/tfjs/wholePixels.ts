import type { backend_util } from '@tensorflow/tfjs-core';
import { fail } from '../base/check.js';

type Info = Pick<
  backend_util.Conv2DInfo,
  'filterHeight' | 'filterWidth' | 'strideHeight' | 'strideWidth' | 'padInfo'
>;

/**
 * Returns what tfjs computed of a convolution or pooling if it goes by whole pixels, and throws otherwise: tfjs accepts a stride of 1.5,
 * for which each of its backends gives other numbers.
 */
export function wholePixels<T extends Info>(kernel: string, info: T): T {
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = info;
  const { top, bottom, left, right } = padInfo;
  const check = (name: string, numbers: number[], least: number, allowed: string) => {
    if (numbers.every((number) => Number.isInteger(number) && number >= least)) return;
    fail(kernel, `the ${name} is ${numbers.join(', ')}; it must be of ${allowed}.`);
  };
  check('size of a window', [filterHeight, filterWidth], 0, 'whole numbers');
  check('stride', [strideHeight, strideWidth], 1, 'whole numbers of at least 1');
  check('padding', [top, bottom, left, right], Number.NEGATIVE_INFINITY, 'whole numbers');
  return info;
}
