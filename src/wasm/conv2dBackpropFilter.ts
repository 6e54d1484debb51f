import { backend_util, type Conv2DBackpropFilterAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { padded, tilesAtOnce } from './convolution.js';
import { addressOf, type Call, channelsLast, withMemory } from './run.js';
import { gradientTileSize } from './tileSize.js';

/** The gradient of a convolution with respect to its filter, `[filterHeight, filterWidth, inChannels, outChannels]`. */
export function conv2dBackpropFilter({
  backend,
  kernels,
  inputs: { x, dy },
  attrs: { strides, pad, dataFormat, dimRoundingMode, filterShape },
}: Call<{ x: TensorInfo; dy: TensorInfo }, Conv2DBackpropFilterAttrs>): TensorInfo {
  channelsLast('Conv2DBackpropFilter', dataFormat);
  const shape = x.shape as [number, number, number, number];
  const info = backend_util.computeConv2DInfo(shape, filterShape, strides, 1, pad, dimRoundingMode);
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = info;
  const gradient = backend.makeOutput(filterShape, 'float32');
  const at = (info: TensorInfo) => addressOf(backend, info);
  const size = gradientTileSize(info);
  if (size === 0) {
    const { height, width } = padded(info);
    const bytes = kernels.directGradientBytes(inChannels, height, width, outHeight, outWidth, outChannels);
    withMemory(backend, bytes, (work) =>
      kernels.directFilterGradient(
        ...[at(x), batchSize, inHeight, inWidth, inChannels, padInfo.top, padInfo.left, height, width],
        ...[at(dy), outHeight, outWidth, outChannels, at(gradient)],
        ...[info.filterHeight, info.filterWidth, info.strideHeight, info.strideWidth, work],
      ),
    );
    return gradient;
  }
  const tiles = tilesAtOnce(size, info);
  withMemory(backend, kernels.filterGradientBytes(size, inChannels, outChannels, tiles), (work) =>
    kernels.filterGradient(
      size,
      ...[at(x), batchSize, inHeight, inWidth, inChannels, padInfo.top, padInfo.left],
      ...[at(dy), outHeight, outWidth, outChannels, at(gradient), tiles, work],
    ),
  );
  return gradient;
}
