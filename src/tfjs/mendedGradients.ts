import {
  div,
  equal,
  type GradConfig,
  getGradient,
  Max,
  type MaxAttrs,
  mul,
  registerGradient,
  reshape,
  stack,
  sum,
  type Tensor,
  Unpack,
  type UnpackAttrs,
  unregisterGradient,
  util,
  where,
} from '@tensorflow/tfjs-core';
import { mendMaxPoolGradient } from './maxPoolGradient.js';

const MENDED = Symbol.for('vgg-blocks/gradients');

const GRADIENTS: Readonly<Record<string, GradConfig['gradFunc']>> = {
  /**
   * Of a maximum, as of global max pooling: equal numbers share the gradient evenly, as in TensorFlow and in PyTorch's `amax`. tfjs
   * gives the whole of it to each of them.
   */
  [Max](dy, [x, y], attrs) {
    const axes = util.parseAxisParam((attrs as unknown as MaxAttrs).reductionIndices, x!.shape);
    const kept = x!.shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
    // Not a cast: on WebGPU, tfjs sums what was cast from bool over some axes as bits.
    const largest = where(equal(x!, reshape(y!, kept)), 1, 0);
    return { x: () => mul(largest, div(reshape(dy as Tensor, kept), sum(largest, axes, true))) };
  },
  /** Of an axis taken apart, as in recurrent layers: tfjs fails where its length is 1, since one gradient is no list. */
  [Unpack](dy, _, attrs) {
    const { axis } = attrs as unknown as UnpackAttrs;
    return { value: () => stack([dy].flat(), axis) };
  },
};

/** Mends gradients of tfjs, up to 4.22, once and for all, because gradients of a loss are taken after it was computed. */
export function mendGradients(): void {
  mendMaxPoolGradient();
  for (const [kernelName, gradFunc] of Object.entries(GRADIENTS)) {
    const own = getGradient(kernelName);
    if (!own || MENDED in own.gradFunc) continue;
    // It would warn of a second one.
    unregisterGradient(kernelName);
    registerGradient({ ...own, gradFunc: Object.assign(gradFunc, { [MENDED]: true }) });
  }
}
