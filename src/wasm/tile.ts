import { type TensorInfo, type TileAttrs, util } from '@tensorflow/tfjs-core';
import { type Call, output } from './run.js';

/**
 * Repeats a tensor. Where it is repeated as a whole, as batch normalization's gradient repeats a row of channels for
 * each pixel, that is a copy of a block; the backend's own kernel works out the place of each number.
 */
export function tile({ backend, inputs, attrs, stock }: Call<{ x: TensorInfo }, TileAttrs>) {
  const { x } = inputs;
  const lastRepeated = attrs.reps.findLastIndex((count) => count !== 1);
  const size = util.sizeFromShape(x.shape);
  const isWhole = x.dtype !== 'string' && x.shape.slice(0, lastRepeated).every((side) => side === 1);
  if (!isWhole || size === 0) return stock(inputs, attrs);
  const shape = x.shape.map((side, i) => side * attrs.reps[i]!);
  const { info, target, source } = output(backend, x, shape);
  target.set(source.subarray(0, target.length));
  for (let filled = size; filled < target.length; filled *= 2) target.copyWithin(filled, 0, filled);
  return info;
}
