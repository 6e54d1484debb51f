import { Optimizer, train as optimizers } from '@tensorflow/tfjs-core';
import { fail, oneOf } from '../core/check.js';

/** The optimizers by name; momentum is 0.9. */
export type OptimizerName = 'sgd' | 'momentum' | 'adam';

/** The chapter's rate for plain SGD, and what the others usually take. */
const LEARNING_RATES: Record<OptimizerName, number> = { sgd: 0.05, momentum: 0.01, adam: 0.001 };

/** An optimizer, what to call it, and whether it was made here and is to be disposed here. */
export interface ChosenOptimizer {
  optimizer: Optimizer;
  name: string;
  learningRate: number | null;
  owned: boolean;
}

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
  const make = {
    sgd: optimizers.sgd,
    momentum: (r: number) => optimizers.momentum(r, 0.9),
    adam: optimizers.adam,
  };
  return { optimizer: make[name](rate), name, learningRate: rate, owned: true };
}
