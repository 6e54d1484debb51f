import { memory, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { type EncodeOptions, encodeWeights, loadWeights } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noiseImages } from '../support/fixtures.js';
import { relativeError } from './files.js';

/** `loadWeights` makes up for the epsilon that the file's configuration states, layer by layer. */

beforeAll(() => useAnyBackend('cpu'));

/** Not a VGG, so that layers are matched by name; the variances are small beside the epsilons. */
function network(epsilons: readonly [number, number]): LayersModel {
  const model = sequential({ name: 'network' });
  model.add(
    layers.conv2d({ filters: 4, kernelSize: 3, inputShape: [8, 8, 3], name: 'a', activation: 'tanh' }),
  );
  model.add(
    layers.batchNormalization({ epsilon: epsilons[0], movingVarianceInitializer: 'zeros', name: 'a_norm' }),
  );
  model.add(layers.conv2d({ filters: 4, kernelSize: 3, name: 'b' }));
  model.add(layers.batchNormalization({ epsilon: epsilons[1], name: 'b_norm' }));
  return model;
}

async function outputs(model: LayersModel): Promise<Float32Array> {
  const { data, shape } = noiseImages([2, 8, 8, 3], 7);
  const x = tensor(data, shape);
  const y = model.predict(x) as Tensor;
  const values = await y.data<'float32'>();
  x.dispose();
  y.dispose();
  return values;
}

test.each<EncodeOptions>([{ container: 'model.h5' }, { container: 'keras' }])(
  '$container',
  async (options) => {
    const before = memory().numTensors;
    const saved = network([1e-2, 1e-4]);
    const file = await encodeWeights(saved, options);
    const model = network([1e-3, 1e-3]);
    const report = await loadWeights(model, file);
    expect(report.missing).toEqual([]);
    expect(relativeError(await outputs(model), await outputs(saved))).toBeLessThan(1e-5);
    saved.dispose();
    model.dispose();
    expect(memory().numTensors).toBe(before);
  },
);
