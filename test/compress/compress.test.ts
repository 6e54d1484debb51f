import {
  add,
  fill,
  matMul,
  memory,
  mul,
  sub,
  type Tensor,
  type Tensor2D,
  tensor,
  tensor2d,
  tidy,
  tile,
  zeros,
} from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  loadLayersModel,
  type SymbolicTensor,
  sequential,
  model as tfjsModel,
} from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  agreement,
  type CompressOptions,
  type CompressProgress,
  compress,
  compressTable,
  type Images,
} from '../../src/compress/index.js';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import { ownOnce } from '../../src/tfjs/models.js';
import { metadataOf, saveModel, setMetadata } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noise } from '../support/bytes.js';
import { fixtureJson, noiseImages } from '../support/fixtures.js';
import { leavingNothing } from '../support/leavingNothing.js';
import { shrinking } from './layers.js';

beforeAll(() => useAnyBackend('wasm'));

/** A single dense layer, linear. */
function denseNetwork(kernel: Tensor2D, bias?: Tensor): LayersModel {
  const [inputs, units] = kernel.shape;
  const model = sequential({
    layers: [layers.dense({ units, inputShape: [inputs], name: 'fc', useBias: bias !== undefined })],
  });
  model.setWeights(bias ? [kernel, bias] : [kernel]);
  return model;
}

/** The bytes of what `saveModel` writes, `model.json` among them, and the model that plain tfjs loads of it. */
async function saved(model: LayersModel, quantize?: 'uint8' | 'float16') {
  let bytes = 0;
  let load: (() => Promise<LayersModel>) | undefined;
  await saveModel(
    model,
    {
      save: async (artifacts) => {
        const buffers = artifacts.weightData as ArrayBuffer[];
        const { weightData, weightSpecs, modelTopology, ...rest } = artifacts;
        // As `fileSystem` writes it.
        const weightsManifest = [{ paths: ['weights-01234567-1of1.bin'], weights: weightSpecs }];
        const json = JSON.stringify({ modelTopology, weightsManifest, ...rest });
        bytes = json.length + buffers.reduce((sum, one) => sum + one.byteLength, 0);
        const joined = await new Blob(buffers).arrayBuffer();
        load = () => loadLayersModel({ load: async () => ({ ...artifacts, weightData: joined }) });
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
      },
    },
    quantize ? { quantize } : {},
  );
  return { bytes, load: load! };
}

async function outputs(model: LayersModel, x: Tensor): Promise<Float32Array> {
  const y = tidy(() => model.predict(x) as Tensor);
  return (await y.data<'float32'>().finally(() => y.dispose())) as Float32Array;
}

const rms = (values: ArrayLike<number>) =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value ** 2, 0) / values.length);

/** A small VGG with two hidden layers, and images for it. */
const build = (options: Partial<Parameters<typeof vgg>[1]> = {}) =>
  vgg(
    [
      [1, 4],
      [1, 8],
    ],
    {
      ...{ inputShape: [16, 16, 3], hiddenUnits: 48, classes: 10, initializer: 'heUniform', seed: 2 },
      ...options,
    },
  );
const images = () => tensor(noiseImages([40, 16, 16, 3], 7).data, [40, 16, 16, 3]);

