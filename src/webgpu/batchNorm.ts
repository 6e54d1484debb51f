import type { TensorInfo } from '@tensorflow/tfjs-core';
import { size } from '../base/shapes.js';
import { allComputed, inPlaceOf } from './backend.js';
import { columnStates } from './columnStates.js';
import { isLarger } from './maxPool.js';
import { step } from './reluGrad.js';
import { type OwnCall, runEach } from './run.js';
import { attrsOf, type Windows, windowsOf } from './windows.js';

/** The choice of a window whose output has no gradient. */
const NONE = 255;

/**
 * Batch normalization in training with the ReLU and pooling behind it, in three programs: two for the statistics, as means and sums of
 * squared distances to them that are merged (Chan, Golub & LeVeque 1979), and one for y. Numbers are taken as distances to those of
 * the first pixel, so that no digits are lost where the mean is large.
 */
export function batchNorm({ backend, inputs, attrs }: OwnCall<'BatchNorm'>): TensorInfo[] {
  const { x, scale, offset, runningMean, runningVariance } = inputs;
  const { epsilon, relu, momentum } = attrs;
  const { rows, columns, isVector, type, whole } = sidesOf(x);
  const windows = attrs.pool && windowsOf(x, attrsOf(attrs.pool));
  const outShape = windows?.outShape ?? x.shape;
  const [y, mean, variance, nextMean, nextVariance] = [outShape, ...Array<number[]>(4).fill([columns])].map(
    (shape) => backend.makeTensorInfo(shape, 'float32'),
  ) as [TensorInfo, TensorInfo, TensorInfo, TensorInfo, TensorInfo];
  const choices = windows && { choices: backend.makeTensorInfo(outShape, 'int32') };
  const outputs = [y, mean, variance, nextMean, nextVariance, ...Object.values(choices ?? {})];
  return allComputed(backend, outputs, () => {
    columnStates(backend, {
      ...{ rows, columns },
      merge: `
  let count = a.count + b.count;
  let part = b.count / max(count, 1.0);
  let distance = b.first - a.first;
  return State(count, a.first + part * distance, a.second + b.second + a.count * part * distance * distance);`,
      each: {
        name: 'batch normalization statistics',
        inputs: { x },
        prepare: 'let base = x[column];',
        code: 'let state = State(1.0, x[i] - base, T());',
      },
      finish: {
        name: 'batch normalization statistics of all rows',
        inputs: { x, runningMean, runningVariance },
        ...{ output: mean, updates: { variance, nextMean, nextVariance } },
        floats: { rate: 1 - momentum },
        code: `
    let average = x[column] + total.first;
    let spread = total.second / total.count;
    result[column] = average;
    variance[column] = spread;
    nextMean[column] = runningMean[column] - (runningMean[column] - average) * uniforms.rate;
    nextVariance[column] = runningVariance[column] - (runningVariance[column] - spread) * uniforms.rate;`,
      },
    });
    runEach(backend, {
      name: `batch normalization ${relu} ${isVector} ${windows?.name ?? ''}`,
      inputs: { x, mean, variance, scale, offset },
      ...{ output: y, updates: choices },
      vec4: isVector ? ['x', 'mean', 'variance', 'scale', 'offset', 'choices', 'result'] : [],
      ints: { columns: isVector ? columns / 4 : columns },
      floats: { epsilon },
      count: size(outShape) / (isVector ? 4 : 1),
      code: `
  let own = i % uniforms.columns;
  let average = mean[own];
  let factor = ${factorAt('own', type)};
  let shift = offset[own];
  var largest = ${type}(uniforms.NAN);
  ${
    windows
      ? `
  var choice = ${whole}();
  ${windows.ofOutput(`
      let number = ${normalized('x[at]')};
      let isNext = ${isLarger(isVector)};
      largest = select(largest, number, isNext);
      choice = select(choice, ${whole}(place), isNext);`)}
  choices[i] = select(${whole}(${NONE}), choice, largest > ${type}(${relu ? '0.0' : '-uniforms.INFINITY'}));`
      : `largest = ${normalized('x[i]')};`
  }
  ${relu ? `largest = select(largest, ${type}(), largest < ${type}());` : ''}
  result[i] = largest;`,
    });
  });
}

/**
 * The gradients of scale, offset and, if wanted, x, which takes dy's memory, or x's if there is a pooling, unless another tensor
 * shares it. The gradient of the map before a pooling is never stored.
 */
