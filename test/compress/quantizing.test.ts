import {
  fill,
  type io,
  memory,
  randomUniform,
  type Tensor,
  tensor,
  tidy,
  transpose,
} from '@tensorflow/tfjs-core';
import {
  constraints,
  initializers,
  input,
  type LayersModel,
  layers,
  loadLayersModel,
  type SymbolicTensor,
  model as tfjsModel,
} from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { correctBiases, equalize, foldNorms } from '../../src/compress/index.js';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import { metadataOf, type QuantizedDtype, saveModel, setMetadata } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { predict64 } from './float64.js';

beforeAll(() => useAnyBackend('wasm'));

const ARCH = [
  [1, 6],
  [2, 8],
] as const;
const SHAPE = [8, 8, 2] as const;
const COUNT = 24;

/** Gives all weights numbers as of a trained network: biases and normalizations that do something. */
function trained(model: LayersModel): LayersModel {
  const random = seededRandom(5);
  for (const weight of model.weights) {
    const numbers = (weight.read() as Tensor).dataSync().slice();
    const isVariance = weight.originalName.endsWith('variance');
    if (weight.shape.length === 1) {
      for (const i of numbers.keys()) numbers[i] = isVariance ? 0.1 + random.next() : random.next() - 0.3;
    }
    write(weight, numbers as Float32Array);
  }
  return model;
}

function write(weight: LayersModel['weights'][number], numbers: Float32Array): void {
  const value = tensor(numbers, weight.shape as number[]);
  weight.write(value);
  value.dispose();
}

const build = (options: object = {}) =>
  trained(vgg(ARCH, { inputShape: SHAPE, classes: 5, hiddenUnits: [7], seed: 3, ...options }));

/** The same function, with each channel of each layer but the last scaled by up to 2^5 either way, and scaled back by the next. */
function badlyScaled(model: LayersModel): LayersModel {
  const random = seededRandom(9);
  const kernels = model.layers.filter(({ weights }) => weights.length > 0);
  let before: number[] | undefined;
  for (const [at, { weights }] of kernels.entries()) {
    const [kernel, bias] = weights;
    const out = kernel!.shape.at(-1)!;
    const own = Array.from({ length: out }, () =>
      at === kernels.length - 1 ? 1 : 2 ** Math.floor(11 * random.next() - 5),
    );
    const numbers = (kernel!.read() as Tensor).dataSync() as Float32Array;
    write(
      kernel!,
      numbers.map((one, i) => (one * own[i % out]!) / (before?.[Math.floor(i / out) % before.length] ?? 1)),
    );
    write(
      bias!,
      ((bias!.read() as Tensor).dataSync() as Float32Array).map((one, i) => one * own[i]!),
    );
    before = own;
  }
  return model;
}

function images(count = COUNT): Float32Array {
  const random = seededRandom(7);
  return Float32Array.from({ length: count * 128 }, () => Math.round(255 * random.next()) / 255);
}

const imageSet = () =>
  new ImageSet({
    images: Uint8Array.from(images(), (one) => Math.round(255 * one)),
    labels: new Uint8Array(COUNT),
    shape: SHAPE,
    classNames: ['a'],
  });

async function predicted(model: LayersModel): Promise<Float32Array> {
  const y = tidy(() => model.predict(tensor(images(), [COUNT, ...SHAPE])) as Tensor);
  const values = await y.data();
  y.dispose();
  return values as Float32Array;
}

/** The largest difference, of the largest magnitude. */
function differenceOf(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const pairs = Array.from(a, (one, i) => [Math.abs(one - b[i]!), Math.abs(b[i]!)] as const);
  return Math.max(...pairs.map(([one]) => one)) / Math.max(...pairs.map(([, one]) => one));
}

async function reference(model: LayersModel): Promise<number[]> {
  const all = images();
  const results: number[] = [];
  for (let i = 0; i < COUNT; i++)
    results.push(...(await predict64(model, all.subarray(i * 128, (i + 1) * 128))));
  return results;
}

