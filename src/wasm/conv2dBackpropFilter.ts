import { backend_util, type Conv2DBackpropFilterAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { padded, tilesAtOnce } from './convolution.js';
import type { Operand } from './operands.js';
import { inputOf, outputOf, partsOf } from './parts.js';
import { addressOf, type Call, channelsLast } from './run.js';
import { runTasks, type Task } from './tasks.js';
import { gradientTileSize } from './tileSize.js';

/** The gradient of a convolution with respect to its filter, `[filterHeight, filterWidth, inChannels, outChannels]`. */
export function conv2dBackpropFilter(
  call: Call<{ x: TensorInfo; dy: TensorInfo }, Conv2DBackpropFilterAttrs>,
): TensorInfo {
  const { backend, kernels, helpers, inputs } = call;
  const { strides, pad, dataFormat, dimRoundingMode, filterShape } = call.attrs;
  channelsLast('Conv2DBackpropFilter', dataFormat);
  const shape = inputs.x.shape as [number, number, number, number];
  const info = backend_util.computeConv2DInfo(shape, filterShape, strides, 1, pad, dimRoundingMode);
  const gradient = backend.makeOutput(filterShape, 'float32');
  const tileSize = gradientTileSize(info);
  const tasks = partsOf(info, helpers.length + 1, tileSize || 1).map((part, i): Task => {
    const operands = (bytes: number): Operand[] => [
      inputOf(part, addressOf(backend, inputs.x), 'read'),
      outputOf(part, addressOf(backend, inputs.dy), 'read'),
      {
        address: addressOf(backend, gradient),
        bytes: 4 * size(filterShape),
        // The first part's is what those of the others are added to.
        use: i === 0 ? 'write' : 'add',
      },
      { address: 0, bytes, use: 'work' },
    ];
    const { info } = part;
    const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = info;
    if (tileSize === 0) {
      const { height, width } = padded(info);
      return {
        kernel: 'directFilterGradient',
        operands: operands(
          kernels.directGradientBytes(inChannels, height, width, outHeight, outWidth, outChannels),
        ),
        args: ([x, dy, gradient, work]) => [
          ...[x!, batchSize, inHeight, inWidth, inChannels, padInfo.top, padInfo.left, height, width],
          ...[dy!, outHeight, outWidth, outChannels, gradient!],
          ...[info.filterHeight, info.filterWidth, info.strideHeight, info.strideWidth, work!],
        ],
      };
    }
    const tiles = tilesAtOnce(tileSize, info);
    return {
      kernel: 'filterGradient',
      operands: operands(kernels.filterGradientBytes(tileSize, inChannels, outChannels, tiles)),
      args: ([x, dy, gradient, work]) => [
        ...[tileSize, x!, batchSize, inHeight, inWidth, inChannels, padInfo.top, padInfo.left],
        ...[dy!, outHeight, outWidth, outChannels, gradient!, tiles, work!],
      ],
    };
  });
  runTasks(call, tasks);
  return gradient;
}
