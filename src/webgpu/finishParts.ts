import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import type { WebgpuBackend } from './backend.js';
import { runEach } from './run.js';

/** Adds the parts of a product, `[parts, rows, columns]`, one after another, then its bias, and applies its ReLU. */
export function finishParts(
  backend: WebgpuBackend,
  sums: TensorInfo,
  {
    bias,
    relu,
    outShape,
    columns,
  }: { bias?: TensorInfo; relu: boolean; outShape: number[]; columns: number },
): TensorInfo {
  const vector = columns % 4 === 0;
  const [type, width] = vector ? ['vec4<f32>', 4] : ['f32', 1];
  const count = size(outShape) / width;
  return runEach(backend, {
    name: `finish parts ${vector} ${relu} ${bias !== undefined}`,
    inputs: { sums, ...(bias && { bias }) },
    output: outShape,
    vec4: vector ? ['sums', 'result', 'bias'] : [],
    count,
    ints: { parts: sums.shape[0]!, columns: columns / width },
    code: `
  var y = sums[i];
  for (var part = 1; part < uniforms.parts; part++) { y += sums[part * uniforms.count + i]; }
  ${bias ? 'y += bias[i % uniforms.columns];' : ''}
  ${relu ? `y = select(y, ${type}(), y < ${type}());` : ''}
  result[i] = y;`,
  });
}
