import {
  grad,
  memory,
  ones,
  type Tensor,
  type Tensor4D,
  tensor,
  tensor4d,
  tidy,
} from '@tensorflow/tfjs-core';
import { input, layers, model as modelOf, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { perceptualLoss, saliency } from '../../src/features/index.js';
import { train } from '../../src/train/index.js';
import { backends, useBackend } from '../support/backends.js';

const CLASSES = ['a', 'b', 'c'];
const numbersOf = (tensor: Tensor) => tensor.data().finally(() => tensor.dispose());

/** An image with equal largest numbers. */
const VALUES = [1, 0, 2, 3, 0, 2, 3, 0, 1, 3, 0, 2];
const pooled = (...before: layers.Layer[]) => {
  const x = input({ shape: [2, 2, 3] });
  const all = [...before, layers.globalMaxPooling2d({ name: 'pool' })];
  return { x, y: all.reduce<SymbolicTensor>((y, layer) => layer.apply(y) as SymbolicTensor, x) };
};

describe.each(backends)('the gradient of global max pooling on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  // What PyTorch 2.13 computes with x.amax((1, 2)), whose gradient TensorFlow's reduce_max has as well.
  test("is shared by a map's equal largest numbers, as in PyTorch and TensorFlow", async () => {
    const image = tensor4d(VALUES, [1, 2, 2, 3]);
    const before = memory().numTensors;

    const { x, y } = pooled();
    const sum = layers.dense({ units: 2, name: 'logits' });
    const explained = modelOf({ inputs: x, outputs: sum.apply(y) as SymbolicTensor });
    const weights = [tensor([0, 1, 0, 2, 0, 3], [3, 2]), tensor([0, 0])];
    explained.setWeights(weights);
    const { values } = await saliency(explained, image, { classIndex: 1 });
    expect([...values].map((value) => value / values[0]!)).toEqual([1, 1, 0.5, 1]);

    const loss = perceptualLoss(explained, ['pool']);
    const target = ones([1, 2, 2, 3]) as Tensor4D;
    const slope = await numbersOf(tidy(() => grad((x: Tensor) => loss(x as Tensor4D, target))(image)));
    const third = 4 / 9;
    const wanted = [0, -1 / 6, 2 / 9, third, -1 / 6, 2 / 9, third, -1 / 6, 0, third, -1 / 6, 2 / 9];
    for (const [i, value] of slope.entries()) expect(value).toBeCloseTo(wanted[i]!, 5);
    for (const one of [target, explained, ...weights]) one.dispose();
    expect(memory().numTensors).toBe(before);
    image.dispose();
  });

  test('trains as in PyTorch', async () => {
    const { x, y } = pooled(layers.conv2d({ filters: 3, kernelSize: 1, useBias: false, name: 'conv' }));
    const model = modelOf({ inputs: x, outputs: y });
    const eye = tensor([1, 0, 0, 0, 1, 0, 0, 0, 1], [1, 1, 3, 3]);
    model.setWeights([eye]);
    const trainSet = {
      ...{ length: 1, shape: [2, 2, 3], classNames: CLASSES },
      *batches() {
        yield { xs: tensor4d(VALUES, [1, 2, 2, 3]), ys: tensor([1], [1], 'int32') as never };
      },
    };
    await train(model, { trainSet }, { epochs: 1, batchSize: 1, optimizer: 'sgd', learningRate: 1 });
    const after = await (model.getWeights()[0] as Tensor).data();
    const GRADIENT = [2.1161537, -2.4122024, 0.6054918, 0, 0, 0, 1.1756409, -1.6885417, 0.518993];
    for (const [i, value] of after.entries())
      expect([1, 0, 0, 0, 1, 0, 0, 0, 1][i]! - value).toBeCloseTo(GRADIENT[i]!, 5);
    eye.dispose();
    model.dispose();
  });
});
