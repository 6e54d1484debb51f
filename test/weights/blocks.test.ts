import { beforeAll, expect, test } from 'vitest';
import { encodeTensors, fromWeights } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noiseImages } from '../support/fixtures.js';

beforeAll(() => useAnyBackend());

test('a block without a 3x3 convolution is one only if arch says so', async () => {
  const shapes = { 'features.0.weight': [4, 3, 3, 3], 'features.3.weight': [2, 4, 1, 1] };
  const tensors = Object.entries(shapes).map(([name, shape]) => [name, noiseImages(shape, 1)]);
  const file = encodeTensors(Object.fromEntries(tensors));
  await expect(fromWeights(file)).rejects.toThrow('pass arch, the blocks as [convs, channels]');
  const arch = [
    [1, 4],
    [0, 2, 1],
  ] as const;
  const { model, network } = await fromWeights(file, { arch });
  expect(network?.arch).toEqual(arch);
  model.dispose();
});
