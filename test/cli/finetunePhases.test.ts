import { memory } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test, vi } from 'vitest';
import type { FinetuneArguments } from '../../src/cli/finetuneArguments.js';
import { trainPhases } from '../../src/cli/finetunePhases.js';
import type { RunFolder } from '../../src/cli/runFolder.js';
import { imageFiles } from '../../src/data/index.js';
import { freeze, transferHead } from '../../src/features/index.js';
import { PLAIN_PREPROCESSING } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

test('a run that is stopped while it computes features trains nothing, and keeps nothing', async () => {
  const base = freeze(vgg([[1, 2]], { inputShape: [4, 4, 3], includeTop: false }));
  const model = transferHead(base, { classes: 2 });
  const image = { data: new Uint8Array(48), width: 4, height: 4 };
  const files = ['a/1', 'a/2', 'b/3', 'b/4'].map((path) => ({ path, read: async () => image }));
  const preprocessing = { ...PLAIN_PREPROCESSING, crop: 4, resize: { shorterSide: 4 } };
  const images = await imageFiles(files, { preprocessing });
  const controller = new AbortController();
  const { trainSet } = images;
  const batches = trainSet.batches.bind(trainSet);
  trainSet.batches = async function* (options) {
    yield* batches(options);
    controller.abort();
  };
  const args = { batch: 1, seed: 0, memory: 1, out: '.', augment: 'none' } as unknown as FinetuneArguments;
  const checkpoint = vi.fn();
  const before = memory().numTensors;
  const trained = await trainPhases(
    model,
    base,
    images,
    { args, checkpoint } as unknown as RunFolder<FinetuneArguments>,
    { first: { epochs: 1 }, unfrozen: {} },
    { signal: controller.signal, tell: () => expect.unreachable() },
  );
  expect(trained.phases).toEqual([]);
  // The run has not begun, so that a folder's earlier results stay.
  expect(checkpoint).not.toHaveBeenCalled();
  expect(memory().numTensors).toBe(before);
  model.dispose();
});
