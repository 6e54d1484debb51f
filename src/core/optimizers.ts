/**
 * The optimizers by name: the default learning rate, the chapter's for plain SGD and the usual ones for the others, and
 * what the optimizer remembers, a number per weight for each slot.
 */
export const OPTIMIZERS = {
  sgd: { learningRate: 0.05, slots: [] },
  momentum: { learningRate: 0.01, slots: ['velocity'] },
  adam: { learningRate: 0.001, slots: ['first', 'second'] },
} as const;

/** The name of an optimizer; momentum is 0.9. */
export type OptimizerName = keyof typeof OPTIMIZERS;

export const OPTIMIZER_NAMES = Object.keys(OPTIMIZERS) as OptimizerName[];
