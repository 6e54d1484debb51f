import { memory, type Scalar, scalar } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { RunningMeans } from '../../src/train/running.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

/** The means of 200 batches of 7, read after each batch that `reads` says. */
async function meansOf(reads: (batch: number) => boolean) {
  const means = new RunningMeans();
  for (let batch = 0; batch < 200; batch++) {
    means.add(7, [scalar(1 + Math.sin(batch)), scalar(batch % 8, 'int32')] as [Scalar, Scalar]);
    if (reads(batch)) await means.read();
  }
  const result = await means.read();
  means.dispose();
  return result;
}

test('means are correct, and the same bits however often they are read on the way', async () => {
  const before = memory().numTensors;
  const once = await meansOf(() => false);
  const losses = Array.from({ length: 200 }, (_, batch) => 1 + Math.sin(batch));
  expect(once.loss).toBeCloseTo(losses.reduce((a, b) => a + b, 0) / 200, 5);
  expect(once.accuracy).toBe((25 * 28) / 1400);
  for (const every of [1, 3, 64, 65, 150])
    expect(await meansOf((batch) => batch % every === every - 1)).toEqual(once);
  expect(memory().numTensors).toBe(before);
});
