import { dispose, fill, memory, ones, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { alexNet, vgg } from '../../src/index.js';
import {
  encodeWeights,
  fromWeights,
  inspectWeights,
  loadWeights,
  type Source,
  WeightFileError,
} from '../../src/weights/index.js';
import { type BackendName, backends, useAnyBackend, useBackend } from '../support/backends.js';
import { h5File } from './files.js';

const ARCH = [
  [1, 3],
  [2, 4],
] as const;
const SHAPE = { inputShape: [8, 8, 2], classes: 5, hiddenUnits: 6 } as const;
const build = (seed: number, options = {}) => vgg(ARCH, { ...SHAPE, seed, ...options });
let bytes: Uint8Array;
let shortened: Uint8Array;

beforeAll(async () => {
  await useAnyBackend('wasm');
  const model = build(7);
  bytes = await encodeWeights(model);
  shortened = bytes.subarray(0, bytes.length - 10);
  model.dispose();
});

async function numbersOf(model: LayersModel): Promise<Map<string, readonly number[]>> {
  const weights = model.layers.flatMap((layer) =>
    layer.weights.map((weight) => [weight.originalName, weight.read() as Tensor] as const),
  );
  return new Map(
    await Promise.all(weights.map(async ([name, value]) => [name, [...(await value.data())]] as const)),
  );
}

/** Runs something that must leave no tensor behind. */
async function leavesNothing<T>(use: () => Promise<T>): Promise<T> {
  const before = memory().numTensors;
  const result = await use();
  expect(memory().numTensors).toBe(before);
  return result;
}

describe.each(backends)('on %s', (backend: BackendName) => {
  test('a model loads the weights of a file from every kind of source', async () => {
    await useBackend(backend);
    const model = build(7);
    const expected = await numbersOf(model);
    const sources: [string, Source, object?][] = [
      ['bytes', bytes],
      ['an ArrayBuffer', bytes.slice().buffer],
      ['a Blob', new Blob([bytes as BlobPart])],
      ['a File', new File([bytes as BlobPart], 'net.safetensors')],
      [
        'a URL',
        'https://example.com/net.safetensors',
        { fetch: async () => new Response(bytes as BodyInit) },
      ],
    ];
    for (const [name, source, options] of sources) {
      const other = build(8);
      const report = await leavesNothing(() => loadWeights(other, source, options));
      expect(report, name).toMatchObject({ missing: [], leftOver: [], mismatched: [], nonFinite: [] });
      expect(report.loaded).toHaveLength(12);
      expect(await numbersOf(other), name).toEqual(expected);
      other.dispose();
    }
    model.dispose();
  });

  test('a load that fails leaves the model as it was', async () => {
    await useBackend(backend);
    const model = build(1);
    const before = await numbersOf(model);
    const flaky = new Blob([bytes as BlobPart]);
    let reads = 0;
    flaky.slice = function slice(...at: Parameters<Blob['slice']>) {
      if (reads++ > 8) throw new Error('the disk is on fire');
      return Blob.prototype.slice.apply(this, at);
    };
    for (const source of [shortened, flaky]) {
      await leavesNothing(() => expect(loadWeights(model, source)).rejects.toThrow(WeightFileError));
      expect(await numbersOf(model)).toEqual(before);
      await leavesNothing(() => expect(fromWeights(source)).rejects.toThrow(WeightFileError));
    }
    expect(reads).toBeGreaterThan(8);
    model.dispose();
  });

  test('a model that has computed before computes with the new weights', async () => {
    await useBackend(backend);
    const model = build(1);
    const run = async () => {
      const y = tidy(() => model.predict(ones([1, 8, 8, 2])) as Tensor);
      const values = [...(await y.data())];
      y.dispose();
      return values;
    };
    const before = await run();
    await loadWeights(model, bytes);
    const other = await fromWeights(bytes);
    expect(other.network!.title).toBe('VGG');
    const after = await run();
    expect(after).not.toEqual(before);
    const expected = tidy(() => other.model.predict(ones([1, 8, 8, 2])) as Tensor);
    expect([...(await expected.data())]).toEqual(after);
    dispose(expected);
    model.dispose();
    other.model.dispose();
  });
});

test.each([[null], [3], [{}], [undefined], ['']])(
  '%j is no source, which is said in a sentence',
  async (source) => {
    const error = await fromWeights(source as never).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(
      /^fromWeights: source is .*; it must be a path, a URL, a Blob, an ArrayBuffer or a Uint8Array\.$/,
    );
  },
);

describe('a file that fits in part', () => {
  beforeAll(() => useAnyBackend('wasm'));

  test('is refused unless strict is false, and the error says what differs', async () => {
    const features = build(1, { includeTop: false });
    await expect(loadWeights(features, bytes)).rejects.toThrow(
      "Uint8Array: it does not fit the model (the model lacks classifier.0.bias, classifier.0.weight, classifier.3.bias, classifier.3.weight and 2 more); build the file's network, or pass strict: false to load the weights that fit.".split(
        'classifier.0.bias',
      )[0]!,
    );
    const report = await loadWeights(features, bytes, { strict: false });
    expect(report.loaded).toHaveLength(6);
    expect(report.leftOver.sort()).toEqual(
      ['0', '3', '6'].flatMap((i) => [`classifier.${i}.bias`, `classifier.${i}.weight`]),
    );
    features.dispose();
  });

  test('another number of classes: all but the last layer', async () => {
    const model = build(1, { classes: 9 });
    const before = await numbersOf(model);
    await expect(loadWeights(model, bytes)).rejects.toThrow(
      'predictions/kernel ([6,5] in the file, [6,9] in the model)',
    );
    const report = await loadWeights(model, bytes, { strict: false });
    expect(report.mismatched).toEqual(
      expect.arrayContaining([{ weight: 'predictions/kernel', fileShape: [6, 5], modelShape: [6, 9] }]),
    );
    expect(report.loaded).toHaveLength(10);
    const after = await numbersOf(model);
    expect(after.get('predictions/kernel')).toEqual(before.get('predictions/kernel'));
    expect(after.get('fc1/kernel')).not.toEqual(before.get('fc1/kernel'));
    model.dispose();
  });

  test('a file without top: the other weights of the model stay', async () => {
    const features = build(3, { includeTop: false });
    const file = await encodeWeights(features);
    const model = build(4);
    await expect(loadWeights(model, file)).rejects.toThrow(
      'the file lacks fc1/kernel, fc1/bias, fc2/kernel, fc2/bias and 2 more',
    );
    const report = await loadWeights(model, file, { strict: false });
    expect(report.missing).toEqual([
      'fc1/kernel',
      'fc1/bias',
      'fc2/kernel',
      'fc2/bias',
      'predictions/kernel',
      'predictions/bias',
    ]);
    features.dispose();
    model.dispose();
  });

  test('a file of which nothing fits is an error even then', async () => {
    const model = vgg([[1, 7]], { inputShape: [4, 4, 1], includeTop: false });
    await expect(loadWeights(model, bytes, { strict: false })).rejects.toThrow(
      'none of its tensors fits the model',
    );
    model.dispose();
  });
});

describe('fromWeights', () => {
  beforeAll(() => useAnyBackend('wasm'));

  test.each([
    ['its features alone', { includeTop: false }, [null, 2, 2, 4]],
    ['its features pooled', { includeTop: false, pooling: 'avg' }, [null, 4]],
    ['other classes', { classes: 3 }, [null, 3]],
  ] as const)('gives %s', async (_, options, output) => {
    const { model, report } = await fromWeights(bytes, options);
    expect(model.outputs[0]!.shape).toEqual(output);
    expect(report.missing).toEqual([]);
    const drawn = (await numbersOf(model)).get('predictions/kernel');
    // A layer that is not in the file is drawn, since zeros would not learn.
    if ('classes' in options) {
      expect(report.mismatched.map(({ weight }) => weight)).toEqual([
        'predictions/kernel',
        'predictions/bias',
      ]);
      expect(new Set(drawn).size).toBe(18);
    }
    model.dispose();
  });

  test('leaves nothing that the memory held before', async () => {
    const old = build(1, { classes: 9 });
    old.setWeights(old.getWeights().map((weight) => tidy(() => fill(weight.shape, 7))));
    old.dispose();
    const { model } = await fromWeights(bytes, { classes: 9 });
    for (const [name, numbers] of await numbersOf(model)) expect(numbers, name).not.toContain(7);
    model.dispose();
  });

  test('pools features of another size to 7x7 for a top that expects it', async () => {
    const own = build(1, { inputShape: [28, 30, 2] });
    const file = await encodeWeights(own);
    const { model } = await fromWeights(file, { inputShape: [20, 13, 2] });
    expect(model.getLayer('avgpool').outputShape).toEqual([null, 7, 7, 4]);
    expect(model.outputs[0]!.shape).toEqual([null, 5]);
    await expect(fromWeights(file, { inputShape: [20, 13, 2], adaptivePool: false })).rejects.toThrow(
      'fc1/kernel',
    );
    own.dispose();
    model.dispose();
  });

  test('names the model after the network, and describes it', async () => {
    const { model, network } = await fromWeights(bytes, { name: 'mine' });
    expect(model.name).toBe('mine');
    expect(network).toEqual({
      title: 'VGG',
      names: 'torchvision',
      arch: ARCH,
      inputChannels: 2,
      batchNorm: false,
      convBias: true,
      padding: 'same',
      top: { hiddenUnits: [6, 6], classes: 5, featureSize: [2, 2] },
      config: undefined,
    });
    model.dispose();
  });

  test.each(['module.', '_orig_mod.', 'model.backbone.'])(
    "knows torchvision's names behind %s",
    async (prefix) => {
      const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
      const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
      const renamed = Object.fromEntries(
        Object.entries(header).map(([name, entry]) => [
          name === '__metadata__' ? name : prefix + name,
          entry,
        ]),
      );
      const json = new TextEncoder().encode(JSON.stringify(renamed));
      const file = new Uint8Array(8 + json.length + bytes.length - 8 - length);
      new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
      file.set(json, 8);
      file.set(bytes.subarray(8 + length), 8 + json.length);
      const { model, report } = await fromWeights(file);
      expect(report).toMatchObject({ names: 'torchvision', missing: [], leftOver: [] });
      model.dispose();
    },
  );

  test('reads a whole model of Keras 2 whose layers are numbered', async () => {
    const { model, network, report } = await fromWeights(h5File('keras2'));
    expect(report).toMatchObject({ format: 'Keras .h5 (model)', missing: [], leftOver: [] });
    expect(network!.arch).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(model.inputs[0]!.shape).toEqual([null, 8, 8, 1]);
    expect(model.layers.at(-1)!.getConfig().activation).toBe('softmax');
    expect((await numbersOf(model)).get('fc2/kernel')).toEqual(
      Array.from({ length: 9 }, (_, i) => i / 8 - 3),
    );
    model.dispose();
  });
});

describe('while loading', () => {
  beforeAll(() => useAnyBackend('wasm'));

  test('progress adds up to the bytes of the weights', async () => {
    const seen: number[] = [];
    const file = new File([bytes as BlobPart], 'net.safetensors');
    const { model } = await fromWeights(file, {
      onProgress: ({ source, done, total }) => {
        expect(source).toBe('net.safetensors');
        expect(total).toBe(MODEL_BYTES);
        seen.push(done);
      },
    });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(MODEL_BYTES);
    model.dispose();
  });

  test('a signal stops it with its reason', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    await leavesNothing(() =>
      expect(
        fromWeights(bytes, { signal: controller.signal, onProgress: () => controller.abort(reason) }),
      ).rejects.toBe(reason),
    );
    await expect(fromWeights(bytes, { signal: controller.signal })).rejects.toBe(reason);
  });

  test('NaN and infinity are reported', async () => {
    const model = build(1);
    const file = (await encodeWeights(model, { names: 'keras' })).slice();
    new DataView(file.buffer).setFloat32(file.length - 4, Number.NaN, true);
    new DataView(file.buffer).setFloat32(file.length - 8, Number.POSITIVE_INFINITY, true);
    expect((await loadWeights(model, file)).nonFinite).toEqual([{ weight: 'predictions/bias', count: 2 }]);
    model.dispose();
  });

  test('a file names itself in its errors', async () => {
    await expect(
      fromWeights('https://example.com/x', { fetch: async () => new Response('', { status: 404 }) }),
    ).rejects.toMatchObject({
      name: 'WeightFileError',
      file: 'https://example.com/x',
      reason: expect.stringContaining('404'),
    });
  });

  test('a file beyond maxBytes is refused, whatever the source', async () => {
    for (const source of [bytes, new Blob([bytes.slice()])]) {
      await expect(fromWeights(source, { maxBytes: bytes.length - 1 })).rejects.toThrow(
        `it has ${bytes.length} bytes, more than the limit of ${bytes.length - 1}; use another file.`,
      );
      const { model } = await fromWeights(source, { maxBytes: bytes.length });
      model.dispose();
    }
  });

  test('another network is refused with that reason', async () => {
    const net = alexNet({ classes: 2, hiddenUnits: 2 });
    await expect(loadWeights(net, bytes)).rejects.toThrow('none of its tensors fits the model');
    net.dispose();
    const dense = sequential({ layers: [layers.dense({ units: 1, inputShape: [1] })] });
    await expect(encodeWeights(dense)).rejects.toThrow(
      "encodeWeights: the layer 'dense_Dense1' takes a feature map",
    );
    dense.dispose();
  });
});

const MODEL_BYTES = 4 * (2 * 3 * 9 + 3 + 3 * 4 * 9 + 4 + 4 * 4 * 9 + 4 + 16 * 6 + 6 + 36 + 6 + 30 + 5);

test('inspectWeights describes the network without reading a number', async () => {
  const info = await leavesNothing(() => inspectWeights(new File([bytes as BlobPart], 'net.safetensors')));
  expect(info).toMatchObject({
    file: 'net.safetensors',
    bytes: bytes.length,
    format: 'safetensors',
    parameters: MODEL_BYTES / 4,
    dtypes: ['F32'],
  });
  expect(info.network!.title).toBe('VGG');
  expect(info.tensors.find(({ name }) => name === 'features.3.weight')).toEqual({
    name: 'features.3.weight',
    dtype: 'F32',
    shape: [4, 3, 3, 3],
    weight: 'block2_conv1/kernel',
  });
  expect(await inspectWeights(h5File('types')).catch((error: Error) => error.message)).toContain(
    'without Keras layers',
  );
});
