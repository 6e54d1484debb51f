import { env, getBackend, type Optimizer } from '@tensorflow/tfjs-core';
import { fail, keyOf } from '../base/check.js';
import { OPTIMIZERS, type OptimizerName } from '../core/optimizers.js';
import { adam, LeanOptimizer, MOMENTUM, type Rule, SGD } from './leanOptimizer.js';

const RULES: Record<OptimizerName, () => Rule> = {
  sgd: () => SGD,
  momentum: () => MOMENTUM,
  adam: () => adam(adamEpsilon()),
};

/** An optimizer, its name, and whether it was created here. */
export interface ChosenOptimizer {
  optimizer: Optimizer;
  name: string;
  learningRate: number | null;
  owned: boolean;
}

/** Learning-rate schedules: constant, or down to 0 along half a cosine (Loshchilov & Hutter 2017). */
export const SCHEDULES = ['constant', 'cosine'] as const;

/** The name of a learning-rate schedule. */
export type Schedule = (typeof SCHEDULES)[number];

/** The named optimizer, or the one passed. */
export function chooseOptimizer(
  where: string,
  chosen: OptimizerName | Optimizer = 'sgd',
  learningRate?: number,
): ChosenOptimizer {
  if (isOptimizer(chosen)) {
    if (learningRate !== undefined) {
      fail(
        where,
        `learningRate is ${learningRate}, but the optimizer passed has its own; leave out one of the two.`,
      );
    }
    return { optimizer: chosen, name: chosen.getClassName(), learningRate: null, owned: false };
  }
  const name = keyOf(where, 'optimizer', chosen, OPTIMIZERS);
  const usual = OPTIMIZERS[name].learningRate;
  const rate = learningRate ?? usual;
  if (!(rate > 0 && rate < Number.POSITIVE_INFINITY)) {
    fail(where, `learningRate is ${rate}; it must be a number above 0, e.g. ${usual} for ${name}.`);
  }
  return { optimizer: new LeanOptimizer(RULES[name](), rate), name, learningRate: rate, owned: true };
}

/**
 * Adam's epsilon, added to the root that it divides by: 1e-7, as in Keras. Where WebGL has only float16, in which 1e-7 is
 * almost 0, it is 1e-4, as in tfjs. (tfjs uses that on every WebGL, because it mistakes float32 for float16 there:
 * tensorflow/tfjs#6980. Small gradients then take far smaller steps than on other backends.)
 */
function adamEpsilon(): number {
  const half =
    getBackend() === 'webgl' &&
    (!env().getBool('WEBGL_RENDER_FLOAT32_ENABLED') || env().getBool('WEBGL_FORCE_F16_TEXTURES'));
  return half ? 1e-4 : 1e-7;
}

/** Sets the cosine schedule's rate; `done` is the fraction of the run that is done, 0 to 1. */
export function setCosineRate({ optimizer, learningRate }: ChosenOptimizer, done: number): void {
  if (optimizer instanceof LeanOptimizer)
    optimizer.learningRate = (learningRate! * (1 + Math.cos(Math.PI * done))) / 2;
}

/** By method, not class, so that optimizers of another copy of tfjs count. */
function isOptimizer(chosen: unknown): chosen is Optimizer {
  return typeof (chosen as Optimizer | null)?.minimize === 'function';
}

/** Disposes an optimizer if it was created here. */
export function disposeOptimizer({ optimizer, owned }: ChosenOptimizer): void {
  if (owned) optimizer.dispose();
}
