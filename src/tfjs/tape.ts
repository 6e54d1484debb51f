import { dispose, engine } from '@tensorflow/tfjs-core';

/**
 * Runs a function that computes gradients. tfjs disposes the tensors that it recorded at the end, but not after an error (such
 * as too little memory); this does.
 */
export function withTape<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    const { state } = engine();
    dispose(state.activeTape?.flatMap((node) => node.saved ?? []) ?? []);
    state.activeTape = [];
    throw error;
  }
}
