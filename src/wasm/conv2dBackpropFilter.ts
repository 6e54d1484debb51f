import { backend_util, type Conv2DBackpropFilterAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { wholePixels } from '../tfjs/wholePixels.js';
import { addressOf, type ConvInfo, channelsLast, withMemory, zeros } from './backend.js';
import { type Points, padded, pointsOf, TILE, tilesAtOnce } from './convolution.js';
import { withOutputGradient } from './outputGradient.js';
import { partsOf } from './parts.js';
import { type Call, runTasks, shareNumbers, type Tools } from './run.js';
import type { Task } from './tasks.js';

/** The minimum number of weights per tap for computing a filter's gradient in tiles. */
const MIN_WEIGHTS = 512;

/** The gradient of a convolution with respect to its filter, `[filterHeight, filterWidth, inChannels, outChannels]`. */
export function conv2dBackpropFilter(
  call: Call<{ x: TensorInfo; dy: TensorInfo }, Conv2DBackpropFilterAttrs>,
): TensorInfo {
  const { backend, inputs } = call;
  const { strides, pad, dataFormat, dimRoundingMode, filterShape } = call.attrs;
  channelsLast('Conv2DBackpropFilter', dataFormat);
  const shape = inputs.x.shape as [number, number, number, number];
  const info = wholePixels(
    'Conv2DBackpropFilter',
    backend_util.computeConv2DInfo(shape, filterShape, strides, 1, pad, dimRoundingMode),
  );
  return withOutputGradient(backend, 'Conv2DBackpropFilter', inputs.dy, info, (dy) => {
    if (size(dy.shape) === 0 || size(shape) === 0) return zeros(backend, filterShape);
    const gradient = backend.makeOutput(filterShape, 'float32');
    const [x, from, to] = [inputs.x, dy, gradient].map((tensor) => addressOf(backend, tensor));
    filterGradient(call, info, { x: x!, dy: from!, gradient: to!, use: 'write' });
    return gradient;
  });
}

/** Addresses of images and of the output's gradient, and where to write the filter's gradient or add it. */
interface Addresses {
  x: number;
  dy: number;
  gradient: number;
  use: 'write' | 'add';
}

/** The gradient of the filter of the convolution that `info` describes. */
export function filterGradient(call: Tools, info: ConvInfo, { x, dy, gradient, use }: Addresses): void {
  const { backend, kernels, helpers } = call;
  const points = gradientPoints(info);
  const parts = partsOf(info, helpers.length + 1, TILE[points]);
  const numbers = info.filterHeight * info.filterWidth * info.inChannels * info.outChannels;
  // Of each part's gradient, in the order of the parts; the first may be written at once.
  const direct = use === 'write' ? 1 : 0;
  const added = parts.length - direct;
  withMemory(backend, Math.max(4, 4 * numbers * added), (others) => {
    const tasks = parts.map(({ info, before }, i): Task => {
      const to = i < direct ? gradient : others + 4 * numbers * (i - direct);
      const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = info;
      const image = [x + before.input, batchSize, inHeight, inWidth, inChannels, padInfo.top, padInfo.left];
      const output = [dy + before.output, outHeight, outWidth, outChannels];
      if (points === 0) {
        const { height, width } = padded(info);
        return {
          kernel: 'directFilterGradient',
          bytes: kernels.directGradientBytes(inChannels, height, width, outHeight, outWidth, outChannels),
          args: (work) => [
            ...[...image, height, width, ...output, to],
            ...[info.filterHeight, info.filterWidth, info.strideHeight, info.strideWidth, work],
          ],
        };
      }
      const tiles = tilesAtOnce(points, info);
      return {
        kernel: 'filterGradient',
        bytes: kernels.filterGradientBytes(points, inChannels, outChannels, tiles),
        args: (work) => [points, ...image, ...output, to, tiles, work],
      };
    });
    runTasks(call, tasks);
    for (let i = 0; i < added; i++)
      shareNumbers(call, 'addNumbers', numbers, [others + 4 * numbers * i, gradient]);
  });
}

/**
 * The algorithm for a filter's gradient. In a narrow layer it can happen that no example reaches a weight, so that its gradient
 * is exactly 0. Tiles would round that to about 1e-9, which becomes a full step in an optimizer that divides by the gradient's
 * size, such as Adam. So narrow layers use plain sums, which are cheap there.
 */
function gradientPoints(info: ConvInfo): Points {
  return info.inChannels * info.outChannels < MIN_WEIGHTS ? 0 : pointsOf(info);
}
