import { engine, slice, type Tensor } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { runOwnKernel } from '../../src/tfjs/kernels.js';
import { available, on, random } from './compare.js';

describe.skipIf(!available)('slices on WebGPU', () => {
  test('of all of a tensor share its numbers, which nothing then changes in place', async () => {
    const [kept, before] = await on('webgpu', () => {
      const x = random([3, 4], 1);
      const all = slice(x, [0, 0], [3, 4]);
      expect(engine().backend.refCount(x.dataId)).toBe(2);
      return [all, runOwnKernel('ReluGrad', { dy: x, y: random([3, 4], 2) }, {})];
    });
    expect(kept).toEqual((await on('cpu', () => random([3, 4], 1)))[0]);
    expect(before).not.toEqual(kept);
  });

  test('of a part are copies', async () => {
    const parts = (): Tensor[] => [slice(random([3, 4], 1), [1, 0]), slice(random([5], 1), 2, 2)];
    expect(await on('webgpu', parts)).toEqual(await on('cpu', parts));
  });

  test.each([
    [[4], [1], [4], 'begin[0] + size[0] (5) would overflow input.shape[0] (4)'],
    [[2, 2], [1, 0], [2, 2], 'begin[0] + size[0] (3) would overflow input.shape[0] (2)'],
    [[4], [0, 0], [4], 'Length of begin 0,0 must match the rank of the array (1)'],
  ])('of a tensor of shape %j from %j on, of size %j, that reach beyond it are refused', async (...given) => {
    const [shape, begin, size, message] = given;
    for (const backend of ['cpu', 'webgpu'] as const) {
      await expect(on(backend, () => slice(random(shape, 1), begin, size))).rejects.toThrow(message);
    }
  });
});
