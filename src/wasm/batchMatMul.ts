import { type BatchMatMulAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { type Call, release, run, type WasmBackend } from './run.js';

/**
 * A matrix product whose factors are transposed beforehand where it asks for that: the backend's fast product knows
 * no transposes, its other one is a plain loop.
 */
export function batchMatMul({
  backend,
  inputs: { a, b },
  attrs: { transposeA, transposeB },
  stock,
}: Call<{ a: TensorInfo; b: TensorInfo }, BatchMatMulAttrs>): TensorInfo {
  const product = (a: TensorInfo, b: TensorInfo) =>
    stock({ a, b }, { transposeA: false, transposeB: false }) as TensorInfo;
  if (!transposeA && transposeB && isLarge(b, a)) {
    // A few rows times many, as in the gradient of a dense layer's input: b a' is the transpose of a b', and a' and
    // the product are small where b, which the backend would copy twice more, is not.
    const right = transpose(backend, a);
    const swapped = product(b, right);
    const result = transpose(backend, swapped);
    release(backend, right, swapped);
    return result;
  }
  const [left, right] = [transposeA ? transpose(backend, a) : a, transposeB ? transpose(backend, b) : b];
  const result = product(left, right);
  if (transposeA) release(backend, left);
  if (transposeB) release(backend, right);
  return result;
}

/** Whether b outweighs a and a b'. */
function isLarge(b: TensorInfo, a: TensorInfo): boolean {
  const product = a.shape.at(-2)! * b.shape.at(-2)!;
  return util.sizeFromShape(b.shape) > util.sizeFromShape(a.shape) + product;
}

function transpose(backend: WasmBackend, x: TensorInfo): TensorInfo {
  const rank = x.shape.length;
  const perm = [...Array(rank - 2).keys(), rank - 1, rank - 2];
  return run(backend, 'Transpose', { x }, { perm });
}
