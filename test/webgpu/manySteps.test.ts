import { backend, memory, setBackend } from '@tensorflow/tfjs-core';
import { expect, test, vi } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import { webgpuBackend } from '../../src/node/index.js';
import { train } from '../../src/train/index.js';
import { installWebgpuKernels } from '../../src/webgpu/index.js';

// Buffers are the host's to create and destroy: Dawn's null device, which computes nothing, needs no driver and no minutes.
await webgpuBackend({ flags: ['backend=null'] });

const STEPS = 300;

/**
 * Milliseconds that pass whenever `train` looks at the clock: none, or so many that it reads its sums after each step. Such a read
 * submits what waits, so that buffers return to the pool sooner: were the clock the machine's, it would decide how many exist.
 */
const CLOCKS = [0, 1000];

test.each((['sgd', 'adam'] as const).flatMap((optimizer) => CLOCKS.map((passes) => ({ optimizer, passes }))))(
  'after 300 steps of training there is nothing that was not there after 20: %o',
  async ({ optimizer, passes }) => {
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
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
      now += passes;
      return now;
    });
    const before = memory().numTensors;
    const batchNorm = optimizer === 'adam';
    const model = vgg([[1, 4]], { inputShape: [8, 8, 1], classes: 4, hiddenUnits: 4, batchNorm });
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
      // Until then, each step of Adam brought numbers of its own, for which 64 buffers are kept of each program.
      for (const [i, each] of counts.slice(20).entries()) expect(each, `${i + 21}`).toEqual(counts[19]);
    } finally {
      clock.mockRestore();
      model.dispose();
      prototype.destroy = destroy;
      Reflect.deleteProperty(device, 'createBuffer');
      uninstall();
    }
    expect(memory().numTensors).toBe(before);
  },
);
