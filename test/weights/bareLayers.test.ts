import { beforeAll, describe, expect, test } from 'vitest';
import { bytesOf, contentOf } from '../../src/weights/formats/content.js';
import { hdf5Of, type NewGroup } from '../../src/weights/formats/hdf5/write.js';
import { encodeTensors, fromWeights } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noiseImages } from '../support/fixtures.js';

beforeAll(() => useAnyBackend());

function dataset(shape: number[]) {
  const { data } = noiseImages(shape, shape.length);
  return { shape, content: contentOf(new Uint8Array(data.buffer)) };
}

function layer(...shapes: number[][]): NewGroup {
  const vars = Object.fromEntries(shapes.map((shape, i) => [String(i), dataset(shape)]));
  return { attributes: {}, children: { vars: { attributes: {}, children: vars } } };
}

/** A `.weights.h5` of Keras 3: one convolution, one linear layer of 2x2 positions or of a vector, and layers without weights. */
function weightsH5(positions: number, ...bare: string[]): Promise<Uint8Array> {
  const children = {
    conv2d: layer([3, 3, 3, 4], [4]),
    dense: layer([4 * positions, 2], [2]),
    ...Object.fromEntries(bare.map((name) => [name, layer()])),
  };
  return bytesOf(hdf5Of({ attributes: {}, children: { layers: { attributes: {}, children } } }));
}

describe('a .weights.h5 of Keras 3', () => {
  test.each(['rescaling', 'leaky_re_lu', 'elu_1', 'average_pooling2d', 'add_2'])(
    'with %s is not loaded as a VGG',
    async (name) => {
      await expect(fromWeights(await weightsH5(4, 'input_layer', name))).rejects.toThrow(
        `it lists the layer '${name}', which no VGG has`,
      );
    },
  );

  test('says how its features are pooled', async () => {
    for (const [name, pooling] of [
      ['global_max_pooling2d', 'max'],
      ['global_average_pooling2d', 'avg'],
    ] as const) {
      const { model, network } = await fromWeights(await weightsH5(1, 'max_pooling2d', name));
      expect(network?.top?.pooling).toBe(pooling);
      model.dispose();
    }
    const { model, network } = await fromWeights(await weightsH5(4, 'max_pooling2d', 'flatten'));
    expect(network?.top?.featureSize).toEqual([2, 2]);
    model.dispose();
  });
});

test('a block without a 3x3 convolution is one only if arch says so', async () => {
  const shapes = { 'features.0.weight': [4, 3, 3, 3], 'features.3.weight': [2, 4, 1, 1] };
  const tensors = Object.entries(shapes).map(([name, shape]) => [name, noiseImages(shape, 1)]);
  const file = encodeTensors(Object.fromEntries(tensors));
  await expect(fromWeights(file)).rejects.toThrow("'features.3.weight': it is 1x1 but begins a block");
  const arch = [
    [1, 4],
    [0, 2, 1],
  ] as const;
  const { model, network } = await fromWeights(file, { arch });
  expect(network?.arch).toEqual(arch);
  model.dispose();
});
