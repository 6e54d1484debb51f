/**
 * The optimizers by name. Default learning rates are the chapter's for plain SGD, the usual ones for the others. A slot is
 * state of one number per weight.
 */
export const OPTIMIZERS = {
  sgd: { learningRate: 0.05, slots: [] },
  momentum: { learningRate: 0.01, slots: ['velocity'] },
  adam: { learningRate: 0.001, slots: ['first', 'second'] },
} as const;

/** The name of an optimizer; momentum is 0.9. */
export type OptimizerName = keyof typeof OPTIMIZERS;
