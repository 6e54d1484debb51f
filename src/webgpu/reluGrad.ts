import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { inPlaceOf } from './backend.js';
import { columnSums } from './columnSums.js';
import { type OwnCall, runEach } from './run.js';

/** The gradient before a ReLU, in the memory of the one after it unless another tensor shares that. NaN goes through. */
export function reluGrad({ backend, inputs }: OwnCall<'ReluGrad'>): TensorInfo {
  const { dy, y } = inputs;
  const isVector = size(dy.shape) % 4 === 0;
  const count = size(dy.shape) / (isVector ? 4 : 1);
  return inPlaceOf(backend, dy, (to) => {
    const inPlace = to.dataId === dy.dataId;
    runEach(backend, {
      name: `relu gradient ${isVector} ${inPlace}`,
      inputs: inPlace ? { y } : { y, dy },
      output: to,
      vec4: isVector ? ['y', 'dy', 'result'] : [],
      count,
      code: `result[i] = ${inPlace ? 'result' : 'dy'}[i] * ${step('y[i]', isVector)};`,
    });
  });
}

/** The same, and its sum over all axes but the last, which is the bias' gradient. */
export function reluBiasGrad({ backend, inputs }: OwnCall<'ReluBiasGrad'>): TensorInfo[] {
  const { dy, y } = inputs;
  const columns = dy.shape.at(-1)!;
  const rows = size(dy.shape.slice(0, -1));
  let bias: TensorInfo | undefined;
  const before = inPlaceOf(backend, dy, (to) => {
    const inPlace = to.dataId === dy.dataId;
    bias = columnSums(
      backend,
      {
        name: `relu and bias gradient ${inPlace}`,
        ...{ rows, columns },
        inputs: inPlace ? { y } : { y, dy },
        updates: { before: to },
        vec4: ['y', 'dy', 'before'],
        code: `
      let number = ${inPlace ? 'before' : 'dy'}[i] * ${step('y[i]', columns % 4 === 0)};
      before[i] = number;`,
      },
      [columns],
    );
  });
  return [before, bias!];
}

/** WGSL that is 1 where a ReLU's output `y` is above 0, and NaN where it is. */
export function step(y: string, isVector: boolean): string {
  const type = isVector ? 'vec4<f32>' : 'f32';
  return `select(select(${type}(), ${type}(1.0), ${y} > ${type}()), ${y}, ${isVector ? 'isnanVec4' : 'isnan'}(${y}))`;
}
