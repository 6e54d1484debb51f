import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { inPlaceOf, type WebgpuBackend } from './backend.js';
import { type OwnCall, runEach } from './run.js';

/** One step of SGD. */
export function sgdUpdate({ backend, inputs, attrs }: OwnCall<'SgdUpdate'>): TensorInfo {
  const { weights, gradient } = inputs;
  return inGradient(backend, gradient, {
    name: 'SGD',
    inputs: { weights },
    floats: { ...attrs },
    code: 'result[i] = weights[i] - rate * (result[i] + decay * weights[i]);',
  });
}

/** One step with momentum. */
export function momentumUpdate({ backend, inputs, attrs }: OwnCall<'MomentumUpdate'>): TensorInfo {
  const { weights, gradient, velocity } = inputs;
  const { rate, momentum, nesterov, decay } = attrs;
  const [ofVelocity, ofGradient] = nesterov ? [momentum, 1] : [1, 0];
  return inGradient(backend, gradient, {
    name: 'momentum',
    updates: { velocity },
    inputs: { weights },
    floats: { rate, momentum, decay, ofVelocity, ofGradient },
    code: `
  let gradient = result[i] + decay * weights[i];
  let moved = momentum * velocity[i] + gradient;
  velocity[i] = moved;
  result[i] = weights[i] - rate * (ofVelocity * moved + ofGradient * gradient);`,
  });
}

/** One step of Adam. */
export function adamUpdate({ backend, inputs, attrs }: OwnCall<'AdamUpdate'>): TensorInfo {
  const { weights, gradient, first, second } = inputs;
  return inGradient(backend, gradient, {
    name: 'Adam',
    updates: { first, second },
    inputs: { weights },
    floats: { ...attrs, rest1: 1 - attrs.beta1, rest2: 1 - attrs.beta2 },
    code: `
  let gradient = result[i] + decay * weights[i];
  let mean = beta1 * first[i] + rest1 * gradient;
  let square = beta2 * second[i] + rest2 * gradient * gradient;
  first[i] = mean;
  second[i] = square;
  result[i] = keep * weights[i] - rate * (mean / scale1) / (sqrt(square / scale2) + epsilon);`,
  });
}

/** Arithmetic on the gradient, `result`, and tensors of its size, number by number; the numbers have their own names. */
interface Update {
  name: string;
  /** The optimizer's state. */
  updates?: Record<string, TensorInfo>;
  inputs: Record<string, TensorInfo>;
  floats: Record<string, number>;
  code: string;
}

/**
 * The new weights, in the memory of a gradient that the caller gives up, or in that of a copy if other tensors share it. They do
 * not take the memory of the old ones, because somebody may be waiting for their numbers.
 */
function inGradient(
  backend: WebgpuBackend,
  gradient: TensorInfo,
  { name, updates = {}, inputs, floats, code }: Update,
): TensorInfo {
  const numbers = size(gradient.shape);
  const isVector = numbers % 4 === 0;
  return inPlaceOf(backend, gradient, (output) => {
    if (output.dataId !== gradient.dataId) copy(backend, gradient, output);
    runEach(backend, {
      name: `${name} ${isVector}`,
      ...{ inputs, output, updates, floats },
      vec4: isVector ? ['result', ...Object.keys(updates), ...Object.keys(inputs)] : [],
      count: isVector ? numbers / 4 : numbers,
      code: `${Object.keys(floats)
        .map((name) => `let ${name} = uniforms.${name};`)
        .join('\n  ')}
  ${code}`,
    });
  });
}

function copy(backend: WebgpuBackend, numbers: TensorInfo, output: TensorInfo): void {
  const count = size(numbers.shape);
  runEach(backend, { name: 'copy', inputs: { numbers }, output, count, code: 'result[i] = numbers[i];' });
}
