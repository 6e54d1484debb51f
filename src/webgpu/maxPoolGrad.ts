import { backend_util, type MaxPoolGradAttrs, type TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { computed } from './backend.js';
import { columnSums } from './columnSums.js';
import { type Call, type OwnCall, runEach } from './run.js';

/**
 * The gradient of max pooling: each output's gradient goes to the first of its window's largest inputs, or to none if the
 * window has no number above minus infinity, as on the cpu backend. One pass, an invocation for each input, compares it with the
 * others of its windows; the backend's own two passes store positions, and choose the last of the largest.
 */
export function maxPoolGrad(call: Call<{ dy: TensorInfo; input: TensorInfo }, MaxPoolGradAttrs>) {
  const { backend, inputs, attrs, stock } = call;
  const { dy, input: x } = inputs;
  const covered = x.dtype === 'float32' && dy.dtype === 'float32' && size(x.shape) > 0 && size(dy.shape) > 0;
  if (!covered) return stock(inputs, attrs);
  const { name, isVector, code } = gradientOf(x, attrs, '-uniforms.INFINITY');
  return runEach(backend, {
    name: `max pool gradient ${name}`,
    inputs: { x, dy },
    output: x.shape,
    vec4: isVector ? ['x', 'dy', 'result'] : [],
    count: size(x.shape) / (isVector ? 4 : 1),
    code: `${code}
  result[i] = gradient;`,
  });
}

/**
 * The same behind a ReLU, through which only what is above 0 gets, with the sum over all axes but the last, which is the gradient of
 * the bias before both.
 */
export function poolBiasGrad({ backend, inputs, attrs }: OwnCall<'PoolBiasGrad'>): TensorInfo[] {
  const { dy, map: x } = inputs;
  const { pool, relu } = attrs;
  const columns = x.shape.at(-1)!;
  const { name, isVector, code } = gradientOf(
    x,
    { filterSize: pool.size, strides: pool.strides, pad: pool.pad },
    relu ? '0.0' : '-uniforms.INFINITY',
  );
  let bias: TensorInfo | undefined;
  const before = computed(backend, backend.makeTensorInfo(x.shape, 'float32'), (before) => {
    bias = columnSums(
      backend,
      {
        name: `max pool and bias gradient ${relu} ${name}`,
        ...{ rows: size(x.shape) / columns, columns },
        inputs: { x, dy },
        updates: { before },
        vec4: isVector ? ['x', 'dy', 'before'] : [],
        code: `${code}
      let number = gradient;
      before[i] = number;`,
      },
      [columns],
    );
  });
  return [before, bias!];
}

/**
 * WGSL that declares `gradient`, that of the number at `i`.
 *
 * @param floor what the largest of a window must be above.
 */
function gradientOf(
  x: TensorInfo,
  { filterSize, strides, pad, dimRoundingMode }: MaxPoolGradAttrs,
  floor: string,
) {
  const info = backend_util.computePool2DInfo(
    x.shape as [number, number, number, number],
    ...([filterSize, strides, 1, pad, dimRoundingMode] as const),
  );
  const { inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth } =
    info;
  const { top, left } = info.padInfo;
  const isVector = info.inChannels % 4 === 0;
  const [type, width] = isVector ? ['vec4<f32>', 4] : ['f32', 1];
  const flags = isVector ? 'vec4<bool>' : 'bool';
  const channels = info.inChannels / width;
  const geometry = [...info.inShape.slice(1), ...info.outShape.slice(1), filterHeight, filterWidth];
  const code = `
  let channel = i % ${channels};
  let pixel = i / ${channels};
  let column = pixel % ${inWidth};
  let row = pixel / ${inWidth} % ${inHeight};
  let image = pixel / ${inWidth * inHeight};
  let mine = x[i];
  var gradient = ${type}();
  // The windows that contain this pixel.
  let firstDown = max(0, row + ${top - filterHeight + strideHeight}) / ${strideHeight};
  let lastDown = min(${outHeight - 1}, (row + ${top}) / ${strideHeight});
  let firstAcross = max(0, column + ${left - filterWidth + strideWidth}) / ${strideWidth};
  let lastAcross = min(${outWidth - 1}, (column + ${left}) / ${strideWidth});
  for (var down = firstDown; down <= lastDown; down++) {
    for (var across = firstAcross; across <= lastAcross; across++) {
      let fromRow = down * ${strideHeight} - ${top};
      let fromColumn = across * ${strideWidth} - ${left};
      var isFirst = mine > ${type}(${floor});
      for (var r = max(0, fromRow); r < min(${inHeight}, fromRow + ${filterHeight}); r++) {
        for (var c = max(0, fromColumn); c < min(${inWidth}, fromColumn + ${filterWidth}); c++) {
          let other = x[((image * ${inHeight} + r) * ${inWidth} + c) * ${channels} + channel];
          let isBefore = (r < row) | ((r == row) & (c < column));
          isFirst = isFirst & !(other > mine) & !((other == mine) & ${flags}(isBefore));
        }
      }
      gradient += select(${type}(), dy[((image * ${outHeight} + down) * ${outWidth} + across) * ${channels} + channel], isFirst);
    }
  }`;
  return {
    ...{ isVector, code },
    name: `${[...geometry, strideHeight, strideWidth, top, left]}`,
  };
}
