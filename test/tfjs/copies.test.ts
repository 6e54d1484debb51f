import { createRequire } from 'node:module';
import { memory, ones, type Tensor4D, tensor1d } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { agreement, compress, correctBiases, equalize, foldNorms } from '../../src/compress/index.js';
import { featureExtractor, gradCam, splitModel, transferHead } from '../../src/features/index.js';
import { fullyConvolutional } from '../../src/index.js';
import { diagnose, evaluate, throughput, train } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';

/** A copy of tfjs's layers, as an app has it that loads them in two formats or versions. */
function secondCopy(): typeof import('@tensorflow/tfjs-layers') {
  const require = createRequire(import.meta.url);
  const path = require.resolve('@tensorflow/tfjs-layers');
  const { [path]: first } = require.cache;
  delete require.cache[path];
  const copy = require(path);
  if (first) require.cache[path] = first;
  return copy;
}

let model: ReturnType<typeof build>;
beforeAll(async () => {
  await useAnyBackend();
  model = build();
});

function build() {
  const { layers, sequential } = secondCopy();
  return sequential({
    layers: [
      layers.conv2d({ filters: 2, kernelSize: 3, activation: 'relu', inputShape: [6, 6, 3], name: 'copied' }),
      layers.flatten(),
      layers.dense({ units: 2, name: 'copied_top' }),
    ],
  });
}

const set = {
  ...{ length: 2, shape: [6, 6, 3] },
  *batches() {
    yield { xs: ones([2, 6, 6, 3]), ys: tensor1d([0, 1], 'int32') };
  },
};

const BUILDING: Record<string, () => unknown> = {
  compress: () => compress(model, { maxError: 0.5 }),
  correctBiases: () => correctBiases(model, set),
  diagnose: () => diagnose(model, set),
  equalize: () => equalize(model),
  featureExtractor: () => featureExtractor(model, 'copied'),
  foldNorms: () => foldNorms(model),
  fullyConvolutional: () => fullyConvolutional(model),
  splitModel: () => splitModel(model, 'copied'),
  throughput: () => throughput(model, { mode: 'training', seconds: 0 }),
  train: () => train(model, { trainSet: set }, { epochs: 1 }),
  transferHead: () => transferHead(model, { classes: 2 }),
};

test.each(Object.entries(BUILDING))(
  '%s, which builds on a model, refuses one of another copy',
  async (name, call) => {
    const before = memory().numTensors;
    await expect((async () => call())()).rejects.toThrow(
      `${name}: the layer copied is of another copy of @tensorflow/tfjs-layers than the one that vgg-blocks imports; load one copy alone, and build the model with it.`,
    );
    expect(memory().numTensors).toBe(before);
  },
);

test('what only runs a model takes one of another copy', async () => {
  expect((await evaluate(model, set)).examples).toBe(2);
  expect((await agreement(model, model, set)).top1).toBe(1);
  const image = ones([1, 6, 6, 3]) as Tensor4D;
  expect((await gradCam(model, image)).width).toBe(4);
  image.dispose();
});
