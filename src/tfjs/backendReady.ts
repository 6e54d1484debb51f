import { backend } from '@tensorflow/tfjs-core';
import { fail } from '../base/check.js';
import { firstLineOf } from '../base/realm.js';

/**
 * Makes sure that tensors can be made, which initializes a backend that needs no waiting, as any operation does.
 *
 * @throws RangeError when there is no backend, or it is still starting.
 */
export function checkBackend(where: string): void {
  try {
    backend();
  } catch (error) {
    const why = firstLineOf(error);
    if (why.startsWith('No backend')) {
      fail(where, 'TensorFlow.js has no backend; import one, such as @tensorflow/tfjs-backend-wasm.');
    }
    if (why.includes('yet been init')) {
      fail(where, 'the backend of TensorFlow.js is not ready; await tf.ready() or tf.setBackend() first.');
    }
    throw error;
  }
}
