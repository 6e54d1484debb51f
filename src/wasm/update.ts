import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf, replacementOf, type WasmBackend } from './backend.js';
import type { OwnCall } from './run.js';

/** One step of SGD. */
export function sgdUpdate({ backend, kernels, inputs, attrs }: OwnCall<'SgdUpdate'>): TensorInfo {
  return inPlace(backend, inputs, (n, w, g, to) => kernels.sgdUpdate(n, w, g, to, attrs.rate, attrs.decay));
}

/** One step with momentum. */
export function momentumUpdate({
  backend,
  kernels,
  inputs,
  attrs: { rate, momentum, nesterov, decay },
}: OwnCall<'MomentumUpdate'>): TensorInfo {
  const velocity = addressOf(backend, inputs.velocity);
  const [ofVelocity, ofGradient] = nesterov ? [momentum, 1] : [1, 0];
  return inPlace(backend, inputs, (n, w, g, to) =>
    kernels.momentumUpdate(n, w, g, velocity, to, rate, momentum, decay, ofVelocity, ofGradient),
  );
}

/** One step of Adam. */
export function adamUpdate({ backend, kernels, inputs, attrs }: OwnCall<'AdamUpdate'>): TensorInfo {
  const [first, second] = [addressOf(backend, inputs.first), addressOf(backend, inputs.second)];
  const { rate, beta1, beta2, scale1, scale2, epsilon, decay, keep } = attrs;
  return inPlace(backend, inputs, (n, w, g, to) =>
    kernels.adamUpdate(
      ...[n, w, g, first, second, to, rate],
      ...[beta1, 1 - beta1, beta2, 1 - beta2, scale1, scale2, epsilon],
      ...[decay, keep],
    ),
  );
}

/** Writes the new weights in the place of the old ones, unless another tensor shares those. */
function inPlace(
  backend: WasmBackend,
  { weights, gradient }: OwnCall<'SgdUpdate'>['inputs'],
  update: (n: number, weights: number, gradient: number, to: number) => void,
): TensorInfo {
  const [from, slope] = [addressOf(backend, weights), addressOf(backend, gradient)];
  const to = replacementOf(backend, weights, gradient);
  update(util.sizeFromShape(weights.shape), from, slope, addressOf(backend, to));
  return to;
}
