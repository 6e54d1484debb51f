import { type io, memory } from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { featureExtractor, splitModel, transferHead } from '../../src/features/index.js';
import { PLAIN_PREPROCESSING, type Preprocessing } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import {
  encodeWeights,
  fromWeights,
  inspectWeights,
  type ModelMetadata,
  metadataOf,
  PUBLISHED,
  setMetadata,
  type WeightContainer,
  WeightFileError,
} from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';

const KERAS = PUBLISHED['keras/vgg16'].preprocessing;
/** Longer than an attribute of HDF5 may be. */
const classNames = Array.from({ length: 300 }, (_, i) => `class ${i} ${'ü"\\\n'.repeat(40)}`);
const metadata: ModelMetadata = { preprocessing: KERAS, classNames };

let model: LayersModel;
let before: number;
beforeAll(() => useAnyBackend());
beforeEach(() => {
  before = memory().numTensors;
  model = vgg([[1, 2]], { inputShape: [4, 4, 3], classes: 300, hiddenUnits: 3 });
});
afterEach(() => {
  model.dispose();
  expect(memory().numTensors).toBe(before);
});

/** A model as tfjs's `model.save` passes it on. */
async function artifactsOf(saved: LayersModel): Promise<io.ModelArtifacts> {
  let artifacts: io.ModelArtifacts | undefined;
  await saved.save({
    save: async (all: io.ModelArtifacts) => {
      artifacts = all;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    },
  });
  return artifacts!;
}

/** The `model.json` of a model, with its weights as a Blob beside it. */
async function tfjsFiles(saved: LayersModel, change: (json: Record<string, unknown>) => void = () => {}) {
  const { weightData, weightSpecs, modelTopology, userDefinedMetadata } = await artifactsOf(saved);
  const json = {
    modelTopology,
    weightsManifest: [{ paths: ['weights.bin'], weights: weightSpecs }],
    ...(userDefinedMetadata && { userDefinedMetadata }),
  };
  change(json);
  const shards = () => new Blob([weightData as ArrayBuffer]);
  return { bytes: new TextEncoder().encode(JSON.stringify(json)), shards };
}

describe('setMetadata and metadataOf', () => {
  test('a model carries what it was given, and nothing at first', () => {
    expect(metadataOf(model)).toEqual({});
    setMetadata(model, metadata);
    expect(metadataOf(model)).toEqual(metadata);
    setMetadata(model, { classNames });
    expect(metadataOf(model)).toEqual({ classNames });
    setMetadata(model, {});
    expect(metadataOf(model)).toEqual({});
  });

  test("other metadata of the caller's stays, and what the caller changes later does not count", () => {
    model.setUserDefinedMetadata({ mine: 1 });
    const names = [...classNames];
    setMetadata(model, { classNames: names });
    names[0] = 'another';
    expect(model.getUserDefinedMetadata()).toMatchObject({ mine: 1 });
    expect(metadataOf(model).classNames).toEqual(classNames);
    setMetadata(model, {});
    expect(model.getUserDefinedMetadata()).toEqual({ mine: 1 });
  });

  test('plain tfjs saves and loads it', async () => {
    setMetadata(model, metadata);
    const artifacts = await artifactsOf(model);
    const again = await loadLayersModel({ load: async () => artifacts });
    expect(metadataOf(again)).toEqual(metadata);
    again.dispose();
  });

  const bad: [string, object, string][] = [
    ['an unknown field', { classes: ['a'] }, "the metadata has the unknown field 'classes'"],
    [
      'too few names',
      { classNames: ['a'] },
      'the number of class names is 1, and the model has 300 outputs.',
    ],
    ['a name that is no text', { classNames: [1] }, 'class name 0 is 1; it must be text'],
    [
      'a mean that is not finite',
      { preprocessing: { ...KERAS, mean: [1, Number.NaN, 2] } },
      'preprocessing.mean is [1,NaN,2]; it must be three finite numbers.',
    ],
    ['a deviation of 0', { preprocessing: { ...KERAS, std: [1, 0, 1] } }, 'three finite numbers above 0'],
    ['two means', { preprocessing: { ...KERAS, mean: [1, 2] } }, 'preprocessing.mean is [1,2]'],
    ['a huge crop', { preprocessing: { ...KERAS, crop: 1e9 } }, 'preprocessing.crop is 1000000000'],
    ['a resize of neither kind', { preprocessing: { ...KERAS, resize: { width: 3 } } }, '{ shorterSide } or'],
    ['a missing field', { preprocessing: { ...KERAS, white: undefined } }, 'white is undefined'],
    ['a field of another version', { preprocessing: { ...KERAS, pad: 1 } }, "unknown field 'pad'"],
    [
      'another interpolation',
      { preprocessing: { ...KERAS, interpolation: 'bicubic' } },
      `preprocessing.interpolation is "bicubic"; it must be 'bilinear' or 'nearest'.`,
    ],
  ];
  test.each(bad)('%s is refused', (_, given, said) => {
    const set = () => setMetadata(model, given as ModelMetadata);
    expect(set).toThrow(RangeError);
    expect(set).toThrow(said);
    model.setUserDefinedMetadata({ vgg_blocks: JSON.parse(JSON.stringify(given)) });
    if (!said.startsWith('the number of'))
      expect(() => metadataOf(model)).toThrow("model's metadata is damaged");
  });
});

