import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { OwnKernels, UpdateKernel } from '../tfjs/kernels.js';
import { addressOf, replacementOf } from './backend.js';
import { type OwnCall, shareNumbers, type Tools } from './run.js';
import type { Task } from './tasks.js';

/** An optimizer's step in WebAssembly. */
interface Update<Attrs, Slot extends string> {
  kernel: Task['kernel'];
  /** Its number in `assembly/dense.ts`. */
  rule: number;
  /** The inputs that are its state. */
  slots: readonly Slot[];
  /** The kernel's last arguments. */
  numbers(attrs: Attrs): number[];
}

const UPDATES: {
  [N in UpdateKernel]: Update<
    OwnKernels[N]['attrs'],
    Exclude<keyof OwnKernels[N]['inputs'] & string, 'weights' | 'gradient'>
  >;
} = {
  SgdUpdate: { kernel: 'sgdUpdate', rule: 1, slots: [], numbers: ({ rate, decay }) => [rate, decay] },
  MomentumUpdate: {
    kernel: 'momentumUpdate',
    rule: 2,
    slots: ['velocity'],
    numbers: ({ rate, momentum, nesterov, decay }) => [
      ...[rate, momentum, decay],
      ...(nesterov ? [momentum, 1] : [1, 0]),
    ],
  },
  AdamUpdate: {
    kernel: 'adamUpdate',
    rule: 3,
    slots: ['first', 'second'],
    numbers: ({ rate, beta1, beta2, scale1, scale2, epsilon, decay, keep }) => [
      ...[rate, beta1, 1 - beta1, beta2, 1 - beta2, scale1, scale2, epsilon, decay, keep],
    ],
  },
};

/** An optimizer's step with its state and its numbers. */
export interface Step {
  kernel: Task['kernel'];
  rule: number;
  state: TensorInfo[];
  numbers: number[];
}

/** A step from the inputs and attributes of its kernel. */
export function stepOf(name: UpdateKernel, inputs: object, attrs: OwnKernels[UpdateKernel]['attrs']): Step {
  const { kernel, rule, slots, numbers } = UPDATES[name] as Update<typeof attrs, string>;
  const state = slots.map((slot) => (inputs as Record<string, TensorInfo>)[slot]!);
  return { kernel, rule, state, numbers: numbers(attrs) };
}

/** One step of SGD. */
export function sgdUpdate(call: OwnCall<'SgdUpdate'>): TensorInfo {
  return update(call, stepOf('SgdUpdate', call.inputs, call.attrs));
}

/** One step with momentum. */
export function momentumUpdate(call: OwnCall<'MomentumUpdate'>): TensorInfo {
  return update(call, stepOf('MomentumUpdate', call.inputs, call.attrs));
}

/** One step of Adam. */
export function adamUpdate(call: OwnCall<'AdamUpdate'>): TensorInfo {
  return update(call, stepOf('AdamUpdate', call.inputs, call.attrs));
}

/** Writes the new weights in the place of the old ones, unless another tensor shares those. */
export function update(
  tools: Tools & { inputs: { weights: TensorInfo; gradient: TensorInfo } },
  { kernel, state, numbers }: Step,
): TensorInfo {
  const { backend, inputs } = tools;
  const { weights, gradient } = inputs;
  const tensors = [weights, gradient, ...state].map((tensor) => addressOf(backend, tensor));
  const to = replacementOf(backend, weights, gradient);
  tensors.push(addressOf(backend, to));
  shareNumbers(tools, kernel, util.sizeFromShape(weights.shape), tensors, numbers);
  return to;
}
