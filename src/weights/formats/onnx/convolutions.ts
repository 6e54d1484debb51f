import { size } from '../../../base/shapes.js';
import type { Call, Constant, Value } from './layers.js';
import { windowOf } from './windows.js';

/** Operators with kernels. */
export const CONVOLUTIONS: Record<string, (call: Call) => Value> = {
  Conv(call) {
    const constant = call.constant(1);
    const kernel = oihw(call, constant);
    const [out, channels, ...window] = kernel.shape as [number, number, number, number];
    const x = call.map();
    const inputs = x.shape[2]!;
    const group = call.number('group', 1);
    const dilations = call.list('dilations') ?? [1, 1];
    const stated = call.list('kernel_shape');
    if (stated && stated.join() !== window.join()) call.refuse('kernel_shape', stated);
    const depthwise = group > 1 && group === inputs && channels === 1 && out % inputs === 0;
    if (channels * group !== inputs || (group > 1 && !depthwise)) {
      call.fail(`has a kernel of the shape [${kernel.shape}] and ${group} groups for ${inputs} channels`);
    }
    const reach = window.map((length, i) => (length - 1) * dilations[i]! + 1);
    const at = windowOf(call, x, reach, true);
    const useBias = Boolean(call.node.inputs[2]);
    const config = {
      ...{
        kernel_size: window,
        strides: at.strides,
        padding: at.padding,
        dilation_rate: dilations,
        use_bias: useBias,
      },
      ...(depthwise ? { depth_multiplier: out / inputs } : { filters: out }),
    };
    const layer = call.add(depthwise ? 'DepthwiseConv2D' : 'Conv2D', config, at.x);
    const shape = depthwise ? [...window, inputs, out / inputs] : [...window, channels, out];
    const axes = { out, channels, window: size(window) };
    call.layers.weight(layer, depthwise ? 'depthwise_kernel' : 'kernel', constant, {
      shape,
      ...(!kernel.isKeras && { axes }),
    });
    if (depthwise && kernel.isKeras) call.fail('has a transposed kernel of a group for each channel');
    if (useBias) call.layers.weight(layer, 'bias', call.constant(2));
    return { layer, shape: [...at.sizes, out], axes: [...x.axes] };
  },
  ConvTranspose(call) {
    const constant = call.constant(1);
    if (constant.perm) call.fail('has a transposed kernel');
    const [inputs, out, ...window] = constant.tensor.shape as [number, number, number, number];
    const x = call.map();
    call.only('group', 1);
    call.only('auto_pad', 'NOTSET');
    const strides = call.list('strides') ?? [1, 1];
    const pads = call.list('pads') ?? [0, 0, 0, 0];
    const beyond = call.list('output_padding') ?? [0, 0];
    const dilations = call.list('dilations') ?? [1, 1];
    const stated = call.list('kernel_shape') ?? window;
    if (stated.join() !== window.join()) call.refuse('kernel_shape', stated);
    if (dilations.some((one) => one !== 1)) call.refuse('dilations', dilations);
    const needed = window.map((length, i) => length - strides[i]!);
    const total = needed.map((length) => Math.max(length, 0));
    const same = [...total.map((one) => Math.floor(one / 2)), ...total.map((one) => Math.ceil(one / 2))];
    const padding = pads.every((one) => one === 0)
      ? 'valid'
      : pads.join() === same.join()
        ? 'same'
        : undefined;
    const rest = needed.map((length) => Math.max(-length, 0));
    if (window.length !== 2 || inputs !== x.shape[2] || !padding || beyond.join() !== rest.join()) {
      call.fail(
        `has pads ${pads} and output_padding ${beyond} for a window of ${window} with strides of ${strides}`,
      );
    }
    const useBias = Boolean(call.node.inputs[2]);
    const config = { filters: out, kernel_size: window, strides, padding, use_bias: useBias };
    const layer = call.add('Conv2DTranspose', config, x);
    // Keras has the outputs before the inputs here, so the file's rows, the inputs, are its last axis as elsewhere.
    const axes = { out: inputs, channels: out, window: size(window) };
    call.layers.weight(layer, 'kernel', constant, { shape: [...window, out, inputs], axes });
    if (useBias) call.layers.weight(layer, 'bias', call.constant(2));
    const sizes = x.shape
      .slice(0, 2)
      .map((one, i) => one && one * strides[i]! + (padding === 'same' ? 0 : total[i]!));
    return { layer, shape: [...sizes, out], axes: [...x.axes] };
  },
  Gemm(call) {
    for (const name of ['alpha', 'beta'])
      if (call.number(name, 1) !== 1) call.refuse(name, call.number(name, 1));
    call.only('transA', 0);
    const bias = call.node.inputs[2] ? call.constant(2) : undefined;
    return dense(call, call.constant(1), call.number('transB', 0) === 1, bias);
  },
  /** A dense layer; a bias that is added behind it comes as another operator. */
  MatMul: (call) => (call.values[0] ? dense(call, call.constant(1), false, undefined) : denseBefore(call)),
};

