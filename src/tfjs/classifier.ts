import { concat, sigmoid, softmax, sub, type Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { fail } from '../base/check.js';
import { shapeText } from '../base/shapes.js';
import type { Call, Graph } from './graph.js';

/** The layers that may stand between the logits and a classifier's outputs. */
const BEHIND_LOGITS = ['Softmax', 'Activation', 'Flatten', 'Reshape', 'Dropout'];

/** The classes of layers that are activations, as tfjs names those. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  Softmax: 'softmax',
  ReLU: 'relu',
  LeakyReLU: 'leakyReLU',
  PReLU: 'prelu',
  ELU: 'elu',
  ThresholdedReLU: 'thresholdedReLU',
};

const RECURRENT = ['SimpleRNN', 'LSTM', 'GRU', 'ConvLSTM2D'];

/** The activation of a layer: the layer itself or one that is part of it. */
export function activationOf({ layer }: Pick<Call, 'layer'>): string {
  const name = layer.getClassName();
  const own = ACTIVATIONS[name];
  if (own) return own;
  // Their activation is not the last thing that they compute.
  if (RECURRENT.includes(name)) return name;
  return (layer.getConfig().activation as string | null | undefined) ?? 'linear';
}

/** The calls from a graph's output back to that of its last weights, the last one first. */
export function lastCalls({ outputs }: Graph): Call[] {
  const found: Call[] = [];
  let call: Call | undefined = outputs[0]!.call;
  while (call && call.inputs.length === 1) {
    found.push(call);
    call = BEHIND_LOGITS.includes(call.layer.getClassName()) ? call.inputs[0]!.call : undefined;
  }
  return found;
}

/**
 * The activations that a model's output went through after its last weights, the last one first: `['softmax']`, or `[]` for
 * logits. A network with two softmaxes has two.
 */
export function outputActivations(graph: Graph): string[] {
  return lastCalls(graph)
    .map(activationOf)
    .filter((activation) => activation !== 'linear');
}

/** The layers that combine outputs, of one network or of several. */
const COMBINING = [
  ...BEHIND_LOGITS,
  ...['Average', 'Add', 'Maximum', 'Minimum', 'Concatenate', 'Rescaling', 'Permute'],
  ...['GlobalAveragePooling2D', 'AveragePooling2D', 'GlobalMaxPooling2D', 'MaxPooling2D'],
];

/** The layer whose output a wrapper such as `timeDistributed` returns, or the layer itself. */
function lastWithin(layer: layers.Layer): layers.Layer {
  const { layer: wrapped } = layer as { layer?: layers.Layer };
  if (wrapped) return lastWithin(wrapped);
  return 'layers' in layer ? lastWithin((layer as unknown as LayersModel).outputs[0]!.sourceLayer) : layer;
}

/** The call whose probabilities an output is combined of, such as one of several networks of which a model is the mean. */
function combinedProbabilities(call: Call): Call | undefined {
  if (/^(softmax|sigmoid)$/.test(activationOf({ layer: lastWithin(call.layer) }))) return call;
  if (!COMBINING.includes(call.layer.getClassName())) return undefined;
  for (const input of call.inputs) {
    const found = combinedProbabilities(input.call);
    if (found) return found;
  }
  return undefined;
}

/** What a classifier returns. */
export interface ClassifierOutputs {
  /** Numbers per image. */
  outputs: number;
  /** That of the outputs, or two for a single output, which is the logit or the probability of class 1. */
  classes: number;
  /** What makes probabilities of the logits; undefined where the outputs are logits or their log softmax. */
  activation: 'softmax' | 'sigmoid' | undefined;
}

/**
 * What a classifier returns, by its last layers.
 *
 * @throws RangeError when the model has several outputs, or its output is not `[batch, classes]`, always 1, combined of
 *   probabilities, or behind another activation.
 */
export function classifierOutputs(where: string, graph: Graph): ClassifierOutputs {
  const [output, ...others] = graph.model.outputs;
  if (others.length > 0) {
    fail(
      where,
      `the model has ${1 + others.length} outputs; build one with a single output, e.g. tf.model({ inputs: model.inputs, outputs: model.outputs[0] }).`,
    );
  }
  const [, outputs, ...rest] = output!.shape;
  if (!outputs || rest.length > 0) {
    fail(
      where,
      `the model's output is [batch, ${shapeText(output!.shape.slice(1), ', ')}], not [batch, classes]; build it with its top or with pooling and a dense layer.`,
    );
  }
  const end = lastCalls(graph).find((call) => activationOf(call) !== 'linear');
  const last = end && activationOf(end);
  const activation = last === 'softmax' || last === 'sigmoid' ? last : undefined;
  const combined = activation ? undefined : combinedProbabilities(graph.outputs[0]!.call);
  if (combined) {
    fail(
      where,
      `the model's output is combined of probabilities, those of ${combined.layer.name}, and is neither logits nor their softmax; build the model from the logits, or pass what its predict returns to decodePredictions with outputs: 'probabilities'.`,
    );
  }
  if (end && !activation && last !== 'logSoftmax') {
    fail(
      where,
      `the model ends in a ${last} (layer ${end.layer.name}), so that its outputs are neither logits nor probabilities; end it in a softmax, a sigmoid or no activation.`,
    );
  }
  if (outputs === 1 && /softmax/i.test(last ?? '')) {
    fail(
      where,
      'the model ends in a softmax over one output, which is always the same; use a sigmoid, or an output for each class.',
    );
  }
  return { outputs, classes: outputs === 1 ? 2 : outputs, activation };
}

/** The probability of each class, `[batch, classes]`, from a model's output. Outputs with a sigmoid are probabilities each by itself. */
export function probabilitiesOf(output: Tensor, { outputs, activation }: ClassifierOutputs): Tensor {
  if (outputs > 1) return activation ? output : softmax(output);
  const probability = activation ? output : sigmoid(output);
  return concat([sub(1, probability), probability], 1);
}
