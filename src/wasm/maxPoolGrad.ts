import type { MaxPoolGradAttrs, TensorInfo } from '@tensorflow/tfjs-core';
import { addressOf } from './backend.js';
import { eachImages, gradientInfo } from './pool.js';
import type { Call } from './run.js';

/**
 * The gradient of max pooling: each output's gradient goes to the first of its window's largest inputs, or to none if the
 * window has no number above minus infinity, as on the cpu backend. The backend's own kernel searches each window once for
 * every input in it.
 */
export function maxPoolGrad(call: Call<{ dy: TensorInfo; input: TensorInfo }, MaxPoolGradAttrs>): TensorInfo {
  const { backend, inputs, attrs } = call;
  const { dy, input } = inputs;
  const dx = backend.makeOutput(input.shape, 'float32');
  const [x, gradient, to] = [input, dy, dx].map((tensor) => addressOf(backend, tensor)) as [
    number,
    number,
    number,
  ];
  eachImages(call, gradientInfo(input, dy, attrs), 'maxPoolGradient', (ins, outs) => [
    ...[x + 4 * ins, gradient + 4 * outs, to + 4 * ins],
  ]);
  return dx;
}
