import { cast, type Tensor } from '@tensorflow/tfjs-core';

/**
 * The tensor as float32: itself if it is that, or else a new one. Of int32 and bool tensors many of tfjs's operations are wrong or missing,
 * and on wasm some write beyond the memory of a bool tensor.
 */
export function floats<T extends Tensor>(x: T): T {
  return x.dtype === 'float32' ? x : cast(x, 'float32');
}
