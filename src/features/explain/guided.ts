import { customGrad, type GradSaveFunc, mul, relu, step, type Tensor } from '@tensorflow/tfjs-core';
import { fail } from '../../base/check.js';
import { activationOf } from '../../tfjs/classifier.js';
import { appliedFixed } from '../../tfjs/fixedCall.js';
import type { Call, Graph } from '../../tfjs/graph.js';
import { logitsFrom } from '../taps/logits.js';

/**
 * A classifier's logits, with guided backpropagation (Springenberg et al. 2015, section 3.4): in the gradient, each ReLU also drops
 * what is negative, so that only what raises the class's logit comes back to the pixels.
 *
 * @throws RangeError when the model has no ReLU.
 */
export function guidedLogits(where: string, graph: Graph): (x: Tensor) => Tensor {
  if (!graph.calls.some(hasRelu)) {
    fail(where, 'the model has no ReLU, which guided backpropagation changes; use another method.');
  }
  return logitsFrom(graph, undefined, (call, inputs) => {
    if (!hasRelu(call)) return appliedFixed(call, inputs);
    const isLayer = call.layer.getClassName() === 'ReLU';
    return (isLayer ? inputs : appliedFixed(call, inputs, 'none')).map(guidedRelu);
  });
}

/** Whether a layer is a ReLU, without an upper limit, or ends with one. */
function hasRelu(call: Call): boolean {
  return activationOf(call) === 'relu' && (call.layer.getConfig().maxValue ?? null) === null;
}

function guidedRelu(x: Tensor): Tensor {
  return customGrad((x, save) => {
    const y = relu(x as Tensor);
    (save as GradSaveFunc)([y]);
    return { value: y, gradFunc: (dy: Tensor, [y]: Tensor[]) => mul(relu(dy), step(y!)) };
  })(x);
}