/** The model that a page reads from the quantized files. */
async function quantized(model: LayersModel, quantize: QuantizedDtype = 'uint8'): Promise<LayersModel> {
  let saved: io.ModelArtifacts | undefined;
  await saveModel(
    model,
    {
      save: async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      },
    },
    { quantize },
  );
  return loadLayersModel({ load: async () => saved! });
}

const kinds = (model: LayersModel) => model.layers.map((layer) => layer.getClassName());

describe('foldNorms', () => {
  test.each([
    ['with biases', {}],
    ['without biases', { convBias: false }],
    ['behind the ReLU', { batchNorm: { afterRelu: true } }],
  ])('a VGG-BN computes the same: %s', async (name, options) => {
    const model = build({ batchNorm: true, ...options });
    setMetadata(model, { classNames: ['a', 'b', 'c', 'd', 'e'] });
    const before = memory().numTensors;
    const weights = await Promise.all(model.getWeights().map((weight) => weight.data()));
    const folded = foldNorms(model);
    expect(differenceOf(await predicted(folded), await reference(model))).toBeLessThan(2e-6);
    if (name === 'behind the ReLU') expect(kinds(folded)).toContain('BatchNormalization');
    else {
      const plain = vgg(ARCH, { inputShape: SHAPE, classes: 5, hiddenUnits: [7] });
      expect(folded.layers.map(({ name }) => name)).toEqual(plain.layers.map(({ name }) => name));
      expect(kinds(folded)).toEqual(kinds(plain));
      expect(folded.weights.map(({ originalName }) => originalName)).toEqual(
        plain.weights.map(({ originalName }) => originalName),
      );
      plain.dispose();
    }
    expect(metadataOf(folded)).toEqual(metadataOf(model));
    folded.dispose();
    expect(memory().numTensors).toBe(before);
    expect(await Promise.all(model.getWeights().map((weight) => weight.data()))).toEqual(weights);
    model.dispose();
  });

  test('dense, depthwise and separable layers, scale and center left out; a branch and an activation stay', async () => {
    const image = input({ shape: [...SHAPE] });
    const norm = (x: SymbolicTensor, config = {}) =>
      layers.batchNormalization(config).apply(x) as SymbolicTensor;
    let x = layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, useBias: false }).apply(image);
    x = norm(x as SymbolicTensor);
    x = layers.separableConv2d({ filters: 5, kernelSize: 3, activation: 'linear' }).apply(x);
    x = norm(x as SymbolicTensor, { scale: false });
    x = layers.conv2d({ filters: 4, kernelSize: 1, activation: 'tanh' }).apply(x) as SymbolicTensor;
    x = norm(x);
    const branch = layers.conv2d({ filters: 4, kernelSize: 1 }).apply(x) as SymbolicTensor;
    x = layers.add().apply([norm(branch), branch]);
    x = layers.dense({ units: 5 }).apply(layers.flatten().apply(x));
    x = norm(x as SymbolicTensor, { center: false });
    const model = trained(tfjsModel({ inputs: image, outputs: x as SymbolicTensor }));
    const folded = foldNorms(model);
    expect(kinds(folded).filter((kind) => kind === 'BatchNormalization')).toHaveLength(2);
    expect(differenceOf(await predicted(folded), await predicted(model))).toBeLessThan(2e-6);
    model.dispose();
    folded.dispose();
  });
});

