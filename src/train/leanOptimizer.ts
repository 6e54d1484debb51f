import {
  add,
  div,
  engine,
  getBackend,
  getKernel,
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

/** What an optimizer does to one tensor of weights in a step. */
export interface Rule {
  /** What it remembers: tensors of the weights' shape, which begin as zeros. */
  slots: readonly string[];
  /** A kernel that does the step in place, taken where the backend has it; those of `vgg-blocks/wasm` bring it. */
  kernel: string;
  /** Its numbers for step 1, 2, ... */
  numbers(rate: number, step: number): Record<string, number>;
  /** The new weights, and what is then remembered. */
  update(
    weights: Tensor,
    gradient: Tensor,
    slots: NamedTensorMap,
    numbers: Record<string, number>,
  ): NamedTensorMap & { weights: Tensor };
}

/** Plain gradient descent: w - rate g. */
export const SGD: Rule = {
  slots: [],
  kernel: 'SgdUpdate',
  numbers: (rate) => ({ rate }),
  update: (weights, gradient, _, { rate }) => ({ weights: sub(weights, mul(gradient, rate!)) }),
};

/** Momentum of 0.9 as PyTorch and Keras have it: the velocity is 0.9 v + g, the weights w - rate v. */
export const MOMENTUM: Rule = {
  slots: ['velocity'],
  kernel: 'MomentumUpdate',
  numbers: (rate) => ({ rate, momentum: 0.9 }),
  update(weights, gradient, slots, { rate, momentum }) {
    const velocity = add(mul(slots.velocity!, momentum!), gradient);
    return { weights: sub(weights, mul(velocity, rate!)), velocity };
  },
};

/** Adam (Kingma & Ba 2015, arXiv:1412.6980), with the decay rates that the paper proposes. */
export function adam(epsilon: number, beta1 = 0.9, beta2 = 0.999): Rule {
  return {
    slots: ['first', 'second'],
    kernel: 'AdamUpdate',
    numbers: (rate, step) => ({
      ...{ rate, beta1, beta2, epsilon },
      scale1: 1 - beta1 ** step,
      scale2: 1 - beta2 ** step,
    }),
    update(weights, gradient, slots, { rate, scale1, scale2 }) {
      const first = add(mul(slots.first!, beta1), mul(gradient, 1 - beta1));
      const second = add(mul(slots.second!, beta2), mul(square(gradient), 1 - beta2));
      const root = add(sqrt(div(second, scale2!)), epsilon);
      return { weights: sub(weights, mul(div(div(first, scale1!), root), rate!)), first, second };
    },
  };
}

/**
 * An optimizer that needs little more memory than the weights, their gradients and what it remembers. It goes from one
 * tensor of weights to the next and lets each gradient go once it is used; where the backend has a kernel for its step, the
 * new weights take the gradient's place. tfjs's own Adam holds some eight times the weights at a time.
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
    const numbers = rule.numbers(this.learningRate, this.iterations);
    const hasKernel = getKernel(rule.kernel, getBackend()) !== undefined;
    const all = Array.isArray(gradients)
      ? gradients
      : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
    for (const { name, tensor: gradient } of all) {
      const weights = engine().registeredVariables[name]!;
      // What the loss does not depend on has no gradient.
      if (!gradient) continue;
      const slots = this.#slotsOf(name, weights);
      const next = tidy(() =>
        hasKernel
          ? { weights: engine().runKernel(rule.kernel, { weights, gradient, ...slots }, numbers) as Tensor }
          : rule.update(weights, gradient, slots, numbers),
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
