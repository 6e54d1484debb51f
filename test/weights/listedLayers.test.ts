import { memory, softmax, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import { bytesOf, contentOf } from '../../src/weights/formats/content.js';
import { hdf5Of, type NewDataset, type NewGroup } from '../../src/weights/formats/hdf5/write.js';
import { encodeTensors, type FromWeightsOptions, fromWeights, loadWeights } from '../../src/weights/index.js';
import { useBackend } from '../support/backends.js';
import { relativeError } from './files.js';

/** Keras' files of weights list layers without weights too, which say what names and shapes do not. */

beforeAll(() => useBackend('cpu'));

let drawn = 0;
const numbers = (shape: readonly number[]) =>
  Float32Array.from({ length: size(shape) }, () => 0.6 + 0.4 * Math.sin(++drawn));
function dataset(shape: number[]): NewDataset {
  return { shape, content: contentOf(new Uint8Array(numbers(shape).buffer)) };
}

type Shapes = Record<string, number[]>;
const conv = (inputs: number, filters: number): Shapes => ({
  kernel: [3, 3, inputs, filters],
  bias: [filters],
});
const dense = (inputs: number, units: number): Shapes => ({ kernel: [inputs, units], bias: [units] });
const norm = (n: number): Shapes => ({ gamma: [n], beta: [n], moving_mean: [n], moving_variance: [n] });

/** What `save_weights` of Keras 2 writes: all layers in their order. */
function ordered(list: Record<string, Shapes>): Promise<Uint8Array> {
  drawn = 0;
  const children = Object.entries(list).map(([name, shapes]): [string, NewGroup] => [
    name,
    {
      attributes: { weight_names: Object.keys(shapes).map((one) => `${one}:0`) },
      children: Object.fromEntries(
        Object.entries(shapes).map(([one, shape]) => [`${one}:0`, dataset(shape)]),
      ),
    },
  ]);
  const attributes = { layer_names: Object.keys(list) };
  return bytesOf(hdf5Of({ attributes, children: Object.fromEntries(children) }));
}

/** What `save_weights` of Keras 3 writes: layers by their classes' names and numbers, in no order. */
function numbered(list: Record<string, Shapes>): Promise<Uint8Array> {
  drawn = 0;
  const group = (children: NewGroup['children']): NewGroup => ({ attributes: {}, children });
  const children = Object.entries(list).map(([name, shapes]): [string, NewGroup] => {
    const variables = Object.values(shapes).map((shape, i): [string, NewDataset] => [`${i}`, dataset(shape)]);
    return [name, group({ vars: group(Object.fromEntries(variables)) })];
  });
  return bytesOf(hdf5Of(group({ layers: group(Object.fromEntries(children)) })));
}

async function outputs(model: LayersModel, side: number): Promise<Float32Array> {
  const y = tidy(() => {
    const values = Array.from({ length: side * side * 3 }, (_, i) => Math.sin(i));
    return model.predict(tensor(values, [1, side, side, 3])) as Tensor;
  });
  const values = await y.data<'float32'>();
  y.dispose();
  return values;
}

const NET = { conv2d: conv(3, 4), max_pooling2d: {}, flatten: {}, dense: dense(16, 5) };

describe('an ordered list', () => {
  test('a softmax layer at the end gives probabilities', async () => {
    const before = memory().numTensors;
    const { model } = await fromWeights(await ordered(NET));
    const { model: ended } = await fromWeights(await ordered({ ...NET, softmax: {} }));
    const logits = await outputs(model, 4);
    const expected = tidy(() => softmax(tensor(logits)).dataSync<'float32'>());
    expect(relativeError(await outputs(ended, 4), expected)).toBeLessThan(1e-6);
    model.dispose();
    ended.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test.each<[string, Record<string, Shapes>, FromWeightsOptions, RegExp]>([
    ['an activation at the end', { ...NET, activation: {} }, {}, /classifierActivation/],
    [
      'a dense layer on a feature map',
      { conv2d: conv(3, 4), max_pooling2d: {}, dense: dense(4, 5) },
      { padding: 'same' },
      /takes a feature map/,
    ],
    [
      'no pooling, whatever arch says',
      { conv2d: conv(3, 4), conv2d_1: conv(4, 4), flatten: {}, dense: dense(16, 5) },
      {
        arch: [
          [1, 4],
          [1, 4],
        ],
      },
      /has a pooling after conv2d/,
    ],
  ])('%s is refused', async (_what, list, options, why) => {
    const before = memory().numTensors;
    await expect(fromWeights(await ordered(list), options)).rejects.toThrow(why);
    expect(memory().numTensors).toBe(before);
  });
});

describe('loadWeights', () => {
  test("pairs Keras 3's layers by class and number, batch normalization in the head included", async () => {
    const list = {
      conv2d: conv(3, 4),
      dense: dense(16, 6),
      batch_normalization: norm(6),
      dense_1: dense(6, 5),
    };
    const build = () =>
      sequential({
        layers: [
          layers.conv2d({ inputShape: [4, 4, 3], filters: 4, kernelSize: 3, padding: 'same' }),
          layers.maxPooling2d({ poolSize: 2 }),
          layers.flatten(),
          layers.dense({ units: 6 }),
          layers.batchNormalization({ epsilon: 1e-3 }),
          layers.dense({ units: 5 }),
        ],
      });
    const file = await numbered(list);
    const [model, expected] = [build(), build()];
    drawn = 0;
    const values = Object.values(list).flatMap((shapes) =>
      Object.values(shapes).map((shape) => tensor(numbers(shape), shape)),
    );
    // tfjs lists the weights that are trained first.
    const order = [0, 1, 2, 3, 4, 5, 8, 9, 6, 7];
    expected.setWeights(order.map((i) => values[i]!));
    for (const value of values) value.dispose();
    const report = await loadWeights(model, file);
    expect(report.leftOver).toEqual([]);
    expect(relativeError(await outputs(model, 4), await outputs(expected, 4))).toBeLessThan(1e-6);
    model.dispose();
    expected.dispose();
  });

  test("takes PyTorch's slopes of PReLU", async () => {
    const data = (shape: number[]) => ({ shape, data: numbers(shape) });
    const slopes = data([4]);
    const file = encodeTensors({
      '0.weight': data([4, 3, 3, 3]),
      '0.bias': data([4]),
      '1.weight': slopes,
      '4.weight': data([5, 16]),
      '4.bias': data([5]),
    });
    const prelu = layers.prelu({ sharedAxes: [1, 2] });
    const model = sequential({
      layers: [
        layers.conv2d({ inputShape: [4, 4, 3], filters: 4, kernelSize: 3, padding: 'same' }),
        prelu,
        layers.maxPooling2d({ poolSize: 2 }),
        layers.flatten(),
        layers.dense({ units: 5 }),
      ],
    });
    await loadWeights(model, file);
    expect(await prelu.getWeights()[0]!.data()).toEqual(slopes.data);
    model.dispose();
  });
});
