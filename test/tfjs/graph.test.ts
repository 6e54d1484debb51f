import { zeros } from '@tensorflow/tfjs-core';
import { input, layers, model as modelOf, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { agreement, compress, correctBiases } from '../../src/compress/index.js';
import { throughput } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

test('an output that a model, or one within it, lists twice is refused', async () => {
  const x = input({ shape: [4, 4, 3] });
  const map = layers.conv2d({ filters: 2, kernelSize: 3, name: 'conv' }).apply(x) as SymbolicTensor;
  const twice = modelOf({ inputs: x, outputs: [map, map], name: 'twice' });
  const outer = input({ shape: [4, 4, 3] });
  const sum = layers.add().apply(twice.apply(outer) as SymbolicTensor[]) as SymbolicTensor;
  const around = modelOf({ inputs: outer, outputs: sum });
  const images = zeros([2, 4, 4, 3]);
  const calls: Record<string, (model: typeof twice) => Promise<unknown>> = {
    throughput: (model) => throughput(model, { batchSize: 2 }),
    agreement: (model) => agreement(model, model, images),
    correctBiases: (model) => correctBiases(model, images),
    compress: (model) => compress(model, { maxError: 0.5 }, images),
  };
  for (const model of [twice, around]) {
    for (const [name, call] of Object.entries(calls)) {
      await expect(call(model)).rejects.toThrow(
        `${name}: the model twice lists the output of conv twice, which TensorFlow.js cannot compute; list it once.`,
      );
    }
  }
  images.dispose();
  around.dispose();
});
