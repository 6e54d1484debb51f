import type { TensorInfo } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { countTable, NETWORKS } from '../../bench/webgpuCount.js';
import { kernelsOf } from '../../bench/webgpuCounts.js';
import type { PlanRow } from '../../src/index.js';
import { batchNorm, batchNormGrad } from '../../src/webgpu/batchNorm.js';
import { columnLayout } from '../../src/webgpu/columnSums.js';
import { conv2d, conv2dBackpropInput } from '../../src/webgpu/conv2d.js';
import { conv2dBackpropFilter } from '../../src/webgpu/conv2dBackpropFilter.js';
import { crossEntropy } from '../../src/webgpu/crossEntropy.js';
import { KeptForms } from '../../src/webgpu/keptForms.js';
import { batchMatMul } from '../../src/webgpu/matMul.js';
import { maxPool } from '../../src/webgpu/maxPool.js';
import { poolBiasGrad } from '../../src/webgpu/maxPoolGrad.js';
import { reluBiasGrad } from '../../src/webgpu/reluGrad.js';
import { sum } from '../../src/webgpu/sum.js';
import { Tuner } from '../../src/webgpu/tuner.js';
import { sgdUpdate } from '../../src/webgpu/update.js';
import { idleBackend } from '../webgpu/idleBackend.js';

/** Operations that are worth an invocation of their own. */
const WORK = 64;

test.each(Object.entries(NETWORKS))('kernels of a training step of %s keep a GPU busy', (_, network) => {
  for (const { layer, kernel, ours } of kernelsOf(network(), 128)) {
    for (const { kernel: pass, invocations, steps, operations } of ours) {
      // As many as there is work for.
      const wanted = Math.min(16_384, operations / WORK);
      expect(invocations, `${layer}, ${kernel}, ${pass}`).toBeGreaterThanOrEqual(wanted);
      expect(steps, `${layer}, ${kernel}, ${pass}`).toBeLessThanOrEqual(4096);
    }
  }
});

/** Calls the kernel of a layer, as a training step does, on tensors without numbers. */
function call(kernel: string, { kind, inputShape, outputShape, window }: PlanRow, context: object): void {
  const tensor = (...shape: number[]): TensorInfo => ({ dataId: {}, shape, dtype: 'float32' });
  const run = (own: (call: never) => unknown, inputs: object, attrs: object = {}) =>
    void own({ ...context, inputs, attrs } as never);
  const [x, y] = [tensor(128, ...inputShape), tensor(128, ...outputShape)];
  const filterShape = [...window, inputShape.at(-1)!, outputShape.at(-1)!];
  const weights = kind === 'conv' ? tensor(...filterShape) : tensor(inputShape[0]!, outputShape[0]!);
  const same = { strides: 1, dilations: 1, pad: 'same', dataFormat: 'NHWC' };
  const pooling = { strides: [2, 2], pad: 'valid' };
  const product = (a: TensorInfo, b: TensorInfo, transposeA: boolean, transposeB: boolean) =>
    run(batchMatMul, { a, b }, { transposeA, transposeB });
  const kernels: Record<string, () => void> = {
    Conv2D: () => run(conv2d, { x, filter: weights }, same),
    Conv2DBackpropFilter: () => run(conv2dBackpropFilter, { x, dy: y }, { ...same, filterShape }),
    Conv2DBackpropInput: () =>
      run(conv2dBackpropInput, { dy: y, filter: weights }, { ...same, inputShape: x.shape }),
    MaxPool: () => run(maxPool, { x }, { filterSize: [2, 2], ...pooling }),
    PoolBiasGrad: () =>
      run(poolBiasGrad, { dy: y, map: x }, { pool: { size: [2, 2], ...pooling }, relu: true }),
    outputs: () => product(x, weights, false, false),
    "weights' gradient": () => product(x, y, true, false),
    "inputs' gradient": () => product(y, weights, false, true),
    "bias' gradient": () => run(sum, { x: y }, { axis: 0 }),
    ReluBiasGrad: () => run(reluBiasGrad, { dy: y, y }),
    CrossEntropy: () => {
      const labels: TensorInfo = { dataId: {}, shape: [128], dtype: 'int32' };
      run(crossEntropy, { logits: y, labels }, { count: 128 });
    },
    SgdUpdate: () => run(sgdUpdate, { weights, gradient: weights }, { rate: 1, decay: 0 }),
  };
  kernels[kernel]!();
}

