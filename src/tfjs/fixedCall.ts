import type { Tensor } from '@tensorflow/tfjs-core';
import { fixedLayer } from './fusedLayers.js';
import { applied, type Call, noteMask } from './graph.js';
import { applyActivation, sharedLayer } from './sharedLayer.js';

/**
 * Calls a layer whose weights are not trained, so that gradients pass to its inputs alone. tfjs would compute those of a
 * convolution's weights, too, for which the wasm backend by itself has no kernel.
 *
 * @param activation `'none'` leaves out the one that is part of the layer.
 */
export function appliedFixed(call: Call, inputs: Tensor[], activation: 'own' | 'none' = 'own'): Tensor[] {
  const { layer } = call;
  const [x] = inputs as [Tensor];
  const fused = fixedLayer(layer, x, activation);
  const before = !fused && activation === 'own' ? fixedLayer(layer, x, 'none') : undefined;
  const output = fused ?? (before && applyActivation(before, layer));
  if (!output) return applied(call, inputs, sharedLayer(layer, activation));
  noteMask(layer, inputs, [output]);
  return [output];
}
