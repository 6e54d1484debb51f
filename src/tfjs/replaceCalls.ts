import type { layers } from '@tensorflow/tfjs-layers';

type Call = layers.Layer['call'];

/**
 * Replaces the `call` methods of layers.
 *
 * @param by returns a layer's new method, from the layer, its own method and its index.
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
    // The layer's own method is on its prototype.
    for (const layer of replaced) Reflect.deleteProperty(layer, 'call');
  };
}