describe('the error of each rank is the smallest there is, as numpy computes it in float64', () => {
  const cases = [
    ['small', [60, 40], 1, 0.85, undefined],
    ['wide', [24, 90], 2, 0.97, undefined],
    ['smallCalibrated', [60, 40], 1, 0.85, [4, 0.9]],
    ['wideCalibrated', [24, 90], 2, 0.97, [5, 0.9]],
  ] as const;

  test('with maxError, the rank is the smallest that keeps it, of inputs that images do not show, too', () =>
    leavingNothing(async () => {
      const { smallChosen } = await fixtureJson<{ smallChosen: number[] }>('svd.json');
      // Layers are divided only where that makes the file smaller, so this one repeats its outputs.
      const kernel = tidy(() => tile(shrinking([60, 40], 1, 0.85), [1, 40]));
      const model = denseNetwork(kernel);
      const x = shrinking([50, 60], 4, 0.9);
      for (const rank of [2, 7]) {
        const [error] = smallChosen.slice(rank - 1);
        for (const [maxError, expected] of [
          [error! + 1e-4, rank],
          [error! - 1e-4, rank + 1],
        ] as const) {
          const { model: small, report } = await compress(model, { maxError, quantize: 'none' }, x);
          expect(report.layers.map((one) => one.rank)).toEqual([expected]);
          expect(report.layers[0]!.error).toBeLessThanOrEqual(maxError);
          small.dispose();
        }
      }
      for (const one of [kernel, model, x]) one.dispose();
    }));

  test.each(cases)('%s', (name, [rows, columns], seed, factor, given) =>
    leavingNothing(async () => {
      const errors = (await fixtureJson<Record<string, number[]>>('svd.json'))[name]!;
      const kernel = shrinking([rows, columns], seed, factor);
      const model = denseNetwork(kernel);
      const x = given && shrinking([50, rows], given[0], given[1]);
      for (const rank of [1, 6, errors.length]) {
        const { model: small, report } = await compress(model, { ranks: { fc: rank }, quantize: 'none' }, x);
        expect(report.layers[0]!.error).toBeCloseTo(errors[rank - 1]!, 3);
        if (!given) {
          // The kernels' product is off by as much.
          const off = tidy(() => {
            const [first, second] = small.layers.slice(-2).map((one) => one.weights[0]!.read() as Tensor2D);
            return sub(kernel, matMul(first!, second!));
          });
          expect(rms(await off.data()) / rms(await kernel.data())).toBeCloseTo(errors[rank - 1]!, 3);
          off.dispose();
        }
        small.dispose();
      }
      for (const one of [kernel, x, model]) one?.dispose();
    }),
  );
});

test('the bias keeps the mean output of the calibration images', () =>
  leavingNothing(async () => {
    const kernel = shrinking([60, 40], 1, 0.85);
    const model = denseNetwork(kernel);
    const x = tidy(() => add(shrinking([50, 60], 4, 0.9), 3));
    const { model: small } = await compress(model, { ranks: { fc: 2 }, quantize: 'none' }, x);
    const [before, after] = [await outputs(model, x), await outputs(small, x)];
    const seen = Array.from({ length: 50 }, (_, i) => i).filter((i) => i % 5 !== 4);
    for (let unit = 0; unit < 40; unit++) {
      const difference = seen.reduce((sum, i) => sum + after[40 * i + unit]! - before[40 * i + unit]!, 0);
      expect(Math.abs(difference / seen.length)).toBeLessThan(1e-3);
    }
    for (const one of [kernel, x, model, small]) one.dispose();
  }));

test.each<[string, CompressOptions, boolean]>([
  ['without images', { maxBytes: 13_000 }, false],
  ['with images', { maxBytes: 13_000 }, true],
  ['of float32', { maxBytes: 36_000, quantize: 'none' }, true],
])('what is saved fits maxBytes, and plain tfjs computes the same with it, %s', (_, options, isCalibrated) =>
  leavingNothing(async () => {
    const model = build();
    const x = images();
    const { model: small, report } = await compress(model, options, isCalibrated ? x : undefined);
    const { bytes, load } = await saved(small, options.quantize === 'none' ? undefined : 'uint8');
    expect(bytes).toBeLessThanOrEqual(options.maxBytes!);
    expect(report.bytes.after).toBeLessThan(bytes);
    expect(report.layers.reduce((sum, one) => sum + one.bytesAfter, 0)).toBe(report.bytes.after);
    expect(report.layers.some(({ rank }) => rank !== null)).toBe(true);
    const loaded = await load();
    const [own, again] = [await outputs(small, x), await outputs(loaded, x)];
    for (const [i, value] of own.entries()) expect(again[i]).toBeCloseTo(value, 4);
    expect(report.agreement?.images).toBe(isCalibrated ? 8 : undefined);
    for (const one of [model, x, small, loaded]) one.dispose();
  }),
);