/** A kernel's shape as `[out, in, height, width]`, and whether its numbers are in Keras' order all the same. */
function oihw(call: Call, { tensor, perm }: Constant): { shape: readonly number[]; isKeras: boolean } {
  if (tensor.shape.length !== 4) call.fail(`has a kernel of the shape [${tensor.shape}]`);
  if (!perm) return { shape: tensor.shape, isKeras: false };
  // As tf2onnx turns the kernels of TensorFlow.
  if (perm.join() !== '3,2,0,1') call.fail(`has a kernel whose axes are moved by ${perm}`);
  return { shape: perm.map((axis) => tensor.shape[axis]!), isKeras: true };
}

function dense(call: Call, kernel: Constant, transposed: boolean, bias: Constant | undefined): Value {
  const { tensor, perm } = kernel;
  if (tensor.shape.length !== 2) call.fail(`has a matrix of the shape [${tensor.shape}]`);
  // [out, in], as PyTorch has it.
  const rows = (perm !== undefined && perm.join() === '1,0') !== transposed;
  const [out, inputs] = rows
    ? (tensor.shape as [number, number])
    : ([...tensor.shape].reverse() as [number, number]);
  // Rows of numbers in Keras' order cannot be moved as they are read, so that the map is put in order before.
  const given = call.x.position ? call.plain() : call.x;
  const x = given.map && !rows ? call.plainIfFlat(given) : given;
  const rank = x.axes.length;
  const last = x.axes[rank - 1] === rank - 1 ? x : call.plain(x);
  if (last.shape.at(-1) !== inputs)
    call.fail(`multiplies ${last.shape.at(-1) ?? 'any number of'} numbers with a matrix for ${inputs}`);
  const vector = bias && size(bias.tensor.shape) === out;
  if (bias && !vector) call.fail(`adds a constant of the shape [${bias.tensor.shape}] to ${out} numbers`);
  const layer = call.add('Dense', { units: out, use_bias: vector ?? false }, last);
  const channels = last.map?.[0] ?? inputs;
  const axes = { out, channels, window: inputs / channels };
  call.layers.weight(layer, 'kernel', kernel, { shape: [inputs, out], ...(rows && { axes }) });
  if (bias) call.layers.weight(layer, 'bias', bias, { shape: [out] });
  return { layer, shape: [...last.shape.slice(0, -1), out], axes: last.axes };
}

/** A matrix times a map: a dense layer along the axis before the last one, as `toOnnx` writes the averages to 7x7. */
function denseBefore(call: Call): Value {
  const kernel = call.constant(0);
  const given = call.values[1] ?? call.fail('multiplies constants');
  const { shape } = kernel.tensor;
  const x = given.position ? call.plain(given) : given;
  const rank = x.axes.length;
  if (kernel.perm || shape.length !== 2 || rank < 3)
    call.fail(`multiplies a matrix of the shape [${shape}] from the left`);
  const [out, inputs] = shape as [number, number];
  const last = call.withLast(x, rank - 2);
  if (last.shape.at(-1) !== inputs)
    call.fail(`multiplies a matrix for ${inputs} with ${last.shape.at(-1) ?? 'any number of'} numbers`);
  const layer = call.add('Dense', { units: out, use_bias: false }, last);
  const axes = { out, channels: inputs, window: 1 };
  call.layers.weight(layer, 'kernel', kernel, { shape: [inputs, out], axes });
  return { layer, shape: [...last.shape.slice(0, -1), out], axes: last.axes };
}
