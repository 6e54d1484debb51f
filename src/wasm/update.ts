import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf, type Call, type WasmBackend } from './run.js';

interface Step {
  weights: TensorInfo;
  gradient: TensorInfo;
}

/** One step of SGD. Like the steps below, it uses the gradient up: the new weights take its place in memory. */
export function sgdUpdate({ backend, kernels, inputs, attrs }: Call<Step, { rate: number }>): TensorInfo {
  return inPlace(backend, inputs, (n, w, g, to) => kernels.sgdUpdate(n, w, g, to, attrs.rate));
}

/** One step with momentum, whose velocity changes where it lies. */
export function momentumUpdate({
  backend,
  kernels,
  inputs,
  attrs: { rate, momentum },
}: Call<Step & { velocity: TensorInfo }, { rate: number; momentum: number }>): TensorInfo {
  const velocity = addressOf(backend, inputs.velocity);
  return inPlace(backend, inputs, (n, w, g, to) =>
    kernels.momentumUpdate(n, w, g, velocity, to, rate, momentum),
  );
}

/** One step of Adam, whose moments change where they lie. */
export function adamUpdate({
  backend,
  kernels,
  inputs,
  attrs,
}: Call<
  Step & { first: TensorInfo; second: TensorInfo },
  { rate: number; beta1: number; beta2: number; scale1: number; scale2: number; epsilon: number }
>): TensorInfo {
  const [first, second] = [addressOf(backend, inputs.first), addressOf(backend, inputs.second)];
  const { rate, beta1, beta2, scale1, scale2, epsilon } = attrs;
  return inPlace(backend, inputs, (n, w, g, to) =>
    kernels.adamUpdate(
      ...[n, w, g, first, second, to, rate],
      ...[beta1, 1 - beta1, beta2, 1 - beta2, scale1, scale2, epsilon],
    ),
  );
}

/** The new weights where the gradient lies, unless another tensor has its numbers too. */
function inPlace(
  backend: WasmBackend,
  { weights, gradient }: Step,
  update: (n: number, weights: number, gradient: number, to: number) => void,
): TensorInfo {
  const shared = backend.refCount(gradient.dataId) > 1;
  const to = shared
    ? backend.makeOutput(weights.shape, 'float32')
    : { dataId: gradient.dataId, shape: weights.shape, dtype: weights.dtype };
  if (!shared) backend.incRef(gradient.dataId);
  const size = util.sizeFromShape(weights.shape);
  update(size, addressOf(backend, weights), addressOf(backend, gradient), addressOf(backend, to));
  return to;
}
