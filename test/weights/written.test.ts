import {
  input,
  type LayersModel,
  layers,
  model as modelOf,
  type SymbolicTensor,
} from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ConvArch, type VggOptions, vgg } from '../../src/index.js';
import { type EncodeOptions, encodeWeights, fromWeights, inspectWeights } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

const ARCH: ConvArch = [
  [1, 4],
  [2, 6],
];
const build = (options: VggOptions = {}) =>
  vgg(ARCH, { inputShape: [12, 12, 3], classes: 5, hiddenUnits: 7, ...options });

/** The names of the kernels in a file. */
async function kernels(model: LayersModel, options: EncodeOptions = {}): Promise<string[]> {
  const { tensors } = await inspectWeights(await encodeWeights(model, options));
  return tensors.filter(({ shape }) => shape.length > 1).map(({ name }) => name);
}

describe("PyTorch's names", () => {
  test.each<[readonly number[], string[]]>([
    [[], ['classifier.0.weight']],
    [[7], ['classifier.0.weight', 'classifier.3.weight']],
    [
      [8, 7, 6],
      ['classifier.0.weight', 'classifier.3.weight', 'classifier.6.weight', 'classifier.9.weight'],
    ],
  ])('of hidden layers of %j units', async (hiddenUnits, names) => {
    const model = build({ hiddenUnits });
    expect((await kernels(model)).slice(3)).toEqual(names);
    model.dispose();
  });

  test.each<[VggOptions['batchNorm'], string[]]>([
    [false, ['features.0.weight', 'features.0.bias', 'features.3.weight']],
    [true, ['features.0.weight', 'features.0.bias', 'features.1.weight']],
    [{ afterRelu: true }, ['features.0.weight', 'features.0.bias', 'features.2.weight']],
  ])('with batchNorm %j', async (batchNorm, names) => {
    const model = build({ batchNorm });
    const { tensors } = await inspectWeights(await encodeWeights(model));
    expect(tensors.slice(0, 3).map(({ name }) => name)).toEqual(names);
    model.dispose();
  });

  test("timm's hidden layers are convolutions, which a convolutional top has too", async () => {
    const model = build({ inputShape: [32, 36, 3], convolutionalTop: true, hiddenUnits: [7, 8] });
    const { tensors } = await inspectWeights(await encodeWeights(model, { names: 'timm' }));
    const shapes = Object.fromEntries(tensors.map(({ name, shape }) => [name, shape]));
    expect(shapes).toMatchObject({
      'pre_logits.fc1.weight': [7, 6, 7, 7],
      'pre_logits.fc2.weight': [8, 7, 1, 1],
      'head.fc.weight': [5, 8],
    });
    model.dispose();
  });
});

test('layers are named by their place, whatever the model calls them', async () => {
  const image = input({ shape: [4, 4, 1] });
  const applied = [
    layers.conv2d({ filters: 2, kernelSize: 3, padding: 'same', name: 'b' }),
    layers.reLU({ name: 'a' }),
    layers.maxPooling2d({ poolSize: 2, name: 'p' }),
    layers.flatten({ name: 'f' }),
    layers.dropout({ rate: 0.5, name: 'd' }),
    layers.dense({ units: 3, name: 'z' }),
    layers.activation({ activation: 'relu', name: 'r' }),
    layers.dense({ units: 2, name: 'y' }),
    layers.softmax({ name: 's' }),
  ].reduce((x, layer) => layer.apply(x) as SymbolicTensor, image as SymbolicTensor);
  const model = modelOf({ inputs: image, outputs: applied });
  expect(await kernels(model)).toEqual(['features.0.weight', 'classifier.0.weight', 'classifier.3.weight']);
  expect(await kernels(model, { container: 'h5' })).toEqual([
    'block1_conv1/kernel:0',
    'fc1/kernel:0',
    'predictions/kernel:0',
  ]);
  model.dispose();
});

