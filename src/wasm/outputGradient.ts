import type { TensorInfo } from '@tensorflow/tfjs-core';
import { type ConvInfo, cropped, type WasmBackend } from './backend.js';

/**
 * Runs `use` with the gradient `dy` of a convolution's output. `conv2dTranspose` may pass one with more rows and columns than the
 * convolution has; as on the cpu backend, they are ignored.
 */
export function withOutputGradient<T>(
  backend: WasmBackend,
  kernel: string,
  dy: TensorInfo,
  info: ConvInfo,
  use: (dy: TensorInfo) => T,
): T {
  const [height, width] = dy.shape.slice(1, 3) as [number, number];
  const { outHeight, outWidth } = info;
  if (height === outHeight && width === outWidth) return use(dy);
  if (height < outHeight || width < outWidth) {
    throw new RangeError(
      `${kernel}: the output's gradient is ${height}x${width}, but a convolution of this input has ${outHeight}x${outWidth} outputs; check outputShape, strides and padding.`,
    );
  }
  const inside = cropped(backend, dy, info);
  try {
    return use(inside);
  } finally {
    backend.disposeData(inside.dataId);
  }
}
