import { getBackend } from '@tensorflow/tfjs-core';
import { fail } from '../base/check.js';
import { firstLineOf } from '../base/realm.js';
import { checkBackend } from './backendReady.js';

/**
 * Computes with TensorFlow.js, whose own words on a backend would not name the function.
 *
 * @throws RangeError when there is no backend, it is still starting, or it has no kernel for an operation.
 */
export function onBackend<T>(where: string, compute: () => T): T {
  checkBackend(where);
  try {
    return compute();
  } catch (error) {
    const kernel = missingKernel(error);
    if (kernel === undefined) throw error;
    return fail(where, `the backend ${getBackend()} has no kernel ${kernel}; choose another backend.`);
  }
}

/** The kernel that a backend lacks, if that is what an error of TensorFlow.js's is about. */
export function missingKernel(error: unknown): string | undefined {
  return /^Kernel '(\w+)' not registered/.exec(firstLineOf(error))?.[1];
}
