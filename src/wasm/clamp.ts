import { type ClipByValueAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { addressOf } from './backend.js';
import { type Call, shareNumbers, type Tools } from './run.js';

/** The activations that clamp numbers to a range. */
const RANGES = { relu: { low: 0, high: Number.POSITIVE_INFINITY }, relu6: { low: 0, high: 6 } };

type Clamping = keyof typeof RANGES;

/**
 * Numbers clamped to a range. NaN stays NaN; the backend's own kernels replace it, or lose it if its sign bit is set, and take whole
 * numbers for float32.
 */
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
export function clampInPlace(tools: Tools, x: TensorInfo, activation: Clamping): void {
  clamp(tools, x, x, RANGES[activation]);
}

function clamp(tools: Tools, from: TensorInfo, to: TensorInfo, { low, high }: { low: number; high: number }) {
  const addresses = [from, to].map((tensor) => addressOf(tools.backend, tensor));
  shareNumbers(tools, 'clamp', util.sizeFromShape(from.shape), addresses, [low, high]);
}

function clamped<A extends object>(
  call: Call<{ x: TensorInfo }, A>,
  { low, high }: { low: number; high: number },
): TensorInfo {
  const { x } = call.inputs;
  const y = call.backend.makeOutput(x.shape, x.dtype);
  if (x.dtype === 'float32') clamp(call, x, y, { low, high });
  else {
    const [from, to] = [x, y].map((tensor) => call.backend.typedArrayFromHeap(tensor));
    for (let i = 0; i < to!.length; i++) to![i] = Math.min(high, Math.max(low, from![i]!));
  }
  return y;
}
