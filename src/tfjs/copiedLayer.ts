import {
  input,
  type LayersModel,
  LayerVariable,
  type layers,
  type SymbolicTensor,
  model as tfjsModel,
} from '@tensorflow/tfjs-layers';
import { numbersIn } from './disposed.js';
import { applied, compute, graphOf } from './graph.js';
import { ownOnce } from './models.js';
import { sharedLayer, uniqueLayerNames } from './sharedLayer.js';

/**
 * A layer that computes the same as `layer`, with variables of its own, for use in another graph. Their numbers take no memory
 * until training changes one of the two, and are freed when both are disposed. Regularizers stay behind.
 *
 * @param activation of a convolution or dense layer: its own, `'none'`, or another.
 */
export function copiedLayer(layer: layers.Layer, activation: 'own' | 'none' | 'relu' = 'own'): layers.Layer {
  return copyOf(layer, activation, new Map());
}

/** @param own the copies of variables so far: a layer around others, such as an RNN around its cell, has theirs. */
function copyOf(
  layer: layers.Layer,
  activation: 'own' | 'none' | 'relu',
  own: Map<unknown, LayerVariable>,
): layers.Layer {
  const copy = sharedLayer(layer, activation);
  const fields = copy as unknown as Record<string, unknown>;
  for (const one of layer.weights) if (!own.has(one)) own.set(one, copied(one));
  const inCopy = (value: unknown) => {
    if (!isLayer(value)) return own.get(value) ?? value;
    return 'inputLayers' in value
      ? copyOfModel(value as unknown as LayersModel, own)
      : copyOf(value, 'own', own);
  };
  for (const [name, value] of Object.entries(fields)) {
    fields[name] = Array.isArray(value) ? value.map(inCopy) : inCopy(value);
  }
  // Those of `layer` read its own variables.
  fields._losses = [];
  // A shared layer keeps its variables, which here are the copy's.
  Reflect.deleteProperty(copy, 'disposeWeights');
  return copy;
}

/** A copy of a model within a wrapper. Models within that are flattened. */
function copyOfModel(model: LayersModel, own: Map<unknown, LayerVariable>): LayersModel {
  const { input: image, outputs } = graphOf(model.name, model);
  const [{ shape, dtype }] = model.inputs as [SymbolicTensor];
  const x = input({ shape: shape.slice(1), dtype, name: image.layer.name });
  const named = uniqueLayerNames(image.layer.name);
  const made = new Map<layers.Layer, layers.Layer>();
  const results = compute<SymbolicTensor>(outputs, new Map([[image, [x]]]), (call, inputs) => {
    const copy = made.get(call.layer) ?? named(copyOf(call.layer, 'own', own));
    made.set(call.layer, copy);
    return applied(call, inputs, copy);
  });
  const copy = tfjsModel({ inputs: x, outputs: results, name: model.name });
  copy.layers.forEach(ownOnce);
  return copy;
}

function isLayer(value: unknown): value is layers.Layer {
  return typeof value === 'object' && value !== null && 'inboundNodes' in value && 'weights' in value;
}

function copied(variable: LayerVariable): LayerVariable {
  const { dtype, originalName, trainable, constraint } = variable;
  return new LayerVariable(numbersIn(variable), dtype, originalName, trainable, constraint);
}
