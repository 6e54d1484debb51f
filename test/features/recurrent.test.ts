import {
  memory,
  mul,
  ones,
  slice,
  type Tensor,
  type Tensor4D,
  tensor,
  tensor4d,
  tidy,
} from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  model as modelOf,
  type SymbolicTensor,
} from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { compress, foldNorms } from '../../src/compress/index.js';
import { ImageSet } from '../../src/data/index.js';
import { explain, featureExtractor, perceptualLoss, saliency, splitModel } from '../../src/features/index.js';
import { classify } from '../../src/imagenet/index.js';
import { PLAIN_PREPROCESSING } from '../../src/images/index.js';
import { evaluate, train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noise } from '../support/bytes.js';

beforeAll(() => useAnyBackend());

const SHAPE: [number, number, number] = [4, 4, 3];
const CLASSES = ['a', 'b', 'c'];
const image = { data: noise(48, 1), width: 4, height: 4 };
const preprocessing = { ...PLAIN_PREPROCESSING, crop: 4, resize: { shorterSide: 4 } };
const images = () =>
  tensor4d(
    Float32Array.from(noise(96, 1), (byte) => byte / 255),
    [2, ...SHAPE],
  );
const examples = () =>
  new ImageSet({
    images: noise(8 * 48, 2),
    labels: Uint8Array.from({ length: 8 }, (_, i) => i % 3),
    shape: SHAPE,
    classNames: CLASSES,
  });

type Given = SymbolicTensor | SymbolicTensor[];
const apply = (layer: layers.Layer, x: Given, options?: object) =>
  layer.apply(x, options) as SymbolicTensor & SymbolicTensor[];
const chain = (...all: layers.Layer[]): LayersModel => {
  const x = input({ shape: SHAPE });
  return modelOf({ inputs: x, outputs: all.reduce<SymbolicTensor>((y, layer) => apply(layer, y), x) });
};
const conv = () =>
  layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same', activation: 'relu', name: 'conv' });
const rows = () => layers.reshape({ targetShape: [4, 12], name: 'rows' });
const logits = () => layers.dense({ units: 3, name: 'logits' });
const recurrent = { units: 4, recurrentInitializer: 'glorotUniform' } as const;
/** A layer for each row or time. tfjs's types want their own class, which it does not export. */
const each = (layer: unknown) => layers.timeDistributed({ layer: layer as layers.Layer, name: 'each' });

const numbersOf = (tensor: Tensor) => tensor.data().finally(() => tensor.dispose());
const predicted = async (model: LayersModel) => {
  const x = images();
  return numbersOf(model.predict(x) as Tensor).finally(() => x.dispose());
};

describe('a model within a wrapper', () => {
  const network = () => {
    const x = input({ shape: [4, 3] });
    const inner = modelOf({
      inputs: x,
      outputs: apply(layers.dense({ units: 5 }), apply(layers.batchNormalization(), x)),
    });
    return chain(conv(), each(inner), layers.flatten(), logits());
  };

  test.each<[string, (model: LayersModel) => Promise<LayersModel>]>([
    ['foldNorms', async (model) => foldNorms(model)],
    ['compress', async (model) => (await compress(model, { ranks: { logits: 2 } })).model],
  ])('%s copies it, and leaves the original as it was', async (name, copyOf) => {
    const model = network();
    const before = await predicted(model);
    const held = memory().numTensors;
    const copy = await copyOf(model);
    if (name === 'foldNorms') expect(await predicted(copy)).toEqual(before);
    copy.weights.forEach((weight) => {
      const changed = ones(weight.shape as number[]);
      weight.write(changed);
      changed.dispose();
    });
    copy.dispose();
    expect(memory().numTensors).toBe(held);
    expect(await predicted(model)).toEqual(before);
    model.dispose();
  });
});

