import '@tensorflow/tfjs-backend-cpu';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispose, engine, type io, memory, ones, setBackend, type Tensor, tidy } from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  loadLayersModel,
  model as modelOf,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { fileSystem } from '../../src/node/index.js';
import { fromWeights } from '../../src/weights/index.js';

beforeAll(() => setBackend('cpu'));

let folder: string;
let tensorsBefore: number;
const models: LayersModel[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg-blocks-'));
  tensorsBefore = memory().numTensors;
});

afterEach(async () => {
  for (const model of models.splice(0)) model.dispose();
  await rm(folder, { recursive: true, force: true });
  expect(memory().numTensors).toBe(tensorsBefore);
});

/** A VGG of 1018 weights, 4072 bytes. */
function smallModel(seed = 0): LayersModel {
  const model = vgg(
    [
      [1, 4],
      [1, 8],
    ],
    { inputShape: [8, 8, 1], hiddenUnits: 12, classes: 10, seed },
  );
  models.push(model);
  return model;
}

async function loaded(from: string | io.IOHandler): Promise<LayersModel> {
  const model = await loadLayersModel(from);
  models.push(model);
  return model;
}

const weightsOf = (model: LayersModel) => model.getWeights().map((weight) => Array.from(weight.dataSync()));
const modelJson = async () => JSON.parse(await readFile(join(folder, 'model.json'), 'utf8'));
const manifestPaths = async (): Promise<string[]> => (await modelJson()).weightsManifest[0].paths;
const shards = async () => (await readdir(folder)).filter((name) => name.endsWith('.bin')).sort();

/** The message of a rejected promise. */
async function rejection(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => expect.fail('it should have been rejected'),
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(Error);
  return (error as Error).message;
}

