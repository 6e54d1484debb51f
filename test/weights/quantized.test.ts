import { type io, memory, tensor } from '@tensorflow/tfjs-core';
import { type LayersModel, layers, loadLayersModel, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { dequantize, quantize } from '../../src/weights/formats/quantization.js';
import {
  fromWeights,
  loadWeights,
  metadataOf,
  QUANTIZED_DTYPES,
  type QuantizedDtype,
  saveModel,
  setMetadata,
} from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

const build = (seed = 1) =>
  vgg([[1, 3]], { inputShape: [8, 8, 2], classes: 5, hiddenUnits: [6], batchNorm: true, seed });

const numbersOf = (model: LayersModel) => Promise.all(model.getWeights().map((weight) => weight.data()));

/** A handler that keeps what is saved. */
function kept(): io.IOHandler & { artifacts: io.ModelArtifacts } {
  return {
    artifacts: undefined as unknown as io.ModelArtifacts,
    async save(artifacts) {
      this.artifacts = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
    async load() {
      return this.artifacts;
    },
  };
}

async function saved(model: LayersModel, quantize?: QuantizedDtype) {
  const handler = kept();
  await saveModel(model, handler, { quantize });
  return handler;
}

/** The files of a model: a model.json, and its weights in shards of a length that no tensor has. */
function filesOf({ modelTopology, userDefinedMetadata, weightData, weightSpecs }: io.ModelArtifacts) {
  const bytes = new Uint8Array((weightData as ArrayBuffer[]).flatMap((one) => [...new Uint8Array(one)]));
  const length = 101;
  const paths = Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) => `${i}.bin`);
  const json = { modelTopology, userDefinedMetadata, weightsManifest: [{ paths, weights: weightSpecs }] };
  const shards = (path: string) =>
    bytes.slice(Number.parseInt(path, 10) * length, (Number.parseInt(path, 10) + 1) * length);
  return { json: new TextEncoder().encode(JSON.stringify(json)), shards, size: bytes.length };
}

describe.each(QUANTIZED_DTYPES)('%s', (dtype) => {
  test('tfjs and this library read the same numbers, bit for bit', async () => {
    const model = build();
    setMetadata(model, { classNames: ['a', 'b', 'c', 'd', 'e'] });
    const before = memory().numTensors;
    const handler = await saved(model, dtype);
    expect(memory().numTensors).toBe(before);
    const { json, shards } = filesOf(handler.artifacts);
    const byTfjs = await loadLayersModel(handler);
    const expected = await numbersOf(byTfjs);
    const ours = await fromWeights(json, { shards });
    expect(await numbersOf(ours.model)).toEqual(expected);
    expect(metadataOf(ours.model)).toEqual(metadataOf(model));
    const other = build(2);
    await loadWeights(other, json, { shards });
    expect(await numbersOf(other)).toEqual(expected);
    // Rounding changes kernels, and nothing else.
    const exact = await numbersOf(model);
    for (const [i, { originalName, shape }] of model.weights.entries()) {
      const step =
        (Math.max(...exact[i]!) - Math.min(...exact[i]!)) /
        { uint8: 255, uint16: 65535, float16: 2048 }[dtype];
      const worst = Math.max(...exact[i]!.map((one, at) => Math.abs(one - expected[i]![at]!)));
      expect(worst, originalName).toBeLessThanOrEqual(shape.length > 1 ? step * 0.501 : 0);
      if (shape.length > 1) expect(worst, originalName).toBeGreaterThan(0);
    }
    for (const one of [model, byTfjs, ours.model, other]) one.dispose();
  });

  test('a kernel that it cannot hold is refused by name, and nothing is saved', async () => {
    const model = build();
    const kernel = model.getLayer('fc1').weights[0]!;
    const before = memory().numTensors;
    for (const number of [Number.NaN, Number.POSITIVE_INFINITY, ...(dtype === 'float16' ? [65520] : [])]) {
      const value = tensor(new Float32Array(48 * 6).fill(number, 7, 8), [48, 6]);
      kernel.write(value);
      value.dispose();
      const handler = kept();
      await expect(saveModel(model, handler, { quantize: dtype })).rejects.toThrow(
        `saveModel: fc1/kernel has the number ${number}, which ${dtype} does not hold; leave out quantize.`,
      );
      expect(handler.artifacts).toBeUndefined();
    }
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });
});

