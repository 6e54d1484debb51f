import { type SumAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf, type Call } from './run.js';

/**
 * The sum over the first axes of a tensor, as the gradient of a bias is one over all pixels. The backend's own kernel,
 * which does the other sums, transposes the tensor for that.
 */
export function sum({ backend, kernels, inputs, attrs, stock }: Call<{ x: TensorInfo }, SumAttrs>) {
  const { x } = inputs;
  const axes = util.parseAxisParam(attrs.axis, x.shape).sort((a, b) => a - b);
  const rest = x.shape.slice(axes.length);
  const rows = util.sizeFromShape(x.shape.slice(0, axes.length));
  const isFirst = axes.length < x.shape.length && axes.every((axis, i) => axis === i);
  if (!isFirst || x.dtype !== 'float32' || util.sizeFromShape(x.shape) === 0) return stock(inputs, attrs);
  const shape = attrs.keepDims ? [...axes.map(() => 1), ...rest] : rest;
  const y = backend.makeOutput(shape, 'float32');
  kernels.sumRows(addressOf(backend, x), rows, util.sizeFromShape(rest), addressOf(backend, y));
  return y;
}
