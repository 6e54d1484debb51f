import { engine } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { firstLineOf } from '../base/realm.js';
import { checkBackend } from '../tfjs/backendReady.js';
import { memoryFailure } from '../tfjs/outOfMemory.js';

/**
 * Builds a model, or frees what was allocated of it.
 *
 * @throws RangeError when its weights cannot be allocated, a variable has the name of one, or there is no backend that is ready.
 */
export function built(where: string, build: () => LayersModel): LayersModel {
  checkBackend(where);
  const { registeredVariables } = engine();
  const before = new Set(Object.keys(registeredVariables));
  try {
    return build();
  } catch (error) {
    for (const [name, variable] of Object.entries(registeredVariables)) {
      if (!before.has(name)) variable.dispose();
    }
    const why = firstLineOf(error).replace(/\.$/, '');
    if (memoryFailure(error) !== undefined) {
      fail(where, `the weights cannot be allocated: ${why}; use smaller images, or fewer channels or units.`);
    }
    if (/already registered$/.test(why)) {
      fail(where, `${why}; dispose that variable, or have one copy of tfjs-layers.`);
    }
    throw error;
  }
}
