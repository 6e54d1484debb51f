import {
  abs,
  add,
  dispose,
  div,
  engine,
  greater,
  keep,
  max,
  maximum,
  minimum,
  mul,
  type NamedTensorMap,
  Optimizer,
  type Scalar,
  scalar,
  where as select,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tidy,
  type Variable,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { fail } from '../base/check.js';
import { OPTIMIZERS } from '../core/optimizers.js';
import {
  hasKernel,
  type KernelStep,
  type OwnKernels,
  runOwnKernel,
  type UpdateKernel,
} from '../tfjs/kernels.js';
import { total } from '../tfjs/total.js';

/** An optimizer's step for one tensor of weights. */
export interface Rule<Slot extends string = string, Numbers extends object = object> {
  /** A kernel that does the step in place, used where the backend has it (with `vgg-blocks/wasm`). */
  kernel?: UpdateKernel;
  /** The optimizer's state: tensors of the weights' shape, initially zero. */
  slots: readonly Slot[];
  /** The numbers that `update` and the kernel use at step 1, 2, ..., for a learning rate and a weight decay. */
  numbers(rate: number, decay: number, step: number): Numbers;
  /** The new weights and slots. */
  update(inputs: Tensors<'weights' | 'gradient' | Slot>, numbers: Numbers): Tensors<'weights' | Slot>;
}

type Tensors<Name extends string> = Record<Name, Tensor>;

/** A rule with a kernel, whose inputs include its slots and whose attributes are its numbers. */
type KernelRule<N extends UpdateKernel> = { kernel: N } & Rule<
  Exclude<keyof OwnKernels[N]['inputs'] & string, 'weights' | 'gradient'>,
  OwnKernels[N]['attrs']
>;

/** Gradient descent: w - rate g. Weight decay adds `decay` w to g, here and in the rules below (L2, as in PyTorch). */
export const SGD: KernelRule<'SgdUpdate'> = {
  kernel: 'SgdUpdate',
  slots: OPTIMIZERS.sgd.slots,
  numbers: (rate, decay) => ({ rate, decay }),
  update: (inputs, { rate, decay }) => ({
    weights: sub(inputs.weights, mul(decayed(inputs, decay), rate)),
  }),
};

/**
 * Momentum of 0.9 as in PyTorch and Keras: the velocity is 0.9 v + g, the weights w - rate v. Nesterov's, in the same two, is
 * w - rate (g + 0.9 v).
 */
export function momentum({ nesterov = false } = {}): KernelRule<'MomentumUpdate'> {
  return {
    kernel: 'MomentumUpdate',
    slots: OPTIMIZERS.momentum.slots,
    numbers: (rate, decay) => ({ rate, momentum: 0.9, nesterov, decay }),
    update(inputs, { rate, momentum, decay }) {
      const gradient = decayed(inputs, decay);
      const velocity = add(mul(inputs.velocity, momentum), gradient);
      const step = nesterov ? add(gradient, mul(velocity, momentum)) : velocity;
      return { weights: sub(inputs.weights, mul(step, rate)), velocity };
    },
  };
}

/**
 * Adam (Kingma & Ba 2015, arXiv:1412.6980), with the decay rates that the paper proposes.
 *
 * @param options.decoupled AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101): weight decay shrinks the weights by
 *   rate * decay, and stays out of the moments.
 */
export function adam({
  epsilon,
  decoupled = false,
}: {
  epsilon: number;
  decoupled?: boolean;
}): KernelRule<'AdamUpdate'> {
  const [beta1, beta2] = [0.9, 0.999];
  return {
    kernel: 'AdamUpdate',
    slots: OPTIMIZERS.adam.slots,
    numbers: (rate, decay, step) => ({
      ...{ rate, beta1, beta2, epsilon },
      scale1: 1 - beta1 ** step,
      scale2: 1 - beta2 ** step,
      decay: decoupled ? 0 : decay,
      keep: decoupled ? 1 - rate * decay : 1,
    }),
    update(inputs, { rate, scale1, scale2, decay, keep }) {
      const gradient = decayed(inputs, decay);
      const first = add(mul(inputs.first, beta1), mul(gradient, 1 - beta1));
      const second = add(mul(inputs.second, beta2), mul(square(gradient), 1 - beta2));
      const root = add(sqrt(div(second, scale2)), epsilon);
      const step = mul(div(div(first, scale1), root), rate);
      const weights = keep === 1 ? inputs.weights : mul(inputs.weights, keep);
      return { weights: sub(weights, step), first, second };
    },
  };
}

function decayed({ weights, gradient }: Tensors<'weights' | 'gradient'>, decay: number): Tensor {
  return decay === 0 ? gradient : add(gradient, mul(weights, decay));
}

/** What every optimizer does beside its rule. */
export interface StepOptions {
  /** Default 0. */
  weightDecay?: number;
  /** Whether all weights decay, or kernels alone: not biases, nor the vectors of batch normalization. Default `'all'`. */
  weightDecayOf?: 'all' | 'kernels';
  /** The largest norm of all gradients together; default none. */
  clipNorm?: number;
}

/**
 * An optimizer that needs little more memory than the weights, their gradients and its slots. It updates one tensor of weights
 * after another and disposes each gradient once used; where the backend has a kernel for its step, it changes the weights in
 * place. tfjs's own Adam takes about eight times the memory of the weights.
 */
export class LeanOptimizer extends Optimizer {
  static readonly className = 'LeanOptimizer';

  readonly #slots = new Map<string, NamedTensorMap>();
  /** The weights whose step is done while gradients are computed; undefined when they are not. */
  #stepped: Set<string> | undefined;

  constructor(
    readonly rule: Rule,
    public learningRate: number,
    readonly options: StepOptions = {},
  ) {
    super();
  }

  /** One step. Slots are created before the first one, so that all steps lay out their memory alike. */
  override minimize(f: () => Scalar, returnCost?: boolean, weights: Variable[] = []): Scalar | null {
    this.createSlots(weights);
    return super.minimize(f, returnCost, weights);
  }

  /** Creates the slots of weights that have none yet. */
  createSlots(weights: readonly Variable[]): void {
    for (const weight of weights) if (!this.#slots.has(weight.name)) this.#newSlots(weight.name, weight);
  }

  /** Gradients of weights whose step is not done with them. Others' gradients, taken between steps, leave the weights alone. */
  override computeGradients(f: () => Scalar, weights?: Variable[]) {
    const stepped = new Set<string>();
    this.#stepped = stepped;
    try {
      const result = super.computeGradients(f, weights);
      const again = [...stepped].find((name) => result.grads[name]);
      if (again === undefined) return result;
      dispose([result.value, result.grads]);
      fail(
        'train',
        `${again} is also used outside of its layer, so its step would be done twice; pass one of tfjs's optimizers, such as tf.train.sgd(0.1).`,
      );
    } finally {
      this.#stepped = undefined;
    }
  }

  override applyGradients(gradients: NamedTensorMap | { name: string; tensor: Tensor }[]): void {
    this.incrementIterations();
    const { rule } = this;
    const { clipNorm } = this.options;
    const kernel = this.#kernel();
    // Weights that the loss does not depend on have no gradient.
    const all = (
      Array.isArray(gradients)
        ? gradients
        : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }))
    ).filter(({ tensor }) => tensor);
    const clipped = all.map(({ tensor }) => tensor);
    if (clipNorm !== undefined) clipGradients(clipped, clipNorm);
    for (const [i, { name }] of all.entries()) {
      const gradient = clipped[i]!;
      const weights = engine().registeredVariables[name]!;
      const numbers = this.#numbers(weights, this.iterations);
      const slots = this.#slots.get(name) ?? this.#newSlots(name, weights);
      const inputs = { weights, gradient, ...slots };
      const next = tidy(() =>
        kernel
          ? { weights: runOwnKernel(kernel, inputs, numbers as OwnKernels[UpdateKernel]['attrs']) }
          : rule.update(inputs, numbers),
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

  /**
   * The step of weights that is next, for a kernel that does it while it computes their gradient; undefined without such a kernel,
   * if all gradients must be known first, or outside of `minimize`.
   */
  stepOf(weights: Variable): KernelStep | undefined {
    const kernel = this.#kernel();
    if (!kernel || !this.#stepped || this.options.clipNorm !== undefined) return undefined;
    this.#stepped.add(weights.name);
    const slots = this.#slots.get(weights.name) ?? this.#newSlots(weights.name, weights);
    const numbers = this.#numbers(weights, this.iterations + 1) as KernelStep['numbers'];
    return { kernel, numbers, slots };
  }

  override getConfig() {
    return { learningRate: this.learningRate };
  }

  override dispose(): void {
    for (const slots of this.#slots.values()) for (const slot of Object.values(slots)) slot.dispose();
    this.#slots.clear();
  }

  /** The slots of the weights with a name; none before their first step. */
  slotsOf(name: string): Readonly<NamedTensorMap> {
    return this.#slots.get(name) ?? {};
  }

  /** Goes on after a number of steps, with the slots of then, whose tensors become the optimizer's. */
  restore(steps: number, slots: readonly { weights: string; slot: string; value: Tensor }[]): void {
    this.dispose();
    this.iterations_ = steps;
    for (const { weights, slot, value } of slots) {
      this.#slots.set(weights, { ...this.#slots.get(weights), [slot]: keep(value) });
    }
  }

  #kernel(): UpdateKernel | undefined {
    const { kernel } = this.rule;
    return kernel && hasKernel(kernel) ? kernel : undefined;
  }

  #numbers(weights: Tensor, step: number): object {
    const { weightDecay = 0, weightDecayOf = 'all' } = this.options;
    const decay = weightDecayOf === 'all' || weights.rank > 1 ? weightDecay : 0;
    return this.rule.numbers(this.learningRate, decay, step);
  }

  #newSlots(name: string, weights: Tensor): NamedTensorMap {
    const slots = Object.fromEntries(this.rule.slots.map((slot) => [slot, keep(zerosLike(weights))]));
    this.#slots.set(name, slots);
    return slots;
  }
}

/**
 * Scales gradients, if the norm of all of them together is larger than `clipNorm`, to that norm, like PyTorch's
 * `clip_grad_norm_` (Pascanu et al. 2013, arXiv:1211.5063). Replaces and disposes the tensors in the list.
 */
function clipGradients(gradients: Tensor[], clipNorm: number): void {
  const [unit, scale] = tidy(() => {
    const largest = gradients.map((gradient) => tidy(() => max(abs(gradient))));
    const highest = largest.reduce((a, b) => maximum(a, b));
    // float32 does not hold the squares of the largest gradients, which would be clipped to 0. A power of two rounds nothing.
    const unit = select(greater(highest, 2 ** 40), scalar(2 ** -80), scalar(1));
    // Row by row, since one sum of a hundred million terms would lose digits in float32.
    const squares = gradients.map((gradient) => tidy(() => sum(sum(square(mul(gradient, unit)), -1))));
    const norm = sqrt(total(squares));
    return [unit, minimum(div(clipNorm, add(norm, mul(unit, 1e-6))), div(1, unit))];
  });
  for (const [i, gradient] of gradients.entries()) {
    gradients[i] = tidy(() => mul(mul(gradient, unit!), scale!));
    gradient.dispose();
  }
  dispose([unit!, scale!]);
}
