import '@tensorflow/tfjs-backend-wasm';
import {
  dispose,
  losses,
  memory,
  oneHot,
  train as optimizers,
  type Scalar,
  setBackend,
  type Tensor,
  tensor1d,
} from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { random, wasm } from './compare.js';

beforeAll(async () => {
  installWasmKernels();
  await setBackend('wasm');
});
afterAll(() => installWasmKernels()());

test.each([false, true])('300 steps take no more memory than a few do, batchNorm %s', async (batchNorm) => {
  const model = vgg(
    [
      [1, 8],
      [1, 16],
    ],
    { inputShape: [16, 16, 1], hiddenUnits: 32, batchNorm, dropout: 0 },
  );
  const optimizer = optimizers.adam(1e-3);
  model.compile({
    optimizer,
    loss: (y: Tensor, logits: Tensor) => losses.softmaxCrossEntropy(y, logits) as Scalar,
  });
  const [x, classes] = [random([12, 16, 16, 1], 1), tensor1d([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1], 'int32')];
  const y = oneHot(classes, 10);
  const step = async () => (await model.trainOnBatch(x, y)) as number;
  const held = () => [memory().numTensors, wasm().numDataIds(), wasm().wasm.HEAPU8.length];
  const first = await step();
  for (let i = 0; i < 20; i++) await step();
  const before = held();
  let last = 0;
  for (let i = 0; i < 300; i++) last = await step();
  expect(held()).toEqual(before);
  expect(last).toBeLessThan(first / 2);
  dispose([x, y, classes]);
  model.dispose();
  optimizer.dispose();
});