describe('a network that files of weights alone cannot describe is refused by its layer', () => {
  const conv = (options = {}) =>
    layers.conv2d({ filters: 2, kernelSize: 3, padding: 'same', activation: 'relu', name: 'x', ...options });
  const pool = (options = {}) => layers.maxPooling2d({ poolSize: 2, name: 'p', ...options });
  const dense = (options = {}) => layers.dense({ units: 2, name: 'y', ...options });
  test.each<[string, ReturnType<typeof conv>[]]>([
    ["'x' has the activation 'elu'", [conv({ activation: 'elu' }), pool()]],
    ["'x' has a window of 5x5", [conv({ kernelSize: 5 }), pool()]],
    ["'x' has strides, dilation or channels first", [conv({ strides: 2 }), pool()]],
    ["'x' has strides, dilation or channels first", [conv({ dilationRate: 2 }), pool()]],
    ["'p' is not a 2x2 pooling with stride 2", [conv(), pool({ poolSize: 3, strides: 2 })]],
    ["'p' is not a 2x2 pooling with stride 2", [conv(), pool({ padding: 'same' })]],
    [
      "'p' is a layer that no VGG has there (AveragePooling2D)",
      [conv(), layers.averagePooling2d({ poolSize: 2, name: 'p' })],
    ],
    ["'p' follows a layer without a ReLU", [conv({ activation: 'linear' }), pool()]],
    ["'z' differs from the others (padding: valid)", [conv(), conv({ padding: 'valid', name: 'z' }), pool()]],
    ["'z' differs from the others (bias: false)", [conv(), conv({ useBias: false, name: 'z' }), pool()]],
    [
      "'l' is a layer that no VGG has there (LeakyReLU)",
      [conv({ activation: 'linear' }), layers.leakyReLU({ name: 'l' })],
    ],
    [
      "'d' is a layer that no VGG has there (Dropout)",
      [conv(), layers.dropout({ rate: 0.5, name: 'd' }), pool()],
    ],
    ["'x' ends the network inside a block", [conv()]],
    ["'n' does not follow a convolution", [conv(), pool(), layers.batchNormalization({ name: 'n' })]],
    [
      "'n' has no beta, no gamma or another axis",
      [conv(), layers.batchNormalization({ name: 'n', center: false }), pool()],
    ],
    [
      "'n' does not follow a convolution",
      [conv(), pool(), layers.flatten(), dense(), layers.batchNormalization({ name: 'n' })],
    ],
    [
      "'y' has the activation 'sigmoid'",
      [conv(), pool(), layers.flatten(), dense({ activation: 'sigmoid' })],
    ],
    ["'y' has no bias", [conv(), pool(), layers.flatten(), dense({ useBias: false })]],
    ["'y' follows a layer without a ReLU", [conv(), pool(), layers.flatten(), dense({ name: 'w' }), dense()]],
    [
      "'y' follows a softmax",
      [conv(), pool(), layers.flatten(), dense({ activation: 'softmax', name: 'w' }), dense()],
    ],
    ["'y' takes a feature map", [conv(), pool(), dense()]],
    [
      "'avgpool' averages the feature map to another size than 7x7",
      [conv(), pool(), layers.averagePooling2d({ poolSize: 2, name: 'avgpool' }), layers.flatten(), dense()],
    ],
    [
      "'avgpool' averages a feature map that no top takes flattened",
      [conv(), pool(), layers.averagePooling2d({ poolSize: 2, name: 'avgpool' })],
    ],
  ] as never)('%s', async (what, chain) => {
    const image = input({ shape: [8, 8, 1] });
    const y = (chain as unknown as layers.Layer[]).reduce(
      (x, layer) => layer.apply(x) as SymbolicTensor,
      image,
    );
    const model = modelOf({ inputs: image, outputs: y });
    const sentence = `encodeWeights: the layer ${what}, which a file of weights alone does not record; use container 'keras' or 'model.h5'.`;
    for (const options of [
      {},
      { names: 'keras' },
      { container: 'weights.h5' },
      { container: 'h5' },
    ] as const) {
      await expect(encodeWeights(model, options)).rejects.toThrow(sentence);
    }
    model.dispose();
  });

  test('a branch', async () => {
    const image = input({ shape: [8, 8, 2] });
    const x = conv().apply(image) as SymbolicTensor;
    const sum = layers.add({ name: 'sum' }).apply([x, image]) as SymbolicTensor;
    const model = modelOf({ inputs: image, outputs: sum });
    await expect(encodeWeights(model)).rejects.toThrow(
      "the layer 'sum' does not take the output of the layer before it alone, which a file of weights alone does not record",
    );
    model.dispose();
  });

  test.each<[EncodeOptions['names'], VggOptions, string]>([
    [
      'torchvision',
      { inputShape: [32, 32, 3], convolutionalTop: true },
      "the hidden layers are convolutions, and torchvision's are linear; use names 'timm'.",
    ],
    [
      'timm',
      { hiddenUnits: [4] },
      "timm's VGG has two hidden layers on the feature map, and this network has 1; use names 'torchvision'.",
    ],
    [
      'timm',
      { adaptivePool: true, inputShape: [32, 20, 3] },
      "the feature map of 8x5 is averaged to 7x7, which timm's VGG does not do with a map larger than that; use names 'torchvision'.",
    ],
    [
      'timm',
      { pooling: 'avg' },
      "timm's VGG has two hidden layers on the feature map, and this network pools the map first; use names 'torchvision'.",
    ],
  ])('names %s with %j', async (names, options, sentence) => {
    const model = build(options);
    await expect(encodeWeights(model, { names })).rejects.toThrow(`encodeWeights: ${sentence}`);
    model.dispose();
  });
});

test.each<VggOptions>([{ includeTop: false }, { pooling: 'avg', hiddenUnits: [] }])(
  'blocks of one convolution of growing widths are recorded: %j',
  async (options) => {
    const arch: ConvArch = [
      [1, 4],
      [1, 6],
    ];
    const model = vgg(arch, { inputShape: [12, 12, 3], classes: 5, ...options });
    const { model: read, network } = await fromWeights(await encodeWeights(model));
    expect(network?.arch).toEqual(arch);
    for (const one of [model, read]) one.dispose();
  },
);
