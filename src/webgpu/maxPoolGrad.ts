import { backend_util, type MaxPoolGradAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { type Call, runEach } from './run.js';

/**
 * The gradient of max pooling: each output's gradient goes to the first of its window's largest inputs, or to none if the
 * window has no number above minus infinity, as on the cpu backend. One pass, an invocation for each input, compares it with the
 * others of its windows; the backend's own two passes store positions, and choose the last of the largest.
 */
export function maxPoolGrad(call: Call<{ dy: TensorInfo; input: TensorInfo }, MaxPoolGradAttrs>) {
  const { backend, inputs, attrs, stock } = call;
  const { dy, input: x } = inputs;
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  const info = backend_util.computePool2DInfo(
    x.shape as [number, number, number, number],
    ...([filterSize, strides, 1, pad, dimRoundingMode] as const),
  );
  const covered = x.dtype === 'float32' && dy.dtype === 'float32' && size(x.shape) > 0 && size(dy.shape) > 0;
  if (!covered) return stock(inputs, attrs);
  const { inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth } =
    info;
  const { top, left } = info.padInfo;
  const isVector = info.inChannels % 4 === 0;
  const [type, width] = isVector ? ['vec4<f32>', 4] : ['f32', 1];
  const flags = isVector ? 'vec4<bool>' : 'bool';
  const channels = info.inChannels / width;
  const count = size(x.shape) / width;
  const geometry = [...info.inShape.slice(1), ...info.outShape.slice(1), filterHeight, filterWidth];
  return runEach(backend, {
    name: `max pool gradient ${[...geometry, strideHeight, strideWidth, top, left]}`,
    inputs: { x, dy },
    output: x.shape,
    vec4: isVector ? ['x', 'dy', 'result'] : [],
    count,
    code: `
  let channel = i % ${channels};
  let pixel = i / ${channels};
  let column = pixel % ${inWidth};
  let row = pixel / ${inWidth} % ${inHeight};
  let image = pixel / ${inWidth * inHeight};
  let mine = x[i];
  var sum = ${type}();
  // The windows that contain this pixel.
  let firstDown = max(0, row + ${top - filterHeight + strideHeight}) / ${strideHeight};
  let lastDown = min(${outHeight - 1}, (row + ${top}) / ${strideHeight});
  let firstAcross = max(0, column + ${left - filterWidth + strideWidth}) / ${strideWidth};
  let lastAcross = min(${outWidth - 1}, (column + ${left}) / ${strideWidth});
  for (var down = firstDown; down <= lastDown; down++) {
    for (var across = firstAcross; across <= lastAcross; across++) {
      let fromRow = down * ${strideHeight} - ${top};
      let fromColumn = across * ${strideWidth} - ${left};
      var isFirst = mine > ${type}(-uniforms.INFINITY);
      for (var r = max(0, fromRow); r < min(${inHeight}, fromRow + ${filterHeight}); r++) {
        for (var c = max(0, fromColumn); c < min(${inWidth}, fromColumn + ${filterWidth}); c++) {
          let other = x[((image * ${inHeight} + r) * ${inWidth} + c) * ${channels} + channel];
          let isBefore = (r < row) | ((r == row) & (c < column));
          isFirst = isFirst & !(other > mine) & !((other == mine) & ${flags}(isBefore));
        }
      }
      sum += select(${type}(), dy[((image * ${outHeight} + down) * ${outWidth} + across) * ${channels} + channel], isFirst);
    }
  }
  result[i] = sum;`,
  });
}
