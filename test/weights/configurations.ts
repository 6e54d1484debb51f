import { io } from '@tensorflow/tfjs-core';
import { size } from '../../src/base/shapes.js';
import { fixture } from '../support/fixtures.js';

/** A tiny model of Keras 3, and what it computes. */
export interface LayerCase {
  name: string;
  config: unknown;
  weights: { name: string; shape: number[]; data: Float32Array }[];
  x: { shape: number[]; data: Float32Array };
  y: { shape: number[]; data: Float32Array };
}

interface WrittenCase {
  name: string;
  config: unknown;
  weights: { name: string; shape: number[] }[];
  x: number[];
  y: number[];
}

/** The cases of make_keras_layers.py. */
export async function layerCases(): Promise<LayerCase[]> {
  const lines = new TextDecoder()
    .decode(await fixture('keras/layers.jsonl'))
    .trimEnd()
    .split('\n');
  const json = lines.map((line): WrittenCase => JSON.parse(line));
  const { buffer } = (await fixture('keras/layers.bin')).slice();
  let at = 0;
  const take = (shape: number[]) => {
    const data = new Float32Array(buffer, at, size(shape));
    at += data.byteLength;
    return { shape, data };
  };
  return json.map((one) => ({
    name: one.name,
    config: one.config,
    weights: one.weights.map(({ name, shape }) => ({ name, ...take(shape) })),
    x: take(one.x),
    y: take(one.y),
  }));
}

/** A `model.json` with a configuration, and its weight file. */
export function tfjsFiles(
  { config, weights }: Pick<LayerCase, 'config' | 'weights'>,
  kerasVersion = '3.15.0',
): { json: Uint8Array; shards: () => Uint8Array } {
  const specs = weights.map(({ name, shape }) => ({ name, shape, dtype: 'float32' }));
  const json = {
    modelTopology: { model_config: config, keras_version: kerasVersion, backend: 'tensorflow' },
    weightsManifest: [{ paths: ['weights.bin'], weights: specs }],
  };
  const bytes = new Uint8Array(weights.reduce((sum, { data }) => sum + data.byteLength, 0));
  weights.reduce((offset, { data }) => {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    return offset + data.byteLength;
  }, 0);
  return { json: new TextEncoder().encode(JSON.stringify(json)), shards: () => bytes };
}

/** What plain tfjs saved, as the files that it would write. */
export function tfjsFilesOf({ modelTopology, weightSpecs, weightData }: io.ModelArtifacts): {
  json: Uint8Array;
  shards: () => Uint8Array;
} {
  const json = { modelTopology, weightsManifest: [{ paths: ['weights.bin'], weights: weightSpecs }] };
  const bytes = new Uint8Array(io.CompositeArrayBuffer.join(weightData));
  return { json: new TextEncoder().encode(JSON.stringify(json)), shards: () => bytes };
}
