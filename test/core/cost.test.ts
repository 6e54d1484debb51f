import {
  memory,
  ones,
  train as optimizers,
  type Scalar,
  sum,
  type Tensor,
  tidy,
  type Variable,
  variableGrads,
} from '@tensorflow/tfjs-core';
import { model as compose, layers, type SymbolicTensor, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  alexNetPlan,
  cost,
  diagram,
  IMAGENET,
  plan,
  summary,
  VGG11,
  VGG16,
  type VggOptions,
  vgg,
} from '../../src/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

const ARCH = [
  [1, 4],
  [2, 8],
] as const;
const OPTIONS = { inputShape: [16, 12, 3], hiddenUnits: 6, classes: 5 } as const;
const BATCH = 4;

/** Bytes that tfjs holds more after `make` than before. */
function bytesOf<T>(make: () => T): { bytes: number; made: T } {
  const before = memory().numBytes;
  const made = make();
  return { bytes: memory().numBytes - before, made };
}

describe('bytes, against those that tfjs reports', () => {
  test.each<[string, VggOptions]>([
    ['plain', {}],
    ['with batch normalization', { batchNorm: true }],
    ['without dropout and top', { dropout: 0, includeTop: false, pooling: 'avg' }],
    ['with adaptive pooling', { adaptivePool: true }],
  ])('weights, activations and gradients: %s', (_, more) => {
    const options = { ...OPTIONS, ...more };
    const { bytes } = cost(plan(ARCH, options), { batchSize: BATCH });
    const { bytes: weights, made: model } = bytesOf(() => vgg(ARCH, options));
    expect(weights).toBe(bytes.weights);
    tidy(() => {
      const outputs = model.layers.map((layer) => layer.output as SymbolicTensor);
      const all = compose({ inputs: model.inputs, outputs });
      const { bytes: activations, made } = bytesOf(() =>
        tidy(() => all.apply(ones([BATCH, 16, 12, 3])) as Tensor[]),
      );
      expect(made).toHaveLength(outputs.length);
      // tfjs counts a tensor that shares another's data (flatten, and dropout when it predicts) as if it had its own.
      // On WebGL it does have its own where flattening repacks the numbers.
      const rows = plan(ARCH, options);
      const sharing = made.filter((_, n) => ['flatten', 'dropout'].includes(rows[n]!.kind));
      const shared = sharing.reduce((total, tensor) => total + 4 * tensor.size, 0);
      const dropout = rows.filter(({ kind }) => kind === 'dropout');
      const inTraining = dropout.reduce((total, { outputShape }) => total + 4 * BATCH * outputShape[0]!, 0);
      expect(activations - shared).toBe(bytes.activations - inTraining);
    });
    tidy(() => {
      const weights = model.trainableWeights.map((weight) => weight.read() as Variable);
      const { bytes: gradients, made } = bytesOf(() =>
        tidy(() =>
          variableGrads(() => sum(model.apply(ones([BATCH, 16, 12, 3])) as Tensor) as Scalar, weights),
        ),
      );
      expect(gradients - made.value.size * 4).toBe(bytes.gradients);
    });
    model.dispose();
  });

  test.each([
    ['sgd', () => optimizers.sgd(0.1)],
    ['momentum', () => optimizers.momentum(0.1, 0.9)],
    ['adam', () => optimizers.adam(0.1)],
  ] as const)('the state of %s', (name, make) => {
    const model = vgg(ARCH, OPTIONS);
    const weights = model.trainableWeights.map((weight) => weight.read() as Variable);
    const optimizer = make();
    const { bytes } = bytesOf(() =>
      optimizer.minimize(() => sum(model.apply(ones([1, 16, 12, 3])) as Tensor) as Scalar, false, weights),
    );
    expect(bytes).toBe(cost(model, { optimizer: name }).bytes.optimizerState);
    optimizer.dispose();
    model.dispose();
  });

  test("tfjs's tape holds the activations at least once and at most four times", async () => {
    await useAnyBackend('wasm');
    const options = { ...OPTIONS, inputShape: [64, 64, 3] } as const;
    const model = vgg(ARCH, options);
    const weights = model.trainableWeights.map((weight) => weight.read() as Variable);
    const x = ones([BATCH, 64, 64, 3]);
    const before = memory().numBytes;
    let held = 0;
    try {
      variableGrads(() => {
        const output = tidy(() => model.apply(x, { training: true }) as Tensor);
        held = memory().numBytes - before;
        // The wasm backend alone has no gradient of the filter, so the backward pass is not run here.
        throw new Error(`forward only: ${output.shape}`);
      }, weights);
    } catch {}
    const { bytes } = cost(plan(ARCH, options), { batchSize: BATCH });
    const needed = bytes.activations - x.size * 4;
    expect(held).toBeGreaterThan(needed);
    expect(held).toBeLessThan(4 * needed);
    await useAnyBackend();
  });
});

