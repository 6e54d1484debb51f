import {
  backend_util,
  type Conv2DAttrs,
  type FusedConv2DAttrs,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { type ConvInfo, checkFits, cropped, type WasmBackend } from './backend.js';
import { clampInPlace } from './clamp.js';
import { convolve } from './convolution.js';
import { finish, isKnown } from './epilogue.js';
import type { Call } from './run.js';

/**
 * 3x3 convolutions of stride 1, and those of images without channels; the backend's own kernel computes the others, and nothing
 * where there are no channels.
 */
export function conv2d(call: Call<{ x: TensorInfo; filter: TensorInfo }, Conv2DAttrs>): TensorInfo {
  return convolution(call, 'conv2d', call.inputs);
}

/** The same with bias and activation. */
export function fusedConv2d(
  call: Call<
    { x: TensorInfo; filter: TensorInfo; bias?: TensorInfo; preluActivationWeights?: TensorInfo },
    FusedConv2DAttrs
  >,
): TensorInfo {
  const { inputs, attrs } = call;
  const { x, filter, bias, preluActivationWeights } = inputs;
  if (!isKnown(attrs.activation)) return call.stock(inputs, attrs) as TensorInfo;
  const isRow = bias?.shape.length === 1 && bias.shape[0] === filter.shape[3];
  const isRelu = attrs.activation === 'relu' && (isRow || !bias);
  const linear = { ...call, attrs: { ...attrs, activation: 'linear' as const } };
  const y = convolution(linear, 'fused.conv2d', { x, filter, ...(isRow && { bias }) }, isRelu);
  if (isRelu) return y;
  return finish(call, y, { ...attrs, bias: isRow ? undefined : bias, preluActivationWeights });
}

type Operands = { x: TensorInfo; filter: TensorInfo; bias?: TensorInfo };

/** A convolution, its bias and ReLU. */
function convolution<I extends Operands, A extends Conv2DAttrs>(
  call: Call<I, A>,
  kernel: string,
  inputs: I,
  relu = false,
): TensorInfo {
  const { backend, attrs } = call;
  // The backend's own kernel refuses them.
  if (attrs.dataFormat !== 'NHWC') return call.stock(inputs, attrs) as TensorInfo;
  const info = infoOf(kernel, inputs, attrs);
  if (util.sizeFromShape(info.outShape) === 0) return backend.makeOutput(info.outShape, 'float32');
  if (isOurs(inputs, info)) return convolve(call, { ...inputs, relu }, info);
  const y = withoutRest(backend, call.stock(inputs, withPadding(attrs, info)) as TensorInfo, info);
  if (relu) clampInPlace(call, y, 'relu');
  return y;
}

/** The shapes of a convolution. */
function infoOf(
  kernel: string,
  { x, filter }: Operands,
  { strides, pad, dilations, dimRoundingMode }: Conv2DAttrs,
): ConvInfo {
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
 * The attributes for the backend's own kernel, with as much padding as the outputs need: by itself the kernel computes nothing where
 * a stride passes over the last pixels, and not the outputs that `dimRoundingMode` adds.
 */
function withPadding<A extends Conv2DAttrs>(attrs: A, info: ConvInfo): A {
  const { padInfo, strideHeight, strideWidth, effectiveFilterHeight, effectiveFilterWidth } = info;
  const { top, left } = padInfo;
  const bottom = (info.outHeight - 1) * strideHeight + effectiveFilterHeight - info.inHeight - top;
  const right = (info.outWidth - 1) * strideWidth + effectiveFilterWidth - info.inWidth - left;
  return {
    ...attrs,
    dimRoundingMode: undefined,
    pad: [
      [0, 0],
      [top, Math.max(0, bottom)],
      [left, Math.max(0, right)],
      [0, 0],
    ],
  };
}

/**
 * The first outputs, as many as `info` says: for padding in pixels and a filter that is not square, tfjs may count fewer than the
 * backend's own kernel computes.
 */
function withoutRest(backend: WasmBackend, y: TensorInfo, info: ConvInfo): TensorInfo {
  const [, height, width] = y.shape;
  if (height === info.outHeight && width === info.outWidth) return y;
  try {
    return cropped(backend, y, info);
  } finally {
    backend.disposeData(y.dataId);
  }
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
