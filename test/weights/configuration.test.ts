import { io, memory, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { fromWeights } from '../../src/weights/index.js';
import { backends, useBackend } from '../support/backends.js';
import { fixturePath } from '../support/fixtures.js';
import { type LayerCase, layerCases, tfjsFiles, tfjsFilesOf } from './configurations.js';
import { relativeError } from './files.js';

const CASES = await layerCases();

/** float16 has 11 bits and bfloat16 8, in which Keras computes and this library does not. */
const TOLERANCES: Record<string, number> = { mixed_float16: 3e-3, bfloat16: 3e-2 };

/** Kernels that tfjs's wasm backend lacks. */
const WITHOUT_ERF = /gelu/;

async function outputOf(model: LayersModel, { x }: LayerCase): Promise<Float32Array> {
  const y = tidy(() => model.predict(tensor(x.data, x.shape)) as Tensor);
  const values = await y.data<'float32'>();
  y.dispose();
  return values;
}

/** What a model saves in plain tfjs. */
async function artifactsOf(model: LayersModel): Promise<io.ModelArtifacts> {
  let saved: io.ModelArtifacts | undefined;
  await model.save(
    io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  return saved!;
}

describe.each(backends)('on %s', (backend) => {
  const cases = CASES.filter(({ name }) => backend !== 'wasm' || !WITHOUT_ERF.test(name));

  test.each(cases)('$name computes what Keras computed, and saved, what plain tfjs loads', async (one) => {
    await useBackend(backend);
    const before = memory().numTensors;
    const { json, shards } = tfjsFiles(one);
    const { model, report } = await fromWeights(json, { shards });
    expect(report).toMatchObject({ missing: [], leftOver: [], mismatched: [], nonFinite: [] });
    const y = await outputOf(model, one);
    expect(relativeError(y, one.y.data)).toBeLessThan(TOLERANCES[one.name] ?? 1e-5);

    const artifacts = await artifactsOf(model);
    model.dispose();
    expect(memory().numTensors).toBe(before);
    const plain = await loadLayersModel(io.fromMemory(artifacts));
    expect(await outputOf(plain, one)).toEqual(y);
    plain.dispose();

    const saved = tfjsFilesOf(artifacts);
    const again = await fromWeights(saved.json, { shards: saved.shards });
    expect(await outputOf(again.model, one)).toEqual(y);
    again.model.dispose();
  });

  test('NaN in weights that others are computed of is reported', async () => {
    await useBackend(backend);
    const one = CASES.find(({ name }) => name === 'Normalization adapted')!;
    const [first, ...others] = one.weights;
    const data = first!.data.slice().fill(Number.NaN, 0, 1);
    const { json, shards } = tfjsFiles({ config: one.config, weights: [{ ...first!, data }, ...others] });
    const { model, report } = await fromWeights(json, { shards });
    expect(report.nonFinite).toEqual([{ weight: expect.stringMatching(/\/mean$/), count: 1 }]);
    model.dispose();
  });

  // tfjs takes every axis from the end as the last one.
  test('tensors are concatenated along an axis from the end', async () => {
    await useBackend(backend);
    const layer = (class_name: string, config: object, inputs: string[]) => ({
      ...{ module: 'keras.layers', class_name, name: class_name, config: { name: class_name, ...config } },
      inbound_nodes:
        inputs.length === 0
          ? []
          : [
              {
                args: [
                  inputs.map((name) => ({
                    class_name: '__keras_tensor__',
                    config: { keras_history: [name, 0, 0] },
                  })),
                ],
                kwargs: {},
              },
            ],
    });
    const config = {
      class_name: 'Functional',
      config: {
        name: 'model',
        layers: [
          layer('InputLayer', { batch_shape: [null, 2, 3, 4] }, []),
          layer('Concatenate', { axis: -2 }, ['InputLayer', 'InputLayer']),
        ],
        input_layers: [['InputLayer', 0, 0]],
        output_layers: [['Concatenate', 0, 0]],
      },
    };
    const { json, shards } = tfjsFiles({ config, weights: [] });
    const { model } = await fromWeights(json, { shards });
    const data = Float32Array.from({ length: 24 }, (_, i) => i);
    const rows = [data.subarray(0, 12), data.subarray(12)].flatMap((row) => [...row, ...row]);
    const one = { x: { shape: [1, 2, 3, 4], data } } as LayerCase;
    expect([...(await outputOf(model, one))]).toEqual(rows);
    model.dispose();
  });

  test.each([
    ['partly-frozen', 'a partly frozen model in a Sequential'],
    ['called-twice', 'a model and a layer called twice'],
    ['two-models', 'two models with the same layer names'],
    ['normalization', 'Normalization adapted'],
    ['operations', 'operations around a VGG'],
  ])('%s as .keras and .h5', async (file, name) => {
    await useBackend(backend);
    const one = CASES.find((other) => other.name === name)!;
    for (const ending of ['keras', 'h5']) {
      const before = memory().numTensors;
      const { model } = await fromWeights(fixturePath(`keras/${file}.${ending}`));
      expect(relativeError(await outputOf(model, one), one.y.data)).toBeLessThan(1e-5);
      model.dispose();
      expect(memory().numTensors).toBe(before);
    }
  });
});
