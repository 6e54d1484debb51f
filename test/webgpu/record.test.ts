import {
  backend,
  cast,
  conv2d,
  engine,
  env,
  logicalAnd,
  matMul,
  reshape,
  setBackend,
  sum,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tensor,
} from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import type { WebgpuBackend } from '../../src/webgpu/backend.js';
import { runEach } from '../../src/webgpu/run.js';
import { available, on, random } from './compare.js';
import { idleBackend } from './idleBackend.js';

/** A tensor times a number, as a program whose numbers may be new at each call. */
function scaled(x: Tensor, factor: number): Tensor {
  const program = {
    ...{ name: 'scale', inputs: { x }, output: x.shape, count: x.size, floats: { factor } },
    code: 'result[i] = uniforms.factor * x[i];',
  };
  return engine().makeTensorFromTensorInfo(runEach(backend() as unknown as WebgpuBackend, program));
}

describe.skipIf(!available)('recording programs on WebGPU', () => {
  test.each([15, 300])(
    'numbers that are new at each call reach the device, with %i programs in a submission',
    async (perSubmission) => {
      await setBackend('webgpu');
      const before = env().getNumber('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE');
      env().set('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', perSubmission);
      try {
        const factors = Array.from({ length: 250 }, (_, i) => i);
        const results = await on('webgpu', () => {
          const x = tensor([1, 2]);
          return factors.map((factor) => scaled(x, factor));
        });
        expect(results).toEqual(factors.map((factor) => Float32Array.of(factor, 2 * factor)));
      } finally {
        env().set('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', before);
      }
    },
  );

  test('a program computes from the tensors of each call', async () => {
    const inputs = Array.from({ length: 40 }, (_, i) => [i, i + 1, i + 2]);
    const results = await on('webgpu', () => inputs.map((numbers) => scaled(tensor(numbers), 2)));
    expect(results).toEqual(inputs.map((numbers) => Float32Array.from(numbers, (number) => 2 * number)));
  });

  test('numbers go to buffers that were given back while programs wait', async () => {
    const inputs = Array.from({ length: 100 }, (_, i) => [i, i + 1, i + 2]);
    const results = await on('webgpu', () =>
      inputs.map((numbers) => {
        const x = tensor(numbers);
        const between = scaled(x, 2);
        const y = scaled(between, 3);
        x.dispose();
        between.dispose();
        return y;
      }),
    );
    expect(results).toEqual(inputs.map((numbers) => Float32Array.from(numbers, (number) => 6 * number)));
  });

  test.each(['int32', 'bool'] as const)('floats that tfjs cast from %s share its numbers', async (dtype) => {
    const work = () => {
      // On the device, as results are.
      const made = logicalAnd(tensor([1, 0, 1, 1, 0, 1, 1, 1], [2, 4], 'bool'), true);
      const x = cast(dtype === 'bool' ? made : cast(made, 'int32'), 'float32') as Tensor2D;
      const filter = tensor([1, 2, 3, 4], [1, 1, 2, 2]) as Tensor4D;
      return [
        sum(x, 0),
        matMul(x, x, false, true),
        conv2d(reshape(x, [1, 2, 2, 2]) as Tensor4D, filter, 1, 'same'),
      ];
    };
    expect(await on('webgpu', work)).toEqual(await on('cpu', work));
  });

  test('a tensor without numbers is none of the device', async () => {
    const [result] = await on('webgpu', () => scaled(tensor([], [0, 3]), 2));
    expect(result).toHaveLength(0);
  });

  test('programs are timed like those of the backend', async () => {
    await setBackend('webgpu');
    const gpu = backend() as unknown as WebgpuBackend;
    const [x] = [random([64], 1)];
    let y: Tensor | undefined;
    const { kernelMs } = await gpu.time(() => {
      y = scaled(x!, 3);
    });
    expect(kernelMs).toBeGreaterThanOrEqual(0);
    expect(gpu.activeTimers).toBeUndefined();
    expect([...(await y!.data())]).toEqual([...(await x!.data())].map((number) => Math.fround(3 * number)));
    x!.dispose();
    y!.dispose();
  });
});

test('a step that repeats another writes no numbers and binds nothing anew', () => {
  const made = { buffers: 0, groups: 0, written: 0 };
  const idle = idleBackend({});
  const buffers = new Map<object, { buffer: object }>();
  const watched = {
    ...idle,
    device: {
      ...idle.device,
      createBuffer: () => {
        made.buffers++;
        return {};
      },
      createBindGroup: () => {
        made.groups++;
        return {};
      },
    },
    queue: { writeBuffer: () => void made.written++ },
    tensorToBinding: ({ dataId }: { dataId: object }) => {
      if (!buffers.has(dataId)) buffers.set(dataId, { buffer: {} });
      return buffers.get(dataId)!;
    },
  } as unknown as WebgpuBackend;
  const [x, y] = [1, 2].map(() => ({ dataId: {}, shape: [8], dtype: 'float32' as const }));
  const step = (rate: number) => {
    for (const count of [1, 2, 3]) {
      const program = { name: 'step', inputs: { x: x! }, output: y!, count, floats: { rate }, code: '' };
      runEach(watched, program);
    }
  };
  step(1);
  expect(made).toEqual({ buffers: 3, groups: 3, written: 3 });
  step(1);
  expect(made).toEqual({ buffers: 3, groups: 3, written: 3 });
  // Buffers and groups of bindings are kept for numbers that come again, a bounded number of them.
  for (let rate = 2; rate < 102; rate++) step(rate);
  expect(made).toEqual({ buffers: 64, groups: 64, written: 3 + 300 });
});