describe('multiply-accumulates', () => {
  test('of a step are forward, weights and inputs, but not the input of the first layer', () => {
    const rows = plan(VGG11);
    const { macs } = cost(rows, { batchSize: 2 });
    expect(macs.forward).toBe(2 * 7547232256); // PyTorch's count, counts.json
    expect(macs.trainingStep).toBe(3 * macs.forward - 2 * rows[1]!.macs);
  });

  test('of frozen layers need no gradients', () => {
    const model = vgg(ARCH, OPTIONS);
    const whole = cost(model).macs;
    for (const layer of model.layers) layer.trainable = layer.name === 'predictions';
    const head = cost(model).macs;
    expect(head.forward).toBe(whole.forward);
    expect(head.trainingStep).toBe(whole.forward + 6 * 5);
    model.dispose();
  });
});

test('receptive fields are those published for AlexNet and VGG-16', () => {
  // Araujo, Norris & Sim, "Computing receptive fields of convolutional neural networks" (Distill 2019): 195 and 212.
  expect(cost(alexNetPlan()).receptiveField).toEqual({ size: 195, stride: 32 });
  expect(cost(plan(VGG16, IMAGENET)).receptiveField).toEqual({ size: 212, stride: 32 });
  expect(cost(plan(VGG16, { ...IMAGENET, convolutionalTop: true })).receptiveField).toEqual({
    size: 212,
    stride: 32,
  });
});

test('a network without convolutions sees one position at a time', () => {
  const head = sequential({ layers: [layers.dense({ units: 2, inputShape: [4] })] });
  const { receptiveField, macs } = cost(head);
  expect(receptiveField).toEqual({ size: 1, stride: 1 });
  expect(macs.forward).toBe(8);
  head.dispose();
});

test('VGG-11 needs many times what AlexNet needs, mostly for activations', () => {
  const [vgg11, alexNet] = [cost(plan(VGG11), { batchSize: 128 }), cost(alexNetPlan(), { batchSize: 128 })];
  expect(vgg11.macs.forward / alexNet.macs.forward).toBeCloseTo(8.04, 2);
  expect(vgg11.bytes.activations / alexNet.bytes.activations).toBeGreaterThan(10);
  expect(vgg11.bytes.weights / alexNet.bytes.weights).toBeCloseTo(2.75, 2);
});

test('bad options are refused', () => {
  expect(() => cost(plan(VGG11), { batchSize: 0 })).toThrow(
    'cost: batchSize is 0; it must be a whole number of at least 1.',
  );
  expect(() => cost(plan(VGG11), { optimizer: 'lion' as 'sgd' })).toThrow(
    'cost: optimizer is "lion"; it must be one of "sgd", "momentum", "nesterov", "adam", "adamw".',
  );
});

describe('the diagram', () => {
  test('has a box for each layer, a frame for each block and the shapes beside them', () => {
    const svg = diagram({ AlexNet: alexNetPlan(), 'VGG <11>': plan(VGG11) });
    expect(svg.match(/stroke-width="0.75"/g)).toHaveLength(alexNetPlan().length + plan(VGG11).length - 2);
    expect(svg.match(/stroke-dasharray/g)).toHaveLength(5);
    expect(svg).toContain('>224×224×64<');
    expect(svg).toContain('VGG &#60;11&#62;');
    expect(svg).not.toMatch(/NaN|undefined/);
  });

  test('is the same from a plan and from the model', () => {
    const model = vgg(ARCH, OPTIONS);
    expect(diagram(model)).toBe(diagram(plan(ARCH, OPTIONS)));
    model.dispose();
  });

  test('of nothing is refused', () => {
    expect(() => diagram({})).toThrow('diagram: there is no network to draw');
  });
});

describe('a model whose channels come first', () => {
  const network = (order: 'channelsFirst' | 'channelsLast', pooling = order) =>
    sequential({
      layers: [
        layers.conv2d({
          filters: 4,
          kernelSize: 3,
          inputShape: order === 'channelsFirst' ? [3, 9, 12] : [9, 12, 3],
          dataFormat: order,
          name: 'conv',
        }),
        layers.maxPooling2d({ poolSize: 2, dataFormat: pooling, name: 'pool' }),
        layers.flatten({ name: 'flat' }),
        layers.dense({ units: 5, name: 'dense' }),
      ],
    });

  test('costs what the same with channels last costs, and its shapes are written alike', () => {
    const [first, last] = [network('channelsFirst'), network('channelsLast')];
    expect(cost(first)).toEqual(cost(last));
    expect(summary(first)).toBe(summary(last));
    first.dispose();
    last.dispose();
  });

  test('is refused where layers disagree', () => {
    const model = network('channelsFirst', 'channelsLast');
    expect(() => cost(model)).toThrow(
      'cost: layer conv has its channels first and layer pool does not; build the model with one order of axes.',
    );
    model.dispose();
  });
});

test('a model that applies a layer twice is refused', () => {
  const twice = layers.reLU({ name: 'twice' });
  const network = sequential({
    layers: [layers.conv2d({ inputShape: [4, 4, 1], filters: 1, kernelSize: 1 }), twice],
  });
  const [output] = network.outputs;
  const model = compose({ inputs: network.inputs, outputs: twice.apply(output!) as SymbolicTensor });
  for (const report of [cost, diagram]) {
    expect(() => report(model)).toThrow(
      'layer twice is applied 2 times, in this model or in others too; build',
    );
  }
  model.dispose();
});