describe('weight files', () => {
  const containers: WeightContainer[] = ['safetensors', 'pth', 'h5', 'weights.h5', 'model.h5', 'keras'];

  test.each(containers)('%s brings back the preprocessing and the class names', async (container) => {
    const plain = await encodeWeights(model, { container });
    setMetadata(model, metadata);
    const bytes = await encodeWeights(model, { container });
    expect((await inspectWeights(bytes)).metadata).toEqual(metadata);
    expect((await inspectWeights(plain)).metadata).toEqual({});
    const again = await fromWeights(bytes, { inputShape: [4, 4, 3] });
    expect(again.metadata).toEqual(metadata);
    expect(metadataOf(again.model)).toEqual(metadata);
    expect(again.model.getWeights().map((w) => [...w.dataSync()])).toEqual(
      model.getWeights().map((w) => [...w.dataSync()]),
    );
    again.model.dispose();
  });

  test('a tfjs model brings them back', async () => {
    setMetadata(model, metadata);
    const { bytes, shards } = await tfjsFiles(model);
    const again = await fromWeights(bytes, { shards });
    expect(again.metadata).toEqual(metadata);
    again.model.dispose();
  });

  test('features and another number of classes keep the preprocessing alone', async () => {
    setMetadata(model, metadata);
    const bytes = await encodeWeights(model);
    for (const options of [{ includeTop: false }, { classes: 2 }]) {
      const again = await fromWeights(bytes, options);
      expect(again.metadata).toEqual({ preprocessing: KERAS });
      expect(metadataOf(again.model)).toEqual({ preprocessing: KERAS });
      again.model.dispose();
    }
  });

  const damaged: [string, unknown, string][] = [
    ['text', '{', 'it is not JSON'],
    ['a number', 1, 'the metadata is 1; it must be an object'],
    ['a list', [], 'the metadata is []'],
    ['a wrong mean', { preprocessing: { ...KERAS, mean: ['1', 2, 3] } }, 'mean is ["1",2,3]'],
    ['too few names', { classNames: ['a'] }, 'the number of class names is 1, and the model has 300 outputs'],
    ['its prototype', JSON.parse('{"__proto__": {}}'), "unknown field '__proto__'"],
    ['control characters', { '\u001b[31m': 1 }, "unknown field '\ufffd[31m'"],
    ['a long name', { classNames: ['x'.repeat(1e6)] }, 'it must be text of at most 512 characters'],
  ];
  test.each(damaged)('damaged metadata is an error that says what: %s', async (_, value, said) => {
    const { bytes, shards } = await tfjsFiles(model, (json) => {
      json.userDefinedMetadata = { vgg_blocks: value };
    });
    const error = await fromWeights(bytes, { shards }).catch((reason) => reason);
    expect(error).toBeInstanceOf(WeightFileError);
    expect(error.message).toContain("its metadata 'vgg_blocks' cannot be used: ");
    expect(error.message).toContain(said);
    expect(error.message.length).toBeLessThan(500);
  });

  test('a model with damaged metadata is not saved', async () => {
    model.setUserDefinedMetadata({ vgg_blocks: { classNames: 3 } });
    await expect(encodeWeights(model)).rejects.toThrow('classNames is 3; it must be a list of 1 to 100000');
  });
});

describe('models made of a model', () => {
  const preprocessing: Preprocessing = PLAIN_PREPROCESSING;

  test('keep its preprocessing, and never its class names', () => {
    const base = vgg([[1, 2]], { inputShape: [4, 4, 3], includeTop: false });
    setMetadata(base, { preprocessing });
    const head = transferHead(base, { classes: 2 });
    expect(metadataOf(head)).toEqual({ preprocessing });
    setMetadata(model, { preprocessing, classNames });
    expect(metadataOf(featureExtractor(model, 'fc1'))).toEqual({ preprocessing });
    const { lower, upper } = splitModel(model, 'block1');
    expect(metadataOf(lower)).toEqual({ preprocessing });
    expect(metadataOf(upper)).toEqual({});
    head.dispose();
  });
});
