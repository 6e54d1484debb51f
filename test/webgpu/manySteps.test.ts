import { backend, memory, setBackend } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import { webgpuBackend } from '../../src/node/index.js';
import { train } from '../../src/train/index.js';
import { installWebgpuKernels } from '../../src/webgpu/index.js';

// Buffers are the host's to create and destroy: Dawn's null device, which computes nothing, needs no driver and no minutes.
await webgpuBackend({ flags: ['backend=null'] });

const STEPS = 300;

test.each(['sgd', 'adam'] as const)(
  'after 300 steps of training with %s nothing is left that was not there after 20',
  async (optimizer) => {
    await setBackend('webgpu');
    const uninstall = installWebgpuKernels({ tune: false });
    const { device } = backend() as unknown as { device: GPUDevice };
    let alive = 0;
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      alive++;
      return createBuffer(descriptor);
    };
    const prototype = GPUBuffer.prototype;
    const { destroy } = prototype;
    prototype.destroy = function () {
      alive--;
      return destroy.call(this);
    };
    const before = memory().numTensors;
    const model = vgg([[1, 4]], { inputShape: [8, 8, 1], classes: 4, hiddenUnits: 4 });
    const counts: number[][] = [];
    try {
      const count = 4 * STEPS;
      const trainSet = new ImageSet({
        images: Uint8Array.from({ length: count * 64 }, (_, i) => (31 * i) % 251),
        labels: Uint8Array.from({ length: count }, (_, i) => i % 4),
        ...{ shape: [8, 8, 1], classNames: [...'abcd'] },
      });
      const onStep = () => void counts.push([memory().numTensors, memory().numDataBuffers, alive]);
      await train(model, { trainSet }, { epochs: 1, batchSize: 4, optimizer, learningRate: 0.01, onStep });
      expect(counts).toHaveLength(STEPS);
      const [early, late] = [counts[19]!, counts.at(-1)!];
      expect(late.slice(0, 2)).toEqual(early.slice(0, 2));
      // When the device answers decides whether a buffer of the pool is free again: one or two more, not one for each step.
      expect(late[2]! - early[2]!).toBeLessThan(16);
    } finally {
      model.dispose();
      prototype.destroy = destroy;
      Reflect.deleteProperty(device, 'createBuffer');
      uninstall();
    }
    expect(memory().numTensors).toBe(before);
  },
);
