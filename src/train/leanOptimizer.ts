import {
  add,
  div,
  engine,
  keep,
  mul,
  type NamedTensorMap,
  Optimizer,
  sqrt,
  square,
  sub,
  type Tensor,
  tidy,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { OPTIMIZERS } from '../core/optimizers.js';
import { hasKernel, type OwnKernels, runOwnKernel, type UpdateKernel } from '../tfjs/kernels.js';

/** An optimizer's step for one tensor of weights. */
export interface Rule<Slot extends string = string, Numbers extends object = object> {
  /** A kernel that does the step in place, used where the backend has it (with `vgg-blocks/wasm`). */
  kernel?: UpdateKernel;
  /** The optimizer's state: tensors of the weights' shape, initially zero. */
  slots: readonly Slot[];
  /** The numbers that `update` and the kernel use at step 1, 2, ... */
  numbers(rate: number, step: number): Numbers;
  /** The new weights and slots. */
  update(inputs: Tensors<'weights' | 'gradient' | Slot>, numbers: Numbers): Tensors<'weights' | Slot>;
}

type Tensors<Name extends string> = Record<Name, Tensor>;

/** A rule with a kernel, whose inputs include its slots and whose attributes are its numbers. */
type KernelRule<N extends UpdateKernel> = { kernel: N } & Rule<
  Exclude<keyof OwnKernels[N]['inputs'] & string, 'weights' | 'gradient'>,
  OwnKernels[N]['attrs']
>;

/** Plain gradient descent: w - rate g. */
export const SGD: KernelRule<'SgdUpdate'> = {
  kernel: 'SgdUpdate',
  slots: OPTIMIZERS.sgd.slots,
  numbers: (rate) => ({ rate }),
  update: ({ weights, gradient }, { rate }) => ({ weights: sub(weights, mul(gradient, rate)) }),
};

/** Momentum of 0.9 as in PyTorch and Keras: the velocity is 0.9 v + g, the weights w - rate v. */
export const MOMENTUM: KernelRule<'MomentumUpdate'> = {
  kernel: 'MomentumUpdate',
  slots: OPTIMIZERS.momentum.slots,
  numbers: (rate) => ({ rate, momentum: 0.9 }),
  update(inputs, { rate, momentum }) {
    const velocity = add(mul(inputs.velocity, momentum), inputs.gradient);
    return { weights: sub(inputs.weights, mul(velocity, rate)), velocity };
  },
};

/** Adam (Kingma & Ba 2015, arXiv:1412.6980), with the decay rates that the paper proposes. */
export function adam(epsilon: number, beta1 = 0.9, beta2 = 0.999): KernelRule<'AdamUpdate'> {
  return {
    kernel: 'AdamUpdate',
    slots: OPTIMIZERS.adam.slots,
    numbers: (rate, step) => ({
      ...{ rate, beta1, beta2, epsilon },
      scale1: 1 - beta1 ** step,
      scale2: 1 - beta2 ** step,
    }),
    update({ weights, gradient, ...moments }, { rate, scale1, scale2 }) {
      const first = add(mul(moments.first, beta1), mul(gradient, 1 - beta1));
      const second = add(mul(moments.second, beta2), mul(square(gradient), 1 - beta2));
      const root = add(sqrt(div(second, scale2)), epsilon);
      return { weights: sub(weights, mul(div(div(first, scale1), root), rate)), first, second };
    },
  };
}

/**
 * An optimizer that needs little more memory than the weights, their gradients and its slots. It updates one tensor of weights
 * after another and disposes each gradient once used; where the backend has a kernel for its step, the new weights take the
 * gradient's memory. tfjs's own Adam takes about eight times the memory of the weights.
 */
export class LeanOptimizer extends Optimizer {
  static readonly className = 'LeanOptimizer';

  readonly #slots = new Map<string, NamedTensorMap>();

  constructor(
    readonly rule: Rule,
    public learningRate: number,
  ) {
    super();
  }

  override applyGradients(gradients: NamedTensorMap | { name: string; tensor: Tensor }[]): void {
    this.incrementIterations();
    const { rule } = this;
    const numbers = rule.numbers(this.learningRate, this.iterations) as OwnKernels[UpdateKernel]['attrs'];
    const kernel = rule.kernel && hasKernel(rule.kernel) ? rule.kernel : undefined;
    const all = Array.isArray(gradients)
      ? gradients
      : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
    for (const { name, tensor: gradient } of all) {
      const weights = engine().registeredVariables[name]!;
      // Weights that the loss does not depend on have no gradient.
      if (!gradient) continue;
      const slots = this.#slotsOf(name, weights);
      const inputs = { weights, gradient, ...slots };
      const next = tidy(() =>
        kernel ? { weights: runOwnKernel(kernel, inputs, numbers) } : rule.update(inputs, numbers),
      ) as NamedTensorMap & { weights: Tensor };
      weights.assign(next.weights);
      next.weights.dispose();
      gradient.dispose();
      for (const slot of rule.slots) {
        if (!next[slot]) continue;
        slots[slot]!.dispose();
        slots[slot] = keep(next[slot]);
      }
    }
  }

  override getConfig() {
    return { learningRate: this.learningRate };
  }

  override dispose(): void {
    for (const slots of this.#slots.values()) for (const slot of Object.values(slots)) slot.dispose();
    this.#slots.clear();
  }

  #slotsOf(name: string, weights: Tensor): NamedTensorMap {
    let slots = this.#slots.get(name);
    if (!slots) {
      slots = {};
      this.#slots.set(name, slots);
      for (const slot of this.rule.slots) slots[slot] = keep(zerosLike(weights));
    }
    return slots;
  }
}
