import type { OnnxGraph, Value } from './graph.js';

/** The operators of ONNX that compute activations of tfjs, with their attributes. */
const OPERATORS: Record<string, readonly [op: string, attributes?: Record<string, { float: number }>]> = {
  relu: ['Relu'],
  elu: ['Elu', { alpha: { float: 1 } }],
  selu: ['Selu'],
  sigmoid: ['Sigmoid'],
  tanh: ['Tanh'],
  softplus: ['Softplus'],
  softsign: ['Softsign'],
  // clip(0.2 x + 0.5, 0, 1), as Keras 2 and tfjs have it.
  hardSigmoid: ['HardSigmoid', { alpha: { float: 0.2 }, beta: { float: 0.5 } }],
};

/** The activations that several operators compute. */
const COMPOSED: Record<string, (graph: OnnxGraph, layer: string, x: string) => string> = {
  relu6: (graph, layer, x) => clip(graph, layer, x, 6),
  swish: (graph, layer, x) => graph.add(layer, 'Mul', [x, graph.add(layer, 'Sigmoid', [x])]),
  mish(graph, layer, x) {
    const soft = graph.add(layer, 'Tanh', [graph.add(layer, 'Softplus', [x])]);
    return graph.add(layer, 'Mul', [x, soft]);
  },
  // x (1 + erf(x / sqrt 2)) / 2, Hendrycks and Gimpel 2016.
  gelu(graph, layer, x) {
    const scaled = graph.add(layer, 'Mul', [x, scalar(graph, Math.SQRT1_2)]);
    return half(graph, layer, x, graph.add(layer, 'Erf', [scaled]));
  },
  // Its approximation: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
  gelu_new(graph, layer, x) {
    const square = graph.add(layer, 'Mul', [x, x]);
    const cube = graph.add(layer, 'Mul', [graph.add(layer, 'Mul', [square, x]), scalar(graph, 0.044715)]);
    const inner = graph.add(layer, 'Mul', [
      graph.add(layer, 'Add', [x, cube]),
      scalar(graph, Math.sqrt(2 / Math.PI)),
    ]);
    return half(graph, layer, x, graph.add(layer, 'Tanh', [inner]));
  },
};

/** The activations that can be written, by tfjs' names. */
export const ONNX_ACTIVATIONS = [
  'linear',
  ...Object.keys(OPERATORS),
  ...Object.keys(COMPOSED),
  'softmax',
  'logSoftmax',
];

/** Adds an activation. Softmax takes its sum over `axis` of tfjs. */
export function activated(
  graph: OnnxGraph,
  layer: string,
  x: Value,
  activation: string,
  axis = x.shape.length - 1,
): Value {
  if (activation === 'linear') return x;
  if (activation === 'softmax' || activation === 'logSoftmax') {
    const op = activation === 'softmax' ? 'Softmax' : 'LogSoftmax';
    return { ...x, name: graph.add(layer, op, [x.name], { axis: x.axes.indexOf(axis) }) };
  }
  const composed = COMPOSED[activation];
  if (composed) return { ...x, name: composed(graph, layer, x.name) };
  const [op, attributes] = OPERATORS[activation]!;
  return { ...x, name: graph.add(layer, op, [x.name], attributes) };
}

/** min(max(x, 0), max). */
export function clip(graph: OnnxGraph, layer: string, x: string, max: number): string {
  return graph.add(layer, 'Clip', [x, scalar(graph, 0), scalar(graph, max)]);
}

/** A constant number, which all layers share. */
export function scalar(graph: OnnxGraph, value: number): string {
  return graph.floats(`constant/${value}`, [value], []);
}

/** x (1 + y) / 2. */
function half(graph: OnnxGraph, layer: string, x: string, y: string): string {
  const sum = graph.add(layer, 'Add', [y, scalar(graph, 1)]);
  return graph.add(layer, 'Mul', [graph.add(layer, 'Mul', [x, sum]), scalar(graph, 0.5)]);
}
