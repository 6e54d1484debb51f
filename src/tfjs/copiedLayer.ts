import { LayerVariable, type layers } from '@tensorflow/tfjs-layers';
import { sharedLayer } from './sharedLayer.js';

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
  const inCopy = (value: unknown) =>
    own.get(value) ?? (isPlainLayer(value) ? copyOf(value, 'own', own) : value);
  for (const [name, value] of Object.entries(fields)) {
    fields[name] = Array.isArray(value) ? value.map(inCopy) : inCopy(value);
  }
  // Those of `layer` read its own variables.
  fields._losses = [];
  // A shared layer keeps its variables, which here are the copy's.
  Reflect.deleteProperty(copy, 'disposeWeights');
  return copy;
}

/** Whether a value is a layer, and not a model, whose parts know each other. */
function isPlainLayer(value: unknown): value is layers.Layer {
  return (
    typeof value === 'object' &&
    value !== null &&
    'inboundNodes' in value &&
    'weights' in value &&
    !('inputLayers' in value)
  );
}

function copied(variable: LayerVariable): LayerVariable {
  const { dtype, originalName, trainable, constraint } = variable;
  return new LayerVariable(variable.read(), dtype, originalName, trainable, constraint);
}
