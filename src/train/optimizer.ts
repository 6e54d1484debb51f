import { env, getBackend, type Optimizer, type Variable } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail, keyOf, numberThat, oneOf, shown } from '../base/check.js';
import { OPTIMIZERS, type OptimizerName } from '../core/optimizers.js';
import { checkGradients } from '../tfjs/gradients.js';
import { type Call, graphOf } from '../tfjs/graph.js';
import { checkCopy } from '../tfjs/sharedLayer.js';
import { adam, LeanOptimizer, momentum, type Rule, SGD } from './leanOptimizer.js';

const RULES: Record<OptimizerName, () => Rule> = {
  sgd: () => SGD,
  momentum: () => momentum(),
  nesterov: () => momentum({ nesterov: true }),
  adam: () => adam({ epsilon: adamEpsilon() }),
  adamw: () => adam({ epsilon: adamEpsilon(), decoupled: true }),
};

/** An optimizer, its name, and whether it was created here. */
export interface ChosenOptimizer {
  optimizer: Optimizer;
  name: string;
  learningRate: number | null;
  owned: boolean;
}

/** Options of `train` that concern the optimizer. */
export interface OptimizerOptions {
  /** A name (momentum is 0.9), or one of tfjs's own, which the caller disposes: one for each model, whose weights it keeps a state of. Default `'sgd'`. */
  optimizer?: OptimizerName | Optimizer;
  /** Default: the optimizer's in `OPTIMIZERS` of `vgg-blocks`; 0.05 for SGD, as in the chapter. */
  learningRate?: number;
  /**
   * Adds this fraction of the weights to their gradient, as PyTorch does; `'adamw'` shrinks the weights themselves. The VGG paper
   * has 5e-4. Default: the optimizer's in `OPTIMIZERS`; 0, or 0.01 for `'adamw'`.
   */
  weightDecay?: number;
  /**
   * What decays: `'all'` weights, as in PyTorch, or `'kernels'` alone: not biases, nor the scales of batch normalization. Default
   * `'all'`.
   */
  weightDecayOf?: 'all' | 'kernels';
  /** Scales gradients down where the norm of all of them together is larger than this. Default: never. */
  clipNorm?: number;
}

/** The names of {@link OptimizerOptions}. */
export const OPTIMIZER_OPTIONS = Object.keys({
  ...{ optimizer: 1, learningRate: 1, weightDecay: 1, weightDecayOf: 1, clipNorm: 1 },
} satisfies Record<keyof OptimizerOptions, 1>);

/** Throws unless a model has weights that an optimizer would change, and TensorFlow.js has their gradient. */
export function checkTrainable(where: string, model: LayersModel): void {
  checkCopy(where, model);
  if (model.trainableWeights.length === 0) {
    fail(where, 'no layer of the model is trainable, so there is nothing to train; unfreeze some.');
  }
  const isTrained = ({ layer }: Call) => layer.trainableWeights.length > 0;
  checkGradients(where, graphOf(where, model), isTrained, 'build the model without it', 'weights');
}

/** The weights that an optimizer changes. */
export function trainedWeights(model: LayersModel): Variable[] {
  return model.trainableWeights.map((weight) => weight.read() as Variable);
}

/** The named optimizer, or the one passed. */
export function chooseOptimizer(where: string, options: OptimizerOptions = {}): ChosenOptimizer {
  const { optimizer: chosen = 'sgd' } = options;
  if (isOptimizer(chosen)) {
    for (const name of ['learningRate', 'weightDecay', 'weightDecayOf', 'clipNorm'] as const) {
      if (options[name] === undefined) continue;
      fail(
        where,
        `${name} is ${shown(options[name])}, but the optimizer passed has its own rule; name an optimizer, or leave ${name} out.`,
      );
    }
    return { optimizer: chosen, name: chosen.getClassName(), learningRate: null, owned: false };
  }
  const name = keyOf(where, 'optimizer', chosen, OPTIMIZERS);
  const usual = OPTIMIZERS[name];
  const { learningRate = usual.learningRate, weightDecay = usual.weightDecay, clipNorm } = options;
  const { weightDecayOf = 'all' } = options;
  oneOf(where, 'weightDecayOf', weightDecayOf, ['all', 'kernels']);
  const isRate = (rate: number) => rate > 0 && rate < Number.POSITIVE_INFINITY;
  numberThat(
    where,
    'learningRate',
    learningRate,
    isRate,
    `a number above 0, e.g. ${usual.learningRate} for ${name}`,
  );
  const isDecay = (decay: number) => decay >= 0 && decay < 1;
  numberThat(where, 'weightDecay', weightDecay, isDecay, 'at least 0 and below 1, such as 5e-4');
  if (clipNorm !== undefined) {
    numberThat(where, 'clipNorm', clipNorm, (norm) => norm > 0, 'a number above 0, such as 1');
  }
  const optimizer = new LeanOptimizer(RULES[name](), learningRate, { weightDecay, weightDecayOf, clipNorm });
  return { optimizer, name, learningRate, owned: true };
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

/** Sets the rate of a named optimizer to a multiple of its own; returns it, or null for another optimizer. */
export function setRate({ optimizer, learningRate }: ChosenOptimizer, factor: number): number | null {
  if (learningRate === null) return null;
  const rate = learningRate * factor;
  (optimizer as LeanOptimizer).learningRate = rate;
  return rate;
}

/** By method, not class, so that optimizers of another copy of tfjs count. */
function isOptimizer(chosen: unknown): chosen is Optimizer {
  const methods = ['minimize', 'applyGradients', 'getClassName'] as const;
  return methods.every((method) => typeof (chosen as Optimizer | null)?.[method] === 'function');
}

/** Disposes an optimizer if it was created here. */
export function disposeOptimizer({ optimizer, owned }: ChosenOptimizer): void {
  if (owned) optimizer.dispose();
}
