import { clip, scalar } from './activations.js';
import { CONVOLUTION_LAYERS } from './convolutions.js';
import type { Value } from './graph.js';
import type { LayerCall } from './layerCall.js';
import { MERGE_LAYERS } from './merges.js';
import { NORMALIZATION_LAYERS } from './normalizations.js';
import { POOLING_LAYERS } from './poolings.js';
import { SHAPE_LAYERS } from './shapes.js';

type Writer = (call: LayerCall) => Value;

/** Layers that do nothing in prediction. */
const IDENTITY = ['Dropout', 'SpatialDropout1D', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout'];

/** How the layers of tfjs are written, by the names of their classes. */
export const ONNX_LAYERS: Record<string, Writer> = {
  ...Object.fromEntries(IDENTITY.map((name): [string, Writer] => [name, ({ x }) => x])),
  ...CONVOLUTION_LAYERS,
  ...POOLING_LAYERS,
  ...NORMALIZATION_LAYERS,
  ...SHAPE_LAYERS,
  ...MERGE_LAYERS,
  Activation: (call) => call.activated(call.x),
  Softmax(call) {
    const axis = [call.config.axis ?? -1].flat()[0] as number;
    return call.activated(call.x, 'softmax', axis < 0 ? axis + call.x.shape.length : axis);
  },
  ReLU(call) {
    const max = call.config.maxValue as number | null | undefined;
    return max == null
      ? call.activated(call.x, 'relu')
      : { ...call.x, name: clip(call.graph, call.name, call.x.name, max) };
  },
  LeakyReLU: (call) => unary(call, 'LeakyRelu', { alpha: { float: Number(call.config.alpha) } }),
  ELU: (call) => unary(call, 'Elu', { alpha: { float: Number(call.config.alpha) } }),
  ThresholdedReLU: (call) => unary(call, 'ThresholdedRelu', { alpha: { float: Number(call.config.theta) } }),
  PReLU(call) {
    const x = call.graph.plain(call.x);
    return { ...x, name: call.add('PRelu', [x.name, call.vector('alpha')]) };
  },
  Rescaling(call) {
    const { scale, offset } = call.config as { scale: number; offset: number };
    const scaled = call.add('Mul', [call.x.name, scalar(call.graph, scale)]);
    return { ...call.x, name: offset ? call.add('Add', [scaled, scalar(call.graph, offset)]) : scaled };
  },
};

function unary(call: LayerCall, op: string, attributes: Parameters<LayerCall['add']>[2]): Value {
  return { ...call.x, name: call.add(op, [call.x.name], attributes) };
}

/**
 * Adds what a layer computes.
 *
 * @throws RangeError when its kind, its activation or an argument cannot be written.
 */
export function written(call: LayerCall): Value {
  const className = call.layer.getClassName();
  if (!Object.hasOwn(ONNX_LAYERS, className)) {
    call.refuse(
      `is a ${className}, which cannot be written to ONNX; build the model from ${Object.keys(ONNX_LAYERS).join(', ')}`,
    );
  }
  return ONNX_LAYERS[className]!(call);
}
