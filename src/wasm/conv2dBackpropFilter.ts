import { backend_util, type Conv2DBackpropFilterAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { type Call, channelsLast, release, run } from './run.js';

/**
 * The gradient of a convolution with respect to its filter, `[filterHeight, filterWidth, inChannels, outChannels]`.
 *
 * It is a convolution itself: of the input with the output's gradient as the filter, where the batch takes the place
 * of the channels and the forward pass's strides are dilations. So the backend's own fast convolution computes it.
 */
export function conv2dBackpropFilter({
  backend,
  inputs: { x, dy },
  attrs: { strides, pad, dataFormat, dimRoundingMode, filterShape },
}: Call<{ x: TensorInfo; dy: TensorInfo }, Conv2DBackpropFilterAttrs>): TensorInfo {
  channelsLast('Conv2DBackpropFilter', dataFormat);
  const shape = x.shape as [number, number, number, number];
  const info = backend_util.computeConv2DInfo(shape, filterShape, strides, 1, pad, dimRoundingMode);
  const { top, left } = info.padInfo;
  const dilations = [info.strideHeight, info.strideWidth];
  // Padding after the input that gives as many output rows as the filter has. Where the strides left rows of the input
  // over it would be less than none; then there are output rows too many, which are cut off.
  const bottom = info.filterHeight + (info.outHeight - 1) * info.strideHeight - info.inHeight - top;
  const right = info.filterWidth + (info.outWidth - 1) * info.strideWidth - info.inWidth - left;

  const image = run(backend, 'Transpose', { x }, { perm: [3, 1, 2, 0] });
  const filter = run(backend, 'Transpose', { x: dy }, { perm: [1, 2, 0, 3] });
  const padding = [
    [0, 0],
    [top, Math.max(0, bottom)],
    [left, Math.max(0, right)],
    [0, 0],
  ];
  const attrs = { strides: [1, 1], dilations, pad: padding, dataFormat: 'NHWC' };
  let byChannel = run(backend, 'Conv2D', { x: image, filter }, attrs);
  release(backend, image, filter);
  if (bottom < 0 || right < 0) {
    const size = [info.inChannels, info.filterHeight, info.filterWidth, info.outChannels];
    const cut = run(backend, 'Slice', { x: byChannel }, { begin: [0, 0, 0, 0], size });
    release(backend, byChannel);
    byChannel = cut;
  }
  const gradient = run(backend, 'Transpose', { x: byChannel }, { perm: [1, 2, 0, 3] });
  release(backend, byChannel);
  return gradient;
}
