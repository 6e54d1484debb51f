import {
  backend_util,
  type Conv2DAttrs,
  type FusedConv2DAttrs,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { type ConvInfo, checkFits, cropped, type WasmBackend } from './backend.js';
import { clampInPlace } from './clamp.js';
import { finish, isKnown } from './epilogue.js';
import type { Call } from './run.js';

/** The inputs of a convolution. */
export interface Operands {
  x: TensorInfo;
  filter: TensorInfo;
  bias?: TensorInfo;
}

/** A convolution and what is fused with it. */
export type FusedCall = Call<Operands & { preluActivationWeights?: TensorInfo }, FusedConv2DAttrs>;

/** A convolution, with a bias of one number for each channel, and ReLU. */
type Convolution<A> = (
  call: Call<Operands, A>,
  kernel: string,
  inputs: Operands,
  relu: boolean,
) => TensorInfo;

/** A convolution by `convolution`, with any bias and activation. */
export function fusedConvolution(
  call: FusedCall,
  kernel: string,
  outChannels: number,
  convolution: Convolution<FusedConv2DAttrs>,
): TensorInfo {
  const { inputs, attrs } = call;
  const { x, filter, bias, preluActivationWeights } = inputs;
  if (!isKnown(attrs.activation)) return call.stock(inputs, attrs) as TensorInfo;
  const isRow = bias?.shape.length === 1 && bias.shape[0] === outChannels;
  const isRelu = attrs.activation === 'relu' && (isRow || !bias);
  const linear = { ...call, attrs: { ...attrs, activation: 'linear' as const } };
  const y = convolution(linear, kernel, { x, filter, ...(isRow && { bias }) }, isRelu);
  if (isRelu) return y;
  return finish(call, y, { ...attrs, bias: isRow ? undefined : bias, preluActivationWeights });
}

/**
 * A convolution by `ours`, or by the backend's own kernel where that returns nothing. It knows channels-last images only, and says so;
 * where images are smaller than the filter, it may write outside its output.
 */
export function convolution<A extends Conv2DAttrs>(
  call: Call<Operands, A>,
  kernel: string,
  inputs: Operands,
  {
    relu,
    depthwise = false,
    ours,
  }: { relu: boolean; depthwise?: boolean; ours?: (info: ConvInfo) => TensorInfo | undefined },
): TensorInfo {
  const { backend, attrs } = call;
  if (attrs.dataFormat !== 'NHWC') return call.stock(inputs, attrs) as TensorInfo;
  // tfjs passes null for no dilations.
  const { strides, pad, dilations, dimRoundingMode } = attrs;
  const [image, filter] = [inputs.x.shape, inputs.filter.shape] as [number, number, number, number][];
  const info = backend_util.computeConv2DInfo(
    ...([image!, filter!, strides, dilations ?? 1, pad, dimRoundingMode, depthwise] as const),
  );
  checkFits(kernel, info);
  if (util.sizeFromShape(info.outShape) === 0) return backend.makeOutput(info.outShape, 'float32');
  const result = ours?.(info);
  if (result) return result;
  const y = withoutRest(backend, call.stock(inputs, withPadding(attrs, info)) as TensorInfo, info);
  if (relu) clampInPlace(call, y, 'relu');
  return y;
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