export function batchNormGrad(call: OwnCall<'BatchNormGrad'>): TensorInfo[] {
  const { backend, inputs, attrs } = call;
  const { dy, x, mean, variance, scale, offset, choices } = inputs;
  const { epsilon, relu, wantsX } = attrs;
  const { rows, columns, isVector, type } = sidesOf(x);
  const windows = attrs.pool && windowsOf(x, attrsOf(attrs.pool));
  const needsY = relu && !windows;
  const name = `${relu} ${isVector} ${windows?.name ?? ''}`;
  const outputs = [scale, offset].map(({ shape }) => backend.makeTensorInfo(shape, 'float32'));
  const [dScale, dOffset] = outputs as [TensorInfo, TensorInfo];
  return allComputed(backend, outputs, () => {
    const factors = columnStates(backend, {
      ...{ rows, columns },
      merge: 'return State(a.count + b.count, a.first + b.first, a.second + b.second);',
      each: {
        name: `batch normalization gradient sums ${name}`,
        inputs: { dy, x, mean, ...(needsY && { variance, scale, offset }), ...(choices && { choices }) },
        floats: { epsilon },
        prepare: `
    let own = column;
    let average = mean[own];
    ${needsY ? `let factor = ${factorAt('own', type)}; let shift = offset[own];` : ''}`,
        code: `
      ${gradientCode({ windows, relu, isVector, dy: 'dy', x: 'x' })}
      let state = State(1.0, gradient, gradient * (x[i] - average));`,
      },
      finish: {
        name: 'batch normalization gradients of all rows',
        inputs: { variance, scale },
        ...{ output: [3, columns], updates: { dScale, dOffset } },
        floats: { epsilon },
        code: `
    let deviation = sqrt(variance[column] + T(uniforms.epsilon));
    dScale[column] = total.second / deviation;
    dOffset[column] = total.first;
    result[column] = ${factorAt('column', 'T')};
    result[uniforms.columns + column] = total.first / total.count;
    result[2 * uniforms.columns + column] = total.second / total.count / deviation / deviation;`,
      },
    });
    try {
      if (!wantsX) return;
      const kept = windows ? x : dy;
      const dx = inPlaceOf(backend, kept, (to) => {
        const inPlace = to.dataId === kept.dataId;
        const arrays = {
          dy: inPlace && !windows ? 'result' : 'dy',
          x: inPlace && windows ? 'result' : 'x',
        };
        const others = { ...(needsY && { offset }), ...(choices && { choices }) };
        runEach(backend, {
          name: `batch normalization gradient ${inPlace} ${name}`,
          inputs: {
            ...(arrays.dy === 'dy' && { dy }),
            ...(arrays.x === 'x' && { x }),
            ...{ mean, factors, ...others },
          },
          output: to,
          vec4: isVector ? ['dy', 'x', 'mean', 'factors', ...Object.keys(others), 'result'] : [],
          ints: { columns: isVector ? columns / 4 : columns },
          count: size(x.shape) / (isVector ? 4 : 1),
          code: `
  let own = i % uniforms.columns;
  let average = mean[own];
  let factor = factors[own];
  ${needsY ? 'let shift = offset[own];' : ''}
  ${gradientCode({ windows, relu, isVector, ...arrays })}
  let distance = ${arrays.x}[i] - average;
  result[i] = factor * (gradient - factors[uniforms.columns + own] - distance * factors[2 * uniforms.columns + own]);`,
        });
      });
      outputs.push(dx);
    } finally {
      backend.disposeData(factors.dataId);
    }
  });
}

/** A map as a matrix of pixels and channels. */
function sidesOf({ shape }: TensorInfo) {
  const columns = shape.at(-1)!;
  const isVector = columns % 4 === 0;
  const [type, whole] = isVector ? ['vec4<f32>', 'vec4<i32>'] : ['f32', 'i32'];
  return { rows: size(shape) / columns, columns, isVector, type, whole };
}

/** WGSL of what a distance to the mean is multiplied by. */
function factorAt(column: string, type: string): string {
  return `scale[${column}] / sqrt(variance[${column}] + ${type}(uniforms.epsilon))`;
}

/** WGSL of a number before the ReLU. */
function normalized(x: string): string {
  return `(${x} - average) * factor + shift`;
}

/** WGSL that declares `gradient`, that of the number at `i` before ReLU and pooling, from arrays of these names. */
function gradientCode({
  windows,
  relu,
  isVector,
  dy,
  x,
}: {
  windows: Windows | undefined;
  relu: boolean;
  isVector: boolean;
  dy: string;
  x: string;
}): string {
  const [type, whole] = isVector ? ['vec4<f32>', 'vec4<i32>'] : ['f32', 'i32'];
  if (windows) {
    return `
  var gradient = ${type}();
  ${windows.ofInput(`gradient += select(${type}(), ${dy}[out], choices[out] == ${whole}(place));`)}`;
  }
  if (!relu) return `let gradient = ${dy}[i];`;
  return `
  let y = ${normalized(`${x}[i]`)};
  let gradient = ${dy}[i] * ${step('y', isVector)};`;
}
