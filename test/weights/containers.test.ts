import { io, memory } from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  loadLayersModel,
  model as modelOf,
  models,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { gzipSync } from 'fflate';
import { beforeAll, describe, expect, test } from 'vitest';
import { crc32, crc32ByTables } from '../../src/base/crc32.js';
import { scaleArch, VGG16C, type VggOptions, vgg } from '../../src/index.js';
import { fileOfBytes } from '../../src/weights/formats/file.js';
import { type Hdf5Group, openHdf5 } from '../../src/weights/formats/hdf5/read.js';
import { byteLength } from '../../src/weights/formats/tensor.js';
import { type PickleMeaning, readPickle } from '../../src/weights/formats/torch/pickle.js';
import { Budget, type PickleName } from '../../src/weights/formats/torch/values.js';
import { readZip } from '../../src/weights/formats/zip/read.js';
import {
  type EncodeOptions,
  encodeWeights,
  fromWeights,
  inspectWeights,
  loadWeights,
  saveModel,
  type WeightContainer,
} from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { fixture, fixturePath } from '../support/fixtures.js';

beforeAll(() => useAnyBackend());

const FORMATS = {
  pth: 'PyTorch .pth (zip)',
  h5: 'Keras .h5 (weights)',
  'weights.h5': 'Keras .weights.h5',
  'model.h5': 'Keras .h5 (model)',
  keras: 'Keras .keras',
} as const;

const ARCH = [
  [1, 3],
  [2, 4],
] as const;
const build = (options: VggOptions = {}) =>
  vgg(ARCH, { inputShape: [8, 8, 2], classes: 5, hiddenUnits: 6, seed: 1, ...options });
/** Bytes as a text, which are compared much sooner than arrays are. */
const text = (bytes: Uint8Array) => new TextDecoder('latin1').decode(bytes);
const numbersOf = (model: LayersModel) => model.getWeights().map((weight) => [...weight.dataSync()]);

describe('every kind of file is recognized by its content and returns the same bits', () => {
  const cases = (Object.keys(FORMATS) as (keyof typeof FORMATS)[]).flatMap((container) =>
    (container.startsWith('pth') ? (['torchvision', 'timm'] as const) : (['keras'] as const)).flatMap(
      (names) =>
        // The epsilon that the file's framework has, so that variances stay as they are.
        [false, { epsilon: names === 'keras' ? 1e-3 : 1e-5 }].map((batchNorm) => ({
          container,
          names,
          batchNorm,
        })),
    ),
  );

  test.each(cases)(
    '$container under the names of $names, with batch normalization $batchNorm',
    async ({ container, names, batchNorm }) => {
      const [model, other] = [build({ batchNorm }), build({ batchNorm, seed: 2 })];
      const before = memory().numTensors;
      const bytes = await encodeWeights(model, { names, container });
      expect(memory().numTensors).toBe(before);
      const report = await loadWeights(other, bytes);
      expect(report).toMatchObject({
        format: FORMATS[container],
        names,
        missing: [],
        leftOver: [],
        mismatched: [],
      });
      expect(numbersOf(other)).toEqual(numbersOf(model));
      const { model: again, network } = await fromWeights(bytes);
      expect(network).toMatchObject({
        arch: ARCH,
        inputChannels: 2,
        top: { classes: 5, hiddenUnits: [6, 6] },
      });
      expect(numbersOf(again)).toEqual(numbersOf(model));
      // The same network gives the same file, whatever was built before.
      const twin = build({ batchNorm });
      expect(text(await encodeWeights(twin, { names, container }))).toBe(text(bytes));
      for (const one of [model, other, again, twin]) one.dispose();
    },
  );

  test.each(['F16', 'BF16'] as const)('numbers of .pth in %s are those of safetensors', async (dtype) => {
    const model = build();
    const values = async (container: WeightContainer) => {
      const bytes = await encodeWeights(model, { container, dtype });
      expect((await inspectWeights(bytes)).dtypes).toEqual([dtype]);
      const loaded = await fromWeights(bytes);
      const numbers = numbersOf(loaded.model);
      loaded.model.dispose();
      return numbers;
    };
    const expected = await values('safetensors');
    expect(await values('pth')).toEqual(expected);
    model.dispose();
  });
});

