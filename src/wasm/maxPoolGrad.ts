import { backend_util, type MaxPoolGradAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { addressOf } from './backend.js';
import type { Call } from './run.js';

/**
 * The gradient of max pooling: each output's gradient goes to the first of its window's largest inputs, or to none if the
 * window has no number above minus infinity, as on the cpu backend. The backend's own kernel searches each window once for
 * every input in it.
 */
export function maxPoolGrad({
  backend,
  kernels,
  inputs: { dy, input },
  attrs: { filterSize, strides, pad, dimRoundingMode },
}: Call<{ dy: TensorInfo; input: TensorInfo }, MaxPoolGradAttrs>): TensorInfo {
  const shape = input.shape as [number, number, number, number];
  const info = backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const dx = backend.makeOutput(shape, 'float32');
  const [x, gradient, to] = [input, dy, dx].map((tensor) => addressOf(backend, tensor)) as [
    number,
    number,
    number,
  ];
  kernels.maxPoolGradient(
    ...[x, gradient, to, info.batchSize, info.inHeight, info.inWidth, info.inChannels],
    ...[
      info.outHeight,
      info.outWidth,
      info.filterHeight,
      info.filterWidth,
      info.strideHeight,
      info.strideWidth,
    ],
    ...[info.padInfo.top, info.padInfo.left],
  );
  return dx;
}
