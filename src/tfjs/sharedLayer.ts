import type { Tensor } from '@tensorflow/tfjs-core';
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';

/** What tfjs keeps in a layer besides what its types tell. */
interface LayerParts {
  inboundNodes: unknown[];
  outboundNodes: unknown[];
  _refCount: number | null;
  activation?: { getClassName(): string };
  disposeWeights(): number;
}

/**
 * A layer that computes what `layer` computes, with the same variables, in a graph of its own: nothing is copied, what one
 * learns the other has. Applying the layer itself once more would leave it with two outputs, and a model that is made of
 * it would dispose its weights. The shared layer disposes none.
 *
 * @param activation `'none'` leaves the activation out, which tfjs fuses into convolutions and dense layers.
 */
export function sharedLayer(layer: layers.Layer, activation: 'own' | 'none' = 'own'): layers.Layer {
  const shared = Object.assign(Object.create(Object.getPrototypeOf(layer)), layer) as layers.Layer;
  const parts = shared as unknown as LayerParts;
  parts.inboundNodes = [];
  parts.outboundNodes = [];
  parts._refCount = null;
  parts.disposeWeights = () => 0;
  if (activation === 'none') parts.activation = (linear() as unknown as LayerParts).activation!;
  return shared;
}

/** The name of a layer's fused activation in tfjs, such as `'relu'`; undefined where it has none or the linear one. */
function fusedActivation(layer: layers.Layer): 'relu' | 'softmax' | undefined {
  const name = (layer as unknown as LayerParts).activation?.getClassName();
  return layer.getClassName() === 'Activation' || name === 'linear'
    ? undefined
    : (name as 'relu' | undefined);
}

/** A layer that applies to `x` the activation that `layer` has fused, under the name that it has in unfused networks. */
export function applyActivation<T extends SymbolicTensor | Tensor>(x: T, layer: layers.Layer): T {
  const activation = fusedActivation(layer);
  if (!activation) return x;
  return layers.activation({ activation, name: `${layer.name}_${activation}` }).apply(x) as T;
}

function linear(): layers.Layer {
  return layers.activation({ activation: 'linear' });
}
