import { backend_util, type MaxPoolAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { type Call, runEach } from './run.js';

/**
 * Max pooling, four channels in an invocation. As on the cpu backend, a window's NaNs are ignored if it has a number; a window of
 * NaN alone gives NaN (minus infinity there). In the backend's own kernel that depends on the GPU, and a window of minus infinity
 * gives -1e20.
 */
export function maxPool(call: Call<{ x: TensorInfo }, MaxPoolAttrs>) {
  const { backend, inputs, attrs, stock } = call;
  const { x } = inputs;
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  const info = backend_util.computePool2DInfo(
    x.shape as [number, number, number, number],
    ...([filterSize, strides, 1, pad, dimRoundingMode] as const),
  );
  if (x.dtype !== 'float32' || size(x.shape) === 0 || size(info.outShape) === 0) return stock(inputs, attrs);
  const { inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth } = info;
  const { strideHeight, strideWidth, padInfo } = info;
  const isVector = info.inChannels % 4 === 0;
  const [type, width] = isVector ? ['vec4<f32>', 4] : ['f32', 1];
  const isNan = isVector ? 'isnanVec4' : 'isnan';
  const channels = info.inChannels / width;
  const geometry = [...info.inShape.slice(1), ...info.outShape.slice(1), filterHeight, filterWidth];
  return runEach(backend, {
    name: `max pool ${[...geometry, strideHeight, strideWidth, padInfo.top, padInfo.left]}`,
    inputs: { x },
    output: info.outShape,
    vec4: isVector ? ['x', 'result'] : [],
    count: size(info.outShape) / width,
    code: `
  let channel = i % ${channels};
  let pixel = i / ${channels};
  let fromRow = pixel / ${outWidth} % ${outHeight} * ${strideHeight} - ${padInfo.top};
  let fromColumn = pixel % ${outWidth} * ${strideWidth} - ${padInfo.left};
  let image = pixel / ${outHeight * outWidth} * ${inHeight};
  let nan = ${type}(uniforms.NAN);
  var largest = nan;
  for (var r = max(0, fromRow); r < min(${inHeight}, fromRow + ${filterHeight}); r++) {
    for (var c = max(0, fromColumn); c < min(${inWidth}, fromColumn + ${filterWidth}); c++) {
      let number = x[((image + r) * ${inWidth} + c) * ${channels} + channel];
      largest = select(largest, number, ${isNan}(largest) | ((number > largest) & !${isNan}(number)));
    }
  }
  result[i] = largest;`,
  });
}
