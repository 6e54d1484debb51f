import {
  abs,
  dispose,
  grad,
  max,
  memory,
  min,
  randomNormal,
  randomUniform,
  square,
  sub,
  sum,
  type Tensor,
  type Variable,
  variableGrads,
} from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  type SymbolicTensor,
  sequential,
  model as tfModel,
} from '@tensorflow/tfjs-layers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type VggOptions, vgg } from '../../src/index.js';
import { fixedLayer, fuseLayers } from '../../src/tfjs/fusedLayers.js';
import { ownOnce } from '../../src/tfjs/models.js';
import { trainNorms } from '../../src/train/normRules.js';
import { backends, isChosen, useAnyBackend, useBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

/** A loss and its gradients, and the largest number of tensors on the way, beside the model and its input. */
async function gradients(model: LayersModel, x: Tensor) {
  const before = memory().numTensors;
  let held = 0;
  const { value, grads } = variableGrads(
    () => {
      const y = model.apply(x, { training: true }) as Tensor;
      held = memory().numTensors - before;
      return sum(square(y));
    },
    model.trainableWeights.map((weight) => weight.read() as Variable),
  );
  const tensors = [
    value,
    ...model.trainableWeights.map((weight) => grads[(weight.read() as Variable).name]!),
  ];
  const values = await Promise.all(tensors.map((tensor) => tensor.data()));
  dispose([value, grads]);
  expect(memory().numTensors).toBe(before);
  return { values, held };
}

const MODELS: Record<string, () => LayersModel> = {
  'a VGG': () =>
    vgg(
      [
        [2, 8],
        [1, 12],
      ],
      { inputShape: [8, 8, 2], classes: 3, hiddenUnits: 10, dropout: 0 },
    ),
  'a VGG whose first block is frozen': () => {
    const model = MODELS['a VGG']!();
    for (const layer of model.layers) if (layer.name.startsWith('block1')) layer.trainable = false;
    return model;
  },
  'a VGG whose second block alone is trained': () => {
    const model = MODELS['a VGG']!();
    for (const layer of model.layers) layer.trainable = layer.name.startsWith('block2');
    return model;
  },
  'a VGG whose batch normalizations are frozen': () => withFrozenNorms({}),
  'such a VGG without biases, whose first convolution is frozen': () => {
    const model = withFrozenNorms({ convBias: false });
    model.getLayer('block1_conv1').trainable = false;
    return model;
  },
  'such a VGG whose second block alone is trained': () => {
    const model = withFrozenNorms({});
    for (const layer of model.layers) layer.trainable = layer.name.startsWith('block2_conv');
    return model;
  },
  'frozen normalizations before a ReLU with a maximum, a pooling and an addition, and of another axis':
    () => {
      const conv = () => layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same' });
      const norm = (axis = -1) => layers.batchNormalization({ axis });
      const x = input({ shape: [6, 6, 4] });
      const through = (x: SymbolicTensor, ...all: layers.Layer[]) =>
        all.reduce((y, layer) => layer.apply(y) as SymbolicTensor, x);
      const sum = layers.add().apply([through(x, conv(), norm()), x]) as SymbolicTensor;
      const capped = through(sum, conv(), norm(), layers.reLU({ maxValue: 0.5 }));
      const pooled = through(capped, conv(), norm(), layers.maxPooling2d({ poolSize: 2 }));
      const y = through(pooled, conv(), norm(1), layers.reLU(), conv(), norm(), layers.flatten());
      return freezeNorms(tfModel({ inputs: x, outputs: y }));
    },
  'strides, no padding and no biases': () =>
    sequential({
      layers: [
        layers.conv2d({
          ...{ filters: 4, kernelSize: 3, strides: 2, activation: 'relu', useBias: false },
          inputShape: [9, 9, 2],
        }),
        layers.flatten(),
        layers.dense({ units: 5, activation: 'relu', useBias: false }),
        layers.dense({ units: 3 }),
      ],
    }),
  'poolings of overlapping windows, with gaps, and beyond the edge': () =>
    sequential({
      layers: [
        layers.conv2d({ filters: 8, kernelSize: 3, activation: 'relu', inputShape: [15, 14, 2] }),
        layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' }),
        layers.conv2d({ filters: 5, kernelSize: 2, padding: 'same', useBias: false }),
        layers.maxPooling2d({ poolSize: [1, 2], strides: [1, 3] }),
        layers.conv2d({ filters: 6, kernelSize: 1, activation: 'relu' }),
        layers.maxPooling2d({ poolSize: 2, strides: 2, padding: 'same' }),
        layers.flatten(),
        layers.dense({ units: 3 }),
      ],
    }),
  'a pooled map that another layer reads': () => {
    const x = input({ shape: [6, 6, 2] });
    const map = layers.conv2d({ filters: 4, kernelSize: 3, activation: 'relu' }).apply(x) as SymbolicTensor;
    const pooled = layers.maxPooling2d({ poolSize: 2 }).apply(map) as SymbolicTensor;
    const ends = [pooled, map].map((end) => layers.flatten().apply(end) as SymbolicTensor);
    return tfModel({ inputs: x, outputs: layers.concatenate().apply(ends) as SymbolicTensor });
  },
  'a dense layer over pixels and a model within the model': () =>
    sequential({
      layers: [
        layers.conv2d({ filters: 4, kernelSize: 3, activation: 'relu', inputShape: [9, 9, 2] }),
        layers.dense({ units: 6, activation: 'relu' }),
        sequential({
          layers: [
            layers.conv2d({ filters: 4, kernelSize: 1, activation: 'relu', inputShape: [7, 7, 6] }),
            layers.flatten(),
          ],
        }),
        layers.dense({ units: 3 }),
      ],
    }),
  'a first layer that is called again, behind another': () =>
    calledAgain(layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' })),
  'a model within the model that is called again, behind a layer': () =>
    calledAgain(
      sequential({
        layers: [layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', inputShape: [5, 5, 4] })],
      }),
    ),
};

/** A VGG with frozen batch normalizations. */
function withFrozenNorms(options: VggOptions): LayersModel {
  const blocks = [
    [2, 8],
    [1, 12],
  ] as const;
  const fixed = { inputShape: [8, 8, 2], classes: 3, hiddenUnits: 10, dropout: 0, batchNorm: true } as const;
  return freezeNorms(vgg(blocks, { ...fixed, ...options }));
}

/** Draws the weights and statistics of all batch normalizations, and freezes them. */
function freezeNorms(model: LayersModel): LayersModel {
  for (const layer of model.layers.filter((layer) => layer.getClassName() === 'BatchNormalization')) {
    const drawn = layer
      .getWeights()
      .map(({ shape }, i) => randomUniform(shape, i === 3 ? 0.5 : -0.5, 1, 'float32', i));
    layer.setWeights(drawn);
    dispose(drawn);
    layer.trainable = false;
  }
  return model;
}

/** A model that calls a layer before and after another. */
function calledAgain(layer: layers.Layer): LayersModel {
  const x = input({ shape: [5, 5, 4] });
  const between = layers.conv2d({ filters: 4, kernelSize: 1, activation: 'relu' });
  const y = [layer, between, layer, layers.flatten()].reduce(
    (y, layer) => layer.apply(y) as SymbolicTensor,
    x,
  );
  // tfjs disposes a model as often as it is called; each call of a layer is an owner.
  if (!('layers' in layer)) ownOnce(layer);
  return tfModel({ inputs: x, outputs: y });
}

/** In Node without WebGPU, which browsers test. */
const tested = isChosen ? backends : (['cpu', 'wasm'] as const);

describe.each(
  tested.flatMap((backend) => Object.entries(MODELS).map(([name, build]) => [backend, name, build] as const)),
)('on %s with fused layers, %s', (backend, _, build) => {
  beforeEach(() => useBackend(backend));

  test('has the same loss and gradients, and keeps fewer tensors', async () => {
    const before = memory().numTensors;
    const model = build();
    const x = randomNormal([2, ...(model.inputs[0]!.shape.slice(1) as number[])], 0, 1, 'float32', 1);
    const norms = trainNorms('train', model);
    norms.install();
    const expected = await gradients(model, x);
    const fused = fuseLayers(model);
    fused.install();
    const actual = await gradients(model, x);
    fused.restore();
    expect(actual.values.length).toBe(expected.values.length);
    for (const [i, values] of expected.values.entries()) {
      const largest = Math.max(...values.map(Math.abs));
      expect(largest).toBeGreaterThan(0);
      const errors = values.map((value, k) => Math.abs(actual.values[i]![k]! - value));
      // Both round, tiles of 4x4 by up to 1e-5.
      expect(Math.max(...errors) / largest).toBeLessThan(2e-5);
    }
    expect(actual.held).toBeLessThan(expected.held);
    expect((await gradients(model, x)).held).toBe(expected.held);
    norms.restore();
    dispose(x);
    // tfjs leaves the weights of a model within a model to whoever created it.
    for (const layer of model.layers) if (layer.getClassName() === 'Sequential') layer.dispose();
    model.dispose();
    expect(memory().numTensors).toBe(before);
  });
});

describe('a fixed layer', () => {
  const conv = (options: object) =>
    layers.conv2d({ filters: 4, kernelSize: 3, biasInitializer: 'randomNormal', ...options });
  test.each([
    ['with ReLU', conv({ activation: 'relu', padding: 'same' }), [2, 5, 5, 3]],
    ['without', conv({ strides: 2, useBias: false }), [2, 7, 7, 3]],
    ['that is dense', layers.dense({ units: 4, activation: 'relu' }), [2, 5]],
  ] as const)('%s has the same output and gradient of its input', async (_, layer, shape) => {
    const x = randomNormal([...shape], 0, 1, 'float32', 1);
    const expected = layer.apply(x) as Tensor;
    const before = memory().numTensors;
    const actual = fixedLayer(layer, x)!;
    const gradient = (f: (x: Tensor) => Tensor) => grad((x) => sum(square(f(x))))(x);
    const gradients = [gradient((x) => layer.apply(x) as Tensor), gradient((x) => fixedLayer(layer, x)!)];
    expect(memory().numTensors).toBe(before + 3);
    for (const [a, b] of [[expected, actual], gradients] as [Tensor, Tensor][]) {
      const error = max(abs(sub(a, b)));
      expect((await error.data())[0]! / (await max(abs(a)).data())[0]!).toBeLessThan(1e-5);
    }
  });

  test('may leave out its ReLU, and is undefined for other layers', async () => {
    const x = randomNormal([1, 4, 4, 2], 0, 1, 'float32', 1);
    const layer = conv({ activation: 'relu' });
    layer.apply(x);
    expect((await min(fixedLayer(layer, x, 'none')!).data())[0]).toBeLessThan(0);
    // WebGL has a ReLU that returns -0.
    expect(Math.abs((await min(fixedLayer(layer, x)!).data())[0]!)).toBe(0);
    expect(fixedLayer(layers.maxPooling2d({ poolSize: 2 }), x)).toBeUndefined();
    expect(fixedLayer(conv({ activation: 'tanh' }), x)).toBeUndefined();
  });
});
