import { add, type Tensor } from '@tensorflow/tfjs-core';

/**
 * The sum of one or more tensors of the same shape. tfjs's `addN` returns 0 on WebGPU for more tensors than a shader can bind, ten
 * or fewer.
 */
export function total<T extends Tensor>(tensors: readonly T[]): T {
  return tensors.reduce((sum, one) => add(sum, one));
}