describe('dropout that layers have within', () => {
  const NETWORKS: Record<string, () => LayersModel> = {
    'a wrapper': () => chain(conv(), each(layers.dropout({ rate: 0.5 })), layers.flatten(), logits()),
    'a recurrent layer': () =>
      chain(conv(), rows(), layers.lstm({ ...recurrent, dropout: 0.5, recurrentDropout: 0.5 }), logits()),
    'both directions': () => {
      const layer = layers.gru({ ...recurrent, dropout: 0.5 }) as never;
      return chain(conv(), rows(), layers.bidirectional({ layer }), logits());
    },
  };

  test.each(Object.entries(NETWORKS))(
    '%s draws it from the seed, also in parts, and again at each step',
    async (_, build) => {
      const all = [build(), build(), build(), build()];
      const started = memory().numTensors;
      const runs = [{}, {}, { microBatchSize: 1 }, { seed: 2 }];
      const ends = await Promise.all(
        all.map(async (model) => {
          model.setWeights(all[0]!.getWeights());
          return model;
        }),
      ).then(async (models) => {
        const found: number[][] = [];
        for (const [i, model] of models.entries()) {
          const options = { epochs: 2, batchSize: 4, optimizer: 'sgd', learningRate: 0.1 } as const;
          await train(model, { trainSet: examples() }, { ...options, seed: 1, ...runs[i] });
          const weights = await Promise.all(model.getWeights().map((one) => one.data()));
          found.push(weights.flatMap((one) => [...one]));
        }
        return found;
      });
      const [first, again, parts, other] = ends as [number[], number[], number[], number[]];
      expect(again).toEqual(first);
      for (const [i, value] of parts.entries()) expect(value).toBeCloseTo(first[i]!, 4);
      expect(other).not.toEqual(first);
      // No mask of the steps is left, neither as a tensor nor for what is computed afterwards.
      expect(memory().numTensors).toBe(started);
      await evaluate(all[0]!, examples());
      for (const model of all) model.dispose();
    },
  );
});

test('cells that keep their dropout are refused', async () => {
  const cell = (options: object) => layers.lstmCell({ ...recurrent, ...options });
  const of = (options: object) =>
    chain(conv(), rows(), layers.rnn({ cell: [cell({}), cell(options)] as never, name: 'cells' }), logits());
  const model = of({ recurrentDropout: 0.5 });
  const before = memory().numTensors;
  const said =
    'the layer cells uses the dropout of the first batch for all others, which TensorFlow.js keeps in its cells; build it of lstm, gru or simpleRNN layers, or without dropout.';
  await expect(evaluate(model, examples())).rejects.toThrow(`evaluate: ${said}`);
  await expect(train(model, { trainSet: examples() })).rejects.toThrow(`train: ${said}`);
  expect(() => featureExtractor(model, 'cells')).toThrow(`featureExtractor: ${said}`);
  expect(memory().numTensors).toBe(before);
  model.dispose();
  const plain = of({});
  expect((await evaluate(plain, examples(), { batchSize: 3 })).examples).toBe(8);
  plain.dispose();
});

