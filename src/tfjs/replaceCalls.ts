import type { layers } from '@tensorflow/tfjs-layers';

type Call = layers.Layer['call'];

/**
 * Makes layers compute something else.
 *
 * @param by what a layer computes, from the layer and what it computed before.
 * @returns what gives the layers their own behaviour back.
 */
export function replaceCalls(
  replaced: readonly layers.Layer[],
  by: (layer: layers.Layer, own: Call, place: number) => Call,
): () => void {
  replaced.forEach((layer, i) => {
    layer.call = by(layer, layer.call.bind(layer), i);
  });
  return () => {
    // Their own is that of their class.
    for (const layer of replaced) Reflect.deleteProperty(layer, 'call');
  };
}
