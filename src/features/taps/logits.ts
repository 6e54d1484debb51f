import type { Tensor } from '@tensorflow/tfjs-core';
import { activationOf, lastCalls } from '../../tfjs/classifier.js';
import { appliedFixed } from '../../tfjs/fixedCall.js';
import { type Call, compute, type Graph } from '../../tfjs/graph.js';
import { applyActivation } from '../../tfjs/sharedLayer.js';
import type { Tap } from './taps.js';

/**
 * A classifier up to its logits: without the softmax, log softmax or sigmoid that it may end with. The function is differentiable, runs as in
 * inference (no dropout, moving statistics), and does not change the layers.
 *
 * @param apply calls a layer in another way, but for the last ones.
 * @returns a function from images, and the tensor at the tap if there is one, to the output without its softmax or sigmoid. What
 *   does not depend on the tap is computed from the images.
 */
export function logitsFrom(
  graph: Graph,
  tap?: Tap,
  apply: (call: Call, inputs: Tensor[]) => Tensor[] = appliedFixed,
): (images: Tensor, features?: Tensor) => Tensor {
  const last = new Set(
    lastCalls(graph).filter((call) => /^(softmax|logSoftmax|sigmoid)$/.test(activationOf(call))),
  );
  return (images, features) => {
    const known = new Map([[graph.input, [images]]]);
    if (tap && features) {
      const { call, side } = tap;
      known.set(call, [
        side === 'before' && !last.has(call) ? applyActivation(features, call.layer) : features,
      ]);
    }
    const [logits] = compute<Tensor>(graph.outputs, known, (call, inputs) => {
      if (!last.has(call)) return apply(call, inputs);
      const isActivation = /^(Activation|Softmax)$/.test(call.layer.getClassName());
      return isActivation ? inputs : appliedFixed(call, inputs, 'none');
    });
    return logits!;
  };
}