describe('whole models keep what files of weights do not record', () => {
  test.each(['keras', 'model.h5'] as const)('%s', async (container) => {
    const model = build({
      batchNorm: { epsilon: 2e-3, momentum: 0.75 },
      classifierActivation: 'softmax',
      dropout: 0.25,
      inputShape: [8, 12, 2],
    });
    const { model: again, network } = await fromWeights(
      await encodeWeights(model, { names: 'keras', container }),
    );
    expect(network!.batchNorm).toEqual({ epsilon: 2e-3, momentum: 0.75, afterRelu: false });
    expect(network!.config).toMatchObject({
      classifierActivation: 'softmax',
      dropout: 0.25,
      inputShape: [8, 12, 2],
    });
    expect(numbersOf(again)).toEqual(numbersOf(model));
    const names = ({ layers }: LayersModel) => layers.slice(1).map(({ name }) => name);
    expect(names(again)).toEqual(names(model));
    model.dispose();
    again.dispose();
  });

  test.each(['keras', 'model.h5', 'weights.h5', 'h5'] as const)(
    'the averaging matrices of adaptive pooling are in %s, and in no list of what was loaded',
    async (container) => {
      const model = build({ adaptivePool: true, inputShape: [20, 20, 2] });
      const bytes = await encodeWeights(model, { names: 'keras', container });
      const { tensors } = await inspectWeights(bytes);
      expect(tensors.filter(({ shape }) => shape.join() === '5,7')).toHaveLength(2);
      const { model: again, report } = await fromWeights(bytes, { inputShape: [20, 20, 2] });
      expect(report.loaded.some((name) => name.includes('avgpool'))).toBe(false);
      expect(numbersOf(again)).toEqual(numbersOf(model));
      model.dispose();
      again.dispose();
    },
  );

  test("tfjs's own reader of Keras 2 builds the same network from the configuration in .h5", async () => {
    const model = vgg(scaleArch(VGG16C, 32), {
      inputShape: [32, 32, 1],
      classes: 3,
      hiddenUnits: 4,
      batchNorm: true,
    });
    const bytes = await encodeWeights(model, { container: 'model.h5' });
    const config = (await (await openHdf5(fileOfBytes('h5', bytes))).attributes()).get('model_config');
    const again = await models.modelFromJSON({ modelTopology: JSON.parse(config as string) });
    const described = (one: LayersModel) =>
      one.layers.map((layer) => [layer.getClassName(), layer.outputShape]);
    expect(described(again)).toEqual(described(model));
    expect(again.layers.at(-1)!.getConfig().activation).toBe('linear');
    model.dispose();
    again.dispose();
  });

  test('models inside a model are flattened', async () => {
    const inner = sequential({
      layers: [
        layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same', inputShape: [8, 8, 1], name: 'first' }),
        layers.maxPooling2d({ poolSize: 2, name: 'half' }),
      ],
    });
    const image = input({ shape: [8, 8, 1] });
    const y = layers.globalMaxPooling2d({ name: 'most' }).apply(inner.apply(image)) as typeof image;
    const model = modelOf({ inputs: image, outputs: y });
    const { tensors } = await inspectWeights(await encodeWeights(model, { container: 'keras' }));
    expect(tensors.map(({ name }) => name)).toEqual(['layers/conv2d/vars/0', 'layers/conv2d/vars/1']);
    model.dispose();
  });

  test('so is a model that is the first layer of a sequential one', async () => {
    const base = build({ includeTop: false });
    const top = [layers.globalAveragePooling2d({}), layers.dense({ units: 2 })];
    const model = sequential({ layers: [base as unknown as layers.Layer, ...top] });
    for (const container of ['keras', 'model.h5'] as const) {
      const { model: again } = await fromWeights(await encodeWeights(model, { container }));
      expect(again.layers).toHaveLength(base.layers.length + top.length);
      expect(numbersOf(again)).toEqual(numbersOf(model));
      again.dispose();
    }
    model.dispose();
  });

  test("a layer's depth multiplier, which its own configuration lacks", async () => {
    const options = { filters: 4, kernelSize: 3, depthMultiplier: 2, inputShape: [6, 6, 3] };
    const model = sequential({ layers: [layers.separableConv2d(options), layers.flatten()] });
    const files = (['keras', 'model.h5'] as const).map((container) => encodeWeights(model, { container }));
    for (const file of await Promise.all(files)) {
      const { model: again } = await fromWeights(file);
      expect(numbersOf(again)).toEqual(numbersOf(model));
      again.dispose();
    }
    await saveModel(
      model,
      io.withSaveHandler(async (artifacts) => {
        const again = await loadLayersModel(io.fromMemory(artifacts));
        expect(numbersOf(again)).toEqual(numbersOf(model));
        again.dispose();
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    expect(Object.hasOwn(model.layers[0]!, 'getConfig')).toBe(false);
    model.dispose();
  });

  test('a network that is no VGG, with its branches', async () => {
    const image = input({ shape: [6, 6, 2] });
    const padded = layers.zeroPadding2d({ padding: 1, name: 'padded' }).apply(image) as typeof image;
    const conv = layers
      .conv2d({ filters: 2, kernelSize: 3, activation: 'elu', name: 'conv' })
      .apply(padded) as typeof image;
    const leaky = layers.leakyReLU({ alpha: 0.25, name: 'leaky' }).apply(conv);
    const sum = layers.add({ name: 'sum' }).apply([leaky as typeof image, image]) as typeof image;
    const both = layers.concatenate({ name: 'both' }).apply([sum, conv]) as typeof image;
    const model = modelOf({ inputs: image, outputs: both });
    const config = async (container: WeightContainer) => {
      const file = fileOfBytes('file', await encodeWeights(model, { container }));
      if (container === 'model.h5') {
        return JSON.parse((await (await openHdf5(file)).attributes()).get('model_config') as string).config;
      }
      const bytes = await (await readZip(file)).get('config.json')!.read(2 ** 20);
      return JSON.parse(new TextDecoder().decode(bytes)).config;
    };
    const [two, three] = [await config('model.h5'), await config('keras')];
    const names = ['input_layer', 'padded', 'conv', 'leaky', 'sum', 'both'];
    expect(two.layers.map((layer: { name: string }) => layer.name)).toEqual(names);
    expect(two.layers[4].inbound_nodes).toEqual([
      [
        ['leaky', 0, 0, {}],
        ['input_layer', 0, 0, {}],
      ],
    ]);
    expect(two.layers[1].config).toMatchObject({
      padding: [
        [1, 1],
        [1, 1],
      ],
      data_format: 'channels_last',
    });
    const outputOf = (name: string) => ({ config: { keras_history: [name, 0, 0] } });
    expect(three.layers[5].inbound_nodes).toMatchObject([{ args: [[outputOf('sum'), outputOf('conv')]] }]);
    expect(three.layers[3]).toMatchObject({ class_name: 'LeakyReLU', config: { alpha: 0.25 } });
    expect(three.layers[3].inbound_nodes).toMatchObject([{ args: [outputOf('conv')] }]);
    model.dispose();
  });

  test.each<[string, (x: SymbolicTensor) => unknown, string]>([
    [
      'a layer',
      (x) => layers.thresholdedReLU({ theta: 1, name: 'odd' }).apply(x),
      "the layer 'odd' is a ThresholdedReLU, which cannot be written to a Keras model; build the model from Conv2D",
    ],
    [
      'an activation',
      (x) => layers.conv2d({ filters: 1, kernelSize: 1, activation: 'hardSigmoid', name: 'odd' }).apply(x),
      "the layer 'odd' has the activation 'hardSigmoid', which cannot be written to a Keras model; use one of linear, relu",
    ],
    [
      'a negative slope, which Keras refuses to load',
      (x) => layers.leakyReLU({ alpha: -0.5, name: 'odd' }).apply(x),
      "the layer 'odd' has the alpha -0.5, which cannot be written to a Keras model; use one of 0 or more.",
    ],
    [
      'a negative limit, which Keras refuses to load',
      (x) => layers.reLU({ maxValue: -1, name: 'odd' }).apply(x),
      "the layer 'odd' has the maxValue -1, which cannot be written to a Keras model; use one of 0 or more.",
    ],
    [
      'more noise than Keras takes',
      (x) => layers.gaussianNoise({ stddev: 1.5, name: 'odd' }).apply(x),
      "the layer 'odd' has the stddev 1.5, which cannot be written to a Keras model; use one of 0 to 1.",
    ],
    [
      'an interpolation that Keras computes otherwise',
      (x) => layers.upSampling2d({ size: [2, 2], interpolation: 'bilinear', name: 'odd' }).apply(x),
      "the layer 'odd' has the interpolation 'bilinear', which cannot be written to a Keras model; use 'nearest'.",
    ],
    [
      'a normalization over several axes, which Keras cannot load',
      (x) => layers.layerNormalization({ axis: [2, 3], name: 'odd' }).apply(x),
      "the layer 'odd' has the axes 2, 3, which cannot be written to a Keras model; use one axis.",
    ],
    [
      'a layer used twice',
      (x) => {
        const layer = layers.conv2d({ filters: 2, kernelSize: 1, name: 'odd' });
        return layer.apply(layer.apply(x));
      },
      "the layer 'odd' is used 2 times; only a model that uses each layer once can be written.",
    ],
  ])('%s that cannot be written is named', async (_, apply, sentence) => {
    const image = input({ shape: [6, 6, 2] });
    const model = modelOf({ inputs: image, outputs: apply(image) as SymbolicTensor });
    for (const container of ['keras', 'model.h5'] as const) {
      await expect(encodeWeights(model, { container })).rejects.toThrow(`encodeWeights: ${sentence}`);
    }
    model.dispose();
  });
});

describe('Keras files are what Keras itself writes of the same network', () => {
  /** Every dataset with its bytes, and every group's name attribute, by path. */
  async function tree(bytes: Uint8Array): Promise<Record<string, unknown>> {
    const found: Record<string, unknown> = {};
    const walk = async (group: Hdf5Group) => {
      const name = (await group.attributes()).get('name');
      if (name !== undefined) found[group.path] = name;
      for (const child of (await group.children()).values()) {
        if (child.kind === 'group') await walk(child);
        else {
          const numbers = new Uint8Array(byteLength(child));
          await child.open().readInto(numbers);
          found[child.path] = { dtype: child.dtype, shape: child.shape, numbers };
        }
      }
    };
    await walk(await openHdf5(fileOfBytes('h5', bytes)));
    return found;
  }

  const NARROW = 'keras/vgg16-narrow.keras';

  async function saved(container: WeightContainer): Promise<Uint8Array> {
    const { model } = await fromWeights(fixturePath(`${NARROW}`), { dropout: 0 });
    const bytes = await encodeWeights(model, { names: 'keras', container });
    model.dispose();
    return bytes;
  }

  test('.weights.h5, group by group', async () => {
    expect(await tree(await saved('weights.h5'))).toEqual(
      await tree(await fixture('keras/vgg16-narrow.weights.h5')),
    );
  });

  test('.keras, with the same groups, and layers whose every argument is the same', async () => {
    const contents = async (bytes: Uint8Array) => {
      const entries = await readZip(fileOfBytes('keras', bytes));
      const read = (name: string) => entries.get(name)!.read(2 ** 20);
      const { config } = JSON.parse(new TextDecoder().decode(await read('config.json')));
      return { weights: await tree(await read('model.weights.h5')), config };
    };
    const [ours, theirs] = [await contents(await saved('keras')), await contents(await fixture(NARROW))];
    expect(ours.weights).toEqual(theirs.weights);
    expect(ours.config.layers).toHaveLength(theirs.config.layers.length);
    for (const [i, layer] of ours.config.layers.entries()) {
      const { dtype, ...config } = layer.config;
      expect(dtype).toBe('float32');
      expect(theirs.config.layers[i]).toMatchObject({ ...layer, config });
    }
  });
});

describe('what other readers rely on', () => {
  test('the numbers of .pth and the weights in .keras are stored at multiples of 64 bytes, as torch.save stores them', async () => {
    const model = build();
    for (const [names, container] of [
      ['torchvision', 'pth'],
      ['keras', 'keras'],
    ] as const) {
      const entries = await readZip(fileOfBytes('zip', await encodeWeights(model, { names, container })));
      for (const { name, span } of entries.values()) expect(span!.offset % 64, name).toBe(0);
    }
    model.dispose();
  });

  test('the pickle refers to four names, all of which torch.load(weights_only=True) allows', async () => {
    const model = build({ batchNorm: true });
    const bytes = await encodeWeights(model, { container: 'pth', dtype: 'F16' });
    const entries = await readZip(fileOfBytes('pth', bytes));
    const names = new Set<string>();
    const meaning: PickleMeaning = {
      reduce(name) {
        names.add(name);
        return new Map();
      },
      persistent(id) {
        const [, type] = id as [string, PickleName];
        names.add(type.name);
        return null;
      },
    };
    readPickle('pth', await entries.get('archive/data.pkl')!.read(2 ** 20), meaning, new Budget('pth'));
    expect([...names].sort()).toEqual([
      'collections.OrderedDict',
      'torch.HalfStorage',
      'torch.LongStorage',
      'torch._utils._rebuild_tensor_v2',
    ]);
    model.dispose();
  });

  test("a zip archive's sums are CRC-32, as gzip has it, at every length", () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * i * 31) >>> 3);
    for (const length of [0, 1, 7, 8, 9, 31, 999, 1000]) {
      const part = bytes.subarray(1000 - length);
      // gzip's last eight bytes are the sum and the length (RFC 1952, 2.3.1).
      const packed = gzipSync(part);
      const sum = new DataView(packed.buffer, packed.byteOffset).getUint32(packed.length - 8, true);
      expect(crc32(part)).toBe(sum);
      expect(crc32ByTables(part.subarray(length >> 1), crc32ByTables(part.subarray(0, length >> 1), 0))).toBe(
        sum,
      );
      expect(crc32(part.subarray(length >> 1), crc32(part.subarray(0, length >> 1)))).toBe(sum);
    }
  });

  test('a network with more layers than an h5py group holds by default', async () => {
    const model = vgg([[150, 1]], { inputShape: [2, 2, 1], includeTop: false });
    for (const container of ['weights.h5', 'model.h5', 'h5'] as const) {
      expect(
        (await inspectWeights(await encodeWeights(model, { names: 'keras', container }))).tensors,
      ).toHaveLength(300);
    }
    model.dispose();
  });
});

