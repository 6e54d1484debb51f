import type { Call, Value } from './layers.js';
import { windowOf } from './windows.js';

/** Windows and global pooling. */
export const POOLINGS: Record<string, (call: Call) => Value> = {
  MaxPool: (call) => pooling(call, 'MaxPooling2D'),
  AveragePool: (call) => pooling(call, 'AveragePooling2D'),
  GlobalAveragePool: (call) => globalPooling(call, 'GlobalAveragePooling2D'),
  GlobalMaxPool: (call) => globalPooling(call, 'GlobalMaxPooling2D'),
  ReduceMean: (call) => reduced(call, 'GlobalAveragePooling2D'),
  ReduceMax: (call) => reduced(call, 'GlobalMaxPooling2D'),
};

function pooling(call: Call, className: string): Value {
  const window = call.list('kernel_shape') ?? call.fail('has no kernel_shape');
  const dilations = call.list('dilations') ?? [1, 1];
  if (dilations.some((one) => one !== 1)) call.refuse('dilations', dilations);
  if (call.node.outputs[1]) call.fail('has the positions of maxima as an output');
  const x = call.map();
  const averages = className === 'AveragePooling2D';
  const countsZeros = averages && call.number('count_include_pad', 0) === 1;
  const at = windowOf(call, x, window, countsZeros);
  if (at.padding === 'same' && countsZeros) call.refuse('count_include_pad', 1);
  if (call.number('ceil_mode', 0) === 1) {
    const exact = at.x.shape
      .slice(0, 2)
      .every((one, i) => one !== null && (one - window[i]!) % at.strides[i]! === 0);
    if (at.padding !== 'valid' || !exact) call.refuse('ceil_mode', 1);
  }
  // As PyTorch exports an average to the size that a map has.
  if ([...window, ...at.strides].every((one) => one === 1)) return at.x;
  const layer = call.add(className, { pool_size: window, strides: at.strides, padding: at.padding }, at.x);
  return { layer, shape: [...at.sizes, x.shape[2]!], axes: [...x.axes] };
}

function globalPooling(call: Call, className: string): Value {
  const x = call.map();
  return { layer: call.add(className, {}, x), shape: [x.shape[2]!], axes: [0, 1], position: true };
}

function reduced(call: Call, className: string): Value {
  const axes = call.list('axes') ?? call.valuesAt(1);
  const rank = call.x.axes.length;
  const given = axes?.map((axis) => (axis < 0 ? axis + rank : axis)).sort();
  const { axes: order } = call.x;
  // Over height and width, wherever they are.
  const places = [1, 2].map((axis) => order.indexOf(axis)).sort();
  if (rank !== 4 || order[0] !== 0 || given?.join() !== places.join() || order.indexOf(3) < 1) {
    call.fail(
      `takes ${className === 'GlobalMaxPooling2D' ? 'maxima' : 'means'} over the axes ${axes ?? 'of all'}`,
    );
  }
  const pooled = { layer: call.add(className, {}), shape: [call.x.shape[2]!], axes: [0, 1] };
  if (call.number('keepdims', 1) === 0) return pooled;
  return order.indexOf(3) === 1
    ? { ...pooled, position: true }
    : call.fail('keeps axes of length 1 before the channels');
}
