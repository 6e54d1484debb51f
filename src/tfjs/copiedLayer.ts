import { LayerVariable, type layers } from '@tensorflow/tfjs-layers';
import { sharedLayer } from './sharedLayer.js';

/**
 * A layer that computes the same as `layer`, with variables of its own, for use in another graph. Their numbers take no memory
 * until training changes one of the two, and are freed when both are disposed. Regularizers stay behind.
 *
 * @param activation of a convolution or dense layer: its own, `'none'`, or another.
 */
export function copiedLayer(layer: layers.Layer, activation: 'own' | 'none' | 'relu' = 'own'): layers.Layer {
  const copy = sharedLayer(layer, activation);
  const fields = copy as unknown as Record<string, unknown>;
  const variables = new Map<unknown, LayerVariable>(layer.weights.map((one) => [one, copied(one)]));
  for (const [name, value] of Object.entries(fields)) {
    if (variables.has(value)) fields[name] = variables.get(value);
    else if (Array.isArray(value)) fields[name] = value.map((one) => variables.get(one) ?? one);
  }
  // Those of `layer` read its own variables.
  fields._losses = [];
  // A shared layer keeps its variables, which here are the copy's.
  Reflect.deleteProperty(copy, 'disposeWeights');
  return copy;
}

function copied(variable: LayerVariable): LayerVariable {
  const { dtype, originalName, trainable, constraint } = variable;
  return new LayerVariable(variable.read(), dtype, originalName, trainable, constraint);
}