test.each(['none', 'float16', 'uint8'] as const)(
  'maxBytes is used to the last rank: of %s, no layer could have one more, nor be whole',
  (quantize) =>
    leavingNothing(async () => {
      const model = build({ hiddenUnits: 64 });
      const maxBytes = { none: 40_001, float16: 22_500, uint8: 14_500 }[quantize];
      const { model: small, report } = await compress(model, { maxBytes, quantize });
      const chosen = report.layers.filter(({ rank }) => rank !== null);
      const ranksOf = (by: Record<string, number | undefined>) =>
        Object.fromEntries(Object.entries(by).filter(([, rank]) => rank !== undefined)) as Record<
          string,
          number
        >;
      const ranks = Object.fromEntries(chosen.map(({ name, rank }) => [name, rank!]));
      const type = quantize === 'none' ? undefined : quantize;
      expect((await saved(small, type)).bytes).toBeLessThanOrEqual(maxBytes);
      expect(chosen.length).toBeGreaterThan(0);
      for (const { name, rank } of chosen) {
        for (const more of [
          { ...ranks, [name]: rank! + 1 },
          { ...ranks, [name]: undefined },
        ]) {
          const { model: larger } = await compress(model, { ranks: ranksOf(more), quantize });
          // Scales of uint8 have up to 24 digits and signs, of which some bytes a kernel may be left.
          const slack = quantize === 'uint8' ? 8 * small.weights.length : 0;
          expect((await saved(larger, type)).bytes).toBeGreaterThan(maxBytes - slack);
          larger.dispose();
        }
      }
      for (const one of [model, small]) one.dispose();
    }),
);

test('with maxError, a layer stays whole whose parts would be smaller, but not the file', () =>
  leavingNothing(async () => {
    const model = build({ hiddenUnits: 20, classes: 12 });
    const { model: small, report } = await compress(model, { maxError: 0.9 });
    const { model: whole } = await compress(model, { ranks: {} });
    const [divided, undivided] = [(await saved(small, 'uint8')).bytes, (await saved(whole, 'uint8')).bytes];
    expect(report.layers.find(({ name }) => name === 'predictions')!.rank).toBeNull();
    expect(report.layers.find(({ name }) => name === 'fc1')!.rank).toBeGreaterThan(0);
    expect(divided).toBeLessThan(undivided);
    for (const one of [model, small, whole]) one.dispose();
  }));

test('a model that fits stays whole, one that cannot is refused with the smallest size, and that size works', () =>
  leavingNothing(async () => {
    const model = build();
    const whole = await compress(model, { maxBytes: 1e6, quantize: 'none' });
    expect(whole.report.layers.map(({ rank }) => rank)).toEqual([null, null, null, null, null]);
    expect(whole.report.bytes.after).toBe(whole.report.bytes.before);
    const refusal = await compress(model, { maxBytes: 1000 }).catch((error: Error) => error.message);
    const [, smallest] = /the smallest model with kernels of uint8 has (\d+) bytes/.exec(refusal as string)!;
    const least = await compress(model, { maxBytes: Number(smallest) });
    expect(least.report.layers.map(({ rank }) => rank)).toEqual([null, null, 1, 1, null]);
    for (const one of [model, whole.model, least.model]) one.dispose();
  }));

test('the calibrated ranks agree more than those of the weights alone, and the report says how much', () =>
  leavingNothing(async () => {
    const model = build();
    const x = tidy(() => add(mul(images(), 0.1), 1));
    const ranks = { fc1: 6, fc2: 6 };
    const plain = await compress(model, { ranks });
    const { model: small, report } = await compress(model, { ranks }, x);
    const [seen, unseen] = [await agreement(model, small, x), await agreement(model, plain.model, x)];
    expect(seen.cosine).toBeGreaterThan(unseen.cosine + 0.01);
    expect(report.agreement!.cosine).toBeCloseTo(seen.cosine, 1);
    expect(compressTable(report)).toMatch(/^layer +before +after +rank +error\n/);
    expect(compressTable(report)).toContain('compared on 8 images: the same class for ');
    for (const part of [{ agreement: undefined }, { bytes: { before: Number.NaN, after: 1 } }])
      expect(() => compressTable({ ...report, ...part } as never)).toThrow(
        /^compressTable: report is .*; it must be the report that compress returns\.$/,
      );
    for (const one of [model, x, plain.model, small]) one.dispose();
  }));

