import type { Tensor } from '@tensorflow/tfjs-core';
import { type LayersModel, layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { uniqueNames } from '../base/uniqueNames.js';
import { inputSpecOf } from './inputSpecs.js';
import { layersWithin } from './models.js';
import { constantsIn, lacksConstants, unwrapped, withConstants } from './normConstants.js';

/** Fields of a layer that tfjs's types leave out. */
interface LayerParts {
  inboundNodes: unknown[];
  outboundNodes: unknown[];
  _refCount: number | null;
  activation?: { getClassName(): string };
  disposeWeights(): number;
}

/**
 * A layer that computes the same as `layer`, with the same variables, for use in another graph: nothing is copied, and training
 * one trains the other. Applying `layer` itself again would give it two outputs, and a model built from it would dispose its
 * weights; the shared layer disposes none. Its gradient can be computed also where a normalization has no scale or no offset, and a
 * PReLU whose slopes are shared takes maps of any size.
 *
 * @param activation of a convolution or dense layer: its own, `'none'`, or another.
 */
export function sharedLayer(layer: layers.Layer, activation: 'own' | 'none' | 'relu' = 'own'): layers.Layer {
  const shared = Object.assign(Object.create(Object.getPrototypeOf(layer)), layer) as layers.Layer;
  const parts = shared as unknown as LayerParts;
  parts.inboundNodes = [];
  parts.outboundNodes = [];
  parts._refCount = null;
  parts.disposeWeights = () => 0;
  shared.inputSpec = inputSpecOf(layer) as layers.Layer['inputSpec'];
  if (lacksConstants(shared)) {
    // Not that of a shared layer, which has the variables of that one.
    const { call } = Object.getPrototypeOf(layer) as layers.Layer;
    shared.call = (inputs, kwargs) => withConstants(shared, inputs, () => call.call(shared, inputs, kwargs));
  } else if (unwrapped([shared]).some(({ layer }) => lacksConstants(layer))) {
    const { call } = Object.getPrototypeOf(layer) as layers.Layer;
    const constants = constantsIn([shared]);
    shared.call = (inputs, kwargs) => {
      constants.install();
      try {
        return call.call(shared, inputs, kwargs);
      } finally {
        constants.restore();
      }
    };
  }
  if (activation !== 'own') parts.activation = activationOf(activation === 'none' ? 'linear' : activation);
  return shared;
}

/**
 * Gives layers of one model different names, as tfjs wants them: models within a model, or the calls of one layer, may repeat a
 * name.
 *
 * @param taken names that are in use.
 */
export function uniqueLayerNames(...taken: string[]): (layer: layers.Layer) => layers.Layer {
  const named = uniqueNames(new Set(taken), 1);
  return (layer) => {
    layer.name = named(layer.name);
    return layer;
  };
}

/** The name of the activation that is part of a layer, such as `'relu'`; undefined for none or the linear one. */
function fusedActivation(layer: layers.Layer): 'relu' | 'softmax' | undefined {
  const name = (layer as unknown as LayerParts).activation?.getClassName();
  return layer.getClassName() === 'Activation' || name === 'linear'
    ? undefined
    : (name as 'relu' | undefined);
}

/** Applies the activation that is part of `layer` to `x`, as a separate layer: `block1_conv1_relu` for `block1_conv1`. */
export function applyActivation<T extends SymbolicTensor | Tensor>(x: T, layer: layers.Layer): T {
  const activation = fusedActivation(layer);
  if (!activation) return x;
  return layers.activation({ activation, name: `${layer.name}_${activation}` }).apply(x) as T;
}

function activationOf(activation: 'linear' | 'relu'): LayerParts['activation'] {
  return (layers.activation({ activation }) as unknown as LayerParts).activation;
}

/** Throws for a model from which no other can be built here: one of another copy of TensorFlow.js, whose tensors this one's are not. */
export function checkCopy(where: string, model: LayersModel): void {
  const stray = layersWithin(model).find((layer): boolean => !(layer instanceof layers.Layer));
  if (!stray) return;
  fail(
    where,
    `the layer ${stray.name} is of another copy of @tensorflow/tfjs-layers than the one that vgg-blocks imports; load one copy alone, and build the model with it.`,
  );
}
