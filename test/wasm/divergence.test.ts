import { setBackend, tensor } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import { vgg } from '../../src/index.js';
import { train } from '../../src/train/index.js';
import { installWasmKernels } from '../../src/wasm/index.js';
import { numbers } from './compare.js';

beforeAll(async () => {
  installWasmKernels();
  await setBackend('wasm');
});

/** A NaN as a processor makes it, with the sign set, and one of the other sign. */
const [NEGATIVE, POSITIVE] = new Float32Array(Uint32Array.of(0xffc00000, 0x7fc00000).buffer);

const trainSet = new ImageSet({
  images: Uint8Array.from(numbers(16 * 64, 1), (value) => 128 + 127 * value),
  labels: Uint8Array.from({ length: 16 }, (_, i) => i % 4),
  shape: [8, 8, 1],
  classNames: ['a', 'b', 'c', 'd'],
});

test.each([
  ['a 3x3 convolution', false, 'linear', 0],
  ['a 3x3 convolution with batch normalization', true, 'linear', 0],
  ['the second convolution', false, 'softmax', 2],
  ['a dense layer', false, 'softmax', 4],
] as const)(
  'training diverges from a single NaN in the weights of %s',
  async (_, batchNorm, classifierActivation, at) => {
    for (const nan of [NEGATIVE!, POSITIVE!]) {
      const model = vgg(
        [
          [1, 4],
          [1, 8],
        ],
        { inputShape: [8, 8, 1], classes: 4, hiddenUnits: 16, batchNorm, classifierActivation },
      );
      const weights = model.getWeights();
      const values = weights[at]!.dataSync() as Float32Array;
      values[5] = nan;
      model.setWeights(weights.map((weight, i) => (i === at ? tensor(values, weight.shape) : weight)));
      const { ended } = await train(model, { trainSet }, { epochs: 1, batchSize: 8 });
      expect(ended).toBe('diverged');
      model.dispose();
    }
  },
);
