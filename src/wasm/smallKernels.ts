import { type SumAttrs, type TensorInfo, type TileAttrs, util } from '@tensorflow/tfjs-core';
import { addressOf, inPlaceOf, output } from './backend.js';
import type { Call, OwnCall } from './run.js';

/**
 * A tensor with the same numbers, not a copy, as on every other backend. tfjs clones everything that a gradient needs, so
 * the backend's own kernel, which copies, doubles the memory of a training step.
 */
export function identity({ backend, inputs, attrs, stock }: Call<{ x: TensorInfo }, object>) {
  const { x } = inputs;
  if (x.dtype === 'string') return stock(inputs, attrs);
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
}

/** The gradient of a ReLU's input, from the gradient of its output, in its memory, and the output itself. */
export function reluGrad({ backend, kernels, inputs: { dy, y } }: OwnCall<'ReluGrad'>): TensorInfo {
  const dx = inPlaceOf(backend, dy);
  kernels.reluGradient(
    util.sizeFromShape(y.shape),
    ...([addressOf(backend, dy), addressOf(backend, y), addressOf(backend, dx)] as const),
  );
  return dx;
}

/**
 * The sum over a tensor's first axes, such as a bias's gradient, which is a sum over all pixels. The backend's own kernel would
 * transpose the tensor first; it computes all other sums.
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

/**
 * Repeats a tensor. Repeating all of it, as the gradient of batch normalization repeats a row of channels for each pixel, only
 * copies blocks; the backend's own kernel computes the position of each number.
 */
export function tile({ backend, inputs, attrs, stock }: Call<{ x: TensorInfo }, TileAttrs>) {
  const { x } = inputs;
  const lastRepeated = attrs.reps.findLastIndex((count) => count !== 1);
  const size = util.sizeFromShape(x.shape);
  const isWhole = x.dtype !== 'string' && x.shape.slice(0, lastRepeated).every((length) => length === 1);
  if (!isWhole || size === 0) return stock(inputs, attrs);
  const shape = x.shape.map((length, i) => length * attrs.reps[i]!);
  const { info, target, source } = output(backend, x, shape);
  target.set(source.subarray(0, target.length));
  for (let filled = size; filled < target.length; filled *= 2) target.copyWithin(filled, 0, filled);
  return info;
}
