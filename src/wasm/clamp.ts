import { type ClipByValueAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf } from './backend.js';
import type { Call, Tools } from './run.js';

/** The activations that clamp numbers to a range. */
const RANGES = { relu: { low: 0, high: Number.POSITIVE_INFINITY }, relu6: { low: 0, high: 6 } };

type Clamping = keyof typeof RANGES;

/** Numbers clamped to a range. NaN stays NaN; the backend's own kernels replace it, or lose it if its sign bit is set. */
export function clipByValue(call: Call<{ x: TensorInfo }, ClipByValueAttrs>) {
  return clamped(call, { low: call.attrs.clipValueMin, high: call.attrs.clipValueMax });
}

export function relu(call: Call<{ x: TensorInfo }, object>) {
  return clamped(call, RANGES.relu);
}

export function relu6(call: Call<{ x: TensorInfo }, object>) {
  return clamped(call, RANGES.relu6);
}

/** Whether an activation clamps, so that it can follow any kernel without one. */
export function isClamping(activation: string): activation is Clamping {
  return activation in RANGES;
}

/** Clamps a new tensor in place. */
export function clampInPlace({ backend, kernels }: Tools, x: TensorInfo, activation: Clamping): void {
  const address = addressOf(backend, x);
  const { low, high } = RANGES[activation];
  kernels.clamp(util.sizeFromShape(x.shape), address, address, low, high);
}

function clamped<A extends object>(
  { backend, kernels, inputs, attrs, stock }: Call<{ x: TensorInfo }, A>,
  { low, high }: { low: number; high: number },
) {
  const { x } = inputs;
  if (x.dtype !== 'float32') return stock(inputs, attrs);
  const y = backend.makeOutput(x.shape, 'float32');
  kernels.clamp(util.sizeFromShape(x.shape), addressOf(backend, x), addressOf(backend, y), low, high);
  return y;
}
