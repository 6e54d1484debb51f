import {
  backend_util,
  type Conv2DAttrs,
  type FusedConv2DAttrs,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import type { ConvInfo } from './backend.js';
import { convolve } from './convolution.js';
import type { Call } from './run.js';

/** 3x3 convolutions of stride 1; the backend's own kernel computes the others. */
export function conv2d(call: Call<{ x: TensorInfo; filter: TensorInfo }, Conv2DAttrs>) {
  const info = infoOf(call.inputs, call.attrs);
  return info ? convolve(call, call.inputs, info) : call.stock(call.inputs, call.attrs);
}

/** The same with bias and ReLU; the backend's own kernel computes those with other activations. */
export function fusedConv2d(
  call: Call<
    { x: TensorInfo; filter: TensorInfo; bias?: TensorInfo; preluActivationWeights?: TensorInfo },
    FusedConv2DAttrs
  >,
) {
  const { inputs, attrs } = call;
  const { bias } = inputs;
  const activation = attrs.activation ?? 'linear';
  const info = infoOf(inputs, attrs);
  const fits =
    (activation === 'linear' || activation === 'relu') &&
    (!bias || (bias.shape.length === 1 && bias.dtype === 'float32' && bias.shape[0] === info?.outChannels));
  return info && fits
    ? convolve(call, { ...inputs, relu: activation === 'relu' }, info)
    : call.stock(inputs, attrs);
}

/** The shapes of a convolution; undefined if the backend's own kernel should compute it. */
function infoOf(
  { x, filter }: { x: TensorInfo; filter: TensorInfo },
  { strides, pad, dilations, dataFormat, dimRoundingMode }: Conv2DAttrs,
): ConvInfo | undefined {
  if (dataFormat !== 'NHWC' || x.dtype !== 'float32' || filter.dtype !== 'float32') return undefined;
  const shapes = [x.shape, filter.shape] as [number, number, number, number][];
  const info = backend_util.computeConv2DInfo(
    shapes[0]!,
    shapes[1]!,
    strides,
    dilations,
    pad,
    dimRoundingMode,
  );
  const plain =
    info.filterHeight === 3 &&
    info.filterWidth === 3 &&
    info.strideHeight === 1 &&
    info.strideWidth === 1 &&
    info.dilationHeight === 1 &&
    info.dilationWidth === 1 &&
    info.inChannels === filter.shape[2];
  return plain && util.sizeFromShape(info.outShape) > 0 ? info : undefined;
}