test('the averages of adaptivePool are not rounded, so that both read the same', async () => {
  const model = vgg([[1, 2]], { inputShape: [18, 20, 1], classes: 2, hiddenUnits: [], adaptivePool: true });
  const handler = await saved(model, 'uint8');
  const averages = handler.artifacts.weightSpecs!.filter(({ name }) => name.startsWith('avgpool'));
  expect(averages.map(({ quantization }) => quantization)).toEqual([undefined, undefined]);
  const { json, shards } = filesOf(handler.artifacts);
  const byTfjs = await loadLayersModel(handler);
  const ours = await fromWeights(json, { shards });
  expect(await numbersOf(ours.model)).toEqual(await numbersOf(byTfjs));
  for (const one of [model, byTfjs, ours.model]) one.dispose();
});

test('without quantize a model is saved as tfjs saves it', async () => {
  const model = build();
  const ours = (await saved(model)).artifacts;
  const theirs = kept();
  await model.save(theirs);
  const { weightData, weightSpecs, modelTopology, format } = theirs.artifacts;
  expect(ours).toMatchObject({ modelTopology, format });
  expect(ours.weightSpecs).toEqual(weightSpecs);
  const bytes = (ours.weightData as ArrayBuffer[]).flatMap((one) => [...new Uint8Array(one)]);
  expect(bytes).toEqual([...new Uint8Array(weightData as ArrayBuffer)]);
  model.dispose();
});

test('kernels take a quarter or half of the bytes', async () => {
  const model = build();
  const sizes = await Promise.all(
    [undefined, ...QUANTIZED_DTYPES].map(
      async (dtype) => filesOf((await saved(model, dtype)).artifacts).size,
    ),
  );
  const kernels = 3 * 3 * 2 * 3 + 48 * 6 + 6 * 5;
  const vectors = 4 * (3 + 4 * 3 + 6 + 5);
  expect(sizes).toEqual([4, 1, 2, 2].map((bytes) => bytes * kernels + vectors));
  model.dispose();
});

describe('rounding', () => {
  const draws = (count: number, draw: (i: number) => number) =>
    Float32Array.from({ length: count }, (_, i) => draw(i));
  const wave = draws(500, (i) => Math.sin(i * i) * 0.05);

  test.each([
    ['weights around zero', wave],
    ['weights above zero', wave.map((one) => Math.abs(one))],
    ['weights below zero', wave.map((one) => -Math.abs(one))],
    ['weights far from zero', wave.map((one) => 1 + one)],
    ['weights so close that float32 has few numbers between them', wave.map((one) => 1 + one * 1e-4)],
    ['one outlier', wave.map((one, i) => (i === 3 ? 100 : one))],
    ['the largest numbers of float32', wave.map((one) => one * 6.8e39)],
    ['numbers below the normal ones', wave.map((one) => one * 1e-40)],
  ])('is to the nearest number that tfjs reads: %s', (_, numbers) => {
    for (const dtype of ['uint8', 'uint16'] as const) {
      const quantized = quantize(numbers, dtype);
      const { affine } = quantized;
      const levels = dtype === 'uint8' ? 256 : 65536;
      const all = dequantize({ stored: Uint16Array.from({ length: levels }, (_, i) => i), affine });
      const read = dequantize(quantized);
      for (let i = 0; i < numbers.length; i += dtype === 'uint8' ? 1 : 250) {
        let nearest = Number.POSITIVE_INFINITY;
        for (const one of all) nearest = Math.min(nearest, Math.abs(one - numbers[i]!));
        expect(Math.abs(read[i]! - numbers[i]!)).toBe(nearest);
      }
      if (numbers.some((one) => one <= 0) && numbers.some((one) => one >= 0)) expect(all).toContain(0);
    }
  });

  test.each([
    ['zeros', [0, 0, 0]],
    ['one number', [0.1]],
    ['the same number', [-3e-8, -3e-8]],
    ['nothing', []],
    ['zeros and one number', [0, 0.7, 0]],
  ])('is exact for %s', (_, list) => {
    const numbers = Float32Array.from(list);
    for (const dtype of ['uint8', 'uint16'] as const) {
      expect(dequantize(quantize(numbers, dtype))).toEqual(numbers);
    }
  });

  test('zero stays zero', () => {
    const numbers = Float32Array.from(wave, (one, i) => (i % 3 === 0 ? 0 : one));
    for (const dtype of ['uint8', 'uint16'] as const) {
      const read = dequantize(quantize(numbers, dtype));
      expect(read.filter((_, i) => i % 3 === 0).every((one) => one === 0)).toBe(true);
    }
  });
});

