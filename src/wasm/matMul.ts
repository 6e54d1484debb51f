import {
  type _FusedMatMulAttrs,
  type BatchMatMulAttrs,
  broadcast_util,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { addressOf } from './backend.js';
import { finish, isKnown } from './epilogue.js';
import { multiply } from './product.js';
import type { Call, Tools } from './run.js';

/** Matrix products, also of batches that broadcast, with transposes. */
export function batchMatMul(call: Call<{ a: TensorInfo; b: TensorInfo }, BatchMatMulAttrs>) {
  return product(call, call.inputs, call.attrs) ?? call.stock(call.inputs, call.attrs);
}

/** The same with bias and activation. */
export function fusedMatMul(
  call: Call<
    { a: TensorInfo; b: TensorInfo; bias?: TensorInfo; preluActivationWeights?: TensorInfo },
    _FusedMatMulAttrs
  >,
) {
  const { inputs, attrs } = call;
  const { bias, preluActivationWeights } = inputs;
  if (!isKnown(attrs.activation)) return call.stock(inputs, attrs);
  const [columns, terms] = attrs.transposeB ? inputs.b.shape.slice(-2) : inputs.b.shape.slice(-2).reverse();
  const isRow = terms! > 0 && bias?.shape.length === 1 && bias.shape[0] === columns;
  const isRelu = attrs.activation === 'relu' && (isRow || !bias);
  const y = product(call, isRow ? inputs : { a: inputs.a, b: inputs.b }, attrs, isRelu);
  if (!y) return call.stock(inputs, attrs);
  if (isRelu) return y;
  return finish(call, y, { ...attrs, bias: isRow ? undefined : bias, preluActivationWeights });
}

/** The product of float32 matrices; undefined for others. */
function product(
  tools: Tools,
  { a, b, bias }: { a: TensorInfo; b: TensorInfo; bias?: TensorInfo },
  { transposeA, transposeB }: BatchMatMulAttrs,
  relu = false,
): TensorInfo | undefined {
  const [m, k] = (transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : a.shape.slice(-2)) as [number, number];
  const [inner, n] = (transposeB ? [b.shape.at(-1)!, b.shape.at(-2)!] : b.shape.slice(-2)) as [
    number,
    number,
  ];
  const batchShape = broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const plain =
    Math.min(a.shape.length, b.shape.length) >= 2 &&
    inner === k &&
    a.dtype === 'float32' &&
    b.dtype === 'float32';
  if (!plain) return undefined;
  const { backend } = tools;
  const c = backend.makeOutput([...batchShape, m, n], 'float32');
  const [batchesA, batchesB] = [a, b].map(({ shape }) => batchesOf(shape.slice(0, -2), batchShape));
  const stepsA = transposeA ? ([4, 4 * m] as const) : ([4 * k, 4] as const);
  const stepsB = transposeB ? ([4, 4 * k] as const) : ([4 * n, 4] as const);
  for (let i = 0; i < util.sizeFromShape(batchShape); i++) {
    const addresses = {
      a: addressOf(backend, a) + 4 * m * k * batchesA!(i),
      b: addressOf(backend, b) + 4 * k * n * batchesB!(i),
      bias: addressOf(backend, bias),
      c: addressOf(backend, c) + 4 * m * n * i,
    };
    multiply(tools, { m, n, k, stepsA, stepsB, relu }, addresses);
  }
  return c;
}

/** Which matrix of a batch of shape `shape` belongs to matrix i of a batch of shape `whole`, to which it is broadcast. */
function batchesOf(shape: number[], whole: number[]): (i: number) => number {
  return (i) => {
    let [rest, place, step] = [i, 0, 1];
    for (let axis = 1; axis <= shape.length; axis++) {
      const length = shape.at(-axis)!;
      const at = rest % whole.at(-axis)!;
      if (length > 1) place += at * step;
      rest = (rest - at) / whole.at(-axis)!;
      step *= length;
    }
    return place;
  };
}
