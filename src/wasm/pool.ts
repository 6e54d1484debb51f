import {
  type AvgPoolAttrs,
  type AvgPoolGradAttrs,
  backend_util,
  type MaxPoolAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { addressOf, type ConvInfo, checkFits } from './backend.js';
import type { Windows } from './kernels.js';
import type { Call, Tools } from './run.js';

/**
 * Max pooling. As on the cpu backend, a window's NaNs are ignored if it has a number; a window of NaN alone gives NaN (minus
 * infinity there). In the backend's own kernel it depends on where the NaNs are, and small images make it write beyond its output.
 */
export function maxPool(call: Call<{ x: TensorInfo }, MaxPoolAttrs>): TensorInfo {
  return pool(call, 'maxPool', call.inputs.x, call.attrs);
}

/** Average pooling; padding is not counted. The backend's own kernel makes minus infinity of NaN. */
export function avgPool(call: Call<{ x: TensorInfo }, AvgPoolAttrs>): TensorInfo {
  return pool(call, 'averagePool', call.inputs.x, call.attrs);
}

/** The gradient of average pooling. */
export function avgPoolGrad({
  backend,
  kernels,
  inputs: { dy, input },
  attrs,
}: Call<{ dy: TensorInfo; input: TensorInfo }, AvgPoolGradAttrs>): TensorInfo {
  const dx = backend.makeOutput(input.shape, 'float32');
  const windows = gradientWindows(input, dy, attrs);
  kernels.averagePoolGradient(addressOf(backend, dy), addressOf(backend, dx), ...windows);
  return dx;
}

/** The windows of a pooling's gradient. The output's size is that of `dy`: tfjs does not say how it was rounded. */
export function gradientWindows(
  x: TensorInfo,
  dy: TensorInfo,
  attrs: Omit<MaxPoolAttrs, 'dimRoundingMode'>,
): Windows {
  return windowsOf({ ...infoOf(x, attrs), outHeight: dy.shape[1]!, outWidth: dy.shape[2]! });
}

function pool(
  { backend, kernels }: Tools,
  kernel: 'maxPool' | 'averagePool',
  x: TensorInfo,
  attrs: MaxPoolAttrs,
): TensorInfo {
  if (x.dtype !== 'float32') {
    throw new RangeError(
      `${kernel}: the input is ${x.dtype}, but the wasm backend pools only float32; cast it.`,
    );
  }
  const info = infoOf(x, attrs);
  checkFits(kernel, info);
  const y = backend.makeOutput(info.outShape, 'float32');
  kernels[kernel](addressOf(backend, x), addressOf(backend, y), ...windowsOf(info));
  return y;
}

function infoOf(x: TensorInfo, { filterSize, strides, pad, dimRoundingMode }: MaxPoolAttrs): ConvInfo {
  const shape = x.shape as [number, number, number, number];
  return backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
}

/** A pooling's windows, as arguments of a kernel. */
export function windowsOf(info: ConvInfo): Windows {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, padInfo } = info;
  const filter = [info.filterHeight, info.filterWidth, info.strideHeight, info.strideWidth] as const;
  return [
    batchSize,
    inHeight,
    inWidth,
    inChannels,
    outHeight,
    outWidth,
    ...filter,
    padInfo.top,
    padInfo.left,
  ];
}
