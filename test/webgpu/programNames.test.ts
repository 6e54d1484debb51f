import { backend_util, type TensorInfo } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import type { WebgpuBackend } from '../../src/webgpu/backend.js';
import { conv2d, conv2dBackpropInput, fusedConv2d } from '../../src/webgpu/conv2d.js';
import { conv2dBackpropFilter } from '../../src/webgpu/conv2dBackpropFilter.js';
import { KeptForms } from '../../src/webgpu/keptForms.js';
import { batchMatMul, fusedMatMul } from '../../src/webgpu/matMul.js';
import { maxPool } from '../../src/webgpu/maxPool.js';
import { maxPoolGrad } from '../../src/webgpu/maxPoolGrad.js';
import { reluGrad } from '../../src/webgpu/reluGrad.js';
import type { Call } from '../../src/webgpu/run.js';
import { sum } from '../../src/webgpu/sum.js';
import type { Tuner } from '../../src/webgpu/tuner.js';

type RunProgram = WebgpuBackend['runWebGPUProgram'];

/** A backend that computes nothing; every other tensor shares its numbers. */
function idleBackend(
  onProgram: (program: Parameters<RunProgram>[0], output: TensorInfo) => void,
): WebgpuBackend {
  let asked = 0;
  const makeTensorInfo = (shape: number[], dtype: TensorInfo['dtype']) => ({ dataId: {}, shape, dtype });
  return {
    device: {
      limits: {
        ...{ maxStorageBufferBindingSize: 2 ** 27, maxBufferSize: 2 ** 28 },
        maxComputeWorkgroupsPerDimension: 65535,
      },
      createShaderModule: () => ({}),
      createComputePipeline: () => ({}),
      lost: new Promise<never>(() => {}),
      addEventListener() {},
    },
    supportTimestampQuery: false,
    tensorMap: { get: () => ({}) },
    runWebGPUProgram(program, _inputs, dtype, _uniforms, output) {
      const result = output ?? makeTensorInfo(program.outputShape, dtype);
      onProgram(program, result);
      return result;
    },
    uploadToGPU() {},
    recordAndSubmit() {},
    refCount: () => 1 + (asked++ % 2),
    incRef() {},
    makeTensorInfo,
    disposeData: () => true,
    time: () => Promise.reject(new Error('has no timestamps')),
  };
}

test('the name of a program determines its code, whatever the shapes: tfjs runs what it compiled under that name', () => {
  const codes = new Map<string, string>();
  let runsAgain = 0;
  const backend = idleBackend((program, { dtype }) => {
    const { shaderKey, variableNames, variableComponents, outputComponent, workgroupSize, uniforms } =
      program;
    const declared = [variableNames, variableComponents, outputComponent, dtype, workgroupSize, uniforms];
    const code = `${JSON.stringify(declared)}
${program.getUserCode()}`;
    const compiled = codes.get(shaderKey);
    if (compiled === undefined) codes.set(shaderKey, code);
    else {
      runsAgain++;
      expect(code, shaderKey).toBe(compiled);
    }
  });

  const { below, chance } = seededRandom(1);
  const pick = <T>(...values: T[]): T => values[below(values.length)]!;
  const tensor = (...shape: number[]): TensorInfo => ({ dataId: {}, shape, dtype: 'float32' });
  // Runs all variants.
  const tuner = {
    run: (_backend: object, _key: string, variants: unknown[], compute: (variant: unknown) => TensorInfo) =>
      variants.map(compute)[0],
  } as unknown as Tuner;
  const tools = { backend, tuner, forms: new KeptForms(backend), allowsWinograd: true };
  const computes = (kernel: (call: never) => unknown, inputs: object, attrs: object = {}) => {
    const call: Call<object, object> = {
      ...{ ...tools, halfWeights: chance(0.5), inputs, attrs },
      stock: () => tensor(1),
    };
    kernel(call as never);
  };

  for (let n = 0; n < 500; n++) {
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
    computes(conv2d, { x, filter }, geometry);
    computes(fusedConv2d, { x, filter, bias }, { ...geometry, activation: pick('linear', 'relu') });
    computes(conv2dBackpropInput, { dy, filter }, { ...geometry, inputShape: image });
    computes(conv2dBackpropFilter, { x, dy }, { ...geometry, filterShape });

    const [rows, terms, columns] = [pick(1, 5, 32, 68), pick(3, 8, 68, 5000), pick(1, 6, 8, 68)];
    const [transposeA, transposeB] = [chance(0.5), chance(0.5)];
    const a = transposeA ? tensor(terms, rows) : tensor(rows, terms);
    const b = transposeB ? tensor(columns, terms) : tensor(terms, columns);
    const added = chance(0.5) ? tensor(columns) : undefined;
    computes(batchMatMul, { a, b }, { transposeA, transposeB });
    computes(
      fusedMatMul,
      { a, b, bias: added },
      { transposeA, transposeB, activation: pick('linear', 'relu') },
    );

    const filterSize = pick<[number, number]>([2, 2], [3, 3], [1, 3], [3, 1]);
    const pooling = { filterSize, strides: pick<[number, number]>([2, 2], [1, 2], [2, 1]), pad };
    const { outShape: pooled } = backend_util.computePool2DInfo(image, filterSize, pooling.strides, 1, pad);
    computes(maxPool, { x }, pooling);
    computes(maxPoolGrad, { dy: tensor(...pooled), input: x }, pooling);
    computes(sum, { x }, { axis: [0, 1, 2], keepDims: chance(0.5) });
    computes(reluGrad, { dy: x, y: tensor(...image) });
  }
  expect(runsAgain).toBeGreaterThan(codes.size);
});