describe('saving and loading', () => {
  test('restores every weight, the names and the outputs', async () => {
    const model = smallModel();
    await model.save(fileSystem(folder));
    const again = await loaded(fileSystem(folder));
    expect(weightsOf(again)).toEqual(weightsOf(model));
    expect(again.layers.map(({ name }) => name)).toEqual(model.layers.map(({ name }) => name));
    const outputs = [model, again].map((one) =>
      tidy(() => Array.from((one.predict(ones([1, 8, 8, 1])) as Tensor).dataSync())),
    );
    expect(outputs[1]).toEqual(outputs[0]);
  });

  test('creates missing folders and accepts the path of the model.json', async () => {
    const model = smallModel();
    await model.save(fileSystem(join(folder, 'runs/deep/vgg')));
    const again = await loaded(fileSystem(join(folder, 'runs/deep/vgg/model.json')));
    expect(weightsOf(again)).toEqual(weightsOf(model));
    await model.save(fileSystem(join(folder, 'best.json')));
    expect(weightsOf(await loaded(fileSystem(join(folder, 'best.json'))))).toEqual(weightsOf(model));
  });

  test.each([
    [500, 9],
    [1000, 5],
    [4071, 2],
    [4072, 1],
    [4073, 1],
  ])('splits 4072 bytes of weights into files of %i bytes: %i files', async (shardBytes, count) => {
    const model = smallModel();
    await model.save(fileSystem(folder, { shardBytes }));
    const sizes: number[] = await Promise.all(
      (await manifestPaths()).map(async (name) => (await stat(join(folder, name))).size),
    );
    expect(sizes).toHaveLength(count);
    expect(sizes.slice(0, -1).every((size) => size === shardBytes)).toBe(true);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(4072);
    expect(weightsOf(await loaded(fileSystem(folder)))).toEqual(weightsOf(model));
  });

  test('keeps the optimizer, the metadata and the other fields of a tfjs model.json', async () => {
    const model = smallModel();
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', metrics: ['accuracy'] });
    model.setUserDefinedMetadata({ classes: ['shirt', 'bag'] });
    // tfjs leaks the optimizer's step count when it saves one.
    engine().startScope();
    await model.save(fileSystem(folder), { includeOptimizer: true });
    engine().endScope();
    expect(await modelJson()).toMatchObject({
      format: 'layers-model',
      generatedBy: expect.stringContaining('TensorFlow.js'),
      convertedBy: null,
      trainingConfig: { loss: 'mean_squared_error', metrics: ['accuracy'] },
      userDefinedMetadata: { classes: ['shirt', 'bag'] },
    });
    const again = await loaded(fileSystem(folder));
    expect(again.getUserDefinedMetadata()).toEqual({ classes: ['shirt', 'bag'] });
    expect(again.loss).toBe('meanSquaredError');
    model.optimizer.dispose();
    again.optimizer.dispose();
  });

  test('keeps the signature and fields that tfjs itself does not use', async () => {
    const artifacts: io.ModelArtifacts = {
      modelTopology: { node: [], a: 1 },
      format: 'layers-model',
      signature: { inputs: {} },
      weightSpecs: [],
      weightData: new ArrayBuffer(0),
    };
    await fileSystem(folder).save!(artifacts);
    expect(await fileSystem(folder).load!()).toMatchObject({
      modelTopology: { node: [], a: 1 },
      format: 'layers-model',
      signature: { inputs: {} },
      weightSpecs: [],
    });
  });

  test('reports the date and the size, as tfjs does', async () => {
    const before = Date.now();
    const result = await smallModel().save(fileSystem(folder));
    expect(result.modelArtifactsInfo).toMatchObject({ modelTopologyType: 'JSON', weightDataBytes: 4072 });
    const saved = result.modelArtifactsInfo.dateSaved.getTime();
    expect([before <= saved, saved <= Date.now()]).toEqual([true, true]);
  });

  test('accepts weights in several buffers and splits across their boundaries', async () => {
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
    const chunks = [
      bytes.slice(0, 7),
      bytes.slice(7, 8),
      new Uint8Array(0),
      bytes.slice(8, 90),
      bytes.slice(90),
    ];
    await fileSystem(folder, { shardBytes: 30 }).save!({
      modelTopology: {},
      weightSpecs: [{ name: 'w', shape: [25], dtype: 'float32' }],
      weightData: chunks.map((chunk) => chunk.buffer),
    });
    const files = await Promise.all((await manifestPaths()).map((name) => readFile(join(folder, name))));
    expect(files.map((file) => file.length)).toEqual([30, 30, 30, 10]);
    expect(Buffer.concat(files).equals(bytes)).toBe(true);
  });

  test('writes 300 MiB of weights without copying them', async () => {
    const weightData = new ArrayBuffer(300 * 2 ** 20);
    const before = process.memoryUsage().arrayBuffers;
    let maximum = 0;
    const watch = setInterval(() => {
      maximum = Math.max(maximum, process.memoryUsage().arrayBuffers - before);
    }, 2);
    await fileSystem(folder).save!({
      modelTopology: {},
      weightSpecs: [{ name: 'w', shape: [75 * 2 ** 20], dtype: 'float32' }],
      weightData,
    });
    clearInterval(watch);
    expect(await shards()).toHaveLength(5);
    expect(maximum).toBeLessThan(10 * 2 ** 20);
  });

  test('reads quantized weights as tfjs-converter writes them', async () => {
    await writeModel(
      [{ name: 'w', shape: [3], dtype: 'float32', quantization: { dtype: 'uint8', scale: 1, min: 0 } }],
      { 'a.bin': 3 },
    );
    const { weightSpecs } = await fileSystem(folder).load!();
    expect(weightSpecs![0]!.quantization).toMatchObject({ dtype: 'uint8' });
  });

  test('can be loaded by plain tfjs from a web server', async () => {
    const model = smallModel();
    await model.save(fileSystem(folder, { shardBytes: 1000 }));
    const server = await serve(folder);
    try {
      const { port } = server.address() as AddressInfo;
      const again = await loaded(`http://127.0.0.1:${port}/model.json`);
      expect(weightsOf(again)).toEqual(weightsOf(model));
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

describe('saving again', () => {
  test('replaces the model and removes the old weights, and nothing else', async () => {
    const [first, second] = [smallModel(1), smallModel(2)];
    await writeFile(join(folder, 'notes.bin'), 'mine');
    await first.save(fileSystem(folder, { shardBytes: 1000 }));
    const old = await manifestPaths();
    await second.save(fileSystem(folder, { shardBytes: 2000 }));
    const now = await manifestPaths();
    expect(now.filter((name) => old.includes(name))).toEqual([]);
    expect((await readdir(folder)).sort()).toEqual(['model.json', 'notes.bin', ...now].sort());
    expect(weightsOf(await loaded(fileSystem(folder)))).toEqual(weightsOf(second));
  });

  test('several saves at once leave the model of the last, whole, and no weights of the others', async () => {
    const [first, ...others] = [1, 2, 3, 4, 5].map(smallModel);
    await first!.save(fileSystem(folder));
    // Of nobody that is known.
    await writeFile(join(folder, 'weights-deadbeef-1of1.bin'), 'mine');
    for (let round = 0; round < 3; round++) {
      await Promise.all(others.map((model) => model.save(fileSystem(folder, { shardBytes: 1000 }))));
      expect(await shards()).toEqual([...(await manifestPaths()), 'weights-deadbeef-1of1.bin'].sort());
      const found = weightsOf(await loaded(fileSystem(folder)));
      expect(others.map(weightsOf)).toContainEqual(found);
    }
  });

  test('does not delete files named by a foreign model.json', async () => {
    const outside = join(folder, 'precious.bin');
    const inside = join(folder, 'model');
    await mkdir(inside);
    for (const path of [outside, join(inside, 'thesis.txt')]) await writeFile(path, 'x');
    const foreign = { weightsManifest: [{ paths: ['../precious.bin', 'thesis.txt', 7], weights: [] }] };
    await writeFile(join(inside, 'model.json'), JSON.stringify(foreign));
    const model = smallModel();
    await model.save(fileSystem(inside));
    expect(existsSync(outside)).toBe(true);
    expect(existsSync(join(inside, 'thesis.txt'))).toBe(true);
    expect(weightsOf(await loaded(fileSystem(inside)))).toEqual(weightsOf(model));
  });

  test('overwrites a damaged model.json', async () => {
    await writeFile(join(folder, 'model.json'), '{"weightsManifest": [');
    const model = smallModel();
    await model.save(fileSystem(folder));
    expect(weightsOf(await loaded(fileSystem(folder)))).toEqual(weightsOf(model));
  });

  test('keeps two models in one folder apart', async () => {
    const [a, b] = [smallModel(1), smallModel(2)];
    for (const [name, model] of [
      ['a', a],
      ['b', b],
      ['a', a],
    ] as const) {
      await model.save(fileSystem(join(folder, `${name}.json`)));
    }
    expect(weightsOf(await loaded(fileSystem(join(folder, 'a.json'))))).toEqual(weightsOf(a));
    expect(weightsOf(await loaded(fileSystem(join(folder, 'b.json'))))).toEqual(weightsOf(b));
  });
});

describe('a failed save or load is one sentence', () => {
  const load = () => rejection(loadLayersModel(fileSystem(folder)));
  const path = () => join(folder, 'model.json');

  test.each([0, -1, 1.5, Number.NaN])('shardBytes of %d', (shardBytes) => {
    expect(() => fileSystem(folder, { shardBytes })).toThrow(
      new RangeError(`fileSystem: shardBytes is ${shardBytes}; it must be a whole number of at least 1.`),
    );
  });

  test('no such folder', async () => {
    const missing = join(folder, 'nowhere');
    expect(await rejection(loadLayersModel(fileSystem(missing)))).toBe(
      `${missing}/model.json could not be read: there is no such file; check the path.`,
    );
  });

  test('a file where the folder should be', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    expect(await rejection(smallModel().save(fileSystem(file)))).toMatch(
      /could not be written: there is a file where a folder is expected, or a folder where a file is; choose another path\.$/,
    );
  });

  test('a topology in binary', async () => {
    const artifacts = { modelTopology: new ArrayBuffer(8) };
    expect(await rejection(fileSystem(folder).save!(artifacts))).toBe(
      `${path()}: the model's topology is binary, and only JSON can be saved; use a layers model.`,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  test('a model.json that is not JSON', async () => {
    await writeFile(path(), '{"modelTopology": ');
    expect(await load()).toMatch(/model\.json is not JSON; save the model again\.$/);
  });

  test.each([
    'null',
    '[]',
    '3',
    '{}',
    '{"modelTopology": {}}',
    '{"weightsManifest": []}',
    '{"modelTopology": {}, "weightsManifest": {}}',
    '{"modelTopology": {}, "weightsManifest": [null]}',
    '{"modelTopology": {}, "weightsManifest": [{}]}',
    '{"modelTopology": {}, "weightsManifest": [{"paths": ["a"], "weights": [null]}]}',
    '{"modelTopology": {}, "weightsManifest": [{"paths": ["a"], "weights": [{"name": "w", "shape": [-1]}]}]}',
    '{"modelTopology": {}, "weightsManifest": [{"paths": ["a"], "weights": [{"name": "w", "shape": "3"}]}]}',
  ])('JSON that is not a model: %s', async (json) => {
    await writeFile(path(), json);
    expect(await load()).toBe(
      `${path()} is JSON but not a tfjs model: it lacks modelTopology or weightsManifest; pass a model.json.`,
    );
  });

  test.each<[string, (json: io.ModelJSON) => void, string]>([
    [
      'a layer that is null',
      ({ modelTopology }) => {
        (modelTopology as { config: { layers: unknown[] } }).config.layers[1] = null;
      },
      'layer 2 of its modelTopology is null, without the class_name and the config of a layer',
    ],
    [
      'no layers at all',
      (json) => Object.assign(json, { modelTopology: {} }),
      'its modelTopology is {}, without the class_name and the config of a layer',
    ],
    [
      'a type of numbers that there is not',
      ({ weightsManifest }) => Object.assign(weightsManifest[0]!.weights[0]!, { dtype: 'x' }),
      `its weight "block1_conv1/kernel" has the type "x", which TensorFlow.js does not read`,
    ],
    [
      'numbers that are quantized without a scale',
      ({ weightsManifest }) =>
        Object.assign(weightsManifest[0]!.weights[0]!, {
          quantization: { dtype: 'uint8', scale: '1', min: 0 },
        }),
      'its weight "block1_conv1/kernel" is quantized without a scale or a minimum that is a number',
    ],
    [
      'numbers of a type that is not quantized',
      ({ weightsManifest }) =>
        Object.assign(weightsManifest[0]!.weights[0]!, {
          dtype: 'bool',
          quantization: { dtype: 'uint8', scale: 1, min: 0 },
        }),
      'its weight "block1_conv1/kernel" is bool quantized to uint8, which TensorFlow.js does not read',
    ],
    [
      'an input that there is not',
      ({ modelTopology }) => inboundOf(modelTopology, 2).splice(0, 1, ['nowhere', 0, 0, {}]),
      'the inputs of its layer "block1_pool" do not exist, or are computed from it',
    ],
    [
      'a circle',
      ({ modelTopology }) => inboundOf(modelTopology, 1).splice(0, 1, ['block1_pool', 0, 0, {}]),
      'the inputs of its layer "block1_conv1" do not exist, or are computed from it',
    ],
    [
      'a layer without the name by which others refer to it',
      ({ modelTopology }) => Object.assign(layersOf(modelTopology)[0]!, { name: null }),
      'the inputs of its layer "block1_conv1" do not exist, or are computed from it',
    ],
    [
      'a layer that is never called',
      ({ modelTopology }) => Object.assign(layersOf(modelTopology)[1]!, { inbound_nodes: [] }),
      'the inputs of its layer "block1_pool" do not exist, or are computed from it',
    ],
    [
      'a class that there is not',
      ({ modelTopology }) => Object.assign(layersOf(modelTopology)[1]!, { class_name: 'Odd' }),
      'its layer "block1_conv1" is of the class "Odd", which no tf.serialization.registerClass has made known',
    ],
    [
      'an activation that there is not',
      ({ modelTopology }) => Object.assign(layersOf(modelTopology)[1]!.config, { activation: 'odd_one' }),
      'its layer "block1_conv1" has the activation "odd_one", which TensorFlow.js does not have',
    ],
    [
      'more units than memory',
      ({ modelTopology }) => Object.assign(layersOf(modelTopology).at(-1)!.config, { units: 1e9 }),
      'its layer "predictions" has 1000000000 units, but its kernel has the shape [12,10]',
    ],
    [
      'images without end',
      ({ modelTopology }) =>
        Object.assign(layersOf(modelTopology)[0]!.config, { batch_input_shape: [null, 1e9, 1e9, 3] }),
      'the inputs of its layer "input_layer" have the shape [null,1000000000,1000000000,3]',
    ],
    [
      'no list of layers',
      ({ modelTopology }) => Object.assign((modelTopology as { config: object }).config, { layers: 'x' }),
      'its modelTopology is a model without a list of layers',
    ],
    [
      'an output that there is not',
      ({ modelTopology }) =>
        Object.assign((modelTopology as { config: object }).config, { output_layers: [['nowhere', 0, 0]] }),
      'its output, "nowhere/0" as layer and call, does not exist',
    ],
    [
      'an output of a layer that has one less',
      ({ modelTopology }) =>
        Object.assign((modelTopology as { config: object }).config, {
          output_layers: [['predictions', 0, 1]],
        }),
      'it takes the output 1 of its layer "predictions", which has 1 (counted from 0)',
    ],
    [
      'an input that is the second output of a layer with one',
      ({ modelTopology }) => inboundOf(modelTopology, 2).splice(0, 1, ['block1_conv1', 0, 1, {}]),
      'it takes the output 1 of its layer "block1_conv1", which has 1 (counted from 0)',
    ],
    [
      'images of another rank',
      ({ modelTopology }) =>
        Object.assign(layersOf(modelTopology)[0]!.config, { batch_input_shape: [null, 4, 4] }),
      'TensorFlow.js cannot build it: Input 0 is incompatible with layer block1_conv1: expected ndim=4, found ndim=3',
    ],
    [
      'images of another size',
      ({ modelTopology }) =>
        Object.assign(layersOf(modelTopology)[0]!.config, { batch_input_shape: [null, 16, 16, 1] }),
      'its weight "fc1/kernel" has the shape [32,12], but its layer needs [128,12]',
    ],
    [
      'a kernel of another shape',
      ({ weightsManifest }) => weightsManifest[0]!.weights[0]!.shape.splice(0, 3, 3, 1, 3),
      'its weight "block1_conv1/kernel" has the shape [3,1,3,4], but its layer needs [3,3,1,4]',
    ],
    [
      'a name that is not a text',
      ({ modelTopology }) => Object.assign(layersOf(modelTopology)[0]!, { name: { toString: 1 } }),
      'layer 1 of its modelTopology has the name {"toString":1}',
    ],
    [
      'a list in place of a configuration',
      ({ modelTopology }) => Object.assign(modelTopology, { config: [] }),
      'its modelTopology is a model without a list of layers',
    ],
    [
      'calls that are not a list',
      ({ modelTopology }) => Object.assign(layersOf(modelTopology)[0]!, { inbound_nodes: null }),
      'TensorFlow.js cannot build it: a value in its modelTopology is of another type than it should be',
    ],
    [
      'no inputs',
      ({ modelTopology }) =>
        Object.assign((modelTopology as { config: object }).config, { input_layers: undefined }),
      'its model has no input_layers',
    ],
  ])('a damaged model.json: %s', async (_, damage, fault) => {
    await smallModel().save(fileSystem(folder));
    const json = await modelJson();
    damage(json);
    await writeFile(path(), JSON.stringify(json));
    expect(await load()).toBe(`${path()} cannot be loaded: ${fault}; save or convert the model again.`);
  });

  test('a model.json of 100,000 lists within one another', async () => {
    await smallModel().save(fileSystem(folder));
    const text = JSON.stringify({ ...(await modelJson()), modelTopology: { config: 'DEEP' } });
    await writeFile(path(), text.replace('"DEEP"', `${'['.repeat(1e5)}${']'.repeat(1e5)}`));
    expect(await load()).toBe(
      `${path()}: its model's configuration has more than 100 levels; no VGG needs so many.`,
    );
  });

  test('a missing kernel, unless strict is false', async () => {
    const model = smallModel();
    await model.save(fileSystem(folder));
    const json = await modelJson();
    json.weightsManifest[0].weights[0].name = 'odd/kernel';
    await writeFile(path(), JSON.stringify(json));
    expect(await load()).toBe(
      `${path()} cannot be loaded: it lacks the weight "block1_conv1/kernel"; save or convert the model again, or pass strict: false to fileSystem and tf.loadLayersModel to initialize it.`,
    );
    const again = await loadLayersModel(fileSystem(folder, { strict: false }), { strict: false });
    models.push(again);
    expect(weightsOf(again).slice(1)).toEqual(weightsOf(model).slice(1));
  });

  test('a missing weight file', async () => {
    await smallModel().save(fileSystem(folder, { shardBytes: 1000 }));
    const [, second] = await manifestPaths();
    await rm(join(folder, second!));
    expect(await load()).toBe(
      `${join(folder, second!)} could not be read: there is no such file; check the path.`,
    );
  });

  test.each([
    [999, 'truncated', 4071],
    [1001, 'too long', 4073],
    [0, 'empty', 3072],
  ])('a weight file of %i bytes, which is %s', async (size, _, total) => {
    await smallModel().save(fileSystem(folder, { shardBytes: 1000 }));
    await truncate(join(folder, (await manifestPaths())[0]!), size);
    expect(await load()).toBe(
      `${path()}: its weight files have ${total} bytes in total, but its weights need 4072; copy all its files or save the model again.`,
    );
  });

  test('a shape that claims more weights than there are', async () => {
    await writeModel([{ name: 'w', shape: [2 ** 40], dtype: 'float32' }], { 'a.bin': 4 });
    expect(await load()).toBe(
      `${path()}: its weight files have 4 bytes in total, but its weights need ${2 ** 42}; copy all its files or save the model again.`,
    );
  });

  test.each([
    '../secret.bin',
    '../../etc/passwd',
    '/etc/passwd',
    'a/../../secret.bin',
    'C:\\secret.bin',
    'a\0b',
  ])('a weight file outside the folder: %s', async (name) => {
    await writeModel([{ name: 'w', shape: [1], dtype: 'float32' }], {}, [name]);
    expect(await load()).toBe(
      `${path()}: the weight file '${name.replace('\0', '\ufffd')}' is outside the model's folder; nothing was read.`,
    );
  });

  test('a weight file in a subfolder is fine', async () => {
    await mkdir(join(folder, 'weights'));
    await writeModel([{ name: 'w', shape: [1], dtype: 'float32' }], { 'weights/a.bin': 4 });
    expect((await fileSystem(folder).load!()).weightData).toHaveLength(1);
  });

  test('a copy of the folder loads anywhere', async () => {
    const model = smallModel();
    await model.save(fileSystem(join(folder, 'a')));
    await cp(join(folder, 'a'), join(folder, 'b'), { recursive: true });
    await rm(join(folder, 'a'), { recursive: true });
    expect(weightsOf(await loaded(fileSystem(join(folder, 'b'))))).toEqual(weightsOf(model));
  });
});

test('models of all kinds of layers load as they were', async () => {
  // tfjs' own needs operations that a program registers.
  const plain = { recurrentInitializer: 'zeros' } as const;
  const rows = input({ shape: [4, 3] });
  const [, state] = layers.gru({ ...plain, units: 2, returnState: true }).apply(rows) as SymbolicTensor[];
  const image = input({ shape: [6, 6, 2] });
  const inner = sequential({ layers: [layers.dense({ units: 2, inputShape: [6, 6, 2] }), layers.prelu()] });
  const cells = [layers.lstmCell({ ...plain, units: 2 }), layers.gruCell({ ...plain, units: 3 })];
  const kinds = [
    modelOf({ inputs: rows, outputs: layers.dense({ units: 2 }).apply(state!) as SymbolicTensor }),
    modelOf({ inputs: image, outputs: inner.apply(image) as SymbolicTensor }),
    sequential({
      layers: [layers.embedding({ inputDim: 5, outputDim: 2, inputLength: 3 }), layers.flatten()],
    }),
    ...[
      () => layers.lstm({ ...plain, units: 2, inputShape: [4, 3] }),
      () => layers.simpleRNN({ ...plain, units: 2, inputShape: [4, 3] }),
      () => layers.rnn({ cell: cells, inputShape: [4, 3] }),
      () =>
        layers.bidirectional({
          layer: layers.gru({ ...plain, units: 2 }),
          mergeMode: 'concat',
          inputShape: [4, 3],
        }),
      () => layers.timeDistributed({ layer: layers.dense({ units: 2 }), inputShape: [4, 3] }),
      () => layers.convLstm2d({ ...plain, filters: 2, kernelSize: 2, inputShape: [2, 4, 4, 1] }),
      () => layers.conv1d({ filters: 2, kernelSize: 2, inputShape: [4, 3] }),
      () => layers.conv3d({ filters: 2, kernelSize: 2, inputShape: [3, 3, 3, 1] }),
      () => layers.conv2dTranspose({ filters: 2, kernelSize: 2, inputShape: [3, 3, 1] }),
      () => layers.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2, inputShape: [3, 3, 2] }),
      () => layers.separableConv2d({ filters: 2, kernelSize: 2, inputShape: [3, 3, 2] }),
      () => layers.batchNormalization({ scale: false, inputShape: [3] }),
      () => layers.layerNormalization({ inputShape: [3, 2] }),
      () => layers.gaussianNoise({ stddev: 0.1, inputShape: [3] }),
      () => layers.masking({ inputShape: [4, 3] }),
      () => layers.repeatVector({ n: 2, inputShape: [3] }),
    ].map((layer) => sequential({ layers: [layer()] })),
  ];
  models.push(...kinds);
  // tfjs keeps the states of a model that is disposed.
  const stateful = layers.simpleRNN({ ...plain, units: 2, stateful: true, batchInputShape: [1, 4, 3] });
  const withStates = sequential({ layers: [stateful] });
  models.push(withStates);
  const before = memory().numTensors;
  await withStates.save(fileSystem(folder));
  await fileSystem(folder).load!();
  expect(memory().numTensors).toBe(before);
  dispose((stateful as unknown as { states_: Tensor[] }).states_);
  for (const model of kinds) {
    await model.save(fileSystem(folder));
    expect(weightsOf(await loaded(fileSystem(folder)))).toEqual(weightsOf(model));
  }
});

test('the depth multiplier of separable convolutions, which tfjs leaves out, follows from their kernels', async () => {
  const inputShape = [5, 5, 3];
  const separable = (depthMultiplier: number) =>
    layers.separableConv2d({
      filters: 2,
      kernelSize: 2,
      depthMultiplier,
      inputShape,
      biasInitializer: 'ones',
    });
  const inner = sequential({ layers: [separable(3)] });
  const model = sequential({
    layers: [inner, layers.separableConv2d({ filters: 1, kernelSize: 2 }), layers.flatten()],
  });
  models.push(model);
  const image = ones([1, ...inputShape]);
  const outputsOf = (one: LayersModel) => tidy(() => Array.from((one.predict(image) as Tensor).dataSync()));
  const expected = outputsOf(model);
  await model.save(fileSystem(folder));
  // As plain tfjs saves it.
  const json = await modelJson();
  const without = JSON.stringify(json).replaceAll(/,"depth_multiplier":\d/g, '');
  expect(without).not.toBe(JSON.stringify(json));
  for (const text of [JSON.stringify(json), without]) {
    await writeFile(join(folder, 'model.json'), text);
    expect(outputsOf(await loaded(fileSystem(folder)))).toEqual(expected);
    const { model: read } = await fromWeights(join(folder, 'model.json'));
    models.push(read);
    expect(outputsOf(read)).toEqual(expected);
  }
  image.dispose();
  model.layers[1]!.trainable = false;
  expect(await rejection(model.save(fileSystem(folder), { trainableOnly: true }))).toMatch(
    /model\.json: the weights do not tell the depthMultiplier of the layer "separable_conv2d_\w+", which TensorFlow\.js leaves out; use saveModel of vgg-blocks\/weights\.$/,
  );
});

/** A model.json with weight files of so many bytes each. */
async function writeModel(
  weights: io.WeightsManifestEntry[],
  files: Record<string, number>,
  paths = Object.keys(files),
): Promise<void> {
  const json = {
    modelTopology: { class_name: 'Sequential', config: { layers: [] } },
    weightsManifest: [{ paths, weights }],
  };
  await writeFile(join(folder, 'model.json'), JSON.stringify(json));
  for (const [name, size] of Object.entries(files)) await writeFile(join(folder, name), new Uint8Array(size));
}

/** Serves a folder's files as any static host does. */
async function serve(root: string): Promise<Server> {
  const server = createServer(async (request, response) => {
    const body = await readFile(join(root, request.url!)).catch(() => undefined);
    response.writeHead(body ? 200 : 404).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** The layers in a topology. */
function layersOf(topology: unknown) {
  type Layer = { config: object; inbound_nodes: unknown[][] };
  return (topology as { config: { layers: Layer[] } }).config.layers;
}

/** The inputs of the first call of a layer, counted from 0, in a topology. */
const inboundOf = (topology: unknown, layer: number) => layersOf(topology)[layer]!.inbound_nodes[0]!;
