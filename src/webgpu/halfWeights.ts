import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { computed, type WebgpuBackend } from './backend.js';
import { runEach } from './run.js';

/**
 * Weights in half precision, four of them in two words of an `int32` tensor, which every device can read: `shader-f16`, which tfjs
 * does not ask for, is only needed to compute in it. What it does not hold, beyond 65504, becomes NaN.
 *
 * @param weights their number is a multiple of 4.
 */
export function halfOf(backend: WebgpuBackend, weights: TensorInfo): TensorInfo {
  const count = size(weights.shape) / 4;
  return computed(backend, backend.makeTensorInfo([2 * count], 'int32'), (output) =>
    runEach(backend, {
      name: 'weights in half precision',
      inputs: { w: weights },
      output,
      ...{ vec4: ['w'], vec2: ['result'], count },
      code: `
  let isHeld = abs(w[i]) <= vec4<f32>(65504.0);
  let held = select(vec4<f32>(), w[i], isHeld);
  let nan = select(vec4<u32>(0x7e00u), vec4<u32>(), isHeld);
  result[i] = bitcast<vec2<i32>>(vec2<u32>(
    pack2x16float(held.xy) | nan.x | (nan.y << 16u),
    pack2x16float(held.zw) | nan.z | (nan.w << 16u)));`,
    }),
  );
}

/** WGSL of the four numbers that two words hold. */
export function fromHalf(words: string): string {
  return `vec4<f32>(unpack2x16float(bitcast<vec2<u32>>(${words}).x), unpack2x16float(bitcast<vec2<u32>>(${words}).y))`;
}
