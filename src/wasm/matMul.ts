import {
  type _FusedMatMulAttrs,
  type BatchMatMulAttrs,
  broadcast_util,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { addressOf, type Call, withMemory } from './run.js';

/** Rows of A up to which B is read where it lies: packed first, it would have to be used more often to pay. */
const FEW = 32;

/**
 * Where it pays to leave A's zeros out: from which share of it on, which is half behind ReLU and three quarters behind dropout
 * too; from which rows of A on, since for fewer fetching B is most of the time; and from which columns of B on.
 */
const ZEROS = { share: 0.4, rows: 9, columns: 256 };

/** Matrix products of batches that are equal or of one matrix, with transposes. */
export function batchMatMul(call: Call<{ a: TensorInfo; b: TensorInfo }, BatchMatMulAttrs>) {
  return product(call, call.inputs, call.attrs) ?? call.stock(call.inputs, call.attrs);
}

/** The same with bias and activation; activations other than ReLU are left to the backend's own kernel. */
export function fusedMatMul(
  call: Call<
    { a: TensorInfo; b: TensorInfo; bias?: TensorInfo; preluActivationWeights?: TensorInfo },
    _FusedMatMulAttrs
  >,
) {
  const { inputs, attrs } = call;
  const { activation = 'linear' } = attrs;
  const ours = activation === 'linear' || activation === 'relu';
  return (ours && product(call, inputs, attrs, activation === 'relu')) || call.stock(inputs, attrs);
}

function product(
  { backend, kernels }: Pick<Call<object, object>, 'backend' | 'kernels'>,
  { a, b, bias }: { a: TensorInfo; b: TensorInfo; bias?: TensorInfo },
  { transposeA, transposeB }: BatchMatMulAttrs,
  relu = false,
): TensorInfo | undefined {
  const [m, k] = (transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : a.shape.slice(-2)) as [number, number];
  const [inner, n] = (transposeB ? [b.shape.at(-1)!, b.shape.at(-2)!] : b.shape.slice(-2)) as [
    number,
    number,
  ];
  const [batchesA, batchesB] = [a, b].map(({ shape }) => util.sizeFromShape(shape.slice(0, -2))) as [
    number,
    number,
  ];
  const batchShape = broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const batches = util.sizeFromShape(batchShape);
  const plain =
    inner === k &&
    a.dtype === 'float32' &&
    b.dtype === 'float32' &&
    m * n * k * batches > 0 &&
    [batchesA, batchesB].every((count) => count === 1 || count === batches) &&
    (!bias || (bias.shape.length === 1 && bias.shape[0] === n && bias.dtype === 'float32'));
  if (!plain) return undefined;
  const c = backend.makeOutput([...batchShape, m, n], 'float32');
  // Bytes from row to row and from column to column.
  const stepsA: [number, number] = transposeA ? [4, 4 * m] : [4 * k, 4];
  const stepsB: [number, number] = transposeB ? [4, 4 * k] : [4 * n, 4];
  const few = m <= FEW && !transposeA && !transposeB;
  const maySkip = m >= ZEROS.rows && n >= ZEROS.columns;
  const bytes = Math.max(
    few ? kernels.productOfFewBytes(m, n) : kernels.productBytes(m, n, k, stepsB[1]),
    maySkip ? kernels.sparseBytes(n, k) : 0,
  );
  withMemory(backend, bytes, (work) => {
    for (let i = 0; i < batches; i++) {
      const fromA = addressOf(backend, a) + 4 * m * k * (batchesA === 1 ? 0 : i);
      const fromB = addressOf(backend, b) + 4 * k * n * (batchesB === 1 ? 0 : i);
      const to = addressOf(backend, c) + 4 * m * n * i;
      const rest = [to, addressOf(backend, bias), Number(relu), work] as const;
      const sparse = maySkip && kernels.zeros(m * k, fromA) > ZEROS.share * m * k;
      if (few && !sparse) kernels.productOfFew(m, n, k, fromA, stepsA[0], fromB, ...rest);
      else {
        const multiply = sparse ? kernels.sparseProduct : kernels.product;
        multiply(m, n, k, fromA, ...stepsA, fromB, ...stepsB, ...rest);
      }
    }
  });
  return c;
}
