import { type _FusedMatMulAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { Call } from './run.js';

/** Rows up to which a product is done here: about as many as the time that the backend takes to begin with. */
const MAX_ROWS = 4;

/** Weights from which on it is done here; below, the backend is quick to begin. */
const MIN_WEIGHTS = 2 ** 20;

/**
 * A dense layer of a few examples. The backend's own product first copies the weights to another order, which for
 * VGG-16's first one takes four seconds and 411 MB, and pays only for many examples at a time. Here each weight is read
 * once, where it lies; the sums are kept in float64.
 */
export function fusedMatMul({
  backend,
  inputs,
  attrs,
  stock,
}: Call<{ a: TensorInfo; b: TensorInfo; bias?: TensorInfo }, _FusedMatMulAttrs>): TensorInfo {
  const { a, b, bias } = inputs;
  const { transposeA, transposeB, activation = 'linear' } = attrs;
  const [inner, columns] = b.shape.slice(-2) as [number, number];
  const rows = a.shape.at(-2)!;
  const few = rows <= MAX_ROWS && inner * columns >= MIN_WEIGHTS;
  const single =
    a.shape.slice(0, -2).every((side) => side === 1) && b.shape.slice(0, -2).every((side) => side === 1);
  const plain = !transposeA && !transposeB && (activation === 'linear' || activation === 'relu');
  const fits = bias === undefined || util.sizeFromShape(bias.shape) === columns;
  if (!few || !single || !plain || !fits || a.dtype !== 'float32' || b.dtype !== 'float32') {
    return stock(inputs, attrs) as TensorInfo;
  }
  const result = backend.makeOutput([...a.shape.slice(0, -1), columns], 'float32');
  const view = (info: TensorInfo) => backend.typedArrayFromHeap(info) as Float32Array;
  const [x, weights, y] = [view(a), view(b), view(result)];
  const start = bias && view(bias);
  const sums = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    if (start) sums.set(start);
    else sums.fill(0);
    addProduct(x.subarray(row * inner, (row + 1) * inner), weights, sums);
    for (let i = 0; i < columns; i++) {
      const sum = sums[i]!;
      // A comparison that lets NaN through.
      y[row * columns + i] = activation === 'relu' && sum < 0 ? 0 : sum;
    }
  }
  return result;
}

/** Adds x times weights, `[x.length, sums.length]`, to the sums; eight rows at a time, so that sums are seldom stored. */
function addProduct(x: Float32Array, weights: Float32Array, sums: Float64Array): void {
  const columns = sums.length;
  const whole = x.length - (x.length % 8);
  for (let k = 0; k < whole; k += 8) {
    const [x0, x1, x2, x3] = [x[k]!, x[k + 1]!, x[k + 2]!, x[k + 3]!];
    const [x4, x5, x6, x7] = [x[k + 4]!, x[k + 5]!, x[k + 6]!, x[k + 7]!];
    const at = k * columns;
    const r1 = at + columns;
    const r2 = r1 + columns;
    const r3 = r2 + columns;
    const r4 = r3 + columns;
    const r5 = r4 + columns;
    const r6 = r5 + columns;
    const r7 = r6 + columns;
    for (let i = 0; i < columns; i++) {
      sums[i] =
        sums[i]! +
        x0 * weights[at + i]! +
        x1 * weights[r1 + i]! +
        x2 * weights[r2 + i]! +
        x3 * weights[r3 + i]! +
        x4 * weights[r4 + i]! +
        x5 * weights[r5 + i]! +
        x6 * weights[r6 + i]! +
        x7 * weights[r7 + i]!;
    }
  }
  for (let k = whole; k < x.length; k++) {
    for (let i = 0; i < columns; i++) sums[i] = sums[i]! + x[k]! * weights[k * columns + i]!;
  }
}
