import { abs, cast, less, mul, sub, type Tensor } from '@tensorflow/tfjs-core';
import { recordAsOne } from './tape.js';

/**
 * Gradients of logits below this count as 0. Late in training most are 1e-30 or less, and their products with weights and
 * activations become subnormal numbers, below 2^-126, which processors multiply a hundred times slower than others; WebAssembly
 * cannot treat them as 0.
 *
 * Losses are means over a batch of n examples, so these gradients go up to 1 / n, and that of the right class is rounded by up to
 * 2^-25 / n, because it is the softmax's probability minus 1. 2^-64 is less than that for any batch, and 2^62 times the largest
 * subnormal number, which leaves room for products.
 */
const SMALLEST = 2 ** -64;

/** The same tensor, whose gradient is 0 where it is smaller than 2^-64. NaN and infinity stay. */
export function flushGradient(x: Tensor): Tensor {
  return recordAsOne(
    [x],
    () => ({ y: x.clone(), kept: [] }),
    (dy) => [mul(dy, sub(1, cast(less(abs(dy), SMALLEST), 'float32')))],
  );
}