test.each<[EncodeOptions, string]>([
  [
    { names: 'keras', container: 'pth' },
    "names is 'keras' and dtype 'F32', but the container 'pth' takes only torchvision's or timm's names; choose another container.",
  ],
  [
    { names: 'timm', container: 'keras' },
    "names is 'timm' and dtype 'F32', but the container 'keras' takes only Keras' names and F32; choose another container.",
  ],
  [
    { container: 'model.h5', dtype: 'F16' },
    "names is 'keras' and dtype 'F16', but the container 'model.h5' takes only Keras' names and F32; choose another container.",
  ],
  [
    { container: 'onnx' as 'pth' },
    'container is "onnx"; it must be one of "safetensors", "pth", "h5", "weights.h5", "model.h5", "keras".',
  ],
])('options that do not fit each other are refused: %o', async (options, sentence) => {
  const model = build();
  await expect(encodeWeights(model, options)).rejects.toThrow(`encodeWeights: ${sentence}`);
  model.dispose();
});

test('names default to those of the container', async () => {
  const model = build();
  const named = async (options: EncodeOptions) =>
    (await inspectWeights(await encodeWeights(model, options))).network?.names;
  expect(await named({})).toBe('torchvision');
  expect(await named({ container: 'pth' })).toBe('torchvision');
  expect(await named({ container: 'h5' })).toBe('keras');
  expect(await named({ names: 'timm' })).toBe('timm');
  model.dispose();
});
