import { memory, setBackend } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { smallArch } from '../../src/index.js';
import { train } from '../../src/train/index.js';
import { installWebgpuKernels } from '../../src/webgpu/index.js';
import { available, withLimits } from './compare.js';

describe.skipIf(!available)('large feature maps on WebGPU', () => {
  test('a step and a diagnosis work where rows of pixels exceed the workgroups of a dimension, as at 224x224', async () => {
    await setBackend('webgpu');
    const uninstall = installWebgpuKernels({ tune: false });
    const before = memory().numTensors;
    const model = smallArch(16, { inputShape: [32, 32, 1], hiddenUnits: 8 });
    try {
      const trainSet = new ImageSet({
        images: Uint8Array.from({ length: 8 * 28 * 28 }, (_, i) => i % 251),
        labels: Uint8Array.from({ length: 8 }, (_, i) => i),
        shape: [28, 28, 1],
        classNames: [...'abcdefghij'],
        size: 32,
      });
      // Eight images of 32x32 have 8192 pixels, 128 tiles of 64.
      const { epochs } = await withLimits({ maxComputeWorkgroupsPerDimension: 100 }, () =>
        train(model, { trainSet }, { epochs: 1, batchSize: 8 }),
      );
      expect(epochs[0]!.loss).toBeCloseTo(Math.log(10), 1);
      // The loss of a network that has not learned.
      expect(epochs[0]!.diagnosis).toBeDefined();
    } finally {
      model.dispose();
      uninstall();
    }
    expect(memory().numTensors).toBe(before);
  }, 600_000);
});