test.each(Object.entries(NETWORKS))('the invocations of %s are those of the kernels', (_, network) => {
  const rows = network();
  for (const { layer, kernel, ours } of kernelsOf(rows, 128)) {
    const seen: number[] = [];
    const backend = idleBackend({ onProgram: (_, invocations) => seen.push(invocations) });
    const context = {
      ...{ backend, tuner: new Tuner(false), forms: new KeptForms(backend), allowsWinograd: false },
    };
    const row = rows.find(({ name }) => name === layer)!;
    call(kernel, row, context);
    expect(seen, `${layer}, ${kernel}`).toEqual(ours.map(({ invocations }) => invocations));
  }
});

test("tfjs's filter gradient of the first layer has 144 invocations of 6.4 million steps", () => {
  const first = kernelsOf(NETWORKS['VGG-11/4, 224x224x1'](), 128).find(
    ({ kernel }) => kernel === 'Conv2DBackpropFilter',
  )!;
  expect(first.stock).toMatchObject([{ invocations: 144, steps: 128 * 224 * 224 }]);
  expect(first.ours.map(({ kernel }) => kernel)).toEqual(['few channels', 'add parts']);
});

test('the table has a row for each layer and kernel', () => {
  const rows = countTable(NETWORKS['VGG-11/4, 224x224x1'](), 128).split('\n');
  // Eight convolutions, of which three are not pooled, five poolings, and three dense layers.
  expect(rows).toHaveLength(2 + (4 * 8 - 1 + 3) + 2 * 5 + (5 * 3 + 1));
  expect(rows[3]).toMatch(
    /^\| block1_conv1 \| Conv2DBackpropFilter \| few channels, add parts \| 144 \/ 18432 \|/,
  );
});

test('the programs of batch normalization behind each convolution of VGG-16 keep a GPU busy', () => {
  const convolutions = NETWORKS['VGG-16, 224x224x3']().filter(({ kind }) => kind === 'conv');
  for (const { name, outputShape } of convolutions) {
    const channels = outputShape.at(-1)!;
    const rows = 128 * outputShape[0]! * outputShape[1]!;
    const seen = new Map<string, number>();
    const backend = idleBackend({ onProgram: (label, invocations) => seen.set(label, invocations) });
    const tensor = (...shape: number[]): TensorInfo => ({ dataId: {}, shape, dtype: 'float32' });
    const [x, each] = [tensor(128, ...outputShape), tensor(channels)];
    const run = (own: (call: never) => unknown, inputs: object, attrs: object) =>
      void own({ backend, inputs, attrs: { epsilon: 1e-3, relu: true, ...attrs } } as never);
    const weights = { scale: each, offset: each };
    run(batchNorm, { x, ...weights, runningMean: each, runningVariance: each }, { momentum: 0.9 });
    run(batchNormGrad, { dy: x, x, mean: each, variance: each, ...weights }, { wantsX: true });
    expect(seen.size).toBe(6);
    const { lanes, count } = columnLayout(rows, channels);
    expect(rows / (lanes * count), name).toBeLessThanOrEqual(4096);
    for (const [program, invocations] of seen) {
      // The states of all parts, merged.
      const operations = program.endsWith('of all rows') ? 10 * count * channels : 10 * rows * channels;
      expect(invocations, `${name}, ${program}`).toBeGreaterThanOrEqual(Math.min(16_384, operations / WORK));
    }
  }
});
