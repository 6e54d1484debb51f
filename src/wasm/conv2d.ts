import {
  backend_util,
  type Conv2DAttrs,
  type FusedConv2DAttrs,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { type ConvInfo, checkFits } from './backend.js';
import { clampInPlace, isClamping } from './clamp.js';
import { convolve } from './convolution.js';
import type { Call } from './run.js';

/**
 * 3x3 convolutions of stride 1, and those of images without channels; the backend's own kernel computes the others, and nothing
 * where there are no channels.
 */
export function conv2d(call: Call<{ x: TensorInfo; filter: TensorInfo }, Conv2DAttrs>) {
  const { backend, inputs, attrs } = call;
  const info = infoOf('conv2d', inputs, attrs);
  if (info && isEmpty(info)) return backend.makeOutput(info.outShape, 'float32');
  return info && isOurs(inputs, info)
    ? convolve(call, inputs, info)
    : call.stock(inputs, withPadding(attrs, info));
}

/** The same with bias and ReLU or ReLU6; the backend's own kernel computes those with other activations. */
export function fusedConv2d(
  call: Call<
    { x: TensorInfo; filter: TensorInfo; bias?: TensorInfo; preluActivationWeights?: TensorInfo },
    FusedConv2DAttrs
  >,
) {
  const { backend, inputs, attrs } = call;
  const { bias } = inputs;
  const activation = attrs.activation ?? 'linear';
  const clamps = isClamping(activation);
  const info = infoOf('fused.conv2d', inputs, attrs);
  if (info && isEmpty(info)) return backend.makeOutput(info.outShape, 'float32');
  const fits =
    (activation === 'linear' || clamps) &&
    (!bias || (bias.shape.length === 1 && bias.dtype === 'float32' && bias.shape[0] === info?.outChannels));
  if (info && fits && isOurs(inputs, info)) {
    const y = convolve(call, { ...inputs, relu: activation === 'relu' }, info);
    if (activation === 'relu6') clampInPlace(call, y, activation);
    return y;
  }
  const padded = withPadding(attrs, info);
  if (!clamps) return call.stock(inputs, padded);
  // Its own ReLU would lose NaN.
  const y = call.stock(inputs, { ...padded, activation: 'linear' }) as TensorInfo;
  clampInPlace(call, y, activation);
  return y;
}

/** The shapes of a convolution of channels-last images. */
function infoOf(
  kernel: string,
  { x, filter }: { x: TensorInfo; filter: TensorInfo },
  { strides, pad, dilations, dataFormat, dimRoundingMode }: Conv2DAttrs,
): ConvInfo | undefined {
  if (dataFormat !== 'NHWC') return undefined;
  const shapes = [x.shape, filter.shape] as [number, number, number, number][];
  const info = backend_util.computeConv2DInfo(
    shapes[0]!,
    shapes[1]!,
    strides,
    dilations,
    pad,
    dimRoundingMode,
  );
  checkFits(kernel, info);
  return info;
}

/**
 * The attributes for the backend's own kernel, with 'same' padding in pixels: by itself the kernel computes nothing where a stride
 * passes over the last pixels.
 */
function withPadding<A extends Conv2DAttrs>(attrs: A, info: ConvInfo | undefined): A {
  if (!info) return attrs;
  const { top, bottom, left, right } = info.padInfo;
  return {
    ...attrs,
    pad: [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
  };
}

function isEmpty({ outShape }: ConvInfo): boolean {
  return util.sizeFromShape(outShape) === 0;
}

function isOurs({ x, filter }: { x: TensorInfo; filter: TensorInfo }, info: ConvInfo): boolean {
  return (
    x.dtype === 'float32' &&
    filter.dtype === 'float32' &&
    (info.inChannels === 0 || isSmall(info)) &&
    info.dilationHeight === 1 &&
    info.dilationWidth === 1 &&
    info.inChannels === filter.shape[2]
  );
}

function isSmall({ filterHeight, filterWidth, strideHeight, strideWidth }: ConvInfo): boolean {
  return filterHeight === 3 && filterWidth === 3 && strideHeight === 1 && strideWidth === 1;
}
