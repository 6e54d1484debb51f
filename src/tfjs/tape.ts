import { dispose, engine } from '@tensorflow/tfjs-core';

/**
 * Runs what takes gradients. tfjs disposes what it recorded for them at the end, but not when it ends in an error (too
 * little memory, say); here that is disposed too.
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
