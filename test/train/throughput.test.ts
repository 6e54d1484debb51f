import { disposeVariables, memory } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { featureExtractor } from '../../src/features/index.js';
import { vgg } from '../../src/index.js';
import { throughput } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend('wasm'));

const build = (options = {}) =>
  vgg([[1, 8]], { inputShape: [32, 32, 2], classes: 3, hiddenUnits: 16, ...options });

describe('throughput', () => {
  let before = 0;
  afterEach(() => expect(memory().numTensors).toBe(before));

  test('waits for all outputs of a model', async () => {
    before = memory().numTensors;
    const model = featureExtractor(build(), ['pool1', 'logits']);
    const built = memory().numTensors;
    expect((await throughput(model, { batchSize: 2, seconds: 0 })).examplesPerSecond).toBeGreaterThan(0);
    expect(memory().numTensors).toBe(built);
    disposeVariables();
  });

  test.each(['inference', 'training'] as const)('of %s is that of the median run', async (mode) => {
    before = memory().numTensors;
    const model = build();
    const built = memory().numTensors;
    const result = await throughput(model, { batchSize: 4, mode, seconds: 0.05 });
    expect(memory().numTensors).toBe(built);
    expect(result).toMatchObject({ batchSize: 4, mode });
    expect(result.runsMs.length).toBeGreaterThanOrEqual(2);
    expect(result.runsMs.reduce((sum, ms) => sum + ms)).toBeGreaterThanOrEqual(50);
    const [slowest, fastest] = result.spread;
    expect(fastest).toBeCloseTo(4000 / Math.min(...result.runsMs), 6);
    expect(slowest).toBeCloseTo(4000 / Math.max(...result.runsMs), 6);
    // No more than half of the runs are slower, and no more than half faster; clocks of browsers tick seldom.
    const half = result.runsMs.length / 2;
    expect(
      result.runsMs.filter((ms) => 4000 / ms < result.examplesPerSecond - 1e-9).length,
    ).toBeLessThanOrEqual(half);
    expect(
      result.runsMs.filter((ms) => 4000 / ms > result.examplesPerSecond + 1e-9).length,
    ).toBeLessThanOrEqual(half);
    model.dispose();
  });

  test('training does whole steps, and inference leaves the weights unchanged', async () => {
    before = memory().numTensors;
    const model = build();
    const weights = () => Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]));
    const start = await weights();
    await throughput(model, { seconds: 0 });
    expect(await weights()).toEqual(start);
    for (const optimizer of ['sgd', 'momentum', 'adam'] as const) {
      const last = await weights();
      await throughput(model, { seconds: 0, mode: 'training', optimizer });
      expect(await weights()).not.toEqual(last);
    }
    model.dispose();
  });

  test('a signal ends it and leaves nothing behind', async () => {
    before = memory().numTensors;
    const model = build();
    const built = memory().numTensors;
    await expect(
      throughput(model, { mode: 'training', signal: AbortSignal.abort(new Error('enough')) }),
    ).rejects.toThrow('enough');
    // One that a timer aborts, while it would measure for an hour.
    for (const mode of ['inference', 'training'] as const) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error('enough')), 5);
      await expect(throughput(model, { mode, seconds: 3600, signal: controller.signal })).rejects.toThrow(
        'enough',
      );
    }
    expect(memory().numTensors).toBe(built);
    model.dispose();
  });

  test('bad options are refused before anything is allocated', async () => {
    const features = vgg([[1, 2]], { inputShape: [null, null, 2], includeTop: false });
    const model = build();
    before = memory().numTensors;
    await expect(throughput(features)).rejects.toThrow(
      'throughput: the model takes images of [any, any, 2]; build it with a fixed size.',
    );
    await expect(throughput(model, { batchSize: 0 })).rejects.toThrow('throughput: batchSize is 0');
    await expect(throughput(model, { seconds: -1 })).rejects.toThrow(
      'throughput: seconds is -1; it must be a number from 0 to 3600.',
    );
    await expect(throughput(model, { seconds: 1e300 })).rejects.toThrow(
      'throughput: seconds is 1e+300; it must be a number from 0 to 3600.',
    );
    await expect(throughput(model, { mode: 'both' as 'training' })).rejects.toThrow('mode is "both"');
    expect(memory().numTensors).toBe(before);
    const left = memory().numTensors;
    features.dispose();
    model.dispose();
    before = memory().numTensors;
    expect(before).toBeLessThan(left);
  });
});
