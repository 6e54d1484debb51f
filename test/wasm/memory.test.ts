import '@tensorflow/tfjs-backend-wasm';
import {
  dispose,
  findBackendFactory,
  memory,
  registerBackend,
  removeBackend,
  setBackend,
  type Tensor4D,
  tensor,
  tensor1d,
  tidy,
} from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { cost, OPTIMIZERS, smallArch, VGG11, VGG16, vgg } from '../../src/index.js';
import { memoryLimits } from '../../src/tfjs/memory.js';
import { chooseOptimizer } from '../../src/train/optimizer.js';
import { startRun, step } from '../../src/train/step.js';
import { roomForStep } from '../../src/train/stepMemory.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { wasm } from './compare.js';

/**
 * What a step takes does not depend on its numbers, so the kernels compute none here: steps of full batches take milliseconds.
 */
vi.mock('../../src/wasm/kernels.js', async (original) => {
  const own = await original<typeof import('../../src/wasm/kernels.js')>();
  const instantiate: typeof own.instantiate = (...args) => {
    const kernels = Object.entries(own.instantiate(...args));
    return Object.fromEntries(
      kernels.map(([name, kernel]) => [name, name.endsWith('Bytes') ? kernel : () => 0]),
    ) as unknown as ReturnType<typeof own.instantiate>;
  };
  return { ...own, instantiate };
});

beforeAll(() => void installWasmKernels());
afterAll(() => installWasmKernels()());

/** A new backend, since WebAssembly's memory never shrinks. */
beforeEach(async () => {
  const factory = findBackendFactory('wasm');
  removeBackend('wasm');
  registerBackend('wasm', factory);
  await setBackend('wasm');
});

describe("the chapter's network at 224x224", () => {
  const runs = [8, 32, 128, 256].flatMap((batchSize) =>
    (['sgd', 'adam'] as const).flatMap((optimizer) =>
      [false, true].map((batchNorm) => [batchSize, optimizer, batchNorm] as const),
    ),
  );

  test.each(runs)(
    'in batches of %i with %s, batchNorm %s, takes no more than cost() counts, and stays at what the first epoch took',
    async (batchSize, optimizer, batchNorm) => {
      const before = memory().numTensors;
      const model = smallArch(4, { batchNorm });
      const run = startRun('test', model, chooseOptimizer('test', { optimizer }), { seed: 0 });
      const images = new Float32Array(batchSize * 224 * 224);
      const xs = () => tensor(images, [batchSize, 224, 224, 1]) as Tensor4D;
      const oneStep = async () =>
        dispose(await step(run, { xs: xs(), ys: tensor1d(new Int32Array(batchSize), 'int32') }));
      const oneEpoch = async () => {
        for (let i = 0; i < 3; i++) await oneStep();
        const x = xs();
        tidy(() => void model.apply(x));
        x.dispose();
        return wasm().wasm.HEAPU8.length;
      };
      const { training } = cost(model, { batchSize, optimizer }).bytes;
      const first = await oneEpoch();
      expect(first / training).toBeLessThan(1);
      // The chapter's own run goes on for 300 steps.
      const epochs = batchSize === 128 && optimizer === 'sgd' && !batchNorm ? 100 : 3;
      for (let epoch = 1; epoch < epochs; epoch++) expect(await oneEpoch()).toBe(first);
      run.end();
      model.dispose();
      expect(memory().numTensors).toBe(before);
    },
  );
});

describe('in parts', () => {
  test.each([
    ['the chapter', () => smallArch(4), 32, 8, 'sgd'],
    ['VGG-11 at 64x64', () => vgg(VGG11, { inputShape: [64, 64, 3] }), 32, 8, 'adam'],
    ['VGG-16 at 96x96', () => vgg(VGG16, { inputShape: [96, 96, 3], batchNorm: true }), 8, 2, 'sgd'],
  ] as const)(
    '%s takes no more than train reckons',
    async (_, build, batchSize, microBatchSize, optimizer) => {
      const model = build();
      const shape = model.inputs[0]!.shape.slice(1) as number[];
      const { slots } = OPTIMIZERS[optimizer];
      const needs = { shape, batchSize, slots: slots.length, average: false, best: false };
      const limit = memoryLimits().total!;
      const room = roomForStep(model, needs);
      const reckoned = limit - (room.part - microBatchSize) * room.bytesPerExample;
      const run = startRun('test', model, chooseOptimizer('test', { optimizer }), {
        seed: 0,
        microBatchSize,
      });
      const images = new Float32Array(batchSize * shape.reduce((a, b) => a * b));
      for (let i = 0; i < 2; i++) {
        const xs = tensor(images, [batchSize, ...shape]);
        dispose(await step(run, { xs, ys: tensor1d(new Int32Array(batchSize), 'int32') }));
      }
      expect(wasm().wasm.HEAPU8.length).toBeLessThan(reckoned);
      run.end();
      model.dispose();
    },
  );
});
