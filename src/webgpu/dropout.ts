import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { type OwnCall, runEach } from './run.js';

/** Keeps the numbers whose bit is set, times a factor. A product with 0, so that NaN and infinity show, as with a mask of numbers. */
export function dropout({ backend, inputs, attrs }: OwnCall<'Dropout'>): TensorInfo {
  const count = size(inputs.x.shape);
  const isVector = count % 4 === 0;
  const word = (i: string, perWord: number) =>
    `u32(bits[${i} / ${perWord}]) >> u32(${i} % ${perWord} * ${32 / perWord})`;
  return runEach(backend, {
    name: `dropout ${isVector}`,
    inputs: { ...inputs },
    output: inputs.x.shape,
    vec4: isVector ? ['x', 'result'] : [],
    floats: { kept: attrs.kept },
    count: isVector ? count / 4 : count,
    code: isVector
      ? `
  let kept = (vec4<u32>(${word('i', 8)}) >> vec4<u32>(0u, 1u, 2u, 3u)) & vec4<u32>(1u);
  result[i] = x[i] * select(vec4<f32>(), vec4<f32>(uniforms.kept), kept == vec4<u32>(1u));`
      : `
  result[i] = x[i] * select(0.0, uniforms.kept, ((${word('i', 32)}) & 1u) == 1u);`,
  });
}
