/**
 * The optimizers by name. Default learning rates are the chapter's for plain SGD, the usual ones for the others; the default
 * weight decay is PyTorch's. A slot is state of one number per weight.
 */
export const OPTIMIZERS = {
  sgd: { learningRate: 0.05, weightDecay: 0, slots: [] },
  momentum: { learningRate: 0.01, weightDecay: 0, slots: ['velocity'] },
  nesterov: { learningRate: 0.01, weightDecay: 0, slots: ['velocity'] },
  adam: { learningRate: 0.001, weightDecay: 0, slots: ['first', 'second'] },
  adamw: { learningRate: 0.001, weightDecay: 0.01, slots: ['first', 'second'] },
} as const;

/** The name of an optimizer; momentum is 0.9, `'nesterov'` is Nesterov's kind of it. */
export type OptimizerName = keyof typeof OPTIMIZERS;
