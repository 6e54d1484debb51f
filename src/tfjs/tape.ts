import { customGrad, dispose, engine, type GradSaveFunc, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { mendGradients } from './mendedGradients.js';

/**
 * Runs a function that computes gradients. tfjs disposes the tensors that it recorded at the end, but not after an error (such
 * as too little memory), and keeps the gradients if an optimizer throws; this disposes all that was made.
 */
export function withTape<T>(use: () => T): T {
  mendGradients();
  const tfjs = engine();
  const { state } = tfjs;
  tfjs.startScope('gradients');
  const { activeScope: scope } = state;
  try {
    const result = use();
    // All of them stay, also what an optimizer of the caller's has made for itself.
    tfjs.endScope(scope.track.slice());
    return result;
  } catch (error) {
    dispose(state.activeTape?.flatMap((node) => node.saved ?? []) ?? []);
    state.activeTape = [];
    tfjs.endScope();
    throw error;
  }
}

/**
 * Runs an operation that the tape records as one. What its gradients need, and the gradient of its output, are freed once used,
 * where tfjs keeps them until the end of the backward pass.
 *
 * @param inputs the tensors that have a gradient.
 * @param forward returns the output, and what the gradients need.
 * @param backward returns the inputs' gradients, from the output's, whose memory they may take, and from what was kept.
 */
export function recordAsOne(
  inputs: Tensor[],
  forward: () => { y: Tensor; kept: Tensor[] },
  backward: (dy: Tensor, kept: Tensor[]) => Tensor[],
): Tensor {
  const recorded = customGrad((...args) => {
    const { y: value, kept } = forward();
    const save = args.at(-1) as GradSaveFunc;
    save(kept);
    const gradFunc = (dy: Tensor, saved: Tensor[]) => {
      const isOurs = isOfThisPass(dy);
      const gradients = tidy(() => backward(isOurs ? dy : dy.clone(), saved));
      dispose(saved);
      if (isOurs) dy.dispose();
      return gradients;
    };
    return { value, gradFunc };
  });
  return recorded(...inputs);
}

/** Whether a gradient was computed by the backward pass that is running, which then has no other use for it. */
function isOfThisPass(dy: Tensor): boolean {
  return (dy as unknown as { scopeId: number }).scopeId === engine().state.activeScope.id;
}
