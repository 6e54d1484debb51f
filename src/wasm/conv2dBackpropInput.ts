import { backend_util, type Conv2DBackpropInputAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { type Call, channelsLast, output, release, run, type WasmBackend } from './run.js';

/**
 * The gradient of a stride-1 convolution with respect to its input: the convolution of the output's gradient with the
 * filter turned by 180 degrees and its channels swapped. The backend's own kernel, a plain loop, does the rest: strides
 * above 1, and more padding than the filter reaches.
 */
export function conv2dBackpropInput({
  backend,
  inputs,
  attrs,
  stock,
}: Call<{ dy: TensorInfo; filter: TensorInfo }, Conv2DBackpropInputAttrs>) {
  const { dy, filter } = inputs;
  const { strides, pad, dataFormat, dimRoundingMode, inputShape } = attrs;
  channelsLast('Conv2DBackpropInput', dataFormat);
  const filterShape = filter.shape as [number, number, number, number];
  const info = backend_util.computeConv2DInfo(inputShape, filterShape, strides, 1, pad, dimRoundingMode);
  const { filterHeight, filterWidth, padInfo } = info;
  const padding = [
    [0, 0],
    [filterHeight - 1 - padInfo.top, filterHeight - 1 - padInfo.bottom],
    [filterWidth - 1 - padInfo.left, filterWidth - 1 - padInfo.right],
    [0, 0],
  ];
  if (info.strideHeight > 1 || info.strideWidth > 1 || padding.flat().some((side) => side < 0)) {
    return stock(inputs, attrs);
  }
  const turned = turn(backend, filter);
  const swapped = run(backend, 'Transpose', { x: turned }, { perm: [0, 1, 3, 2] });
  const full = { strides: [1, 1], dilations: [1, 1], pad: padding, dataFormat: 'NHWC' };
  const gradient = run(backend, 'Conv2D', { x: dy, filter: swapped }, full);
  release(backend, turned, swapped);
  return gradient;
}

/** A filter turned by 180 degrees: its taps in reverse order. The backend's `Reverse` moves number by number. */
function turn(backend: WasmBackend, filter: TensorInfo): TensorInfo {
  const { info, target, source } = output(backend, filter, filter.shape);
  const size = util.sizeFromShape(filter.shape.slice(2));
  for (let from = 0; from < source.length; from += size) {
    target.set(source.subarray(from, from + size), source.length - size - from);
  }
  return info;
}
