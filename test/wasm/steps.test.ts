import '@tensorflow/tfjs-backend-wasm';
import { dispose, memory, setBackend, type Tensor4D, tensor1d } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cost, smallArch, vgg } from '../../src/index.js';
import { chooseOptimizer } from '../../src/train/optimizer.js';
import { type Run, startRun, step } from '../../src/train/step.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { random, wasm, watchMemory } from './compare.js';

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
  const run = startRun('test', model, chooseOptimizer('test', { optimizer: 'adam', learningRate: 1e-3 }), {
    seed: 0,
  });
  const held = () => [memory().numTensors, wasm().numDataIds(), wasm().wasm.HEAPU8.length];
  const first = await lossOfStep(run, 16, 12);
  for (let i = 0; i < 20; i++) await lossOfStep(run, 16, 12);
  const before = held();
  let last = 0;
  for (let i = 0; i < 300; i++) last = await lossOfStep(run, 16, 12);
  expect(held()).toEqual(before);
  expect(last).toBeLessThan(first / 2);
  run.end();
  model.dispose();
});

test.each([
  ['sgd', 64, 32],
  ['sgd', 224, 8],
  ['momentum', 64, 32],
  ['adam', 64, 32],
] as const)(
  'a step of %s at %i pixels, batch %i, takes at most 1.3 times what cost() counts',
  async (...args) => {
    const [optimizer, size, batchSize] = args;
    const watch = watchMemory();
    const model = smallArch(8, { inputShape: [size, size, 1] });
    const run = startRun('test', model, chooseOptimizer('test', { optimizer }), { seed: 0 });
    for (let i = 0; i < 2; i++) await lossOfStep(run, size, batchSize);
    const peak = watch.peak();
    watch.end();
    run.end();
    const { training, weights } = cost(model, { batchSize, optimizer }).bytes;
    expect(peak / training).toBeLessThan(1.3);
    // It is counted at all: nothing can do with less than the weights.
    expect(peak).toBeGreaterThan(weights);
    model.dispose();
  },
);

/** One step on the same images of ten classes. */
async function lossOfStep(run: Run, size: number, batchSize: number): Promise<number> {
  const classes = Array.from({ length: batchSize }, (_, i) => i % 10);
  const results = await step(run, {
    xs: random([batchSize, size, size, 1], 1) as Tensor4D,
    ys: tensor1d(classes, 'int32'),
  });
  const [loss] = await results[0]!.data();
  dispose(results);
  return loss!;
}