describe('equalize', () => {
  test.each([
    ['a VGG', () => build()],
    ['a VGG of badly scaled channels', () => badlyScaled(build())],
    ['a folded VGG-BN', () => foldNorms(build({ batchNorm: true }))],
  ])('%s computes the same, with channels of one range', async (_, make) => {
    const model = make();
    const before = memory().numTensors;
    const expected = await reference(model);
    const equalized = await equalize(model);
    expect(differenceOf(await predicted(equalized), expected)).toBeLessThan(2e-6);
    expect(differenceOf(await reference(equalized), expected)).toBeLessThan(5e-7);
    const withKernels = equalized.layers.filter(({ weights }) => weights.length > 0);
    for (const [i, { weights }] of withKernels.slice(0, -1).entries()) {
      const own = largest(weights[0]!, 'outputs');
      const next = largest(withKernels[i + 1]!.weights[0]!, own.length);
      for (const [channel, one] of own.entries())
        expect(one / next[channel]!, `${i}, ${channel}`).toBeCloseTo(1, 2);
    }
    equalized.dispose();
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test('mends what rounding does to badly scaled channels', async () => {
    const model = badlyScaled(build());
    const expected = await reference(model);
    const equalized = await equalize(model);
    const [plain, mended] = await Promise.all([quantized(model), quantized(equalized)]);
    const worst = differenceOf(await predicted(plain), expected);
    expect(worst).toBeGreaterThan(0.2);
    expect(differenceOf(await predicted(mended), expected)).toBeLessThan(worst / 10);
    for (const one of [model, equalized, plain, mended]) one.dispose();
  });

  test('scales stop at branches, outputs, other activations, layers that are used twice, and channels without weights', async () => {
    const image = input({ shape: [...SHAPE] });
    const conv = (name: string, activation?: 'tanh' | 'relu') =>
      layers.conv2d({ name, filters: 4, kernelSize: 1, activation, biasInitializer: 'glorotUniform' });
    const twice = conv('twice');
    let x = conv('beforeTanh', 'tanh').apply(image) as SymbolicTensor;
    const branch = conv('branch').apply(x) as SymbolicTensor;
    x = layers
      .add()
      .apply([branch, conv('beforeTwice', 'relu').apply(branch) as SymbolicTensor]) as SymbolicTensor;
    x = twice.apply(twice.apply(x)) as SymbolicTensor;
    const output = conv('output').apply(x) as SymbolicTensor;
    const dead = conv('dead');
    x = conv('last').apply(layers.leakyReLU().apply(dead.apply(output))) as SymbolicTensor;
    const model = trained(tfjsModel({ inputs: image, outputs: [output, x] }));
    write(
      dead.weights[0]!,
      Float32Array.of(...[0, 1, 2, 3], ...[0, 9, 8, 7], ...[0, -1, 1, 2], ...[0, 5, 1, 0]),
    );
    const before = memory().numTensors;
    const equalized = await equalize(model);
    const numbers = async (of: LayersModel, name: string) => [
      ...(await (of.getLayer(name).weights[0]!.read() as Tensor).data()),
    ];
    for (const { name } of model.layers.filter(({ weights }) => weights.length > 0)) {
      const same = !['dead', 'last'].includes(name);
      const expected = await numbers(model, name);
      if (same) expect(await numbers(equalized, name), name).toEqual(expected);
      else expect(await numbers(equalized, name), name).not.toEqual(expected);
    }
    expect((await numbers(equalized, 'last')).slice(0, 4)).toEqual(
      (await numbers(model, 'last')).slice(0, 4),
    );
    equalized.dispose();
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test('refuses a kernel that is not finite, and leaves nothing behind', async () => {
    const model = build();
    write(
      model.getLayer('block2_conv1').weights[0]!,
      new Float32Array(3 * 3 * 6 * 8).fill(Number.NaN, 9, 10),
    );
    const before = memory().numTensors;
    await expect(equalize(model)).rejects.toThrow(
      'equalize: block2_conv1/kernel has the number NaN; use a model whose weights are finite.',
    );
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });
});

describe('correctBiases', () => {
  const meansOf = (outputs: ArrayLike<number>) =>
    Array.from({ length: 5 }, (_, k) => {
      let sum = 0;
      for (let i = k; i < outputs.length; i += 5) sum += outputs[i]! / COUNT;
      return sum;
    });

  test.each(['uint8', 'float16'] as const)(
    'the outputs of a layer rounded to %s keep their mean',
    async (quantize) => {
      const image = input({ shape: [...SHAPE] });
      const flat = layers.flatten().apply(image);
      const output = layers.dense({ name: 'd', units: 5 }).apply(flat) as SymbolicTensor;
      const model = trained(tfjsModel({ inputs: image, outputs: output }));
      const before = memory().numTensors;
      const expected = meansOf(await predicted(model));
      const plain = await quantized(model, quantize);
      const done: number[] = [];
      const corrected = await correctBiases(model, imageSet(), {
        quantize,
        batchSize: 10,
        onProgress: (progress) => void done.push(progress.done),
      });
      const mended = await quantized(corrected, quantize);
      const shift = differenceOf(meansOf(await predicted(plain)), expected);
      expect(shift).toBeGreaterThan(quantize === 'uint8' ? 1e-4 : 1e-5);
      expect(differenceOf(meansOf(await predicted(mended)), expected)).toBeLessThan(shift / 20);
      expect(done).toEqual([10, 20, 24]);
      for (const one of [plain, corrected, mended]) one.dispose();
      expect(memory().numTensors).toBe(before);
      model.dispose();
    },
  );

  test('constraints of training do not clip the new numbers', async () => {
    const image = input({ shape: [...SHAPE] });
    const kernelConstraint = constraints.maxNorm({ maxValue: 0.01 });
    const conv = layers.conv2d({
      filters: 2,
      kernelSize: 3,
      kernelConstraint,
      biasConstraint: kernelConstraint,
    });
    const map = conv.apply(image) as SymbolicTensor;
    const y = layers.dense({ units: 5 }).apply(layers.flatten().apply(map));
    const model = tfjsModel({ inputs: image, outputs: y as SymbolicTensor });
    const exact = await predicted(model);
    const equalized = await equalize(model);
    expect(differenceOf(await predicted(equalized), exact)).toBeLessThan(2e-6);
    const corrected = await correctBiases(equalized, imageSet());
    const bias = corrected.layers[1]!.weights[1]!.read() as Tensor;
    expect(Math.hypot(...(await bias.data()))).toBeGreaterThan(0);
    for (const one of [equalized, corrected]) {
      expect(one.layers[1]!.getConfig()).toMatchObject({ kernelConstraint: null, biasConstraint: null });
    }
    expect(conv.getConfig().kernelConstraint).not.toBeNull();
    for (const one of [model, equalized, corrected]) one.dispose();
  });

  test('a network with all kinds of kernels keeps the mean of its outputs better', async () => {
    const model = badlyScaled(build());
    const expected = meansOf(await predicted(model));
    const plain = await quantized(model);
    const corrected = await correctBiases(model, imageSet());
    const mended = await quantized(corrected);
    const shift = differenceOf(meansOf(await predicted(plain)), expected);
    expect(differenceOf(meansOf(await predicted(mended)), expected)).toBeLessThan(shift / 2);
    for (const one of [model, plain, corrected, mended]) one.dispose();
  });

  test('a layer whose channels come first is corrected as one whose channels come last', async () => {
    const x = tidy(() => randomUniform([6, ...SHAPE], 0, 1, 'float32', 4));
    const biases: Float32Array[] = [];
    for (const dataFormat of ['channelsLast', 'channelsFirst'] as const) {
      const isFirst = dataFormat === 'channelsFirst';
      const images = transpose(x, isFirst ? [0, 3, 1, 2] : [0, 1, 2, 3]);
      const image = input({ shape: images.shape.slice(1) });
      const map = layers
        .conv2d({
          filters: 3,
          kernelSize: 2,
          dataFormat,
          kernelInitializer: initializers.glorotUniform({ seed: 1 }),
        })
        .apply(image) as SymbolicTensor;
      const model = trained(tfjsModel({ inputs: image, outputs: map }));
      const corrected = await correctBiases(model, images);
      biases.push(await corrected.getWeights()[1]!.data<'float32'>());
      for (const one of [model, corrected]) one.dispose();
      images.dispose();
    }
    x.dispose();
    expect(differenceOf(biases[1]!, biases[0]!)).toBeLessThan(1e-6);
  });

  test('what fails leaves nothing behind', async () => {
    const model = build();
    const before = memory().numTensors;
    const other = new ImageSet({
      images: new Uint8Array(16),
      labels: new Uint8Array(1),
      shape: [4, 4, 1],
      classNames: ['a'],
    });
    await expect(correctBiases(model, other)).rejects.toThrow(
      'correctBiases: the images are 4x4x1, but the model takes 8x8x2; prepare them at that size.',
    );
    const signal = AbortSignal.abort(new Error('enough'));
    const broken = fill([4, 8, 8, 2], Number.NaN);
    await expect(correctBiases(model, broken)).rejects.toThrow(
      'correctBiases: image 0 has the number NaN; pass images of finite numbers.',
    );
    broken.dispose();
    await expect(correctBiases(model, imageSet(), { signal })).rejects.toThrow('enough');
    await expect(
      correctBiases(model, imageSet(), {
        batchSize: 8,
        onProgress: () => {
          throw new Error('no room');
        },
      }),
    ).rejects.toThrow('no room');
    write(model.getLayer('fc1').weights[0]!, new Float32Array(4 * 8 * 7).fill(1e5));
    await expect(correctBiases(model, imageSet(), { quantize: 'float16' })).rejects.toThrow(
      'correctBiases: fc1/kernel has the number 100000, which float16 does not hold; choose another type.',
    );
    expect(memory().numTensors).toBe(before);
    // The layers compute as before.
    expect(Object.hasOwn(model.getLayer('fc1'), 'call')).toBe(false);
    model.dispose();
  });
});

/** The largest magnitude of each output channel, or each of a number of input channels. */
function largest(kernel: LayersModel['weights'][number], of: 'outputs' | number): number[] {
  const numbers = (kernel.read() as Tensor).dataSync();
  const out = kernel.shape.at(-1)!;
  const found = new Array<number>(of === 'outputs' ? out : of).fill(0);
  for (const [i, one] of numbers.entries()) {
    const channel = of === 'outputs' ? i % out : Math.floor(i / out) % of;
    found[channel] = Math.max(found[channel]!, Math.abs(one));
  }
  return found;
}

test.each<[string, () => layers.Layer]>([
  ['an LSTM', () => layers.lstm({ units: 3, recurrentInitializer: 'glorotUniform' })],
  ['a GRU', () => layers.gru({ units: 3, returnSequences: true, recurrentInitializer: 'glorotUniform' })],
  [
    'a bidirectional layer',
    () =>
      layers.bidirectional({
        layer: layers.lstm({ units: 3, recurrentInitializer: 'glorotUniform' }) as never,
      }),
  ],
  ['a layer for each time', () => layers.timeDistributed({ layer: layers.dense({ units: 3 }) })],
])('%s in a copy has weights of its own', async (_, make) => {
  const before = memory().numTensors;
  const x = input({ shape: [4, 5] });
  const model = tfjsModel({ inputs: x, outputs: make().apply(x) as SymbolicTensor });
  const copy = await equalize(model);
  const xs = tensor(
    Float32Array.from({ length: 20 }, (_, i) => i / 20),
    [1, 4, 5],
  );
  const predicted = (one: LayersModel) => [...tidy(() => (one.predict(xs) as Tensor).dataSync())];
  const expected = predicted(model);
  expect(predicted(copy)).toEqual(expected);
  copy.dispose();
  expect(predicted(model)).toEqual(expected);
  model.dispose();
  xs.dispose();
  expect(memory().numTensors).toBe(before);
});
