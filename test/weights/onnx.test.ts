import { dispose, memory, randomUniform, type Tensor, tensor, tidy, transpose } from '@tensorflow/tfjs-core';
import {
  type LayersModel,
  layers,
  model as modelOf,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-web';
import { beforeAll, describe, expect, test } from 'vitest';
import { PLAIN_PREPROCESSING } from '../../src/images/index.js';
import { scaleArch, VGG11, type VggOptions, vgg } from '../../src/index.js';
import { fromWeights, type OnnxOptions, setMetadata, toOnnx } from '../../src/weights/index.js';
import { ONNX_ACTIVATIONS } from '../../src/weights/writers/onnx/activations.js';
import { ONNX_LAYERS } from '../../src/weights/writers/onnx/layers.js';
import { useBackend } from '../support/backends.js';

beforeAll(() => useBackend('cpu'));

/** Draws all weights, so that no channel, bias or statistic equals another. */
function filled<T extends LayersModel>(model: T): T {
  const drawn = model.weights.map(({ name, shape }, i) => {
    const [low, high] = /variance/.test(name) ? [0.5, 2] : [-0.5, 0.5];
    return randomUniform(shape as number[], low, high, 'float32', 31 * i + 7);
  });
  model.setWeights(drawn);
  for (const one of drawn) one.dispose();
  return model;
}

/**
 * The largest difference between what the model computes and what onnxruntime does from its file, over all outputs, as a share of
 * an output's largest number.
 */
async function difference(model: LayersModel, shape: number[], options: OnnxOptions = {}): Promise<number> {
  const before = memory().numTensors;
  const session = await InferenceSession.create(await toOnnx(model, options));
  expect(memory().numTensors).toBe(before);
  const nchw = options.layout !== 'NHWC';
  const x = randomUniform(shape, -1, 1, 'float32', 5);
  const given = nchw && shape.length === 4 ? transpose(x, [0, 3, 1, 2]) : x;
  const image = new OnnxTensor('float32', (await given.data()) as Float32Array, given.shape);
  const results = await session.run({ image });
  const ours = [model.predict(x) as Tensor | Tensor[]].flat();
  expect(session.outputNames).toEqual(model.outputs.map(({ sourceLayer }) => sourceLayer.name));
  let largest = 0;
  for (const [i, name] of session.outputNames.entries()) {
    const { dims, data } = results[name]!;
    const theirs = tidy(() => {
      const value = tensor(data as Float32Array, [...dims]);
      return nchw && dims.length === 4 ? transpose(value, [0, 2, 3, 1]) : value;
    });
    expect(theirs.shape).toEqual(ours[i]!.shape);
    const [a, b] = [await ours[i]!.data(), await theirs.data()];
    const scale = Math.max(...a.map(Math.abs));
    expect(scale).toBeGreaterThan(0);
    for (const [k, value] of a.entries()) largest = Math.max(largest, Math.abs(value - b[k]!) / scale);
  }
  await session.release();
  model.dispose();
  return largest;
}

const TOLERANCE = 1e-5;

describe('networks of this library', () => {
  test.each<[string, VggOptions, number[]]>([
    ['plain', {}, [3, 32, 32, 3]],
    [
      'gray, of 32x64, with a softmax',
      { inputShape: [32, 64, 1], classifierActivation: 'softmax' },
      [2, 32, 64, 1],
    ],
    ['with batch normalization', { inputShape: [64, 64, 3], batchNorm: true }, [2, 64, 64, 3]],
    ['averaged from 9x8 to 7x7', { inputShape: [288, 256, 3], adaptivePool: true }, [1, 288, 256, 3]],
    ['averaged from 14x14 to 7x7', { inputShape: [448, 448, 1], adaptivePool: true }, [1, 448, 448, 1]],
    ['features for any size', { inputShape: [null, null, 3], includeTop: false }, [1, 48, 64, 3]],
    ['pooled features', { inputShape: [null, null, 3], includeTop: false, pooling: 'avg' }, [2, 40, 32, 3]],
    ['with a convolutional top', { inputShape: [256, 224, 3], convolutionalTop: true }, [1, 256, 224, 3]],
  ])('%s', async (_, options, shape) => {
    const build = () =>
      filled(vgg(scaleArch(VGG11, 32), { inputShape: [32, 32, 3], classes: 5, hiddenUnits: 6, ...options }));
    expect(await difference(build(), shape)).toBeLessThan(TOLERANCE);
    expect(await difference(build(), shape, { layout: 'NHWC' })).toBeLessThan(TOLERANCE);
  });

  test('float16 and int8 kernels, which are a half and a quarter of the bytes', async () => {
    const build = () =>
      filled(vgg(scaleArch(VGG11, 8), { inputShape: [32, 32, 3], classes: 5, hiddenUnits: 64 }));
    const sizes: number[] = [];
    for (const [dtype, tolerance] of [
      ['float32', TOLERANCE],
      ['float16', 2e-3],
      ['int8', 2e-2],
    ] as const) {
      const found = await difference(build(), [4, 32, 32, 3], { dtype });
      expect(found).toBeLessThan(tolerance);
      if (dtype !== 'float32') expect(found, 'it is rounded').toBeGreaterThan(1e-5);
      const model = build();
      sizes.push((await toOnnx(model, { dtype })).length);
      model.dispose();
    }
    expect(sizes[1]! / sizes[0]!).toBeCloseTo(0.5, 1);
    expect(sizes[2]! / sizes[0]!).toBeCloseTo(0.25, 1);
  });

  test('preprocessing and class names are in the metadata', async () => {
    const model = vgg([[1, 2]], { inputShape: [4, 4, 1], classes: 2, hiddenUnits: [] });
    setMetadata(model, { preprocessing: PLAIN_PREPROCESSING, classNames: ['cat', 'dog'] });
    const text = new TextDecoder().decode(await toOnnx(model));
    expect(text).toContain('vgg_blocks');
    expect(text).toContain('"classNames":["cat","dog"]');
    model.dispose();
  });
});

/** A model of layers in a row. */
const chain = (inputShape: (number | null)[], ...all: layers.Layer[]) => {
  const model = sequential();
  model.add(layers.inputLayer({ inputShape }));
  for (const layer of all) model.add(layer);
  return model;
};

/** Two convolutions of one input, and a layer that combines them. */
function merged(merge: layers.Layer): LayersModel {
  const x = layers.input({ shape: [6, 5, 2] });
  const branches = [3, 1].map(
    (kernelSize) => layers.conv2d({ filters: 3, kernelSize, padding: 'same' }).apply(x) as SymbolicTensor,
  );
  return modelOf({ inputs: x, outputs: merge.apply(branches) as SymbolicTensor });
}

const MAP: [number, number, number] = [7, 6, 4];
/** The layers by class, each in models with what may stand around it. */
const CASES: Record<string, (() => LayersModel)[]> = {
  Conv2D: [
    () => chain(MAP, layers.conv2d({ filters: 3, kernelSize: [3, 2], strides: 2, padding: 'same' })),
    () =>
      chain(
        MAP,
        layers.conv2d({ filters: 3, kernelSize: 2, dilationRate: 2, useBias: false, padding: 'same' }),
      ),
    () => chain([null, null, 4], layers.conv2d({ filters: 3, kernelSize: 3, strides: 2, padding: 'same' })),
    () =>
      chain(MAP, layers.conv2d({ filters: 3, kernelSize: 3, dataFormat: 'channelsFirst', padding: 'same' })),
  ],
  DepthwiseConv2D: [
    () => chain(MAP, layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, activation: 'relu' })),
  ],
  SeparableConv2D: [
    () =>
      chain(
        MAP,
        layers.separableConv2d({
          filters: 3,
          kernelSize: 3,
          strides: 2,
          padding: 'same',
          depthMultiplier: 2,
        }),
      ),
  ],
  Conv2DTranspose: [
    () => chain(MAP, layers.conv2dTranspose({ filters: 3, kernelSize: 3, strides: 2, padding: 'same' })),
    () => chain(MAP, layers.conv2dTranspose({ filters: 3, kernelSize: 2, strides: 3 })),
    () => chain(MAP, layers.conv2dTranspose({ filters: 3, kernelSize: [4, 3], strides: [1, 2] })),
  ],
  Dense: [
    () => chain(MAP, layers.dense({ units: 3 })),
    () =>
      chain(
        MAP,
        layers.permute({ dims: [3, 2, 1] }),
        layers.dense({ units: 3 }),
        layers.permute({ dims: [3, 2, 1] }),
      ),
    () => chain(MAP, layers.permute({ dims: [1, 3, 2] }), layers.dense({ units: 3, useBias: false })),
    () => chain([5, 4], layers.dense({ units: 3, activation: 'softmax' })),
    () => chain([9], layers.dense({ units: 3, activation: 'tanh' })),
  ],
  MaxPooling2D: [
    () => chain(MAP, layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' })),
    () => chain(MAP, layers.maxPooling2d({ poolSize: [2, 3], strides: [1, 2] })),
  ],
  AveragePooling2D: [() => chain(MAP, layers.averagePooling2d({ poolSize: 3, strides: 2, padding: 'same' }))],
  GlobalAveragePooling2D: [() => chain(MAP, layers.globalAveragePooling2d({}), layers.dense({ units: 2 }))],
  GlobalMaxPooling2D: [() => chain(MAP, layers.globalMaxPooling2d({ dataFormat: 'channelsLast' }))],
  BatchNormalization: [
    () => chain(MAP, layers.batchNormalization({ epsilon: 0.01 })),
    () => chain(MAP, layers.batchNormalization({ axis: 3, center: false, scale: false })),
    () => chain(MAP, layers.flatten(), layers.batchNormalization(), layers.dense({ units: 3 })),
    () => chain([5, 4], layers.batchNormalization()),
  ],
  LayerNormalization: [
    () => chain(MAP, layers.layerNormalization({ epsilon: 0.01 })),
    () => chain([9], layers.layerNormalization({ center: false, scale: false })),
  ],
  ZeroPadding2D: [
    () =>
      chain(
        MAP,
        layers.zeroPadding2d({
          padding: [
            [1, 2],
            [0, 3],
          ],
        }),
        layers.maxPooling2d({ poolSize: 2 }),
      ),
  ],
  Cropping2D: [
    () =>
      chain(
        MAP,
        layers.cropping2D({
          cropping: [
            [1, 2],
            [2, 0],
          ],
        }),
      ),
  ],
  UpSampling2D: [
    () => chain(MAP, layers.upSampling2d({ size: [2, 3] })),
    () => chain(MAP, layers.upSampling2d({ size: [2, 2], interpolation: 'bilinear' })),
  ],
  ReLU: [() => chain(MAP, layers.reLU({ maxValue: 0.5 })), () => chain(MAP, layers.reLU())],
  LeakyReLU: [() => chain(MAP, layers.leakyReLU({ alpha: 0.2 }))],
  ELU: [() => chain(MAP, layers.elu())],
  ThresholdedReLU: [() => chain(MAP, layers.thresholdedReLU({ theta: 0.3 }))],
  PReLU: [() => chain(MAP, layers.prelu({ sharedAxes: [1, 2] })), () => chain(MAP, layers.prelu())],
  Softmax: [
    () => chain(MAP, layers.softmax({ axis: -1 })),
    () => chain(MAP, layers.flatten(), layers.softmax()),
  ],
  Activation: ONNX_ACTIVATIONS.map(
    (activation) => () => chain(MAP, layers.activation({ activation: activation as 'relu' })),
  ),
  Rescaling: [() => chain(MAP, layers.rescaling({ scale: 0.5, offset: -1 }))],
  Flatten: [
    () => chain(MAP, layers.flatten()),
    () => chain(MAP, layers.flatten({ dataFormat: 'channelsFirst' }), layers.dense({ units: 3 })),
    () =>
      chain(
        MAP,
        layers.flatten(),
        layers.leakyReLU(),
        layers.dropout({ rate: 0.5 }),
        layers.dense({ units: 3 }),
      ),
    () => chain([5, 4], layers.flatten(), layers.dense({ units: 3 })),
  ],
  Reshape: [
    () => chain(MAP, layers.reshape({ targetShape: [6, 28] }), layers.dense({ units: 3 })),
    () =>
      chain(
        MAP,
        layers.flatten(),
        layers.reshape({ targetShape: [2, 3, 28] }),
        layers.conv2d({ filters: 2, kernelSize: 1 }),
      ),
  ],
  Permute: [
    () => chain(MAP, layers.permute({ dims: [3, 1, 2] }), layers.flatten(), layers.dense({ units: 3 })),
    () => chain(MAP, layers.permute({ dims: [2, 1, 3] }), layers.conv2d({ filters: 2, kernelSize: [3, 1] })),
  ],
  RepeatVector: [() => chain([4], layers.repeatVector({ n: 3 }))],
  Add: [() => merged(layers.add())],
  Multiply: [() => merged(layers.multiply())],
  Average: [() => merged(layers.average())],
  Maximum: [() => merged(layers.maximum())],
  Minimum: [() => merged(layers.minimum())],
  Concatenate: [() => merged(layers.concatenate()), () => merged(layers.concatenate({ axis: 1 }))],
  Dropout: [() => chain(MAP, layers.dropout({ rate: 0.5 }))],
  SpatialDropout1D: [() => chain([5, 4], layers.spatialDropout1d({ rate: 0.5 }))],
  GaussianNoise: [() => chain(MAP, layers.gaussianNoise({ stddev: 1 }))],
  GaussianDropout: [() => chain(MAP, layers.gaussianDropout({ rate: 0.5 }))],
  AlphaDropout: [() => chain(MAP, layers.alphaDropout({ rate: 0.5 }))],
};

