import {
  backend_util,
  getBackend,
  getKernel,
  type KernelBackend,
  MaxPoolGrad,
  type MaxPoolGradAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { wasmInstallation } from './kernels.js';
import { replaceKernels } from './replaceKernels.js';

const MENDED = Symbol.for('vgg-blocks/maxPoolGradient');

interface Call {
  backend: KernelBackend;
  inputs: { dy: TensorInfo; input: TensorInfo };
  attrs: MaxPoolGradAttrs;
}

/**
 * Makes the gradient of max pooling on tfjs's wasm backend that of other backends: its kernel, up to 4.22, gives the gradient of
 * an output to each of several equal inputs, as flat areas and ReLUs have them. The kernel is replaced once and for all, because
 * gradients of a loss are taken after it was computed; `installWasmKernels` brings a faster one.
 */
export function mendMaxPoolGradient(): void {
  if (getBackend() !== 'wasm' || wasmInstallation()) return;
  const own = getKernel(MaxPoolGrad, 'wasm')?.kernelFunc;
  if (!own || MENDED in own) return;
  const kernels = { [MaxPoolGrad]: maxPoolGradient };
  const toolsOf = (backend: unknown) => ({ backend });
  replaceKernels({ backend: 'wasm', kernels, toolsOf, mark: MENDED, installation: true });
}

/**
 * Each output's gradient goes to the first of its window's largest inputs, or to none if the window has no number above minus
 * infinity, as on the cpu backend.
 */
function maxPoolGradient({ backend, inputs: { dy, input }, attrs }: Call): TensorInfo {
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  const info = backend_util.computePool2DInfo(
    input.shape as [number, number, number, number],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  const { batchSize, inHeight, inWidth, inChannels: channels, outHeight, outWidth } = info;
  const { top, left } = info.padInfo;
  const [x, gradient] = [input, dy].map(({ dataId }) => backend.readSync(dataId) as Float32Array) as [
    Float32Array,
    Float32Array,
  ];
  const dx = new Float32Array(x.length);
  let out = 0;
  for (let image = 0; image < batchSize; image++) {
    for (let outRow = 0; outRow < outHeight; outRow++) {
      const [fromRow, toRow] = span(outRow * info.strideHeight - top, info.effectiveFilterHeight, inHeight);
      for (let outColumn = 0; outColumn < outWidth; outColumn++) {
        const start = outColumn * info.strideWidth - left;
        const [fromColumn, toColumn] = span(start, info.effectiveFilterWidth, inWidth);
        for (let channel = 0; channel < channels; channel++, out++) {
          let largest = Number.NEGATIVE_INFINITY;
          let winner = -1;
          for (let row = fromRow; row < toRow; row++) {
            const begin = ((image * inHeight + row) * inWidth + fromColumn) * channels + channel;
            for (let column = fromColumn, at = begin; column < toColumn; column++, at += channels) {
              if (x[at]! > largest) [largest, winner] = [x[at]!, at];
            }
          }
          if (winner >= 0) dx[winner]! += gradient[out]!;
        }
      }
    }
  }
  return { dataId: backend.write(dx, input.shape, 'float32'), shape: input.shape, dtype: 'float32' };
}

/** The part of a window that lies within the image. */
function span(start: number, length: number, size: number): [from: number, to: number] {
  return [Math.max(0, start), Math.min(size, start + length)];
}
