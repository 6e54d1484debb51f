import {
  backend_util,
  getKernel,
  type SliceAttrs,
  slice_util,
  type Tensor,
  type TensorInfo,
  Tile,
  type TileAttrs,
  util,
} from '@tensorflow/tfjs-core';
import { fail } from '../base/check.js';
import { size } from '../base/shapes.js';
import { addressOf, inPlaceOf, output, sharing } from './backend.js';
import { type Call, type OwnCall, shareNumbers } from './run.js';

/**
 * A tensor with the same numbers, not a copy, as on every other backend. tfjs clones everything that a gradient needs, so
 * the backend's own kernel, which copies, doubles the memory of a training step.
 */
export function identity({ backend, inputs, attrs, stock }: Call<{ x: TensorInfo }, object>) {
  const { x } = inputs;
  if (x.dtype === 'string') return stock(inputs, attrs);
  return sharing(backend, x);
}

/** The gradient of a ReLU's input, from the gradient of its output, in its memory, and the output itself. */
export function reluGrad(call: OwnCall<'ReluGrad'>): TensorInfo {
  const { backend, inputs } = call;
  const dx = inPlaceOf(backend, inputs.dy);
  const tensors = [inputs.dy, inputs.y, dx].map((tensor) => addressOf(backend, tensor));
  shareNumbers(call, 'reluGradient', util.sizeFromShape(dx.shape), tensors);
  return dx;
}

/**
 * Repeats a tensor. Repeating all of it, as the gradient of batch normalization repeats a row of channels for each pixel, only
 * copies blocks; the backend's own kernel computes the position of each number.
 */
export function tile({ backend, inputs, attrs, stock }: Call<{ x: TensorInfo }, TileAttrs>) {
  const { x } = inputs;
  const lastRepeated = attrs.reps.findLastIndex((count) => count !== 1);
  const count = size(x.shape);
  const isWhole = x.dtype !== 'string' && x.shape.slice(0, lastRepeated).every((length) => length === 1);
  if (!isWhole || count === 0) return stock(inputs, attrs);
  const shape = x.shape.map((length, i) => length * attrs.reps[i]!);
  const { info, target, source } = output(backend, x, shape);
  target.set(source.subarray(0, target.length));
  for (let filled = count; filled < target.length; filled *= 2) target.copyWithin(filled, 0, filled);
  return info;
}

/**
 * A part of a tensor, copied within the backend's memory. The backend's own kernel first copies the whole tensor out of it, for every
 * batch of a set of images and for every few rows of a dense layer of 411 MB.
 */
export function slice({ backend, inputs, attrs, stock }: Call<{ x: TensorInfo }, SliceAttrs>) {
  const { x } = inputs;
  if (x.dtype === 'string') return stock(inputs, attrs);
  const [begin, sides] = slice_util.parseSliceParams(x as Tensor, attrs.begin, attrs.size) as [
    number[],
    number[],
  ];
  slice_util.assertParamsValid(x as Tensor, begin, sides);
  // tfjs lets these pass.
  if (![...begin, ...sides].every((number) => Number.isInteger(number) && number >= 0)) {
    fail(
      'Slice',
      `it begins at [${begin}] and has the size [${sides}]; both must be whole numbers of at least 0.`,
    );
  }
  const { info, target, source } = output(backend, x, sides);
  // From this axis on, what is copied lies side by side.
  const inner = Math.max(
    0,
    sides.findLastIndex((side, axis) => side !== x.shape[axis]),
  );
  const strides = util.computeStrides(x.shape).concat(1);
  const run = sides[inner]! * strides[inner]!;
  const place = [...begin.slice(0, inner), begin[inner]!];
  for (let at = 0; at < target.length; at += run) {
    const from = place.reduce((sum, index, axis) => sum + index * strides[axis]!, 0);
    target.set(source.subarray(from, from + run), at);
    for (let axis = inner - 1; axis >= 0 && ++place[axis]! === begin[axis]! + sides[axis]!; axis--) {
      place[axis] = begin[axis]!;
    }
  }
  return info;
}

/**
 * A PReLU, whose slopes broadcast to its input. The backend's own kernel repeats them as they lie in memory, so that it takes those of
 * rows or of columns for others.
 */
export function prelu({ backend, inputs, attrs, stock }: Call<{ x: TensorInfo; alpha: TensorInfo }, object>) {
  const { x, alpha } = inputs;
  const shape = backend_util.assertAndGetBroadcastShape(x.shape, alpha.shape);
  const isWhole = (tensor: TensorInfo) => util.arraysEqual(tensor.shape, shape);
  const slopes = alpha.shape.slice(alpha.shape.findIndex((length) => length !== 1));
  const isRepeated = size(alpha.shape) === 1 || util.arraysEqual(slopes, shape.slice(-slopes.length));
  if (isWhole(x) && isRepeated) return stock(inputs, attrs);
  const repeated = (tensor: TensorInfo): TensorInfo => {
    const sides = shape.map((_, axis) => tensor.shape[axis - shape.length + tensor.shape.length] ?? 1);
    const reps = shape.map((length, axis) => (length === sides[axis] ? 1 : length));
    const whole = { ...tensor, shape: sides };
    return getKernel(Tile, 'wasm').kernelFunc({
      inputs: { x: whole },
      attrs: { reps },
      backend,
    }) as TensorInfo;
  };
  const made: TensorInfo[] = [];
  const all = [x, alpha].map((tensor) => {
    if (isWhole(tensor)) return tensor;
    made.push(repeated(tensor));
    return made.at(-1)!;
  });
  try {
    return stock({ x: all[0]!, alpha: all[1]! }, attrs);
  } finally {
    for (const { dataId } of made) backend.disposeData(dataId);
  }
}
