import {
  addN,
  dispose,
  getBackend,
  memory,
  randomNormal,
  type Scalar,
  square,
  sum,
  type Tensor,
  type Variable,
  variableGrads,
} from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  model,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { fuseNorms } from '../../src/tfjs/fusedNorm.js';
import { hasKernel } from '../../src/tfjs/kernels.js';
import { ownOnce } from '../../src/tfjs/models.js';
import { installWebgpuKernels } from '../../src/webgpu/index.js';
import { useAnyBackend } from '../support/backends.js';

// The backends that have the kernels; others leave the layers' own calls.
beforeAll(async () => {
  await useAnyBackend('wasm');
  if (getBackend() === 'webgpu') return installWebgpuKernels({ tune: false });
});

/** A loss, its gradients, the running statistics after a step, and the tensors held between the forward and backward pass. */
async function trainingStep(network: LayersModel, x: Tensor, fuse: boolean) {
  const before = memory().numTensors;
  const initial = network.getWeights().map((weight) => weight.clone());
  const fused = fuse ? fuseNorms(network) : undefined;
  fused?.install();
  const start = memory().numTensors;
  let held = 0;
  const weights = network.trainableWeights.map((weight) => weight.read() as Variable);
  const { value, grads } = variableGrads(() => {
    const outputs = [network.apply(x, { training: true })].flat() as Tensor[];
    held = memory().numTensors - start;
    return addN(outputs.map((y) => sum(square(y)))) as Scalar;
  }, weights);
  fused?.restore();
  const running = network.nonTrainableWeights.map((weight) => weight.read());
  const tensors = [value, ...weights.map(({ name }) => grads[name]!), ...running];
  const values = await Promise.all(tensors.map((tensor) => tensor.data()));
  network.setWeights(initial);
  dispose([value, grads, initial]);
  expect(memory().numTensors).toBe(before);
  return { values, held };
}

const norm = (options: object = {}) =>
  layers.batchNormalization({
    ...{ gammaInitializer: 'randomUniform', betaInitializer: 'randomUniform', momentum: 0.7 },
    ...options,
  } as Parameters<typeof layers.batchNormalization>[0]);

/** Of the layers given, one after the other, from 6x6x5 images on. */
const stack = (...rest: layers.Layer[]) =>
  sequential({ layers: [layers.inputLayer({ inputShape: [6, 6, 5] }), ...rest] });
const conv = () => layers.conv2d({ filters: 6, kernelSize: 3, useBias: false });

/** A model of 6x6x5 images whose outputs are made from those of a batch normalization. */
function branching(of: (normed: SymbolicTensor) => SymbolicTensor[]): LayersModel {
  const x = input({ shape: [6, 6, 5] });
  const normed = norm().apply(conv().apply(x)) as SymbolicTensor;
  return model({ inputs: x, outputs: of(normed) });
}

const MODELS: Record<string, () => LayersModel> = {
  'before ReLUs, as in a VGG': () =>
    vgg(
      [
        [1, 8],
        [2, 12],
      ],
      { inputShape: [8, 8, 2], classes: 3, hiddenUnits: 10, dropout: 0, convBias: false, batchNorm: true },
    ),
  'after ReLUs': () =>
    vgg(
      [
        [1, 8],
        [2, 12],
      ],
      { inputShape: [8, 8, 2], classes: 3, hiddenUnits: 10, dropout: 0, batchNorm: { afterRelu: true } },
    ),
  'of the input': () => stack(norm(), layers.reLU()),
  'of vectors': () =>
    stack(layers.flatten(), norm(), layers.activation({ activation: 'relu' }), layers.dense({ units: 3 })),
  'before a ReLU with a maximum': () => stack(conv(), norm(), layers.reLU({ maxValue: 0.5 })),
  'in a model within the model': () =>
    stack(
      conv(),
      sequential({ layers: [layers.inputLayer({ inputShape: [4, 4, 6] }), norm(), layers.reLU()] }),
    ),
  'that ends a model within the model': () =>
    stack(sequential({ layers: [layers.inputLayer({ inputShape: [6, 6, 5] }), norm()] }), layers.reLU()),
  'that two layers read': () =>
    branching((x) => [layers.add().apply([layers.reLU().apply(x) as SymbolicTensor, x]) as SymbolicTensor]),
  'that is an output itself': () => branching((x) => [x, layers.reLU().apply(x) as SymbolicTensor]),
  'that is called again, behind a layer': () => {
    const x = input({ shape: [6, 6, 5] });
    const [twice, between] = [norm(), layers.conv2d({ filters: 5, kernelSize: 1, useBias: false })];
    const y = [twice, between, twice].reduce((y, layer) => layer.apply(y) as SymbolicTensor, x);
    ownOnce(twice);
    return model({ inputs: x, outputs: y });
  },
  'that is frozen': () => stack(conv(), norm({ trainable: false }), layers.reLU()),
};

describe.each(Object.entries(MODELS))('one operation of batch normalization %s', (title, build) => {
  test('has the same loss, gradients and running statistics, and keeps fewer tensors', async () => {
    const before = memory().numTensors;
    const network = build();
    const x = randomNormal([3, ...(network.inputs[0]!.shape.slice(1) as number[])], 1, 2, 'float32', 1);
    const expected = await trainingStep(network, x, false);
    const actual = await trainingStep(network, x, true);
    for (const [i, values] of expected.values.entries()) {
      const largest = Math.max(...values.map(Math.abs));
      expect(largest).toBeGreaterThan(0);
      const errors = values.map((value, k) => Math.abs(actual.values[i]![k]! - value));
      expect(Math.max(...errors) / largest, `tensor ${i}`).toBeLessThan(1e-5);
    }
    if (hasKernel('BatchNorm') && !title.includes('frozen')) expect(actual.held).toBeLessThan(expected.held);
    else expect(actual.held).toBe(expected.held);
    // tfjs leaves the weights of a model within a model to whoever created it.
    for (const layer of network.layers) if (layer.getClassName() === 'Sequential') layer.dispose();
    network.dispose();
    dispose(x);
    expect(memory().numTensors).toBe(before);
  });
});
