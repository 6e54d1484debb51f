import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { inPlaceOf } from './backend.js';
import { type OwnCall, runEach } from './run.js';

/** The gradient before a ReLU, in the memory of the one after it unless another tensor shares that. NaN goes through. */
export function reluGrad({ backend, inputs }: OwnCall<'ReluGrad'>): TensorInfo {
  const { dy, y } = inputs;
  const isVector = size(dy.shape) % 4 === 0;
  const [type, width] = isVector ? ['vec4<f32>', 4] : ['f32', 1];
  const count = size(dy.shape) / width;
  const step = `select(select(${type}(), ${type}(1.0), y[i] > ${type}()), y[i], ${isVector ? 'isnanVec4' : 'isnan'}(y[i]))`;
  return inPlaceOf(backend, dy, (to) => {
    const inPlace = to.dataId === dy.dataId;
    runEach(backend, {
      name: `relu gradient ${isVector} ${inPlace}`,
      inputs: inPlace ? { y } : { y, dy },
      output: to,
      vec4: isVector ? ['y', 'dy', 'result'] : [],
      count,
      code: `result[i] = ${inPlace ? 'result' : 'dy'}[i] * ${step};`,
    });
  });
}
