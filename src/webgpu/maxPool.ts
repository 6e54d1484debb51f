import type { MaxPoolAttrs, TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { type Call, runEach } from './run.js';
import { windowsOf } from './windows.js';

/**
 * Max pooling, four channels in an invocation. As on the cpu backend, a window's NaNs are ignored if it has a number; a window of
 * NaN alone gives NaN (minus infinity there), and one of padding alone minus infinity. In the backend's own kernel that depends on the GPU, and a window of minus infinity
 * gives -1e20.
 */
export function maxPool(call: Call<{ x: TensorInfo }, MaxPoolAttrs>) {
  const { backend, inputs, attrs, stock } = call;
  const { x } = inputs;
  const { outShape, isVector, name, ofOutput } = windowsOf(x, attrs);
  if (x.dtype !== 'float32' || size(x.shape) === 0 || size(outShape) === 0) return stock(inputs, attrs);
  const type = isVector ? 'vec4<f32>' : 'f32';
  return runEach(backend, {
    name: `max pool ${name}`,
    inputs: { x },
    output: outShape,
    vec4: isVector ? ['x', 'result'] : [],
    count: size(outShape) / (isVector ? 4 : 1),
    code: `
  var largest = ${type}(uniforms.NAN);
  ${ofOutput(`
      let number = x[at];
      largest = select(largest, number, ${isLarger(isVector)});`)}
  result[i] = select(largest, ${type}(-uniforms.INFINITY), isOutside);`,
  });
}

/** WGSL for whether `number` is larger than the `largest` before it, which is NaN if there was none. */
export function isLarger(isVector: boolean): string {
  const isNan = isVector ? 'isnanVec4' : 'isnan';
  return `${isNan}(largest) | ((number > largest) & !${isNan}(number))`;
}