describe('layers', () => {
  test.each(Object.keys(ONNX_LAYERS))('%s', async (className) => {
    for (const build of CASES[className]!) {
      for (const layout of ['NCHW', 'NHWC'] as const) {
        const model = filled(build());
        const shape = model.inputs[0]!.shape.map((length, i) => length ?? (i === 0 ? 2 : 7));
        expect(await difference(model, shape, { layout }), layout).toBeLessThan(TOLERANCE);
      }
    }
  });

  test('a layer that is used twice, models within a model, and several outputs', async () => {
    const shared = layers.conv2d({
      filters: 4,
      kernelSize: 3,
      padding: 'same',
      activation: 'relu',
      name: 'shared',
    });
    const inner = chain(
      MAP,
      layers.conv2d({ filters: 4, kernelSize: 1 }),
      layers.maxPooling2d({ poolSize: 2 }),
    );
    const x = layers.input({ shape: MAP });
    const twice = shared.apply(shared.apply(x)) as SymbolicTensor;
    const pooled = inner.apply(twice) as SymbolicTensor;
    const logits = layers.dense({ units: 3, name: 'logits' }).apply(layers.flatten().apply(pooled));
    const model = filled(modelOf({ inputs: x, outputs: [twice, logits as SymbolicTensor] }));
    expect(await difference(model, [2, ...MAP])).toBeLessThan(TOLERANCE);
  });

  test('outputs that are one tensor in ONNX, as before and behind dropout, which comes back', async () => {
    const x = layers.input({ shape: MAP });
    const map = layers.conv2d({ filters: 4, kernelSize: 3 }).apply(x) as SymbolicTensor;
    const dropped = layers.dropout({ rate: 0.5 }).apply(map) as SymbolicTensor;
    const rest = layers.conv2d({ filters: 2, kernelSize: 3 }).apply(dropped) as SymbolicTensor;
    const build = () => modelOf({ inputs: x, outputs: [map, dropped, rest] });
    const { model: back } = await fromWeights(await toOnnx(filled(build())));
    expect(back.outputs.map(({ shape }) => shape)).toEqual([map, dropped, rest].map(({ shape }) => shape));
    const [first, second] = tidy(
      () => back.predict(randomUniform([2, ...MAP], -1, 1, 'float32', 5)) as Tensor[],
    );
    expect(await first!.data()).toEqual(await second!.data());
    dispose([first!, second!]);
    back.dispose();
    expect(await difference(build(), [2, ...MAP])).toBeLessThan(TOLERANCE);
  });

  test('an axis from the end other than the last is refused, which tfjs takes as the last', async () => {
    const model = merged(layers.concatenate({ axis: -2 }));
    await expect(toOnnx(model)).rejects.toThrow('has the axis -2, which TensorFlow.js takes as -1; pass 2.');
    model.dispose();
  });

  test('nothing is transposed in a VGG with channels first', async () => {
    const model = vgg(
      [
        [1, 2],
        [1, 3],
      ],
      { inputShape: [36, 40, 3], classes: 3, hiddenUnits: 4, adaptivePool: true },
    );
    const count = async (options: OnnxOptions) =>
      (new TextDecoder('latin1').decode(await toOnnx(model, options)).match(/\/Transpose/g) ?? []).length;
    expect(await count({})).toBe(0);
    expect(await count({ layout: 'NHWC' })).toBeGreaterThan(0);
    model.dispose();
  });
});
