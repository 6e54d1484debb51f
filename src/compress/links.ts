import type { layers } from '@tensorflow/tfjs-layers';
import { isRelu } from '../tfjs/fusedNorm.js';
import { type Call, type Graph, readersOf } from '../tfjs/graph.js';

/** Two layers with kernels, of which the first's output channels can be scaled if the second's inputs are scaled back. */
export interface Link {
  from: layers.Layer;
  to: layers.Layer;
  /** The output channels of `from`. */
  channels: number;
}

/** Layers for which `f(s x) = s f(x)` holds in prediction, for any s > 0 of each channel. */
const COMMUTING = [
  ...['LeakyReLU', 'PReLU', 'Dropout', 'SpatialDropout2D', 'GaussianNoise', 'GaussianDropout'],
  ...['MaxPooling2D', 'AveragePooling2D', 'GlobalMaxPooling2D', 'GlobalAveragePooling2D'],
  ...['ZeroPadding2D', 'Cropping2D', 'UpSampling2D', 'Flatten'],
];

/** All links of a graph, in its order. A layer is the start of at most one, and the end of at most one. */
export function linksOf(graph: Graph): Link[] {
  return graph.calls.flatMap((call) => {
    if (!isProduct(graph, call) || !['linear', 'relu'].includes(activationOf(call.layer))) return [];
    let next = onlyReaderOf(graph, call);
    while (next && commutes(next.layer)) next = onlyReaderOf(graph, next);
    if (!next || !isProduct(graph, next)) return [];
    return [{ from: call.layer, to: next.layer, channels: call.layer.weights[0]!.shape.at(-1)! }];
  });
}

/** Whether a call is the only one of a layer whose inputs and outputs are the last axes of a kernel. */
function isProduct(graph: Graph, call: Call): boolean {
  return (
    ['Conv2D', 'Dense'].includes(call.layer.getClassName()) &&
    isChannelsLast(call.layer) &&
    onlyCallOf(graph, call)
  );
}

function commutes(layer: layers.Layer): boolean {
  const kind = layer.getClassName();
  const isLinear = kind === 'Activation' && activationOf(layer) === 'linear';
  const isOne = COMMUTING.includes(kind) || isLinear || isRelu(layer);
  return isOne && isChannelsLast(layer);
}

/** The activation of a layer that has one. */
function activationOf(layer: layers.Layer): string {
  return String(layer.getConfig().activation);
}

function isChannelsLast(layer: layers.Layer): boolean {
  return layer.getConfig().dataFormat !== 'channelsFirst';
}

/** Whether nothing else calls the call's layer. */
export function onlyCallOf({ calls }: Graph, call: Call): boolean {
  return calls.every((other) => other === call || other.layer !== call.layer);
}

/** The call that alone reads a call's output, if it is one, and reads nothing else. */
export function onlyReaderOf(graph: Graph, call: Call): Call | undefined {
  const [reader, ...others] = readersOf(graph, call);
  const isOutput = graph.outputs.some((output) => output.call === call);
  return others.length === 0 && !isOutput && reader?.inputs.length === 1 ? reader : undefined;
}
