import type { Value } from './graph.js';
import type { LayerCall } from './layerCall.js';
import { mapAxes, pairOf, windowOf } from './windows.js';

/** Windows and global pooling. ONNX leaves padding out of averages, as tfjs does. */
export const POOLING_LAYERS: Record<string, (call: LayerCall) => Value> = {
  MaxPooling2D: (call) => pooling(call, 'MaxPool'),
  AveragePooling2D: (call) => pooling(call, 'AveragePool'),
  GlobalAveragePooling2D: (call) => globalPooling(call, 'GlobalAveragePool'),
  GlobalMaxPooling2D: (call) => globalPooling(call, 'GlobalMaxPool'),
};

function pooling(call: LayerCall, op: string): Value {
  const x = call.channelsFirst;
  const window = pairOf(call.config.poolSize);
  const { sizes, attributes } = windowOf(call.config, call.sizesOf(x), window);
  return call.mapLike(x, call.add(op, [x.name], { kernel_shape: window, ...attributes }), sizes);
}

function globalPooling(call: LayerCall, op: string): Value {
  const x = call.channelsFirst;
  const pooled = call.add(op, [x.name]);
  const channels = x.shape[mapAxes(call.config)[0]]!;
  return { name: call.add('Flatten', [pooled], { axis: 1 }), shape: [null, channels], axes: [0, 1] };
}
