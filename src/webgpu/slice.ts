import { type SliceAttrs, slice_util, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { Call } from './run.js';

/** A slice that is the whole tensor, as `predict` takes one of each batch, shares its numbers; the backend's own kernel copies others. */
export function slice(call: Call<{ x: TensorInfo }, SliceAttrs>) {
  const { backend, inputs, attrs, stock } = call;
  const { x } = inputs;
  const [begin, lengths] = slice_util.parseSliceParams(x as never, attrs.begin, attrs.size);
  const zeros = x.shape.map(() => 0);
  if (!util.arraysEqual(begin!, zeros) || !util.arraysEqual(lengths!, x.shape)) return stock(inputs, attrs);
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
}