test('networks whose outputs are not finite agree in nothing: they are refused', () =>
  leavingNothing(async () => {
    const [model, diverged] = [build(), build()];
    const x = images();
    const nan = fill(diverged.weights.at(-1)!.shape as number[], Number.NaN);
    diverged.weights.at(-1)!.write(nan);
    for (const pair of [
      [model, diverged],
      [diverged, model],
    ] as const) {
      await expect(agreement(...pair, x)).rejects.toThrow(
        `agreement: the weights of predictions in ${diverged.name} are NaN or infinite; use a network that has not diverged.`,
      );
    }
    for (const one of [model, diverged, x, nan]) one.dispose();
  }));

/** Models of other kinds, from images of 16x16. */
const MODELS: Record<string, () => LayersModel> = {
  'a VGG with batch normalization': () => build({ batchNorm: true }),
  'a sequential model that ends in a sigmoid': () =>
    sequential({
      layers: [
        layers.flatten({ inputShape: [16, 16, 3] }),
        layers.dense({ units: 30, activation: 'tanh', name: 'fc1' }),
        layers.dense({ units: 1, activation: 'sigmoid' }),
      ],
    }),
  'models within a model': () =>
    sequential({
      layers: [
        sequential({
          layers: [layers.flatten({ inputShape: [16, 16, 3] }), layers.dense({ units: 20, name: 'fc1' })],
        }),
        layers.reLU(),
        layers.dense({ units: 12, name: 'fc2' }),
      ],
    }),
  'a layer that is called twice': () => {
    const x = input({ shape: [16, 16, 3] });
    const fc = layers.dense({ units: 24, name: 'fc1' });
    const flat = layers.flatten().apply(x) as SymbolicTensor;
    const once = layers.dense({ units: 24 }).apply(flat) as SymbolicTensor;
    const twice = fc.apply(fc.apply(once) as SymbolicTensor) as SymbolicTensor;
    return tfjsModel({ inputs: x, outputs: [layers.add().apply([once, twice]) as SymbolicTensor, twice] });
  },
  'a dense layer on maps, with two readers': () => {
    const x = input({ shape: [16, 16, 3] });
    const maps = layers.conv2d({ filters: 16, kernelSize: 1 }).apply(x);
    const mixed = layers.dense({ units: 16, name: 'fc1' }).apply(maps);
    const pooled = [layers.globalAveragePooling2d({}), layers.globalMaxPooling2d({})].map(
      (one) => one.apply(mixed) as SymbolicTensor,
    );
    return tfjsModel({ inputs: x, outputs: layers.concatenate().apply(pooled) as SymbolicTensor });
  },
  'two dense layers that read one tensor, and a second output': () => {
    const x = input({ shape: [16, 16, 3] });
    const flat = layers.flatten().apply(x);
    const [a, b] = [40, 30].map(
      (units) => layers.dense({ units, activation: 'relu' }).apply(flat) as SymbolicTensor,
    );
    const joined = layers.concatenate().apply([a!, b!]) as SymbolicTensor;
    return tfjsModel({
      inputs: x,
      outputs: [layers.dense({ units: 5 }).apply(joined) as SymbolicTensor, a!],
    });
  },
  'no dense layer': () =>
    sequential({
      layers: [
        layers.conv2d({ filters: 3, kernelSize: 3, inputShape: [16, 16, 3] }),
        layers.globalAveragePooling2d({}),
      ],
    }),
};

test.each(Object.keys(MODELS))('%s', (name) =>
  leavingNothing(async () => {
    const model = MODELS[name]!();
    model.layers.forEach(ownOnce);
    const x = images();
    const { model: small, report } = await compress(model, { maxError: 0.01, quantize: 'none' }, x);
    const [before, after] = [model, small].map((one) => tidy(() => [one.predict(x)].flat() as Tensor[]));
    for (const [i, one] of before!.entries()) {
      const [a, b] = [await one.data(), await after![i]!.data()];
      expect(rms(a.map((value, at) => value - b[at]!)) / rms(a)).toBeLessThan(0.05);
    }
    expect(report.agreement!.cosine).toBeGreaterThan(0.99);
    for (const one of [model, x, small, ...before!, ...after!]) one.dispose();
  }),
);