describe('a manifest that tfjs does not read is refused', () => {
  test.each([
    [{ dtype: 'uint8', min: 0 }, 'without a scale or a minimum that is a number'],
    [{ dtype: 'uint8', scale: null, min: 0 }, 'without a scale or a minimum that is a number'],
    [{ dtype: 'uint16', scale: 1, min: 'x' }, 'without a scale or a minimum that is a number'],
    [
      { dtype: 'int4', scale: 1, min: 0 },
      'it is quantized to "int4"; TensorFlow.js reads uint8, uint16, float16',
    ],
    [{ dtype: 'float32', scale: 1, min: 0 }, 'it is quantized to "float32"'],
    [{ scale: 1, min: 0 }, 'it is quantized to undefined'],
  ])('%j', async (quantization, message) => {
    const model = build();
    const { artifacts } = await saved(model, 'uint8');
    artifacts.weightSpecs![0]!.quantization = quantization as never;
    const { json, shards } = filesOf(artifacts);
    const before = memory().numTensors;
    await expect(fromWeights(json, { shards })).rejects.toThrow(message);
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test('an infinite scale, another type than float32, and too few bytes', async () => {
    const model = build();
    const { artifacts } = await saved(model, 'uint8');
    const files = filesOf(artifacts);
    const changed = (from: RegExp, to: string) =>
      new TextEncoder().encode(new TextDecoder().decode(files.json).replace(from, to));
    const { shards } = files;
    await expect(
      fromWeights(changed(/"float32","scale":[^,]+/, '"float32","scale":1e999'), { shards }),
    ).rejects.toThrow('without a scale or a minimum that is a number');
    await expect(
      fromWeights(changed(/"dtype":"float32"(?=,"quantization")/, '"dtype":"bool"'), { shards }),
    ).rejects.toThrow('it is "bool" quantized to uint8, which TensorFlow.js does not read');
    await expect(
      fromWeights(files.json, { shards: (path) => shards(path).subarray(0, path === '1.bin' ? 90 : 101) }),
    ).rejects.toThrow(/have \d+ bytes together, but its weights need/);
    model.dispose();
  });
});

test('a model is not saved where nothing handles the URL', async () => {
  const model = build();
  await expect(saveModel(model, 'public/vgg16')).rejects.toThrow(
    "saveModel: nothing here saves to 'public/vgg16'; pass indexeddb:// or downloads:// and a name in a browser, or fileSystem(path)",
  );
  await expect(saveModel(model, model as never)).rejects.toThrow(
    /^saveModel: target is .*; it must be text or a handler with a save method, such as fileSystem\(path\)/,
  );
  model.dispose();
});

test.each([undefined, null, 5, {}])(
  'a handler whose save returns %s has not saved the model',
  async (result) => {
    const model = build();
    const before = memory().numTensors;
    const refused =
      /^saveModel: what the handler's save\(\) returned is .*; it must be an object as \{ modelArtifactsInfo \}\.$/;
    for (const save of [() => result, async () => result])
      await expect(saveModel(model, { save } as never)).rejects.toThrow(refused);
    expect(memory().numTensors).toBe(before);
    model.dispose();
  },
);

test('layers with kernels of other names load the weights of the same model', async () => {
  const net = (kernelInitializer: 'ones' | 'glorotUniform') =>
    sequential({
      layers: [
        layers.depthwiseConv2d({
          kernelSize: 3,
          inputShape: [8, 8, 2],
          depthwiseInitializer: kernelInitializer,
          name: 'depthwise',
        }),
        layers.separableConv2d({
          filters: 3,
          kernelSize: 3,
          pointwiseInitializer: kernelInitializer,
          name: 'separable',
        }),
        layers.prelu({ alphaInitializer: kernelInitializer, name: 'slopes' }),
        layers.flatten(),
        layers.dense({ units: 2, kernelInitializer, name: 'dense' }),
      ],
    });
  const model = net('glorotUniform');
  const { json, shards } = filesOf((await saved(model)).artifacts);
  const other = net('ones');
  expect((await loadWeights(other, json, { shards })).missing).toEqual([]);
  expect(await numbersOf(other)).toEqual(await numbersOf(model));
  model.dispose();
  other.dispose();
});
