import { env, getBackend, Optimizer } from '@tensorflow/tfjs-core';
import { fail, oneOf } from '../base/check.js';
import { adam, LeanOptimizer, MOMENTUM, SGD } from './leanOptimizer.js';

/** The optimizers by name; momentum is 0.9. */
export type OptimizerName = 'sgd' | 'momentum' | 'adam';

/** The chapter's rate for plain SGD, and what the others usually take. */
const LEARNING_RATES: Record<OptimizerName, number> = { sgd: 0.05, momentum: 0.01, adam: 0.001 };

/** An optimizer, what to call it, and whether it was made here. */
export interface ChosenOptimizer {
  optimizer: Optimizer;
  name: string;
  learningRate: number | null;
  owned: boolean;
}

/** How the learning rate goes: as it is, or down to 0 along half a cosine (Loshchilov & Hutter 2017). */
export type Decay = 'none' | 'cosine';

/** The optimizer asked for, by name or as it is. */
export function chooseOptimizer(
  where: string,
  chosen: OptimizerName | Optimizer = 'sgd',
  learningRate?: number,
): ChosenOptimizer {
  if (chosen instanceof Optimizer) {
    if (learningRate !== undefined) {
      fail(
        where,
        `learningRate is ${learningRate}, but the optimizer given has its own; leave one of the two out.`,
      );
    }
    return { optimizer: chosen, name: chosen.getClassName(), learningRate: null, owned: false };
  }
  const name = oneOf(where, 'optimizer', chosen, ['sgd', 'momentum', 'adam']);
  const rate = learningRate ?? LEARNING_RATES[name];
  if (!(rate > 0 && rate < Number.POSITIVE_INFINITY)) {
    fail(
      where,
      `learningRate is ${rate}; it must be a number above 0, e.g. ${LEARNING_RATES[name]} for ${name}.`,
    );
  }
  const rules = { sgd: () => SGD, momentum: () => MOMENTUM, adam: () => adam(adamEpsilon()) };
  return { optimizer: new LeanOptimizer(rules[name](), rate), name, learningRate: rate, owned: true };
}

/**
 * What Adam adds to the root it divides by: 1e-7, as Keras does. Where WebGL has float16 alone, in which 1e-7 is next to 0,
 * 1e-4, as tfjs takes it. (tfjs takes it on every WebGL, because it mistakes float32 there for float16:
 * tensorflow/tfjs#6980. Small gradients then take far smaller steps than on other backends.)
 */
function adamEpsilon(): number {
  const half =
    getBackend() === 'webgl' &&
    (!env().getBool('WEBGL_RENDER_FLOAT32_ENABLED') || env().getBool('WEBGL_FORCE_F16_TEXTURES'));
  return half ? 1e-4 : 1e-7;
}

/** Sets the rate of one of this file's optimizers for the share of the run that is done, from 0 to 1. */
export function decayRate({ optimizer, learningRate }: ChosenOptimizer, done: number): void {
  if (optimizer instanceof LeanOptimizer)
    optimizer.learningRate = (learningRate! * (1 + Math.cos(Math.PI * done))) / 2;
}

/** Disposes an optimizer if it was made here. */
export function disposeOptimizer({ optimizer, owned }: ChosenOptimizer): void {
  if (owned) optimizer.dispose();
}
