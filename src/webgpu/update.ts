import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { inPlaceOf, type WebgpuBackend } from './backend.js';
import { type Change, change } from './change.js';
import { type OwnCall, runEach } from './run.js';

/** One step of SGD. */
export function sgdUpdate({ backend, inputs, attrs }: OwnCall<'SgdUpdate'>): TensorInfo {
  const { weights, gradient } = inputs;
  return inGradient(backend, gradient, (next) => ({
    name: 'SGD',
    changed: { next },
    inputs: { weights },
    floats: { ...attrs },
    code: 'next[i] = weights[i] - rate * (next[i] + decay * weights[i]);',
  }));
}

/** One step with momentum. */
export function momentumUpdate({ backend, inputs, attrs }: OwnCall<'MomentumUpdate'>): TensorInfo {
  const { weights, gradient, velocity } = inputs;
  const { rate, momentum, nesterov, decay } = attrs;
  const [ofVelocity, ofGradient] = nesterov ? [momentum, 1] : [1, 0];
  return inGradient(backend, gradient, (next) => ({
    name: 'momentum',
    changed: { next, velocity },
    inputs: { weights },
    floats: { rate, momentum, decay, ofVelocity, ofGradient },
    code: `
  let gradient = next[i] + decay * weights[i];
  let moved = momentum * velocity[i] + gradient;
  velocity[i] = moved;
  next[i] = weights[i] - rate * (ofVelocity * moved + ofGradient * gradient);`,
  }));
}

/** One step of Adam. */
export function adamUpdate({ backend, inputs, attrs }: OwnCall<'AdamUpdate'>): TensorInfo {
  const { weights, gradient, first, second } = inputs;
  return inGradient(backend, gradient, (next) => ({
    name: 'Adam',
    changed: { next, first, second },
    inputs: { weights },
    floats: { ...attrs, rest1: 1 - attrs.beta1, rest2: 1 - attrs.beta2 },
    code: `
  let gradient = next[i] + decay * weights[i];
  let mean = beta1 * first[i] + rest1 * gradient;
  let square = beta2 * second[i] + rest2 * gradient * gradient;
  first[i] = mean;
  second[i] = square;
  next[i] = keep * weights[i] - rate * (mean / scale1) / (sqrt(square / scale2) + epsilon);`,
  }));
}

/**
 * The new weights, in the memory of a gradient that the caller gives up, or in that of a copy if other tensors share it. They do
 * not take the memory of the old ones, because somebody may be waiting for their numbers.
 */
function inGradient(
  backend: WebgpuBackend,
  gradient: TensorInfo,
  changeOf: (next: TensorInfo) => Change,
): TensorInfo {
  return inPlaceOf(backend, gradient, (next) => {
    if (next.dataId !== gradient.dataId) copy(backend, gradient, next);
    change(backend, changeOf(next));
  });
}

function copy(backend: WebgpuBackend, numbers: TensorInfo, output: TensorInfo): void {
  const count = size(numbers.shape);
  runEach(backend, { name: 'copy', inputs: { numbers }, output, count, code: 'result[i] = numbers[i];' });
}
