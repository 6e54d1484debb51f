import type { BatchMatMulAttrs, TensorInfo } from '@tensorflow/tfjs-core';
import { type Call, release, run } from './run.js';

/**
 * A matrix product whose factors are transposed beforehand where it asks for that: the backend's fast product knows
 * no transposes, its other one is a plain loop.
 */
export function batchMatMul({
  backend,
  inputs: { a, b },
  attrs: { transposeA, transposeB },
  stock,
}: Call<{ a: TensorInfo; b: TensorInfo }, BatchMatMulAttrs>) {
  const transpose = (x: TensorInfo) => {
    const rank = x.shape.length;
    const perm = [...Array(rank - 2).keys(), rank - 1, rank - 2];
    return run(backend, 'Transpose', { x }, { perm });
  };
  const [left, right] = [transposeA ? transpose(a) : a, transposeB ? transpose(b) : b];
  const product = stock({ a: left, b: right }, { transposeA: false, transposeB: false });
  if (transposeA) release(backend, left);
  if (transposeB) release(backend, right);
  return product;
}
