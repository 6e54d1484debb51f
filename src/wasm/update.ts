import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf, replacementOf } from './backend.js';
import { type OwnCall, shareNumbers, type Tools } from './run.js';
import type { Task } from './tasks.js';

/** One step of SGD. */
export function sgdUpdate(call: OwnCall<'SgdUpdate'>): TensorInfo {
  return inPlace(call, 'sgdUpdate', [], [call.attrs.rate, call.attrs.decay]);
}

/** One step with momentum. */
export function momentumUpdate(call: OwnCall<'MomentumUpdate'>): TensorInfo {
  const { rate, momentum, nesterov, decay } = call.attrs;
  const [ofVelocity, ofGradient] = nesterov ? [momentum, 1] : [1, 0];
  const numbers = [rate, momentum, decay, ofVelocity!, ofGradient!];
  return inPlace(call, 'momentumUpdate', [call.inputs.velocity], numbers);
}

/** One step of Adam. */
export function adamUpdate(call: OwnCall<'AdamUpdate'>): TensorInfo {
  const { rate, beta1, beta2, scale1, scale2, epsilon, decay, keep } = call.attrs;
  return inPlace(
    call,
    'adamUpdate',
    [call.inputs.first, call.inputs.second],
    [rate, beta1, 1 - beta1, beta2, 1 - beta2, scale1, scale2, epsilon, decay, keep],
  );
}

/** Writes the new weights in the place of the old ones, unless another tensor shares those. */
function inPlace(
  call: Tools & { inputs: { weights: TensorInfo; gradient: TensorInfo } },
  kernel: Task['kernel'],
  slots: TensorInfo[],
  numbers: number[],
): TensorInfo {
  const { backend, inputs } = call;
  const { weights, gradient } = inputs;
  const tensors = [weights, gradient, ...slots].map((tensor) => addressOf(backend, tensor));
  const to = replacementOf(backend, weights, gradient);
  tensors.push(addressOf(backend, to));
  shareNumbers(call, kernel, util.sizeFromShape(weights.shape), tensors, numbers);
  return to;
}
