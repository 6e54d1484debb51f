import { type SliceAttrs, slice_util, type TensorInfo } from '@tensorflow/tfjs-core';
import type { Call } from './run.js';

/** A slice that is the whole tensor, as `predict` takes one of each batch, shares its numbers; the backend's own kernel copies others. */
export function slice(call: Call<{ x: TensorInfo }, SliceAttrs>) {
  const { backend, inputs, attrs, stock } = call;
  const { x } = inputs;
  const [, lengths] = slice_util.parseSliceParams(x as never, attrs.begin, attrs.size);
  if (!lengths!.every((length, axis) => length === x.shape[axis])) return stock(inputs, attrs);
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
}