test('metadata, frozen layers and names are kept, and the model itself is not changed', () =>
  leavingNothing(async () => {
    const model = build();
    const classNames = Array.from({ length: 10 }, (_, i) => `class ${i}`);
    setMetadata(model, { classNames });
    model.getLayer('fc1').trainable = false;
    const before = await Promise.all(model.weights.map(async (one) => Array.from(await one.read().data())));
    const { model: small } = await compress(model, { ranks: { fc1: 4 } });
    expect(metadataOf(small)).toEqual({ classNames });
    expect(small.layers.map((one) => one.name)).toEqual(
      model.layers.flatMap(({ name }) => (name === 'fc1' ? ['fc1_reduce', 'fc1'] : [name])),
    );
    expect(small.getLayer('fc1').trainable).toBe(false);
    expect(small.getLayer('fc1_reduce').trainable).toBe(false);
    const after = await Promise.all(model.weights.map(async (one) => Array.from(await one.read().data())));
    expect(after).toEqual(before);
    // Either may be disposed first.
    model.dispose();
    const x = images();
    expect((await outputs(small, x)).every(Number.isFinite)).toBe(true);
    for (const one of [x, small]) one.dispose();
  }));

test.each([[{ quantize: 'uint8' }], [{ quantize: 'none' }]] as const)(
  'a model that is given up is disposed, and the new one is the same, with %j',
  (options) =>
    leavingNothing(async () => {
      const [kept, given] = [build({ batchNorm: true }), build({ batchNorm: true })];
      const x = images();
      const all = { ranks: { fc1: 4, predictions: 2 }, ...options };
      const { model: small, report } = await compress(kept, all, x);
      const { model: same, report: other } = await compress(given, { ...all, dispose: true }, x);
      expect(() => given.weights[0]!.read()).toThrow('already disposed');
      expect({ ...other, milliseconds: null }).toEqual({ ...report, milliseconds: null });
      expect(await outputs(same, x)).toEqual(await outputs(small, x));
      for (const one of [kept, small, same, x]) one.dispose();
    }),
);

test('a model that is given up is disposed, too, if the work is refused or stopped', () =>
  leavingNothing(async () => {
    const x = images();
    for (const [options, message] of [
      [{}, 'compress: no target is given'],
      [{ maxBytes: 100 }, 'compress: maxBytes is 100, but the smallest model'],
      [{ maxError: 0.1, batchSize: 0 }, 'compress: batchSize is 0'],
      [{ maxBytes: 13_000, onProgress: stopping('dividing') }, 'at dividing'],
      [{ maxBytes: 13_000, onProgress: stopping('comparing') }, 'at comparing'],
    ] as const) {
      const model = build();
      await expect(compress(model, { ...options, dispose: true }, x)).rejects.toThrow(message);
      expect(() => model.weights[0]!.read()).toThrow('already disposed');
    }
    x.dispose();
  }));

/** Throws as soon as a stage begins. */
function stopping(at: CompressProgress['stage']) {
  return ({ stage }: CompressProgress) => {
    if (stage === at) throw new Error(`at ${at}`);
  };
}

