import { memory, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { bytesOf, contentOf } from '../../src/weights/formats/content.js';
import { hdf5Of, type NewDataset, type NewGroup } from '../../src/weights/formats/hdf5/write.js';
import { zipOf } from '../../src/weights/formats/zip/write.js';
import { type FromWeightsOptions, fromWeights } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { type LayerCase, layerCases, tfjsFiles } from './configurations.js';
import { relativeError } from './files.js';

type Json = Record<string, unknown>;

const CASES = new Map((await layerCases()).map((one) => [one.name, one]));

beforeAll(() => useAnyBackend());

/** A group whose datasets have paths with slashes as names. */
function groupOf(tensors: [path: string, LayerCase['weights'][number]][]): NewGroup {
  const children: Record<string, NewGroup | NewDataset> = {};
  const inner = new Map<string, [string, LayerCase['weights'][number]][]>();
  for (const [path, weight] of tensors) {
    const [step, ...rest] = path.split('/') as [string, ...string[]];
    if (rest.length > 0) inner.set(step, [...(inner.get(step) ?? []), [rest.join('/'), weight]]);
    else {
      const { data, shape } = weight;
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      children[step] = { shape, content: contentOf(bytes) };
    }
  }
  for (const [step, list] of inner) children[step] = groupOf(list);
  return { attributes: {}, children };
}

/** A whole model as Keras 1 and 2 save it. */
async function h5(
  version: string,
  config: Json,
  layers: Record<string, [name: string, weight: LayerCase['weights'][number]][]>,
  backend = 'tensorflow',
): Promise<Uint8Array> {
  const weights = groupOf(
    Object.entries(layers).flatMap(([layer, list]) =>
      list.map(([name, weight]): [string, LayerCase['weights'][number]] => [`${layer}/${name}`, weight]),
    ),
  );
  const groupAt = (path: string) =>
    path.split('/').reduce((group, step) => group.children[step] as NewGroup, weights);
  for (const [layer, list] of Object.entries(layers)) {
    groupAt(layer).attributes.weight_names = list.map(([name]) => name);
  }
  weights.attributes.layer_names = Object.keys(layers);
  return bytesOf(
    hdf5Of({
      attributes: { keras_version: version, backend, model_config: JSON.stringify(config) },
      children: { model_weights: weights },
    }),
  );
}

/** A `.keras` file. */
function kerasZip(config: unknown, tensors: [path: string, LayerCase['weights'][number]][], version: string) {
  const json = (value: unknown) => contentOf(new TextEncoder().encode(JSON.stringify(value)));
  return bytesOf(
    zipOf([
      { name: 'metadata.json', content: json({ keras_version: version }) },
      { name: 'config.json', content: json(config) },
      { name: 'model.weights.h5', content: hdf5Of(groupOf(tensors)) },
    ]),
  );
}

async function expectSame(bytes: Uint8Array, { x, y }: LayerCase, options: FromWeightsOptions = {}) {
  const before = memory().numTensors;
  const { model } = await fromWeights(bytes, options);
  const result = tidy(() => model.predict(tensor(x.data, x.shape)) as Tensor);
  expect(relativeError(await result.data(), y.data)).toBeLessThan(1e-5);
  result.dispose();
  model.dispose();
  expect(memory().numTensors).toBe(before);
}

const sequential = (layers: Json[]) => ({
  class_name: 'Sequential',
  config: { name: 'sequential_1', layers },
});
const bare = (layers: Json[]) => ({ class_name: 'Sequential', config: layers });
const CONV1 = {
  ...{ name: 'convolution2d_1', batch_input_shape: [null, 6, 7, 3], input_dtype: 'float32', trainable: true },
  ...{
    nb_filter: 4,
    nb_row: 3,
    nb_col: 3,
    border_mode: 'same',
    subsample: [1, 1],
    dim_ordering: 'tf',
    bias: true,
  },
  ...{ activation: 'linear', init: 'glorot_uniform', W_regularizer: null, b_constraint: null },
};

describe('Keras 1', () => {
  const conv = CASES.get('Conv2D same')!;
  const weights = {
    convolution2d_1: conv.weights.map((w, i): [string, typeof w] => [`convolution2d_1_${'Wb'[i]}`, w]),
  };

  test('Convolution2D, in a bare list of layers', async () => {
    await expectSame(
      await h5('1.2.2', bare([{ class_name: 'Convolution2D', config: CONV1 }]), weights),
      conv,
    );
  });

  test('Dense', async () => {
    const one = CASES.get('Dense')!;
    const config = {
      name: 'dense_1',
      batch_input_shape: [null, 5],
      output_dim: 4,
      input_dim: 5,
      bias: true,
      activation: 'relu',
    };
    const list = one.weights.map((w, i): [string, typeof w] => [`dense_1_${'Wb'[i]}`, w]);
    await expectSame(await h5('1.2.2', bare([{ class_name: 'Dense', config }]), { dense_1: list }), one);
  });

  test('BatchNormalization, whose running_std is a variance', async () => {
    const one = CASES.get('BatchNormalization')!;
    const config = {
      name: 'bn',
      batch_input_shape: [null, 6, 7, 3],
      mode: 0,
      axis: -1,
      epsilon: 1e-3,
      momentum: 0.99,
      gamma_init: 'one',
    };
    const names = ['gamma', 'beta', 'running_mean', 'running_std'];
    const list = one.weights.map((w, i): [string, typeof w] => [`bn_${names[i]}`, w]);
    await expectSame(
      await h5('1.2.2', bare([{ class_name: 'BatchNormalization', config }]), { bn: list }),
      one,
    );
  });

  test("Theano's kernels are refused", async () => {
    const config = bare([{ class_name: 'Convolution2D', config: { ...CONV1, dim_ordering: 'th' } }]);
    await expect(fromWeights(await h5('1.2.2', config, weights))).rejects.toThrow(
      /dim_ordering 'th'.*Theano/,
    );
    const theano = await h5(
      '2.1.0',
      bare([{ class_name: 'Convolution2D', config: CONV1 }]),
      weights,
      'theano',
    );
    await expect(fromWeights(theano)).rejects.toThrow(/with Theano, which mirrors/);
  });
});

const CONV2 = {
  ...{
    name: 'stage/conv',
    trainable: true,
    dtype: 'float32',
    filters: 4,
    kernel_size: [3, 3],
    strides: [1, 1],
  },
  ...{
    padding: 'same',
    data_format: 'channels_last',
    dilation_rate: [1, 1],
    groups: 1,
    activation: 'linear',
    use_bias: true,
  },
};
const INPUT = {
  class_name: 'InputLayer',
  config: { batch_input_shape: [null, 6, 7, 3], name: 'input_1' },
  name: 'input_1',
  inbound_nodes: [],
};

describe('Keras 2', () => {
  test('Flatten and Reshape of vectors', async () => {
    const one = CASES.get('Dense')!;
    const config = {
      name: 'dense',
      batch_input_shape: [null, 5],
      units: 4,
      activation: 'relu',
      use_bias: true,
    };
    const list = one.weights.map((w, i): [string, typeof w] => [`dense/${['kernel', 'bias'][i]}:0`, w]);
    const graph = sequential([
      { class_name: 'Dense', config },
      { class_name: 'Flatten', config: { name: 'flatten', data_format: 'channels_last' } },
      { class_name: 'Reshape', config: { name: 'reshape', target_shape: [2, -1] } },
      { class_name: 'Reshape', config: { name: 'reshape_1', target_shape: [-1] } },
    ]);
    await expectSame(await h5('2.15.0', graph, { dense: list }), one);
  });

  const conv = CASES.get('Conv2D same')!;
  const named = (layer: string) =>
    conv.weights.map((w, i): [string, typeof w] => [`${layer}/${['kernel', 'bias'][i]}:0`, w]);
  const inner = {
    class_name: 'Functional',
    config: {
      name: 'inner',
      layers: [
        INPUT,
        { class_name: 'Conv2D', config: CONV2, name: 'stage/conv', inbound_nodes: [[['input_1', 0, 0, {}]]] },
      ],
      input_layers: [['input_1', 0, 0]],
      output_layers: [['stage/conv', 0, 0]],
    },
  };

  test('names with slashes', async () => {
    const bytes = await h5('2.15.0', inner, { 'stage/conv': named('stage/conv') });
    await expectSame(bytes, conv);
  });

  test('a model within a model, whose calls count from 1', async () => {
    const outer = {
      class_name: 'Functional',
      config: {
        name: 'outer',
        layers: [
          { ...INPUT, name: 'input_2', config: { ...INPUT.config, name: 'input_2' } },
          { ...inner, name: 'inner', inbound_nodes: [[['input_2', 0, 0, { training: false }]]] },
        ],
        input_layers: [['input_2', 0, 0]],
        output_layers: [['inner', 1, 0]],
      },
    };
    await expectSame(await h5('2.15.0', outer, { inner: named('stage/conv') }), conv);
    // As TensorFlow 1 renamed the layers of a model that was loaded twice: the order decides.
    await expectSame(await h5('2.2.4', outer, { inner: named('stage_1/conv_2') }), conv);
  });

  test("hard_sigmoid is another function than Keras 3's", async () => {
    const layer = {
      class_name: 'Activation',
      config: { name: 'a', batch_input_shape: [null, 3], activation: 'hard_sigmoid' },
    };
    const { model } = await fromWeights(await h5('2.15.0', sequential([layer]), {}));
    const y = tidy(() => model.predict(tensor([[-1, 0.5, 3]])) as Tensor);
    expect([...(await y.data())].map((one) => Math.round(one * 1e6) / 1e6)).toEqual([0.3, 0.6, 1]);
    y.dispose();
    model.dispose();
  });

  test('a call with training=True, which Keras 2 obeys', async () => {
    const layers = inner.config.layers.map((layer, i) =>
      i === 0 ? layer : { ...layer, inbound_nodes: [[['input_1', 0, 0, { training: true }]]] },
    );
    const bytes = await h5(
      '2.15.0',
      { ...inner, config: { ...inner.config, layers } },
      { 'stage/conv': named('stage/conv') },
    );
    await expect(fromWeights(bytes)).rejects.toThrow(/'stage\/conv' \(Conv2D\) is called with training=true/);
  });

  test.each([
    ['layers\\conv2d\\vars', 'backslashes, as on Windows'],
    ['_layer_checkpoint_dependencies/conv2d/vars', "Keras 2.12's name for layers"],
    ['_layer_checkpoint_dependencies\\conv2d\\vars', 'both'],
  ])('.keras with %s: %s', async (path) => {
    const tensors = conv.weights.map((w, i): [string, typeof w] => [`${path}/${i}`, w]);
    await expectSame(await kerasZip(inner, tensors, '2.13.1'), conv);
  });
});

describe('operations in a graph', () => {
  const node = (class_name: string, name: string, config: Json, inbound_nodes: unknown) => ({
    ...{ class_name, name, config: { name, trainable: true, dtype: 'float32', ...config }, inbound_nodes },
  });
  const image = {
    class_name: 'InputLayer',
    name: 'x',
    config: { batch_input_shape: [null, 2, 2, 3], name: 'x' },
  };
  const graph = (layers: Json[]) => ({
    class_name: 'Functional',
    config: {
      name: 'model',
      layers: [{ ...image, inbound_nodes: [] }, ...layers],
      input_layers: [['x', 0, 0]],
      output_layers: [[layers.at(-1)!.name, 0, 0]],
    },
  });
  const X = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

  async function outputOf(config: Json, version: string): Promise<number[]> {
    const before = memory().numTensors;
    const { json, shards } = tfjsFiles({ config, weights: [] }, version);
    const { model } = await fromWeights(json, { shards });
    const y = tidy(() => model.predict(tensor(X, [1, 2, 2, 3])) as Tensor);
    const values = [...(await y.data())];
    y.dispose();
    model.dispose();
    expect(memory().numTensors).toBe(before);
    return values;
  }

  /** As tf.keras 2.4 to 2.15 write them: the first argument as a reference, the others by name. */
  const calls = (...functions: [name: string, args: Json, first?: unknown[]][]) =>
    graph(
      functions.map(([name, args, first], i) => {
        const slices = name === '__operators__.getitem';
        const before = first ?? [i === 0 ? 'x' : `op${i - 1}`, 0, 0];
        return node(slices ? 'SlicingOpLambda' : 'TFOpLambda', `op${i}`, { function: name }, [
          [...before, args],
        ]);
      }),
    );
  const reversed = [{ class_name: '__ellipsis__' }, { start: null, stop: null, step: -1 }];

  test.each<[string, Json, (x: number, i: number) => number]>([
    ['truediv', calls(['math.truediv', { y: 2, name: null }]), (x) => x / 2],
    [
      "preprocess_input of mode 'caffe'",
      calls(
        ['__operators__.getitem', { slice_spec: reversed }],
        ['nn.bias_add', { bias: [-1, -2, -3], data_format: 'NHWC' }],
      ),
      (x, i) => x + 2 - 2 * (i % 3) - 1 - (i % 3),
    ],
    [
      "preprocess_input of mode 'tf'",
      calls(['math.truediv', { y: 4, name: null }], ['math.subtract', { y: 1, name: null }]),
      (x) => x / 4 - 1,
    ],
    [
      'a constant before the tensor',
      calls(['math.subtract', { y: ['x', 0, 0], name: null }, ['_CONSTANT_VALUE', -1, 5]]),
      (x) => 5 - x,
    ],
    [
      'two tensors',
      calls(['math.negative', {}], ['__operators__.add', { y: ['x', 0, 0], name: null }]),
      () => 0,
    ],
    ['an array', calls(['math.multiply', { y: [[[[1, 2, 3]]]] }]), (x, i) => x * (1 + (i % 3))],
    ['a cast', calls(['cast', { dtype: 'float32' }], ['__operators__.add', { y: 1 }]), (x) => x + 1],
    ['an activation', calls(['math.subtract', { y: 5 }], ['nn.relu', {}]), (x) => Math.max(x - 5, 0)],
  ])('Keras 2: %s', async (_, config, expected) => {
    const y = await outputOf(config, '2.15.0');
    expect(y.map((one) => one + 0)).toEqual(X.map((x, i) => expected(x, i) + 0));
  });

  const ref = (name: string) => ({
    class_name: '__keras_tensor__',
    config: { shape: [null, 2, 2, 3], dtype: 'float32', keras_history: [name, 0, 0] },
  });
  const operation = (class_name: string, args: unknown[], config: Json = {}) =>
    graph([
      {
        ...{ module: 'keras.src.ops.numpy', registered_name: class_name, class_name, name: 'op' },
        ...{ config: { name: 'op', ...config }, inbound_nodes: [{ args, kwargs: {} }] },
      },
    ]);
  const dots = { class_name: '__ellipsis__', config: {} };
  const array = (value: unknown) => ({ class_name: '__numpy__', config: { value, dtype: 'float32' } });

  test.each<[string, Json, RegExp]>([
    ['a power', operation('Power', [ref('x'), 2]), /'op' \(Power\) is not a layer that TensorFlow.js/],
    ['a quotient of a constant', operation('Divide', [1, ref('x')]), /'op' \(Divide\) is not a layer/],
    ['a quotient of tensors', operation('Divide', [ref('x'), ref('x')]), /'op' \(Divide\) is not a layer/],
    ['a division by zero', operation('Divide', [ref('x'), 0]), /'op' \(Divide\) divides by zero/],
    [
      'a channel alone',
      operation('GetItem', [ref('x'), [dots, 1]]),
      /'op' \(GetItem\) takes a part of a tensor/,
    ],
    [
      'a part of the image',
      operation('GetItem', [
        ref('x'),
        [
          { start: null, stop: null, step: null },
          { start: 1, stop: null, step: null },
        ],
      ]),
      /'op' \(GetItem\) takes a part of a tensor/,
    ],
    [
      'an array along another axis',
      operation('Add', [ref('x'), array([[[1], [2], [3]]])]),
      /computes with the constant .* which is not a number or a list of one for each channel/,
    ],
    [
      'an array of another length',
      operation('Add', [ref('x'), array([1, 2])]),
      /has 2 numbers for 3 channels/,
    ],
    [
      'an array of more axes',
      operation('Add', [ref('x'), array([[[[[1, 2, 3]]]]])]),
      /computes with an array of 5 axes, more than its input has/,
    ],
    ['a truth value', operation('Multiply', [ref('x'), true]), /computes with the constant true/],
    [
      'softmax of all elements',
      operation('Softmax', [ref('x')], { axis: null }),
      /'op' \(Softmax\) is not a layer/,
    ],
    [
      'the operation average',
      operation('Average', [ref('x')], { axis: -1 }),
      /'op' \(Average\) is not a layer/,
    ],
    [
      'a cast to integers',
      operation('Cast', [ref('x')], { dtype: 'int32' }),
      /has dtype="int32", which must be a float type/,
    ],
    [
      'stacking tensors',
      operation('Stack', [[ref('x'), ref('x')]], { axis: -1 }),
      /'op' \(Stack\) is not a layer/,
    ],
    [
      'a function of TensorFlow',
      calls(['math.pow', { y: 2, name: null }]),
      /'op0' \(TFOpLambda\) is not a layer/,
    ],
    [
      'a cast to integers in Keras 2',
      calls(['cast', { dtype: 'int32' }]),
      /'op0' \(TFOpLambda\) has dtype="int32"/,
    ],
    [
      'channels first',
      calls(['nn.bias_add', { bias: [1, 2, 3], data_format: 'NCHW' }]),
      /'op0' \(TFOpLambda\) is not a layer/,
    ],
  ])('refused: %s', async (_, config, message) => {
    const before = memory().numTensors;
    const { json, shards } = tfjsFiles({ config, weights: [] });
    await expect(fromWeights(json, { shards })).rejects.toThrow(message);
    expect(memory().numTensors).toBe(before);
  });
});

describe('what cannot be computed is refused, by name', () => {
  const layer = (class_name: string, config: Json, more: Json = {}) =>
    sequential([
      { class_name: 'InputLayer', config: { batch_shape: [null, 8, 8, 3], name: 'in' } },
      { class_name, config: { name: 'it', ...config }, ...more },
    ]);
  const conv = { filters: 2, kernel_size: 3 };

  test.each<[string, Json, RegExp]>([
    [
      'a layer that tfjs lacks',
      layer('GroupNormalization', { groups: 3 }),
      /'it' \(GroupNormalization\) is not a layer that TensorFlow.js computes/,
    ],
    ['Lambda', layer('Lambda', { function: ['4wEA', null, null] }), /'it' \(Lambda\) is not a layer/],
    ['a recurrent layer', layer('LSTM', { units: 3 }), /'it' \(LSTM\) is not a layer/],
    ['Resizing', layer('Resizing', { height: 4, width: 4 }), /'it' \(Resizing\) is not a layer/],
    ['RandomCrop', layer('RandomCrop', { height: 4, width: 4 }), /'it' \(RandomCrop\) is not a layer/],
    [
      'a custom layer',
      layer('Conv2D', conv, { module: 'mine', registered_name: 'mine>Conv2D' }),
      /'it' is a mine>Conv2D, which a program defined/,
    ],
    [
      'a class that is an object',
      layer('Conv2D', conv, { module: 'mine', registered_name: { of: 'Conv2D' } }),
      /'it' is a Conv2D, which a program defined/,
    ],
    ['a name of an object', layer('constructor', {}), /'it' \(constructor\) is not a layer/],
    [
      'an unknown argument',
      layer('Conv2D', { ...conv, wobble: 3 }),
      /'it' \(Conv2D\) has wobble=3, which is not known here/,
    ],
    ['groups', layer('Conv2D', { ...conv, groups: 3 }), /has groups=3, which must be 1/],
    [
      'a padding',
      layer('Conv2D', { ...conv, padding: 'causal' }),
      /has padding="causal", which must be 'valid' or 'same'/,
    ],
    [
      'an activation',
      layer('Conv2D', { ...conv, activation: 'exponential' }),
      /has the activation 'exponential', which TensorFlow.js does not have/,
    ],
    [
      'a program’s activation',
      layer('Conv2D', {
        ...conv,
        activation: { module: 'mine', class_name: 'function', config: 'f', registered_name: 'f' },
      }),
      /has activation=/,
    ],
    [
      'bilinear upsampling',
      layer('UpSampling2D', { size: 2, interpolation: 'bilinear' }),
      /has interpolation="bilinear", which must be "nearest"/,
    ],
    [
      'a dilated depthwise convolution',
      layer('DepthwiseConv2D', { kernel_size: 3, dilation_rate: 2 }),
      /has dilation_rate=\[2,2\], which must be 1/,
    ],
    [
      'strides and dilation together, which TensorFlow.js cannot compute',
      layer('Conv2D', { ...conv, strides: 2, dilation_rate: 2 }),
      /has dilation_rate=\[2,2\], which must be 1, since its strides are 2,2/,
    ],
    [
      'quantized layers',
      layer('Dense', {
        units: 2,
        dtype: { class_name: 'QuantizedDTypePolicy', config: { mode: 'int8' } },
        quantization_config: { a: 1 },
      }),
      /has dtype=.*QuantizedDTypePolicy.* must be a float type/,
    ],
    ['renorm', layer('BatchNormalization', { renorm: true }), /has renorm=true/],
    [
      'a window larger than the map',
      layer('MaxPooling2D', { pool_size: 9, padding: 'same' }),
      /window of 9x9, larger than its input of 8x8/,
    ],
    [
      'a subclassed model',
      { class_name: 'MyModel', config: {} },
      /configuration is of the class MyModel, not of a Sequential or Functional model/,
    ],
    [
      'no input shape',
      sequential([{ class_name: 'Flatten', config: { name: 'it' } }]),
      /does not state the shape of the input .* pass inputShape/,
    ],
    [
      'weights beyond the file',
      layer('Dense', { units: 1e9 }),
      /'it' \(Dense\) needs weights of the shape \[3,1000000000\], for which the file has too few numbers/,
    ],
    [
      'an endless output',
      layer('UpSampling2D', { size: 1e6 }),
      /has an output of the shape \[8000000,8000000,3\]/,
    ],
  ])('%s', async (_, config, message) => {
    const before = memory().numTensors;
    const { json, shards } = tfjsFiles({ config, weights: [] });
    await expect(fromWeights(json, { shards })).rejects.toThrow(message);
    expect(memory().numTensors).toBe(before);
  });

  test('a graph that goes in a circle', async () => {
    const node = (name: string, from: string) => ({
      class_name: 'ReLU',
      config: { name },
      name,
      inbound_nodes: [[[from, 0, 0, {}]]],
    });
    const config = {
      class_name: 'Functional',
      config: {
        name: 'm',
        layers: [INPUT, node('a', 'b'), node('b', 'a')],
        input_layers: [['input_1', 0, 0]],
        output_layers: [['b', 0, 0]],
      },
    };
    const { json, shards } = tfjsFiles({ config, weights: [] });
    await expect(fromWeights(json, { shards })).rejects.toThrow(/layer 'a' whose inputs do not exist/);
  });

  test('models that call one another twice, 2^20 times', async () => {
    let config: Json = sequential([{ class_name: 'ReLU', config: { name: 'r' } }]);
    for (let depth = 0; depth < 9; depth++) {
      const refs = Array.from({ length: 8 }, (_, i) => [
        [i === 0 ? 'input_1' : 'inner', Math.max(0, i - 1), 0, {}],
      ]);
      config = {
        class_name: 'Functional',
        config: {
          name: 'm',
          layers: [
            INPUT,
            {
              ...config,
              config: { ...(config.config as Json), name: 'inner' },
              name: 'inner',
              inbound_nodes: refs,
            },
          ],
          input_layers: [['input_1', 0, 0]],
          output_layers: [['inner', 7, 0]],
        },
      };
    }
    const { json, shards } = tfjsFiles({ config, weights: [] });
    await expect(fromWeights(json, { shards })).rejects.toThrow(/calls layers more than 10000 times/);
  });

  test('tensors that are no weights, and weights that are missing', async () => {
    const { config, weights } = CASES.get('Conv2D same')!;
    const other = { ...weights[1]!, name: 'other/bias' };
    const extra = [...weights, other];
    for (const [list, message] of [
      [extra, /the model lacks other\/bias/],
      [[weights[0]!, other], /the file lacks conv2d\/bias/],
    ] as const) {
      const before = memory().numTensors;
      const { json, shards } = tfjsFiles({ config, weights: [...list] });
      await expect(fromWeights(json, { shards })).rejects.toThrow(message);
      expect(memory().numTensors).toBe(before);
    }
  });
});
