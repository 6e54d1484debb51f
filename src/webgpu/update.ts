import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { inPlaceOf, type WebgpuBackend } from './backend.js';
import { change } from './change.js';
import { flat, type OwnCall, run } from './run.js';

/** One step of SGD. */
export function sgdUpdate({ backend, inputs, attrs }: OwnCall<'SgdUpdate'>): TensorInfo {
  const { weights, gradient } = inputs;
  const next = givenUp(backend, gradient);
  change(backend, {
    name: 'SGD',
    changed: { next },
    inputs: { weights },
    floats: { ...attrs },
    code: 'next[i] = weights[i] - rate * (next[i] + decay * weights[i]);',
  });
  return next;
}

/** One step with momentum. */
export function momentumUpdate({ backend, inputs, attrs }: OwnCall<'MomentumUpdate'>): TensorInfo {
  const { weights, gradient, velocity } = inputs;
  const { rate, momentum, nesterov, decay } = attrs;
  const next = givenUp(backend, gradient);
  const [ofVelocity, ofGradient] = nesterov ? [momentum, 1] : [1, 0];
  change(backend, {
    name: 'momentum',
    changed: { next, velocity },
    inputs: { weights },
    floats: { rate, momentum, decay, ofVelocity, ofGradient },
    code: `
  let gradient = next[i] + decay * weights[i];
  let moved = momentum * velocity[i] + gradient;
  velocity[i] = moved;
  next[i] = weights[i] - rate * (ofVelocity * moved + ofGradient * gradient);`,
  });
  return next;
}

/** One step of Adam. */
export function adamUpdate({ backend, inputs, attrs }: OwnCall<'AdamUpdate'>): TensorInfo {
  const { weights, gradient, first, second } = inputs;
  const next = givenUp(backend, gradient);
  change(backend, {
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
  });
  return next;
}

/**
 * A tensor that may be changed in place of a gradient that the caller gives up: in its memory, or in that of a copy if other
 * tensors share it. The new weights take it, because somebody may be waiting for the numbers of the old ones.
 */
function givenUp(backend: WebgpuBackend, gradient: TensorInfo): TensorInfo {
  const next = inPlaceOf(backend, gradient);
  if (next.dataId === gradient.dataId) return next;
  const count = size(gradient.shape);
  return run(backend, {
    name: 'copy',
    inputs: { numbers: gradient },
    output: next,
    ints: { count },
    workgroupSize: [64, 1, 1],
    workgroups: flat(backend, count, 64),
    code: `
fn main() {
  let i = getGlobalIndex();
  if (i < uniforms.count) { result[i] = numbers[i]; }
}`,
  });
}
