import {
  backend_util,
  type Conv2DAttrs,
  type Conv2DBackpropInputAttrs,
  type FusedConv2DAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { wholePixels } from '../tfjs/wholePixels.js';
import { activationOf } from './activation.js';
import { convolve } from './convolve.js';
import type { Call } from './run.js';

type Shape = [number, number, number, number];

/** Convolutions of stride 1; the backend's own kernel computes the others. */
export function conv2d(call: Call<{ x: TensorInfo; filter: TensorInfo }, Conv2DAttrs>) {
  const { inputs, attrs } = call;
  const info = infoOf(inputs.x.shape, inputs.filter.shape, attrs);
  return info && isOurs(inputs) ? convolve(call, { ...inputs, ...info }) : call.stock(inputs, attrs);
}

/** The same with bias and activation; the backend's own kernel computes those with a PReLU. */
export function fusedConv2d(
  call: Call<
    { x: TensorInfo; filter: TensorInfo; bias?: TensorInfo; preluActivationWeights?: TensorInfo },
    FusedConv2DAttrs
  >,
) {
  const { inputs, attrs } = call;
  const { x, filter, bias } = inputs;
  const activation = activationOf(attrs);
  const info = infoOf(x.shape, filter.shape, attrs);
  const fits =
    activation &&
    (!bias || (bias.dtype === 'float32' && bias.shape.length === 1 && bias.shape[0] === filter.shape[3]));
  return info && fits && isOurs(inputs)
    ? convolve(call, { x, filter, bias, activation, ...info })
    : call.stock(inputs, attrs);
}

/** The gradient of images: the convolution of the result's gradient with the rotated filter. */
export function conv2dBackpropInput(
  call: Call<{ dy: TensorInfo; filter: TensorInfo }, Conv2DBackpropInputAttrs>,
) {
  const { inputs, attrs } = call;
  const { dy, filter } = inputs;
  const info = infoOf(attrs.inputShape, filter.shape, { ...attrs, dilations: 1 });
  // conv2dTranspose may pass one with more rows and columns than the convolution has.
  const fits = info?.outShape.every((length, axis) => length === dy.shape[axis]);
  if (!info || !fits || !isOurs({ x: dy, filter })) return call.stock(inputs, attrs);
  const pad = info.pad.map((before, axis) => filter.shape[axis]! - 1 - before) as [number, number];
  return convolve(call, { x: dy, filter, rotated: true, pad, outShape: attrs.inputShape });
}

/** The padding before images and the shape of the result of a convolution that is covered; undefined for others. */
function infoOf(
  xShape: number[],
  filterShape: number[],
  {
    strides,
    pad,
    dilations,
    dataFormat,
    dimRoundingMode,
  }: Pick<Conv2DAttrs, 'strides' | 'pad' | 'dilations' | 'dataFormat' | 'dimRoundingMode'>,
): { pad: [number, number]; outShape: Shape } | undefined {
  if (dataFormat !== 'NHWC') return undefined;
  const info = backend_util.computeConv2DInfo(
    ...([xShape, filterShape] as [Shape, Shape]),
    ...([strides, dilations, pad, dimRoundingMode] as const),
  );
  wholePixels('Conv2D', info);
  const steps = [info.strideHeight, info.strideWidth, info.dilationHeight, info.dilationWidth];
  const covered = steps.every((step) => step === 1) && info.inChannels === filterShape[2];
  if (!covered || info.outShape.some((length) => length <= 0) || size(xShape) === 0) return undefined;
  return { pad: [info.padInfo.top, info.padInfo.left], outShape: info.outShape };
}

function isOurs({ x, filter }: { x: TensorInfo; filter: TensorInfo }): boolean {
  return x.dtype === 'float32' && filter.dtype === 'float32';
}
