import type { io } from '@tensorflow/tfjs-core';
import { memory } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { fromWeights, inspectWeights } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

/** A layer of a `model.json`. */
interface Layer {
  config: Record<string, unknown>;
  inbound_nodes: [string, number, number, object][][];
}

/** The files of a small network, as tfjs saves it, with something in its configuration changed. */
async function damagedFiles(damage: (config: { layers: Layer[]; output_layers: unknown }) => void) {
  const model = vgg([[1, 2]], { inputShape: [4, 4, 3], hiddenUnits: 3, classes: 2 });
  let saved!: io.ModelArtifacts;
  await model.save({
    save: async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  model.dispose();
  const topology = structuredClone(saved.modelTopology) as { config: Parameters<typeof damage>[0] };
  damage(topology.config);
  const manifest = [{ paths: ['w.bin'], weights: saved.weightSpecs }];
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
