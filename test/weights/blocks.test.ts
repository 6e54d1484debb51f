import { beforeAll, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { encodeTensors, encodeWeights, fromWeights } from '../../src/weights/index.js';
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

test('what a file records of its network is not replaced by options', async () => {
  const arch = [
    [1, 2],
    [1, 2],
  ] as const;
  const model = vgg(arch, { inputShape: [8, 8, 3], hiddenUnits: [3], classes: 2 });
  const file = await encodeWeights(model);
  model.dispose();
  await expect(fromWeights(file, { arch: [[2, 2]] })).rejects.toThrow(
    'it says that its arch is [[1,2],[1,2]], and the option arch is [[2,2]]; leave it out.',
  );
  await expect(fromWeights(file, { padding: 'valid' })).rejects.toThrow(
    'it says that its padding is same, and the option padding is valid; leave it out.',
  );
  const again = await fromWeights(file, { arch, padding: 'same' });
  expect(again.network?.arch).toEqual(arch);
  again.model.dispose();
});
