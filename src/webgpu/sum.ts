import { type SumAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { columnSums } from './columnSums.js';
import type { Call } from './run.js';

/** Sums over all axes but the last, such as the gradient of a bias; the backend's own kernel, which first transposes, computes others. */
export function sum(call: Call<{ x: TensorInfo }, SumAttrs>) {
  const { backend, inputs, attrs, stock } = call;
  const { x } = inputs;
  const axes = util.parseAxisParam(attrs.axis, x.shape);
  const columns = x.shape.at(-1)!;
  const rows = size(x.shape.slice(0, -1));
  const covered =
    x.dtype === 'float32' &&
    x.shape.length > 1 &&
    axes.length === x.shape.length - 1 &&
    new Set(axes).size === axes.length &&
    !axes.includes(x.shape.length - 1) &&
    rows > 1 &&
    columns > 0;
  if (!covered) return stock(inputs, attrs);
  const shape = attrs.keepDims
    ? x.shape.map((length, axis) => (axes.includes(axis) ? 1 : length))
    : [columns];
  const code = 'let number = x[i];';
  return columnSums(backend, { name: 'sum rows', rows, columns, inputs, vec4: ['x'], code }, shape);
}
