import { backend, engine, getKernel, ones, type Tensor, type TensorInfo } from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { vgg } from '../../src/index.js';
import { runOwnKernel } from '../../src/tfjs/kernels.js';
import { memoryFailure } from '../../src/tfjs/outOfMemory.js';
import { differences, factsOf } from '../../src/train/checkpoint/facts.js';
import type { WebgpuBackend } from '../../src/webgpu/backend.js';
import { installWebgpuKernels } from '../../src/webgpu/index.js';
import { Tuner, trialsOn } from '../../src/webgpu/tuner.js';
import { useBackend } from '../support/backends.js';
import { hasWebgpu } from '../support/dawn.js';

const available = await hasWebgpu();
const names = ['Conv2D', 'Conv2DBackpropFilter', 'SgdUpdate'];
const caught = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
};
/** A backend that only times. */
const timedBy = (time: WebgpuBackend['time']) =>
  ({ supportTimestampQuery: true, device: {}, disposeData: () => true, time }) as unknown as WebgpuBackend;
const output: TensorInfo = { dataId: {}, shape: [], dtype: 'float32' };
const kernels = () => names.map((name) => getKernel(name, 'webgpu')?.kernelFunc);

describe.skipIf(!available)('installWebgpuKernels', () => {
  afterEach(() => vi.unstubAllEnvs());

  test('installs once, and is undone once', () => {
    const stock = kernels();
    const uninstall = installWebgpuKernels();
    const installed = kernels();
    for (const [i, kernel] of installed.entries()) expect(kernel).not.toBe(stock[i]);
    expect(installWebgpuKernels()).toBe(uninstall);
    expect(kernels()).toEqual(installed);
    uninstall();
    expect(kernels()).toEqual(stock);
    uninstall();
    const again = installWebgpuKernels();
    uninstall();
    expect(kernels()).not.toEqual(stock);
    again();
    expect(kernels()).toEqual(stock);
  });

  test('another value of an option is refused', () => {
    vi.stubEnv('VGG_BLOCKS_TUNE', '0');
    const uninstall = installWebgpuKernels();
    expect(() => installWebgpuKernels({ tune: true })).toThrow(
      'installWebgpuKernels: tune is true, but the kernels are installed with false; uninstall them first with the function that installWebgpuKernels returned.',
    );
    expect(installWebgpuKernels({ tune: false })).toBe(uninstall);
    expect(() => installWebgpuKernels({ precision: 'float16' })).toThrow(
      /precision is float16, but the kernels are installed with float32/,
    );
    uninstall();
  });

  test.each([
    [{ winograd: 'no' }, 'winograd is "no"; it must be true or false.'],
    [{ winograd: 1 }, 'winograd is 1; it must be true or false.'],
    [{ tune: null }, 'tune is null; it must be true or false.'],
    [{ tune: Symbol('x') }, 'tune is Symbol(x); it must be true or false.'],
    [{ precision: 'half' }, 'precision is "half"; it must be one of "float32", "float16".'],
  ])('refuses %o, installed already or not', (options, message) => {
    expect(() => installWebgpuKernels(options as never)).toThrow(`installWebgpuKernels: ${message}`);
    const uninstall = installWebgpuKernels();
    expect(() => installWebgpuKernels(options as never)).toThrow(`installWebgpuKernels: ${message}`);
    uninstall();
  });

  test('a trial computes later calls with the fastest variant, once the device has answered', async () => {
    const times: Record<string, number> = { table: 2, slow: 3, fast: 1 };
    const running: string[] = [];
    const fake = timedBy(async (run) => {
      run();
      return { kernelMs: times[running.at(-1)!]! };
    });
    const variants = Object.keys(times);
    const chosen = (tuner: Tuner, target = fake) => {
      const { dataId } = tuner.run(target, 'shape', variants, (variant) => {
        running.push(variant);
        return { dataId: { variant }, shape: [], dtype: 'float32' };
      });
      return (dataId as { variant: string }).variant;
    };
    const tuner = new Tuner(true);
    expect(chosen(tuner)).toBe('table');
    await vi.waitFor(() => expect(chosen(tuner)).toBe('fast'), { timeout: 60_000 });
    const others: [Tuner, object][] = [
      [new Tuner(false), {}],
      [new Tuner(true), { supportTimestampQuery: false }],
      [new Tuner(true), { device: { adapterInfo: { isFallbackAdapter: true } } }],
    ];
    for (const [other, properties] of others) {
      running.length = 0;
      expect(chosen(other, { ...fake, ...properties })).toBe('table');
      expect(running).toEqual(['table']);
    }
  });

  test('what a variant throws reaches the caller, before a trial; a device that is lost in one ends it quietly', async () => {
    let timed = 0;
    const fake = timedBy(async () => {
      timed++;
      throw new Error('lost');
    });
    const tuner = new Tuner(true);
    const tooLarge = () => {
      throw new RangeError('too large');
    };
    expect(() => tuner.run(fake, 'shape', ['table', 'other'], tooLarge)).toThrow('too large');
    expect(timed).toBe(0);
    expect(tuner.run(fake, 'shape', ['table', 'other'], () => output)).toBe(output);
    expect(timed).toBeGreaterThan(0);
    // A rejection that nobody handles would fail this file.
    await new Promise(setImmediate);
  });

  test('a variant that cannot compute is not chosen, and leaves the timers of the backend to end', async () => {
    let ended = 0;
    const fake = timedBy(async (run) => {
      run();
      ended++;
      return { kernelMs: 1 };
    });
    const compute = (variant: string) => {
      if (variant === 'broken') throw new RangeError('too large');
      return output;
    };
    expect(new Tuner(true).run(fake, 'shape', ['table', 'broken'], compute)).toBe(output);
    expect(ended).toBe(6);
    await vi.waitFor(() => expect(trialsOn(fake).get('shape')!.milliseconds).toBeDefined(), {
      timeout: 60_000,
    });
    expect(trialsOn(fake).get('shape')!.milliseconds).toEqual([1, Number.POSITIVE_INFINITY]);
    expect(trialsOn(fake).get('shape')!.chosen).toBe(0);
  });

  test('a checkpoint knows which kernels computed', async () => {
    await useBackend('webgpu');
    const model = vgg([[1, 4]], { inputShape: [4, 4, 1], classes: 2, hiddenUnits: 4 });
    const facts = () => factsOf(model, {}, { batchSize: 4 });
    const uninstall = installWebgpuKernels();
    const before = await facts();
    uninstall();
    const withWinograd = installWebgpuKernels({ winograd: true });
    expect(differences(before, await facts(), [])).toEqual([
      { kind: 'engine', text: 'of the engine, winograd was not set and is true' },
    ]);
    withWinograd();
    expect(differences(before, await facts(), [])).toEqual([
      { kind: 'engine', text: 'of the engine, kernels was "vgg-blocks" and is not set' },
    ]);
    model.dispose();
  });

  const gradient = (side: number) => {
    const [x, dy] = [ones([1, side, side, 1]), ones([1, side, side, 4])];
    try {
      return engine().runKernel(
        'Conv2DBackpropFilter',
        { x, dy },
        { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', filterShape: [3, 3, 1, 4] },
      ) as Tensor;
    } finally {
      x.dispose();
      dy.dispose();
    }
  };

  test('buffers that the device cannot bind are refused, not computed as zeros', async () => {
    await useBackend('webgpu');
    const uninstall = installWebgpuKernels();
    const { device } = backend() as unknown as WebgpuBackend;
    const limits = vi.spyOn(device, 'limits', 'get').mockReturnValue({
      ...{ maxStorageBufferBindingSize: 2 ** 20, maxBufferSize: 2 ** 28 },
      maxComputeWorkgroupsPerDimension: 65535,
    });
    try {
      expect(() => gradient(300)).toThrow(
        'filter gradient of few channels: dy of shape [1,300,300,4] takes 2 MiB, but a buffer of this GPU holds at most 1 MiB; use a smaller batch or smaller images.',
      );
      // A run of train adds which smaller batch, and from where to go on.
      expect(memoryFailure(caught(() => gradient(300)))).toMatch(/^filter gradient of few channels: /);
    } finally {
      limits.mockRestore();
      uninstall();
    }
  });

  test('an error of the device is reported by the next kernel, and its loss by all that follow', async () => {
    await useBackend('webgpu');
    const uninstall = installWebgpuKernels();
    try {
      const first = gradient(4);
      expect((await first.data())[0]).toBe(9);
      first.dispose();
      const { device } = backend() as unknown as { device: GPUDevice };
      const fail = async () => {
        const reported = new Promise((resolve) =>
          device.addEventListener('uncapturederror', resolve, { once: true }),
        );
        device.createBuffer({ size: 2 ** 50, usage: 8 });
        await reported;
      };
      await fail();
      expect(() => gradient(4)).toThrow(
        /^filter gradient of few channels: the WebGPU device reported an error \(.*\), so the numbers computed since are wrong; if memory ran out, use a smaller batch\.$/,
      );
      gradient(4).dispose();
      const deal = (event: Event) => event.preventDefault();
      device.addEventListener('uncapturederror', deal);
      await fail();
      gradient(4).dispose();
      device.removeEventListener('uncapturederror', deal);
      // What takes the memory of a tensor gives it back.
      const dy = ones([3]);
      const held = (backend() as unknown as WebgpuBackend).refCount(dy.dataId);
      const numbers = { rate: 1, decay: 0 };
      for (const compute of [
        () => runOwnKernel('ReluGrad', { dy, y: dy }, {}),
        () => runOwnKernel('SgdUpdate', { weights: dy, gradient: dy }, numbers),
      ]) {
        await fail();
        expect(compute).toThrow('the WebGPU device reported an error');
        expect((backend() as unknown as WebgpuBackend).refCount(dy.dataId)).toBe(held);
      }
      dy.dispose();
      device.destroy();
      await device.lost;
      for (const _ of [1, 2]) {
        expect(() => gradient(4)).toThrow(
          /^filter gradient of few channels: the WebGPU device was lost \(.*\), and its tensors with it; reload the page or start the process again\.$/,
        );
      }
    } finally {
      uninstall();
    }
  });
});