describe('recurrent layers in a graph', () => {
  /** An encoder, whose states a decoder begins with. */
  const decoder = () => {
    const x = input({ shape: SHAPE });
    const steps = apply(rows(), apply(conv(), x));
    const [, h, c] = apply(layers.lstm({ ...recurrent, returnState: true, name: 'encoder' }), steps);
    const initialState = [h!, c!];
    const decoded = apply(layers.lstm({ ...recurrent, name: 'decoder' }), steps, { initialState });
    return modelOf({ inputs: x, outputs: apply(logits(), decoded) });
  };

  test('initial states are inputs of their layer', async () => {
    const model = decoder();
    const [wanted, x] = [await predicted(model), images()];
    const before = memory().numTensors;
    expect(await numbersOf(featureExtractor(model, 'logits').predict(x) as Tensor)).toEqual(wanted);
    const { lower, upper } = splitModel(model, 'rows');
    expect(await numbersOf(tidy(() => upper.predict(lower.predict(x) as Tensor) as Tensor))).toEqual(wanted);
    const { values } = await explain(model, image, { method: 'occlusion', preprocessing, window: 2 });
    expect(Math.max(...values)).toBeGreaterThan(0);
    await train(model, { trainSet: examples() }, { epochs: 1, batchSize: 4 });
    expect(memory().numTensors).toBe(before);
    expect(await predicted(model)).not.toEqual(wanted);
    model.dispose();
    x.dispose();
  });

  test('masks reach the layers behind them, as in tfjs', async () => {
    const end = layers.lstm({ ...recurrent, name: 'end' });
    const steps = layers.gru({ ...recurrent, returnSequences: true });
    const model = chain(rows(), layers.masking({ maskValue: 0 }), layers.dense({ units: 5 }), steps, end);
    // The second image has two rows of zeros, which are left out.
    const rowsKept = tensor([1, 1, 1, 1, 1, 0, 1, 0], [2, 4, 1, 1]);
    const x = tidy(() => mul(images(), rowsKept) as Tensor4D);
    const before = memory().numTensors;
    const loss = perceptualLoss(model, ['end']);
    const [one, other, distance] = tidy(() => {
      const all = [0, 1].map((i) => slice(x, i, 1) as Tensor4D);
      return [...all.map((image) => model.predict(image) as Tensor), loss(all[0]!, all[1]!)];
    });
    const [a, b] = [await numbersOf(one!), await numbersOf(other!)];
    const wanted = [...a].reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length;
    expect((await numbersOf(distance!))[0]).toBeCloseTo(wanted, 6);
    expect(memory().numTensors).toBe(before);
    for (const tensor of [model, x, rowsKept]) tensor.dispose();
  });

  test('a model is not split where the layers above read several outputs', () => {
    const x = input({ shape: SHAPE });
    const all = apply(
      layers.simpleRNN({ ...recurrent, returnState: true, name: 'states' }),
      apply(rows(), x),
    );
    const model = modelOf({ inputs: x, outputs: apply(logits(), apply(layers.concatenate(), [...all])) });
    const before = memory().numTensors;
    expect(() => splitModel(model, 'states')).toThrow(
      'splitModel: the layers above states read several of its outputs, and features are one; split at a layer with one output.',
    );
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test.each<[string, () => LayersModel, string]>([
    [
      'a softmax in a wrapper',
      () =>
        chain(
          layers.reshape({ targetShape: [1, 48] }),
          each(layers.dense({ units: 3, activation: 'softmax' })),
          layers.flatten(),
        ),
      "the model's output is combined of probabilities, those of each, and is neither logits nor their softmax",
    ],
    [
      'a model that ends in one, in a wrapper',
      () => {
        const x = input({ shape: [48] });
        const inner = modelOf({ inputs: x, outputs: apply(layers.softmax(), apply(logits(), x)) });
        return chain(layers.reshape({ targetShape: [1, 48] }), each(inner), layers.flatten());
      },
      "the model's output is combined of probabilities, those of each, and is neither logits nor their softmax",
    ],
    [
      'the softmax of a gated layer',
      () => chain(rows(), layers.lstm({ ...recurrent, units: 3, activation: 'softmax', name: 'end' })),
      'the model ends in a LSTM (layer end), so that its outputs are neither logits nor probabilities',
    ],
  ])('%s is no classifier', async (_, build, fault) => {
    const model = build();
    const before = memory().numTensors;
    await expect(classify(model, image, { preprocessing, labels: CLASSES })).rejects.toThrow(
      `classify: ${fault}`,
    );
    await expect(saliency(model, image, { preprocessing })).rejects.toThrow(`saliency: ${fault}`);
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });
});

describe('gradients that tfjs computes otherwise', () => {
  test('pass a sequence of one step', async () => {
    const one = layers.reshape({ targetShape: [1, 48] });
    const [plain, wrapped] = [
      chain(conv(), layers.flatten(), layers.dense({ units: 4 }), logits()),
      chain(conv(), one, each(layers.dense({ units: 4 })), layers.flatten(), logits()),
    ];
    wrapped.setWeights(plain.getWeights());
    const before = memory().numTensors;
    const [map, wanted] = [
      await saliency(wrapped, image, { preprocessing }),
      await saliency(plain, image, { preprocessing }),
    ];
    expect(Math.max(...wanted.values)).toBeGreaterThan(0);
    for (const [i, value] of map.values.entries()) expect(value).toBeCloseTo(wanted.values[i]!, 5);
    for (const model of [plain, wrapped])
      await train(model, { trainSet: examples() }, { epochs: 1, batchSize: 4, optimizer: 'sgd' });
    expect(memory().numTensors).toBe(before);
    const [after, trained] = [await predicted(wrapped), await predicted(plain)];
    for (const [i, value] of after.entries()) expect(value).toBeCloseTo(trained[i]!, 4);
    plain.dispose();
    wrapped.dispose();
  });
});
