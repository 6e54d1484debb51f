import type { layers } from '@tensorflow/tfjs-layers';
import { copiedLayer } from '../tfjs/copiedLayer.js';

/**
 * A copy of a layer whose weights may have any numbers: without the constraints that training put on them, which tfjs applies to
 * whatever is written, and to what it loads.
 *
 * @param activation see {@link copiedLayer}.
 */
export function freeCopy(layer: layers.Layer, activation: 'own' | 'none' | 'relu' = 'own'): layers.Layer {
  const copy = copiedLayer(layer, activation);
  const fields = copy as unknown as Record<string, unknown>;
  for (const name of Object.keys(fields)) if (name.endsWith('Constraint')) fields[name] = null;
  for (const weight of copy.weights) Object.assign(weight, { constraint: null });
  return copy;
}
