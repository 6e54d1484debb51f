import type { layers } from '@tensorflow/tfjs-layers';

type Call = layers.Layer['call'];

/**
 * Replaces the functions that layers compute.
 *
 * @param by returns the new function of a layer, from the layer, its own function and its index.
 * @returns a function that restores the layers.
 */
export function replaceCalls(
  replaced: readonly layers.Layer[],
  by: (layer: layers.Layer, own: Call, index: number) => Call,
): () => void {
  replaced.forEach((layer, i) => {
    layer.call = by(layer, layer.call.bind(layer), i);
  });
  return () => {
    // Their own is a method of their class.
    for (const layer of replaced) Reflect.deleteProperty(layer, 'call');
  };
}
