import { backend_util, type Conv2DBackpropFilterAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { wholePixels } from '../tfjs/wholePixels.js';
import { addParts } from './addParts.js';
import { fewChannels, fewChannelsParts, hasFewChannels } from './fewChannels.js';
import { type ConvInfo, shapeName } from './filterGradient.js';
import { filterTiles, tileParts, tilesFor } from './filterTiles.js';
import type { Call } from './run.js';

/**
 * The gradient of a convolution with respect to its filter, `[filterHeight, filterWidth, inChannels, outChannels]`: for each
 * weight, the sum over all output pixels of the batch of an input and an output's gradient. One pass computes it for each part of
 * the pixels, and a second adds the parts, always in the same order.
 */
export function conv2dBackpropFilter(
  call: Call<{ x: TensorInfo; dy: TensorInfo }, Conv2DBackpropFilterAttrs>,
): TensorInfo {
  const { backend, tuner, inputs, attrs, stock } = call;
  const { x, dy } = inputs;
  const info = filterGradientInfo(x, dy, attrs);
  if (!info) return stock(inputs, attrs) as TensorInfo;
  if (hasFewChannels(info)) {
    const parts = fewChannelsParts(info);
    return addParts(backend, fewChannels(backend, x, dy, info, parts), parts, info.filterShape);
  }
  const parts = tileParts(info, backend.device.limits.maxStorageBufferBindingSize);
  const key = `Conv2DBackpropFilter ${info.batchSize} ${shapeName(info)}`;
  const sums = tuner.run(backend, key, tilesFor(info), (tile) =>
    filterTiles(backend, x, dy, info, parts, tile),
  );
  return addParts(backend, sums, parts, info.filterShape);
}

/** What the kernel covers: float32 images, channels last, with strides of 1 and a gradient for each output. */
function filterGradientInfo(
  x: TensorInfo,
  dy: TensorInfo,
  { strides, pad, dataFormat, dimRoundingMode, filterShape }: Conv2DBackpropFilterAttrs,
): ConvInfo | undefined {
  if (dataFormat !== 'NHWC' || x.dtype !== 'float32' || dy.dtype !== 'float32') return undefined;
  const shape = x.shape as [number, number, number, number];
  const info = wholePixels(
    'Conv2DBackpropFilter',
    backend_util.computeConv2DInfo(shape, filterShape, strides, 1, pad, dimRoundingMode),
  );
  // conv2dTranspose may pass a gradient with more rows and columns than the convolution has.
  const covered =
    info.strideHeight === 1 &&
    info.strideWidth === 1 &&
    dy.shape.every((length, i) => length === info.outShape[i]) &&
    size(x.shape) > 0 &&
    size(dy.shape) > 0 &&
    size(filterShape) > 0;
  return covered ? info : undefined;
}
