import { backend_util, type TensorInfo } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { batchNorm, batchNormGrad } from '../../src/webgpu/batchNorm.js';
import { conv2d, conv2dBackpropInput, fusedConv2d } from '../../src/webgpu/conv2d.js';
import { conv2dBackpropFilter } from '../../src/webgpu/conv2dBackpropFilter.js';
import { crossEntropy } from '../../src/webgpu/crossEntropy.js';
import { dropout } from '../../src/webgpu/dropout.js';
import { KeptForms } from '../../src/webgpu/keptForms.js';
import { batchMatMul, fusedMatMul } from '../../src/webgpu/matMul.js';
import { maxPool } from '../../src/webgpu/maxPool.js';
import { maxPoolGrad, poolBiasGrad } from '../../src/webgpu/maxPoolGrad.js';
import { reluBiasGrad, reluGrad } from '../../src/webgpu/reluGrad.js';
import type { Call } from '../../src/webgpu/run.js';
import { sum } from '../../src/webgpu/sum.js';
import type { Tuner } from '../../src/webgpu/tuner.js';
import { adamUpdate } from '../../src/webgpu/update.js';
import { idleBackend } from './idleBackend.js';

test('the name of a program determines its code, whatever the shapes: it runs what was compiled under that name', () => {
  const codes = new Map<string, string>();
  let runsAgain = 0;
  const onCode = (key: string, code: string) => {
    const compiled = codes.get(key);
    if (compiled === undefined) codes.set(key, code);
    else {
      runsAgain++;
      expect(code, key).toBe(compiled);
    }
  };

  const { below, chance } = seededRandom(1);
  const pick = <T>(...values: T[]): T => values[below(values.length)]!;
  const tensor = (...shape: number[]): TensorInfo => ({ dataId: {}, shape, dtype: 'float32' });
  // Runs all variants.
  const tuner = {
    run: (_backend: object, _key: string, variants: unknown[], compute: (variant: unknown) => TensorInfo) =>
      variants.map(compute)[0],
  } as unknown as Tuner;
  const computes = (kernel: (call: never) => unknown, inputs: object, attrs: object = {}) => {
    const backend = idleBackend({ onCode, refCount: () => pick(1, 2) });
    const forms = new KeptForms(backend);
    const call: Call<object, object> = {
      ...{ backend, tuner, forms, allowsWinograd: true },
      ...{ halfWeights: chance(0.5), inputs, attrs },
      stock: () => tensor(1),
    };
    kernel(call as never);
  };

  for (let n = 0; n < 300; n++) {
    // Few values, so that names that leave one of them out collide.
    const [batch, height, width] = [pick(1, 64), pick(3, 4), pick(3, 4)];
    const [inChannels, outChannels] = [pick(1, 4, 32, 64), pick(1, 4, 64)];
    const sides = pick<[number, number]>([1, 1], [3, 3], [3, 3], [1, 3], [3, 1]);
    const uneven: backend_util.ExplicitPadding = [
      [0, 0],
      pick<[number, number]>([1, 0], [0, 1]),
      pick<[number, number]>([2, 0], [0, 2]),
      [0, 0],
    ];
    const pad = pick<'same' | 'valid' | backend_util.ExplicitPadding>('same', 'valid', uneven);
    const image: [number, number, number, number] = [batch, height, width, inChannels];
    const filterShape: [number, number, number, number] = [...sides, inChannels, outChannels];
    const { outShape } = backend_util.computeConv2DInfo(image, filterShape, 1, 1, pad);
    const [x, filter, dy] = [tensor(...image), tensor(...filterShape), tensor(...outShape)];
    const geometry = { strides: 1, pad, dilations: 1, dataFormat: 'NHWC' };
    const bias = chance(0.5) ? tensor(outChannels) : undefined;
    const follows = () => ({
      activation: pick('linear', 'relu', 'elu', 'leakyrelu'),
      leakyreluAlpha: pick(0.1, 0.2),
    });
    computes(conv2d, { x, filter }, geometry);
    computes(fusedConv2d, { x, filter, bias }, { ...geometry, ...follows() });
    computes(conv2dBackpropInput, { dy, filter }, { ...geometry, inputShape: image });
    computes(conv2dBackpropFilter, { x, dy }, { ...geometry, filterShape });

    const [rows, terms, columns] = [pick(1, 5, 32, 68), pick(3, 8, 68, 5000), pick(1, 6, 8, 68)];
    const [transposeA, transposeB] = [chance(0.5), chance(0.5)];
    const a = transposeA ? tensor(terms, rows) : tensor(rows, terms);
    const b = transposeB ? tensor(columns, terms) : tensor(terms, columns);
    const added = chance(0.5) ? tensor(columns) : undefined;
    computes(batchMatMul, { a, b }, { transposeA, transposeB });
    computes(fusedMatMul, { a, b, bias: added }, { transposeA, transposeB, ...follows() });

    const filterSize = pick<[number, number]>([2, 2], [3, 3], [1, 3], [3, 1]);
    const pooling = { filterSize, strides: pick<[number, number]>([2, 2], [1, 2], [2, 1]), pad };
    const { outShape: pooled } = backend_util.computePool2DInfo(image, filterSize, pooling.strides, 1, pad);
    computes(maxPool, { x }, pooling);
    computes(maxPoolGrad, { dy: tensor(...pooled), input: x }, pooling);
    computes(dropout, { x, bits: { dataId: {}, shape: [9], dtype: 'int32' } }, { kept: pick(2, 4) });
    computes(sum, { x }, { axis: [0, 1, 2], keepDims: chance(0.5) });
    computes(reluGrad, { dy: x, y: tensor(...image) });
    computes(reluBiasGrad, { dy: x, y: tensor(...image) });
    const pool = { size: filterSize, strides: pooling.strides, pad: pick<'same' | 'valid'>('same', 'valid') };
    const { outShape: smaller } = backend_util.computePool2DInfo(
      image,
      filterSize,
      pool.strides,
      1,
      pool.pad,
    );
    computes(poolBiasGrad, { dy: tensor(...smaller), map: x }, { pool, relu: chance(0.5) });
    const perChannel = () => tensor(inChannels);
    const [scale, offset] = [perChannel(), perChannel()];
    const running = { runningMean: perChannel(), runningVariance: perChannel() };
    const isPooled = chance(0.5);
    const normed = { epsilon: 1e-3, relu: chance(0.5), ...(isPooled && { pool }) };
    computes(batchNorm, { x, scale, offset, ...running }, { ...normed, momentum: 0.9 });
    const ofNorm = { x, mean: perChannel(), variance: perChannel(), scale, offset };
    const choices: TensorInfo = { dataId: {}, shape: smaller, dtype: 'int32' };
    const behind = isPooled ? { dy: tensor(...smaller), choices } : { dy: tensor(...image) };
    computes(batchNormGrad, { ...behind, ...ofNorm }, { ...normed, wantsX: chance(0.8) });
    const labels: TensorInfo = { dataId: {}, shape: [rows], dtype: 'int32' };
    computes(crossEntropy, { logits: tensor(rows, columns), labels }, { count: 1 });
    const moments = { first: tensor(rows, columns), second: tensor(rows, columns) };
    const rates = { rate: 1, beta1: 1, beta2: 1, scale1: 1, scale2: 1, epsilon: 1, decay: 0, keep: 1 };
    computes(
      adamUpdate,
      { weights: tensor(rows, columns), gradient: tensor(rows, columns), ...moments },
      rates,
    );
  }
  expect(runsAgain).toBeGreaterThan(codes.size);
});
