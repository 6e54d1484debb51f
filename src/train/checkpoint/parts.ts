import { dispose, type Variable } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { History } from '../history.js';
import type { LeanOptimizer } from '../leanOptimizer.js';
import type { Part } from './part.js';

/** The weights of a model, in order: their names differ between processes. */
export function weightsPart(model: LayersModel): Part {
  return {
    state: () => ({ tensors: Object.fromEntries(model.getWeights().entries()) }),
    restore({ tensors }) {
      const weights = Object.values(tensors);
      try {
        model.setWeights(weights);
      } finally {
        dispose(weights);
      }
    },
  };
}

/** The number of steps of an optimizer and its slots, named after the places of their weights. */
export function optimizerPart(optimizer: LeanOptimizer, model: LayersModel): Part {
  const names = model.weights.map((weight) => (weight.read() as Variable).name);
  return {
    state() {
      const slots = names.flatMap((name, i) =>
        Object.entries(optimizer.slotsOf(name)).map(([slot, value]) => [`${slot}/${i}`, value] as const),
      );
      return { values: { steps: optimizer.iterations }, tensors: Object.fromEntries(slots) };
    },
    restore({ values, tensors }) {
      optimizer.restore(
        values.steps as number,
        Object.entries(tensors).map(([key, value]) => {
          const [slot, i] = key.split('/') as [string, string];
          return { weights: names[Number(i)]!, slot, value };
        }),
      );
    },
  };
}

/** The rows of the epochs so far. */
export function historyPart(history: History): Part {
  return {
    state() {
      const { epochs, ended, weightsOf } = history;
      return { values: { epochs, ended, weightsOf } };
    },
    restore({ values }) {
      Object.assign(history, values);
    },
  };
}
