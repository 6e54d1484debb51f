import { dispose, memory, ones, type Tensor, tensor, tidy, transpose } from '@tensorflow/tfjs-core';
import { type LayersModel, layers, type SymbolicTensor, model as tfjsModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { concat } from '../../src/io/bytes.js';
import { bytesOf, concatenated, contentOf } from '../../src/weights/formats/content.js';
import {
  encodeWeights,
  fromWeights,
  inspectWeights,
  loadWeights,
  toOnnx,
  WeightFileError,
} from '../../src/weights/index.js';
import { type Fields, message, number, text } from '../../src/weights/writers/onnx/message.js';
import { useAnyBackend } from '../support/backends.js';
import { indexOf } from '../support/bytes.js';
import { fixture, fixtureJson, fixturePath, noiseImages } from '../support/fixtures.js';
import { relativeError } from './files.js';

beforeAll(() => useAnyBackend('wasm'));

/** What a model computes of the images of fixtures/make_onnx.py. */
async function outputsOf(model: LayersModel): Promise<number[]> {
  const { shape, data } = noiseImages([2, 3, 16, 16], 1);
  const y = tidy(() => model.predict(transpose(tensor(data, shape), [0, 2, 3, 1])) as Tensor);
  const numbers = [...(await y.data())];
  y.dispose();
  return numbers;
}

describe('ONNX as exporters write it', () => {
  // By the names of the files; the title says that the VGG was recognized.
  const BLOCKS = [
    [1, 4],
    [2, 6],
  ];

  test.each(['torch-script', 'torch-dynamo', 'norm', 'zoo', 'tf', 'half', 'int8'])('%s', async (name) => {
    const expected = (await fixtureJson<Record<string, number[][]>>('onnx/expected.json'))[name]!;
    const before = memory().numTensors;
    const { model, network, report } = await fromWeights(fixturePath(`onnx/${name}.onnx`));
    expect(relativeError(await outputsOf(model), expected.flat())).toBeLessThan(1e-5);
    expect(network?.arch).toEqual(BLOCKS);
    expect(report).toMatchObject({ format: 'ONNX', missing: [], leftOver: [], mismatched: [] });
    expect(model.inputs[0]!.shape).toEqual([null, 16, 16, 3]);
    model.dispose();
    expect(memory().numTensors).toBe(before);
    const { problem, format } = await inspectWeights(fixturePath(`onnx/${name}.onnx`));
    expect([problem, format]).toEqual([undefined, 'ONNX']);
  });

  test('a VGG takes the options of fromWeights, and its weights go into other models', async () => {
    const path = fixturePath('onnx/torch-script.onnx');
    const options = { includeTop: false, inputShape: [20, 24, 3], pooling: 'avg' } as const;
    const { model: whole } = await fromWeights(path);
    const [features, same] = await Promise.all(
      [path, await encodeWeights(whole)].map((source) => fromWeights(source, options)),
    );
    expect(features!.model.outputs[0]!.shape).toEqual([null, 6]);
    expect(await numbersIn(features!.model)).toEqual(await numbersIn(same!.model));
    const own = vgg(
      [
        [1, 4],
        [2, 6],
      ],
      { inputShape: [16, 16, 3], classes: 5, hiddenUnits: [8] },
    );
    const report = await loadWeights(own, path);
    expect(report.matched).toBe('roles');
    expect(await outputsOf(own)).toEqual(await outputsOf(whole));
    for (const model of [whole, features!.model, same!.model, own]) model.dispose();
  });

  test('tensors in another file come from beside it or from shards, and from nowhere else', async () => {
    const bytes = await fixture('onnx/torch-dynamo.onnx');
    await expect(fromWeights(bytes)).rejects.toThrow(
      "it needs the weight file 'torch-dynamo.onnx.data' beside it",
    );
    const data = await fixture('onnx/torch-dynamo.onnx.data');
    const { model } = await fromWeights(bytes, { shards: () => data });
    const { model: beside } = await fromWeights(fixturePath('onnx/torch-dynamo.onnx'));
    expect(await outputsOf(model)).toEqual(await outputsOf(beside));
    model.dispose();
    beside.dispose();
    const before = memory().numTensors;
    await expect(fromWeights(bytes, { shards: () => data.subarray(0, 5000) })).rejects.toThrow(
      "are not all within 'torch-dynamo.onnx.data', which has 5000; get that file again.",
    );
    expect(memory().numTensors).toBe(before);
    const outside = bytes.slice();
    const location = new TextEncoder().encode('../ch-dynamo.onnx.data');
    outside.set(location, indexOf(bytes, 'torch-dynamo.onnx.data'));
    await expect(fromWeights(outside, { shards: () => data })).rejects.toThrow('is outside its folder');
  });
});

describe('what toOnnx writes comes back', () => {
  test.each(['float32', 'float16', 'int8'] as const)('%s', async (dtype) => {
    const model = vgg(
      [
        [1, 4],
        [2, 6],
      ],
      {
        ...{
          inputShape: [16, 16, 3],
          classes: 5,
          hiddenUnits: [8],
          batchNorm: true,
          initializer: 'heNormal',
        },
      },
    );
    for (const layout of ['NCHW', 'NHWC'] as const) {
      const { model: back, network } = await fromWeights(await toOnnx(model, { dtype, layout }));
      const [ours, theirs] = [await outputsOf(model), await outputsOf(back)];
      if (dtype === 'float32') expect(theirs).toEqual(ours);
      else expect(relativeError(theirs, ours)).toBeLessThan(dtype === 'int8' ? 3e-2 : 3e-3);
      expect(network?.title).toBeDefined();
      back.dispose();
    }
    model.dispose();
  });
});

test.each(['NCHW', 'NHWC'] as const)(
  'images that no convolution reads first come back in their layout: %s',
  async (layout) => {
    const input = layers.input({ shape: [16, 12, 3] });
    const dense = layers.dense({ units: 4, kernelInitializer: 'glorotUniform' }).apply(input);
    const model = tfjsModel({ inputs: input, outputs: layers.flatten().apply(dense) as SymbolicTensor });
    const { model: back } = await fromWeights(await toOnnx(model, { layout }));
    const x = tensor(
      Float32Array.from({ length: 576 }, (_, i) => Math.sin(i)),
      [1, 16, 12, 3],
    );
    const [ours, theirs] = [model, back].map((one) => one.predict(x) as Tensor);
    expect(relativeError(await theirs!.data(), await ours!.data())).toBeLessThan(1e-6);
    dispose([x, ours!, theirs!]);
    model.dispose();
    back.dispose();
  },
);

test('averages to 7x7 come back, too', async () => {
  const model = vgg([[1, 4]], { inputShape: [16, 18, 3], classes: 5, hiddenUnits: [], adaptivePool: true });
  const { model: back } = await fromWeights(await toOnnx(model));
  const x = ones([2, 16, 18, 3]);
  const [ours, theirs] = [model, back].map((one) => one.predict(x) as Tensor);
  expect(relativeError(await theirs!.data(), await ours!.data())).toBeLessThan(1e-6);
  dispose([x, ours!, theirs!]);
  model.dispose();
  back.dispose();
});

test('a vector that is repeated comes back as one layer', async () => {
  const input = layers.input({ shape: [16, 16, 3] });
  const vector = layers.globalAveragePooling2d({ name: 'means' }).apply(input);
  const repeated = layers.repeatVector({ n: 3 }).apply(vector) as SymbolicTensor;
  const model = tfjsModel({
    inputs: input,
    outputs: layers.permute({ dims: [2, 1] }).apply(repeated) as SymbolicTensor,
  });
  const { model: back } = await fromWeights(await toOnnx(model));
  expect(back.layers.map((layer) => layer.getClassName())).toContain('RepeatVector');
  expect(relativeError(await outputsOf(back), await outputsOf(model))).toBeLessThan(1e-6);
  model.dispose();
  back.dispose();
});

test.each<[string, () => layers.Layer]>([
  ['gelu', () => layers.activation({ activation: 'gelu' as 'relu' })],
  ['one slope', () => layers.prelu({ sharedAxes: [1, 2, 3], alphaInitializer: 'ones' })],
  [
    'a map that tfjs has with channels first',
    () => layers.conv2d({ filters: 2, kernelSize: 3, padding: 'same', dataFormat: 'channelsFirst' }),
  ],
])('%s comes back in both layouts', async (_, build) => {
  const input = layers.input({ shape: [16, 16, 3] });
  const model = tfjsModel({ inputs: input, outputs: build().apply(input) as SymbolicTensor });
  for (const layout of ['NCHW', 'NHWC'] as const) {
    const { model: back } = await fromWeights(await toOnnx(model, { layout }));
    expect(back.outputs[0]!.shape).toEqual(model.outputs[0]!.shape);
    expect(relativeError(await outputsOf(back), await outputsOf(model))).toBeLessThan(1e-6);
    back.dispose();
  }
  model.dispose();
});

test('gelu is found in every order of its operators, and the error function alone is refused', async () => {
  const constant = (name: string, value: number) => floats(name, [], 1, Float32Array.of(value));
  const constants = [
    ...[...constant('half', 0.5), ...constant('one', 1), ...constant('root', Math.SQRT2)],
    ...constant('inverse', Math.SQRT1_2),
  ];
  const erf = [
    ...node('Div', ['image', 'root'], [], 'a'),
    ...node('Erf', ['a'], [], 'b'),
    ...node('Add', ['b', 'one'], [], 'c'),
  ];
  for (const rest of [
    [...node('Mul', ['image', 'c'], [], 'd'), ...node('Mul', ['d', 'half'])],
    [...node('Mul', ['image', 'half'], [], 'd'), ...node('Mul', ['c', 'd'])],
    [...node('Mul', ['c', 'half'], [], 'd'), ...node('Mul', ['image', 'd'])],
  ]) {
    const bytes = await graph([...erf, ...rest], constants);
    const { model } = await fromWeights(bytes, { layout: 'NCHW' });
    const x = tensor([-3, -1, -0.5, 0, 0.25, 0.5, 1, 2, 3, 4, -4, -2, -0.1, 0.1, 6, -6], [1, 4, 4, 1]);
    const y = model.predict(x) as Tensor;
    const numbers = [...(await y.data())];
    // x times the normal distribution at x.
    expect(numbers[6]).toBeCloseTo(0.841345, 5);
    expect(numbers[1]).toBeCloseTo(-0.158655, 5);
    dispose([x, y]);
    model.dispose();
  }
  const scaled = [...node('Mul', ['image', 'half'], [], 'd'), ...node('Mul', ['c', 'c'])];
  const other = await graph([...erf, ...scaled], constants);
  await expect(fromWeights(other)).rejects.toThrow("its operator 'n' is Erf, which is not read");
});

test('a map that one operator takes twice and another once more is still there for it', async () => {
  const nodes = [
    ...node('Relu', ['image'], [], 'a'),
    ...node('Mul', ['a', 'a'], [], 'b'),
    ...node('Add', ['b', 'a']),
  ];
  const { model } = await fromWeights(await graph(nodes), { layout: 'NCHW' });
  const x = tensor(
    Float32Array.from({ length: 16 }, (_, i) => i - 4),
    [1, 4, 4, 1],
  );
  const y = model.predict(x) as Tensor;
  // y y + y of the numbers above 0.
  expect([...(await y.data())].slice(3, 8)).toEqual([0, 0, 2, 6, 12]);
  dispose([x, y]);
  model.dispose();
});

test('images that are prepared before the graph moves their channels have them last', async () => {
  const nodes = [
    ...node('Neg', ['image'], [], 'a'),
    ...node('Transpose', ['a'], attribute('perm', 0, 3, 1, 2), 'b'),
    ...node('Relu', ['b']),
  ];
  const { model } = await fromWeights(await graph(nodes));
  expect(model.inputs[0]!.shape).toEqual([null, 1, 4, 4]);
  expect(model.outputs[0]!.shape).toEqual([null, 1, 4, 4]);
  model.dispose();
});

describe('a graph that does not say the order of axes', () => {
  /** A dense layer of all numbers, as exporters write it for `nn.Flatten` or Keras' `Flatten`. */
  const flat = (dims: number[]) => {
    const numbers = dims.reduce((product, one) => product * one);
    const weights = Float32Array.from({ length: numbers }, (_, i) => Math.cos(3 * i));
    return graph(
      [...node('Flatten', ['image'], [], 'flat'), ...node('MatMul', ['flat', 'w'])],
      floats('w', [numbers, 1], numbers, weights),
      17,
      dims,
    );
  };
  const sumOf = (dims: number[]) => {
    const numbers = dims.reduce((product, one) => product * one);
    return Array.from({ length: numbers }, (_, i) => i * Math.cos(3 * i)).reduce((sum, one) => sum + one);
  };

  test.each<[number[], 'NCHW' | 'NHWC' | undefined]>([
    [[5, 6, 3], undefined],
    [[3, 5, 6], undefined],
    [[3, 4, 2], 'NHWC'],
    [[3, 4, 2], 'NCHW'],
    [[3, 5, 6], 'NHWC'],
  ])('images [%s] with the option %s', async (dims, layout) => {
    const { model } = await fromWeights(await flat(dims), { layout });
    const last = layout ? layout === 'NHWC' : dims[2]! < dims[0]!;
    expect(model.inputs[0]!.shape).toEqual([null, ...(last ? dims : [dims[1], dims[2], dims[0]])]);
    const image = tensor(
      Float32Array.from({ length: dims.reduce((product, one) => product * one) }, (_, i) => i),
      [1, ...dims],
    );
    const y = tidy(() => model.predict(last ? image : transpose(image, [0, 2, 3, 1])) as Tensor);
    expect((await y.data())[0]! / sumOf(dims)).toBeCloseTo(1, 5);
    dispose([y, image]);
    model.dispose();
  });

  test('is refused where lengths do not tell either, and where the option contradicts the graph', async () => {
    const model = vgg([[1, 2]], { inputShape: [4, 4, 1], classes: 2, hiddenUnits: [] });
    const own = await toOnnx(model);
    const conv = await graph(node('Conv', ['image', 'w']), floats('w', [2, 1, 1, 1], 2));
    const safetensors = await encodeWeights(model);
    const before = memory().numTensors;
    for (const [bytes, layout, sentence] of [
      [
        await flat([3, 4, 2]),
        undefined,
        "its input 'image' is [any,3,4,2], and nothing says whether channels come first or last; pass layout: 'NCHW' or 'NHWC'.",
      ],
      [await flat([28, 28, 28]), undefined, 'nothing says whether channels come first or last'],
      [conv, 'NHWC', "its input 'image' is NCHW, and the option layout is NHWC; leave it out."],
      [own, 'NHWC', "its input 'image' is NCHW, and the option layout is NHWC; leave it out."],
      [
        safetensors,
        'NHWC',
        'it is safetensors, whose order of axes is known, and the option layout is for ONNX; leave it out.',
      ],
    ] as const) {
      for (const read of [
        fromWeights,
        inspectWeights,
        (source: Uint8Array, options: object) => loadWeights(model, source, options),
      ]) {
        await expect(read(bytes, { layout })).rejects.toThrow(sentence);
      }
    }
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });
});

/** A graph of one input, `image` [any, ...dims], and one output, `y`. */
async function graph(nodes: Fields, tensors: Fields = [], opset = 17, dims = [1, 4, 4]): Promise<Uint8Array> {
  const lengths = [0, ...dims].flatMap((length) => message(1, length ? number(1, length) : text(2, 'any')));
  const value = (name: string) => [
    ...text(1, name),
    ...message(2, message(1, [...number(1, 1), ...message(2, lengths)])),
  ];
  return bytesOf(
    concatenated([
      ...number(1, 8),
      ...message(7, [
        ...nodes,
        ...text(2, 'g'),
        ...tensors,
        ...message(11, value('image')),
        ...message(12, value('y')),
      ]),
      ...message(8, number(2, opset)),
    ]),
  );
}

const node = (op: string, inputs: string[], more: Fields = [], output = 'y') =>
  message(1, [
    ...inputs.flatMap((name) => text(1, name)),
    ...text(2, output),
    ...text(3, 'n'),
    ...text(4, op),
    ...more,
  ]);
const floats = (name: string, dims: number[], count: number, values = new Float32Array(count)) =>
  message(5, [
    ...dims.flatMap((length) => number(1, length)),
    ...number(2, 1),
    ...text(8, name),
    ...message(9, [contentOf(new Uint8Array(values.buffer))]),
  ]);
const attribute = (name: string, ...values: number[]) =>
  message(5, [...text(1, name), ...values.flatMap((one) => number(8, one)), ...number(20, 7)]);

describe('what is not read is named', () => {
  test.each<[string, () => Promise<Uint8Array>, string]>([
    [
      'an operator',
      () => graph(node('Einsum', ['image'])),
      "its operator 'n' is Einsum, which is not read; the operators are",
    ],
    [
      "an operator of another's",
      () => graph(node('FusedConv', ['image'], text(7, 'com.microsoft'))),
      "its operator 'n' is com.microsoft.FusedConv, which is not read",
    ],
    [
      'an argument',
      () =>
        graph(
          node('MaxPool', ['image'], [...attribute('kernel_shape', 3, 3), ...attribute('pads', 1, 0, 1, 0)]),
        ),
      "its operator 'n' (MaxPool) has pads [1,0,1,0], which is not computed here",
    ],
    [
      'a kernel of other channels',
      () => graph(node('Conv', ['image', 'w']), floats('w', [2, 3, 1, 1], 6)),
      "its operator 'n' (Conv) has a kernel of the shape [2,3,1,1] and 1 groups for 1 channels",
    ],
    [
      'an attribute that is not known',
      () => graph(node('Relu', ['image'], attribute('slope', 1))),
      "its operator 'n' (Relu) has slope [1], which is not computed here",
    ],
    [
      'an attribute of another kind',
      () => graph(node('Relu', ['image'], message(5, [...text(1, 'body'), ...number(20, 5)]))),
      "its operator 'n' (Relu) has body, which is not computed here",
    ],
    [
      'slopes along the height',
      () => graph(node('PRelu', ['image', 'w']), floats('w', [4, 1], 4)),
      "its operator 'n' (PRelu) has slopes of the shape [4,1]",
    ],
    [
      'a constant along the width of a map of one position',
      () =>
        graph(
          [
            ...node('Conv', ['image', 'k'], [], 'a'),
            ...node('GlobalAveragePool', ['a'], [], 'b'),
            ...node('Add', ['b', 'w']),
          ],
          [...floats('k', [4, 1, 1, 1], 4), ...floats('w', [4], 4)],
        ),
      "its operator 'n' (Add) computes with a constant of the shape [4]",
    ],
    [
      'a tensor that nothing gives',
      () => graph(node('Relu', ['nothing'])),
      "takes 'nothing', which nothing before it gives",
    ],
    [
      'bytes that are not those of the shape',
      () => graph(node('Conv', ['image', 'w']), floats('w', [2, 1, 1, 1], 3)),
      "tensor 'w': it has 12 bytes, and its shape [2,1,1,1] needs 8",
    ],
    [
      'a file that was cut off',
      async () => (await fixture('onnx/zoo.onnx')).subarray(0, 4000),
      'it is an ONNX model that is damaged or cut off; get it again',
    ],
    [
      'messages that do not fit',
      async () => concat([Uint8Array.of(8, 8, 0x3a, 4, 0x0a, 9, 1, 1)]),
      'its messages do not fit into one another',
    ],
  ])('%s', async (_, bytes, sentence) => {
    const before = memory().numTensors;
    const error = await fromWeights(await bytes()).catch((reason) => reason);
    expect(error).toBeInstanceOf(WeightFileError);
    expect(error.message).toContain(sentence);
    expect(memory().numTensors).toBe(before);
  });
});

async function numbersIn(model: LayersModel): Promise<number[][]> {
  return Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]));
}
