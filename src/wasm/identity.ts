import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { Call } from './run.js';

/**
 * The same numbers once more, without a copy, as on every other backend. tfjs makes one of whatever a gradient needs, so
 * that the backend's own kernel, which copies, doubles the memory of a training step.
 */
export function identity({ backend, inputs, attrs, stock }: Call<{ x: TensorInfo }, object>) {
  const { x } = inputs;
  if (x.dtype === 'string') return stock(inputs, attrs);
  backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
}
