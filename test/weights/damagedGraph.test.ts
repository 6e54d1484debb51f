import type { io } from '@tensorflow/tfjs-core';
import { engine, memory } from '@tensorflow/tfjs-core';
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { type VggOptions, vgg } from '../../src/index.js';
import {
  encodeTensors,
  encodeWeights,
  fromWeights,
  inspectWeights,
  readTensors,
  type WeightFileError,
  type WeightFileOptions,
} from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

/** A layer of a `model.json`. */
interface Layer {
  config: Record<string, unknown>;
  inbound_nodes: [string, number, number, object][][];
}

/** The files of a small network, as tfjs saves it, with something in its configuration changed. */
async function damagedFiles(
  damage: (
    config: { layers: Layer[]; output_layers: unknown },
    weights: { name: string; shape: number[] }[],
  ) => void,
  options: VggOptions = {},
) {
  const model = vgg([[1, 2]], { inputShape: [4, 4, 3], hiddenUnits: 3, classes: 2, ...options });
  let saved!: io.ModelArtifacts;
  await model.save({
    save: async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  model.dispose();
  const topology = structuredClone(saved.modelTopology) as { config: Parameters<typeof damage>[0] };
  const specs = structuredClone(saved.weightSpecs!);
  damage(topology.config, specs);
  const manifest = [{ paths: ['w.bin'], weights: specs }];
  const json = JSON.stringify({ modelTopology: topology, weightsManifest: manifest });
  const weights = new Uint8Array(saved.weightData as ArrayBuffer);
  return { json: new TextEncoder().encode(json), shards: () => weights };
}

test.each<[string, Parameters<typeof damagedFiles>[0], RegExp]>([
  [
    'a layer that does not exist',
    ({ layers }) => layers[2]!.inbound_nodes[0]!.splice(0, 1, ['nowhere', 0, 0, {}]),
    /^its configuration has a layer 'block1_pool' whose inputs do not exist, or are computed from it; save/,
  ],
  [
    'layers that wait for one another',
    ({ layers }) => layers[1]!.inbound_nodes[0]!.splice(0, 1, ['block1_pool', 0, 0, {}]),
    /^its configuration has a layer 'block1_conv1' whose inputs do not exist, or are computed from it; save/,
  ],
  [
    'a call that is not made',
    ({ layers }) => layers[2]!.inbound_nodes[0]!.splice(0, 1, ['block1_conv1', 7, 0, {}]),
    /^its configuration has a layer 'block1_pool' whose inputs do not exist/,
  ],
  [
    'an output that does not exist',
    (config) => Object.assign(config, { output_layers: [['nowhere', 0, 0]] }),
    /^its configuration has no output 'nowhere'; save/,
  ],
  [
    'more units than numbers',
    ({ layers }) => Object.assign(layers.at(-1)!.config, { units: 1e9 }),
    /^its layer 'predictions' has units=1000000000, but no tensor has an axis of that length; it is damaged/,
  ],
  [
    'more filters than numbers',
    ({ layers }) => Object.assign(layers[1]!.config, { filters: 1e9 }),
    /^its layer 'block1_conv1' has filters=1000000000, but no tensor has an axis of that length; it is damaged/,
  ],
  [
    'a kernel of another shape',
    (_, [kernel]) => kernel!.shape.splice(0, 4, 3, 3, 2, 3),
    /^it does not fit the model \(shapes differ in block1_conv1\/kernel \(\[3,3,2,3\] in the file, \[3,3,3,2\] in the model\)\); use/,
  ],
  [
    'a kernel of another shape behind a layer of no VGG',
    ({ layers }, weights) => {
      Object.assign(layers[1]!.config, { activation: 'elu' });
      weights[0]!.shape.splice(0, 4, 3, 3, 2, 3);
    },
    /^it does not fit the model \(shapes differ in block1_conv1\/kernel .*\); its weights are not those of its configuration/,
  ],
  [
    'a weight of another name',
    (_, weights) => Object.assign(weights.at(-1)!, { name: 'nowhere/bias' }),
    /^it does not fit the model \(the file lacks predictions\/bias; the model lacks nowhere\/bias\); use/,
  ],
  [
    'images too large for memory',
    ({ layers }) => Object.assign(layers[0]!.config, { batch_input_shape: [null, 1e6, 1e6, 3] }),
    /^its layer 'block1_conv1' \(Conv2D\) has an output of the shape \[1000000,1000000,2\], more than/,
  ],
  [
    'images of another size',
    ({ layers }) => Object.assign(layers[0]!.config, { batch_input_shape: [null, 8, 8, 3] }),
    /^it does not fit the model \(shapes differ in fc1\/kernel \(\[8,3\] in the file, \[32,3\] in the model\)\)/,
  ],
  [
    'images of another rank',
    ({ layers }) => Object.assign(layers[0]!.config, { batch_input_shape: [null, 4, 4] }),
    /^its layer 'block1_conv1' \(Conv2D\) cannot be built: .*expected ndim=4/,
  ],
])('%s: inspectWeights says why fromWeights refuses it', async (_, damage, reason) => {
  const { json, shards } = await damagedFiles(damage);
  const before = memory().numTensors;
  const { problem } = await inspectWeights(json, { shards });
  expect(problem).toMatch(reason);
  await expect(fromWeights(json, { shards })).rejects.toMatchObject({
    name: 'WeightFileError',
    reason: problem,
  });
  expect(memory().numTensors).toBe(before);
});

const said = ({ tensor, reason }: WeightFileError) =>
  tensor === undefined ? reason : `tensor '${tensor}': ${reason}`;

/** What inspectWeights says against a file, and why fromWeights refuses it. */
async function faultsOf(source: Uint8Array, options: WeightFileOptions = {}) {
  // It allocates nothing, so that it needs no backend.
  const none = vi.spyOn(Object.getPrototypeOf(engine()), 'backend', 'get').mockImplementation(() => {
    throw new Error('No backend found in registry.');
  });
  onTestFinished(() => none.mockRestore());
  const info = await inspectWeights(source, options).catch((error: WeightFileError) => ({
    problem: error.reason,
  }));
  none.mockRestore();
  const refusal = await fromWeights(source, options).then(({ model }) => {
    model.dispose();
    return undefined;
  }, said);
  return [info.problem, refusal];
}

test('whatever is wrong with one argument of a layer, inspectWeights says what fromWeights says', async () => {
  const odd = [null, 0, -1, 2, 1e9, 0.5, 'same', 'elu', [], [2], {}, [null, 4, 4], [null, 7, 7, 3], false];
  let refused = 0;
  let fields: [layer: number, name: string][] = [];
  await damagedFiles(
    ({ layers }) => {
      fields = layers.flatMap(({ config }, i) =>
        Object.keys(config).map((name): [number, string] => [i, name]),
      );
    },
    { batchNorm: true },
  );
  for (const [i, [layer, name]] of fields.entries()) {
    for (const value of odd.filter((_, at) => (at + i) % 4 === 0)) {
      const { json, shards } = await damagedFiles(
        ({ layers }) => Object.assign(layers[layer]!.config, { [name]: value }),
        { batchNorm: true },
      );
      const before = memory().numTensors;
      const [problem, refusal] = await faultsOf(json, { shards });
      expect([name, value, problem]).toEqual([name, value, refusal]);
      expect(memory().numTensors).toBe(before);
      if (refusal !== undefined) refused++;
    }
  }
  expect(refused).toBeGreaterThan(50);
});

async function torchTensors() {
  const model = vgg(
    [
      [1, 2],
      [1, 3, 1],
    ],
    { inputShape: [8, 8, 3], hiddenUnits: 4, classes: 2, batchNorm: true },
  );
  const tensors = await readTensors(await encodeWeights(model, { names: 'torchvision' }));
  model.dispose();
  return tensors;
}

test('whatever the shape or the name of one tensor, inspectWeights says what fromWeights says', async () => {
  const tensors = await torchTensors();
  let refused = 0;
  for (const [name, { shape, data }] of tensors) {
    if (shape.length === 0) continue;
    const changes = [
      [`${name}.other`, shape],
      [name, [...shape].reverse()],
      [name, [shape[0]! + 1, ...shape.slice(1)]],
      [name, [...shape, 1]],
      [name, [0, ...shape.slice(1)]],
    ] as const;
    for (const [changedName, changed] of changes) {
      const length = changed.reduce((product, side) => product * side, 1);
      const others = [...tensors].filter(([other]) => other !== name);
      const one = { shape: changed, data: length === data.length ? data : new Float32Array(length) };
      const before = memory().numTensors;
      const [problem, refusal] = await faultsOf(encodeTensors(new Map([...others, [changedName, one]])));
      expect([changedName, changed, problem]).toEqual([changedName, changed, refusal]);
      expect(memory().numTensors).toBe(before);
      if (refusal !== undefined) refused++;
    }
  }
  expect(refused).toBeGreaterThan(20);
});

test.each<[RegExp, 'missing' | 'without rows', RegExp]>([
  [/bias$/, 'missing', /the file lacks block1_conv1_bn\/beta/],
  [/^features.*bias$/, 'missing', /the file lacks block1_conv1_bn\/beta/],
  [/^classifier.*bias$/, 'missing', /the file lacks fc1\/bias/],
  [/^classifier\.6/, 'without rows', /the model lacks classifier\.6/],
])('tensors %s that are %s: inspectWeights says what fromWeights says', async (names, damage, reason) => {
  const tensors = await torchTensors();
  for (const [name, { shape }] of [...tensors].filter(([name]) => names.test(name))) {
    if (damage === 'missing') tensors.delete(name);
    else tensors.set(name, { shape: [0, ...shape.slice(1)], data: new Float32Array() });
  }
  const [problem, refusal] = await faultsOf(encodeTensors(tensors));
  expect(problem).toMatch(reason);
  expect(problem).toBe(refusal);
});

test('an unknown type of numbers in a model of TensorFlow.js is said in its terms', async () => {
  const weights = [{ name: 'a/kernel', shape: [1], dtype: 'float99' }];
  const json = { modelTopology: {}, weightsManifest: [{ paths: ['w.bin'], weights }] };
  const bytes = new TextEncoder().encode(JSON.stringify(json));
  await expect(inspectWeights(bytes, { shards: () => new Uint8Array(4) })).rejects.toMatchObject({
    tensor: 'a/kernel',
    reason:
      'its number type is "float99"; save the model again with one of float32, float16, int32, uint8, uint16, bool.',
  });
});
