import type { Conv2DAttrs, TensorInfo } from '@tensorflow/tfjs-core';
import type { ConvInfo } from './backend.js';
import { convolve } from './convolution.js';
import { convolution, type FusedCall, fusedConvolution, type Operands } from './fusedConvolution.js';
import type { Call } from './run.js';

/** 3x3 convolutions of stride 1, and those of images without channels; the backend's own kernel computes the others. */
export function conv2d(call: Call<Operands, Conv2DAttrs>): TensorInfo {
  return plain(call, 'conv2d', call.inputs, false);
}

/** The same with bias and activation. */
export function fusedConv2d(call: FusedCall): TensorInfo {
  return fusedConvolution(call, 'fused.conv2d', call.inputs.filter.shape[3]!, plain);
}

function plain<A extends Conv2DAttrs>(
  call: Call<Operands, A>,
  kernel: string,
  inputs: Operands,
  relu: boolean,
): TensorInfo {
  const ours = (info: ConvInfo) =>
    isOurs(inputs, info) ? convolve(call, { ...inputs, relu }, info) : undefined;
  return convolution(call, kernel, inputs, { relu, ours });
}

/** Convolutions of each channel by itself. */
export function depthwiseConv2d(call: Call<Operands, Conv2DAttrs>): TensorInfo {
  return depthwise(call, 'depthwiseConv2d', call.inputs, false);
}

/** The same with bias and activation. */
export function fusedDepthwiseConv2d(call: FusedCall): TensorInfo {
  const [, , channels, multiplier] = call.inputs.filter.shape as [number, number, number, number];
  return fusedConvolution(call, 'fused.depthwiseConv2d', channels * multiplier, depthwise);
}

function depthwise<A extends Conv2DAttrs>(
  call: Call<Operands, A>,
  kernel: string,
  inputs: Operands,
  relu: boolean,
): TensorInfo {
  return convolution(call, kernel, inputs, { relu, depthwise: true });
}

function isOurs({ x, filter }: Operands, info: ConvInfo): boolean {
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
