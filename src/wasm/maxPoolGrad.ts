import { backend_util, type MaxPoolGradAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { type Call, output } from './run.js';

/**
 * The gradient of max pooling: each output's gradient goes to the first of its window's largest inputs, and to none
 * where the window has no number above minus infinity, as on the cpu backend. The backend's own kernel searches each
 * window once for every input in it.
 */
export function maxPoolGrad({
  backend,
  inputs: { dy, input },
  attrs: { filterSize, strides, pad, dimRoundingMode },
}: Call<{ dy: TensorInfo; input: TensorInfo }, MaxPoolGradAttrs>): TensorInfo {
  const shape = input.shape as [number, number, number, number];
  const info = backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const { inHeight, inWidth, inChannels, outHeight, outWidth, padInfo } = info;
  const { info: dx, target, source } = output(backend, input, shape);
  const gradient = backend.typedArrayFromHeap(dy);
  target.fill(0);
  let out = 0;
  for (let image = 0; image < info.batchSize; image++) {
    for (let row = 0; row < outHeight; row++) {
      const top = row * info.strideHeight - padInfo.top;
      const [firstRow, lastRow] = [Math.max(0, top), Math.min(inHeight, top + info.filterHeight)];
      for (let column = 0; column < outWidth; column++) {
        const left = column * info.strideWidth - padInfo.left;
        const [firstColumn, lastColumn] = [Math.max(0, left), Math.min(inWidth, left + info.filterWidth)];
        for (let channel = 0; channel < inChannels; channel++, out++) {
          let largest = Number.NEGATIVE_INFINITY;
          let where = -1;
          for (let y = firstRow; y < lastRow; y++) {
            const line = (image * inHeight + y) * inWidth * inChannels + channel;
            for (let x = firstColumn; x < lastColumn; x++) {
              const value = source[line + x * inChannels]!;
              if (value > largest) {
                largest = value;
                where = line + x * inChannels;
              }
            }
          }
          if (where >= 0) target[where]! += gradient[out]!;
        }
      }
    }
  }
  return dx;
}
