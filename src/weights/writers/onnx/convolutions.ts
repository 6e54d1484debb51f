import { size } from '../../../base/shapes.js';
import { axesOf } from '../../layout/axes.js';
import { shapeOf } from '../variable.js';
import type { Value } from './graph.js';
import type { LayerCall } from './layerCall.js';
import { padsOf, pairOf, windowOf } from './windows.js';

/** Layers with a kernel. */
export const CONVOLUTION_LAYERS: Record<string, (call: LayerCall) => Value> = {
  Conv2D(call) {
    const shape = shapeOf(call.weight('kernel')!);
    const axes = axesOf(shape);
    const kernel = call.kernel('kernel', axes, [axes.out, axes.channels, shape[0]!, shape[1]!]);
    return call.activated(convolution(call, call.channelsFirst, [kernel, ...call.bias], axes.out));
  },
  DepthwiseConv2D(call) {
    // tfjs does not pass it on to its convolution.
    if (pairOf(call.config.dilationRate).some((rate) => rate !== 1)) {
      call.refuse('has a dilationRate, which TensorFlow.js does not compute for its kind');
    }
    const x = call.channelsFirst;
    return call.activated(depthwise(call, x, call.bias));
  },
  SeparableConv2D(call) {
    const between = depthwise(call, call.channelsFirst, []);
    const axes = axesOf(shapeOf(call.weight('pointwise_kernel')!));
    const kernel = call.kernel('pointwise_kernel', axes, [axes.out, axes.channels, 1, 1]);
    const name = call.add('Conv', [between.name, kernel, ...call.bias], { kernel_shape: [1, 1] });
    return call.activated(call.mapLike(between, name, call.sizesOf(between), axes.out));
  },
  Conv2DTranspose(call) {
    const x = call.channelsFirst;
    const shape = shapeOf(call.weight('kernel')!);
    const window = [shape[0]!, shape[1]!];
    const strides = pairOf(call.config.strides);
    // tfjs has the outputs before the inputs here, so that the rows of the file are inputs, as ONNX wants them.
    const axes = axesOf(shape);
    const kernel = call.kernel('kernel', axes, [axes.out, axes.channels, ...window]);
    const beyond = window.map((length, i) => length - strides[i]!);
    const same = call.config.padding === 'same';
    const name = call.add('ConvTranspose', [x.name, kernel, ...call.bias], {
      kernel_shape: window,
      strides,
      output_padding: beyond.map((length) => Math.max(-length, 0)),
      pads: same ? padsOf(beyond.map((length) => Math.max(length, 0))) : [0, 0, 0, 0],
    });
    const sizes = call
      .sizesOf(x)
      .map((one, i) => one && one * strides[i]! + (same ? 0 : Math.max(beyond[i]!, 0)));
    return call.activated(call.mapLike(x, name, sizes, axes.channels));
  },
  Dense(call) {
    const { x } = call;
    const last = x.shape.length - 1;
    const at = x.axes.indexOf(last);
    const inputs = x.map ? x.map[2] : x.shape[last]!;
    const axes = axesOf(shapeOf(call.weight('kernel')!), inputs);
    const kernel = (...window: number[]) =>
      call.kernel('kernel', axes, [axes.out, axes.channels * axes.window, ...window]);
    const given = (name: string, from: Value = x): Value =>
      call.activated({ name, shape: [...x.shape.slice(0, -1), axes.out], axes: from.axes });
    if (last === 1) return given(call.add('Gemm', [x.name, kernel(), ...call.bias], { transB: 1 }));
    if (last === 3 && at === 1) return given(call.add('Conv', [x.name, kernel(1, 1), ...call.bias]));
    // A product from the left, where the layer's axis stands before the last one.
    if (at === last - 1) {
      const product = call.add('MatMul', [kernel(), x.name]);
      return given(withBias(call, product, [axes.out, 1]));
    }
    const arranged = call.graph.plain(x);
    const product = call.add('MatMul', [arranged.name, call.vector('kernel')]);
    return given(withBias(call, product, [axes.out]), arranged);
  },
};

function withBias(call: LayerCall, x: string, shape: readonly number[]): string {
  return call.weight('bias') ? call.add('Add', [x, call.vector('bias', shape)]) : x;
}

function convolution(
  call: LayerCall,
  x: Value,
  [kernel, ...bias]: readonly string[],
  channels: number,
  group = 1,
): Value {
  const window = pairOf(call.config.kernelSize);
  const dilations = pairOf(call.config.dilationRate ?? 1);
  const reach = window.map((length, i) => (length - 1) * dilations[i]! + 1);
  const { sizes, attributes } = windowOf(call.config, call.sizesOf(x), reach as [number, number]);
  const own = { kernel_shape: window, dilations, group, ...attributes };
  return call.mapLike(x, call.add('Conv', [x.name, kernel!, ...bias], own), sizes, channels);
}

function depthwise(call: LayerCall, x: Value, bias: readonly string[]): Value {
  const [height, width, inputs, multiplier] = shapeOf(call.weight('depthwise_kernel')!);
  const out = inputs! * multiplier!;
  const axes = { out, channels: 1, window: size([height!, width!]) };
  const kernel = call.kernel('depthwise_kernel', axes, [out, 1, height!, width!]);
  return convolution(call, x, [kernel, ...bias], out, inputs);
}
