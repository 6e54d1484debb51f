import { memory } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { scaleArch, VGG11, VGG16, vgg } from '../../src/index.js';
import { growFrom } from '../../src/train/index.js';
import { useAnyBackend } from '../support/backends.js';

beforeAll(() => useAnyBackend());

const options = { inputShape: [32, 32, 1], hiddenUnits: 4, classes: 3 } as const;
const shallow = (more = {}) => vgg(scaleArch(VGG11, 16), { ...options, seed: 1, ...more });
const deep = (more = {}) => vgg(scaleArch(VGG16, 16), { ...options, seed: 2, ...more });

test.each([false, true])(
  'growFrom copies the first four convolutions and the dense layers, with batch normalization %s',
  async (batchNorm) => {
    const before = memory().numTensors;
    const [from, to, untouched] = [shallow({ batchNorm }), deep({ batchNorm }), deep({ batchNorm })];
    const held = memory().numTensors;
    expect(growFrom(to, from)).toBe(to);
    expect(memory().numTensors).toBe(held);
    const numbers = async (model: typeof to, name: string) => [
      ...(await model.getLayer(name).getWeights()[0]!.data()),
    ];
    const copied: string[] = [];
    for (const { name } of to.layers.filter(({ weights }) => weights.length > 0)) {
      const [now, then] = [await numbers(to, name), await numbers(untouched, name)];
      if (from.layers.some((layer) => layer.name === name) && !name.endsWith('_bn')) {
        const same = JSON.stringify(now) === JSON.stringify(await numbers(from, name));
        if (same) copied.push(name);
        else expect(now).toEqual(then);
      } else if (!name.endsWith('_bn')) expect(now).toEqual(then);
    }
    expect(copied).toEqual([
      'block1_conv1',
      'block2_conv1',
      'block3_conv1',
      'block3_conv2',
      'fc1',
      'fc2',
      'predictions',
    ]);
    for (const model of [from, to, untouched]) model.dispose();
    expect(memory().numTensors).toBe(before);
  },
);

test('growFrom refuses networks that do not fit, and copies nothing', () => {
  expect(() => growFrom(deep({ hiddenUnits: 8 }), shallow())).toThrow(
    'growFrom: fc1 has the weights [32,4] [4] in the trained network, and [32,8] [8] in the model; build both with the same inputShape, widths, hiddenUnits and classes.',
  );
});