describe('it refuses', () => {
  const at = (name: string, value: number) => {
    const model = build();
    const weight = model.getLayer('fc1').weights[0]!;
    const numbers = weight.read().dataSync();
    numbers[3] = value;
    const changed = tensor2d(numbers, weight.shape as [number, number]);
    weight.write(changed);
    changed.dispose();
    return { model, name };
  };
  test.each<[string, unknown, Images | undefined, string]>([
    ['no target', {}, undefined, 'compress: no target is given; pass one of maxBytes, ranks and maxError.'],
    [
      'two',
      { maxBytes: 1e6, maxError: 0.1 },
      undefined,
      'compress: maxBytes and maxError are given; pass one of',
    ],
    [
      'a rank that saves nothing',
      { ranks: { fc1: 100 } },
      undefined,
      'compress: ranks.fc1 is 100; it must be a whole number from 1 to 34.',
    ],
    [
      'a convolution',
      { ranks: { block1_conv1: 1 } },
      undefined,
      "compress: ranks has 'block1_conv1', but the dense layers that a lower rank makes smaller are fc1, fc2, predictions; name one of these.",
    ],
    [
      'a list of ranks',
      { ranks: [3] },
      undefined,
      'compress: ranks is [3]; pass the rank of each layer by its name',
    ],
    [
      'an error of 1',
      { maxError: 1 },
      undefined,
      'compress: maxError is 1; it must be above 0 and below 1, such as 0.1.',
    ],
    [
      'a type',
      { maxError: 0.1, quantize: 'int4' },
      undefined,
      'compress: quantize is "int4"; it must be one of "uint8", "uint16", "float16", "none".',
    ],
    [
      'paths',
      { maxError: 0.1 },
      'cats' as never,
      'compress: images is "cats"; it must be a tensor of images, or examples such as an ImageSet.',
    ],
  ])('%s', (_, options, given, message) =>
    leavingNothing(async () => {
      const model = build();
      await expect(compress(model, options as CompressOptions, given)).rejects.toThrow(message);
      model.dispose();
    }),
  );

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('weights that are %s', (value) =>
    leavingNothing(async () => {
      const { model } = at('fc1', value);
      await expect(compress(model, { maxBytes: 13_000 })).rejects.toThrow(/not finite|has the number/);
      model.dispose();
    }),
  );

  test('images of another size, and examples that are fewer than they say', () =>
    leavingNothing(async () => {
      const model = build();
      const small = zeros([2, 8, 8, 3]);
      await expect(compress(model, { maxError: 0.1 }, small)).rejects.toThrow(
        'compress: the images are 8x8x3, but the model takes 16x16x3; prepare them at that size.',
      );
      const set = new ImageSet({
        images: noise(39 * 768),
        labels: new Uint8Array(39),
        shape: [16, 16, 3],
        classNames: ['a', 'b'],
      });
      const examples = {
        length: 40,
        shape: set.shape,
        batches: (options: { batchSize: number }) => set.batches(options),
      };
      await expect(compress(model, { maxError: 0.1 }, examples)).rejects.toThrow(
        'compress: the examples returned 39 images, but their length is 40; correct their length.',
      );
      for (const one of [model, small]) one.dispose();
    }));

  test('few images, and images that are alike: they would make a network of what they have in common', () =>
    leavingNothing(async () => {
      const model = build();
      const few = zeros([31, 16, 16, 3]);
      await expect(compress(model, { maxError: 0.1 }, few)).rejects.toThrow(
        'compress: there are 31 images to calibrate on, which would keep what they have in common and lose the rest; pass at least 32, better a few hundred, or none.',
      );
      const alike = fill([40, 16, 16, 3], 0.5);
      await expect(compress(model, { maxError: 0.1 }, alike)).rejects.toThrow(
        'compress: all images make the same of what fc1 takes; pass images that differ, or none.',
      );
      const odd = tensor(
        Float32Array.from({ length: 40 * 16 * 16 * 3 }, (_, i) => (i === 3 ? Number.NaN : (i % 97) / 97)),
        [40, 16, 16, 3],
      );
      await expect(compress(model, { maxError: 0.1 }, odd)).rejects.toThrow(
        /^compress: image 0 has the number (NaN|-?Infinity); pass images of finite numbers\.$/,
      );
      for (const one of [model, few, alike, odd]) one.dispose();
    }));
});

test('it stops wherever the signal comes, with the reason, and leaves nothing', () =>
  leavingNothing(async () => {
    const model = build();
    const x = images();
    const stages: CompressProgress[] = [];
    const { model: small } = await compress(
      model,
      { maxBytes: 13_000, onProgress: (one) => void stages.push(one) },
      x,
    );
    expect(new Set(stages.map(({ stage }) => stage))).toEqual(
      new Set(['calibrating', 'dividing', 'correcting', 'comparing']),
    );
    for (const { done, total } of stages) expect(done).toBeLessThanOrEqual(total);
    for (let after = 1; after <= stages.length; after += 3) {
      const before = memory().numTensors;
      const controller = new AbortController();
      let calls = 0;
      const onProgress = () => {
        if (++calls === after) controller.abort(new Error(`after ${after}`));
      };
      const options = { maxBytes: 13_000, signal: controller.signal, onProgress };
      await expect(compress(model, options, x)).rejects.toThrow(`after ${after}`);
      expect(memory().numTensors).toBe(before);
    }
    for (const one of [model, x, small]) one.dispose();
  }));
