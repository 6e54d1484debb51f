import { backend_util, type Conv2DBackpropInputAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { wholePixels } from '../tfjs/wholePixels.js';
import { type ConvInfo, channelsLast, zeros } from './backend.js';
import { convolve } from './convolution.js';
import { withOutputGradient } from './outputGradient.js';
import type { Call } from './run.js';

/**
 * The gradient of a stride-1 convolution with respect to its input: the convolution of the output's gradient with the
 * filter rotated by 180 degrees and its channels swapped. The backend's own kernel, a plain loop, computes the rest: strides
 * above 1, and padding beyond the filter's reach.
 */
export function conv2dBackpropInput(
  call: Call<{ dy: TensorInfo; filter: TensorInfo }, Conv2DBackpropInputAttrs>,
) {
  const { backend, inputs, attrs } = call;
  const { strides, pad, dataFormat, dimRoundingMode, inputShape } = attrs;
  channelsLast('Conv2DBackpropInput', dataFormat);
  const filterShape = inputs.filter.shape as [number, number, number, number];
  const info = wholePixels(
    'Conv2DBackpropInput',
    backend_util.computeConv2DInfo(inputShape, filterShape, strides, 1, pad, dimRoundingMode),
  );
  return withOutputGradient(backend, 'Conv2DBackpropInput', inputs.dy, info, (dy) => {
    if (size(dy.shape) === 0 || size(inputShape) === 0) return zeros(backend, inputShape);
    const turned = info.strideHeight === 1 && info.strideWidth === 1 ? turnedOf(info) : undefined;
    return turned
      ? convolve(call, { x: dy, filter: inputs.filter, rotated: true }, turned)
      : call.stock({ ...inputs, dy }, attrs);
  });
}

/** The convolution that computes the gradient of a stride-1 convolution's input; undefined for padding beyond the filter's reach. */
export function turnedOf(info: ConvInfo): ConvInfo | undefined {
  const { filterHeight, filterWidth, padInfo } = info;
  const padding = {
    top: filterHeight - 1 - padInfo.top,
    bottom: filterHeight - 1 - padInfo.bottom,
    left: filterWidth - 1 - padInfo.left,
    right: filterWidth - 1 - padInfo.right,
  };
  if (Object.values(padding).some((pixels) => pixels < 0)) return undefined;
  return {
    ...info,
    inHeight: info.outHeight,
    inWidth: info.outWidth,
    inChannels: info.outChannels,
    outHeight: info.inHeight,
    outWidth: info.inWidth,
    outChannels: info.inChannels,
    outShape: info.inShape,
    padInfo: { ...padInfo, ...padding },
  };
}
