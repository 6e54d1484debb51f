import type { MaxPoolGradAttrs, TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { computed } from './backend.js';
import { columnSums } from './columnSums.js';
import { type Call, type OwnCall, runEach } from './run.js';
import { attrsOf, type Windows, windowsOf } from './windows.js';

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
  const windows = windowsOf(x, attrs);
  return runEach(backend, {
    name: `max pool gradient ${windows.name}`,
    inputs: { x, dy },
    output: x.shape,
    vec4: windows.isVector ? ['x', 'dy', 'result'] : [],
    count: size(x.shape) / (windows.isVector ? 4 : 1),
    code: `${gradientCode(windows, '-uniforms.INFINITY')}
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
  const windows = windowsOf(x, attrsOf(pool));
  let bias: TensorInfo | undefined;
  const before = computed(backend, backend.makeTensorInfo(x.shape, 'float32'), (before) => {
    bias = columnSums(
      backend,
      {
        name: `max pool and bias gradient ${relu} ${windows.name}`,
        ...{ rows: size(x.shape) / columns, columns },
        inputs: { x, dy },
        updates: { before },
        vec4: windows.isVector ? ['x', 'dy', 'before'] : [],
        code: `${gradientCode(windows, relu ? '0.0' : '-uniforms.INFINITY')}
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
function gradientCode({ isVector, ofInput, ofSameWindow }: Windows, floor: string): string {
  const [type, flags] = isVector ? ['vec4<f32>', 'vec4<bool>'] : ['f32', 'bool'];
  return `
  let mine = x[i];
  var gradient = ${type}();
  ${ofInput(`
      var isFirst = mine > ${type}(${floor});
      ${ofSameWindow(`
          let other = x[at];
          isFirst = isFirst & !(other > mine) & !((other == mine) & ${flags}(otherPlace < place));`)}
      gradient += select(${type}(), dy[out], isFirst);`)}`;
}
