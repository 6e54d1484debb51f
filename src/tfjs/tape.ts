import { dispose, engine } from '@tensorflow/tfjs-core';

/**
 * Runs a function that computes gradients. tfjs disposes what it recorded for them at the end, but not after an error (such
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
