import { dispose, memory, type Tensor, tensor, tensor1d } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { type ConvArch, type VggOptions, vgg } from '../../src/index.js';
import { chooseOptimizer } from '../../src/train/optimizer.js';
import { startRun, step } from '../../src/train/step.js';
import { backends, useBackend } from '../support/backends.js';
import { fixturePath, noiseImages } from '../support/fixtures.js';
import { readReference } from '../support/safetensors.js';
import { relativeError } from '../weights/files.js';

/** The networks of fixtures/make_options.py, each with the option that it is about. */
const ARCH: ConvArch = [
  [1, 4],
  [2, 6],
];
const NETWORKS: Record<string, VggOptions> = {
  hiddenUnits: { inputShape: [12, 12, 3], hiddenUnits: [7, 5, 6] },
  noHiddenUnits: { inputShape: [12, 12, 3], hiddenUnits: [] },
  padding: { inputShape: [18, 24, 3], hiddenUnits: 7, padding: 'valid' },
  convBias: { inputShape: [12, 12, 3], hiddenUnits: 7, convBias: false, batchNorm: true },
  afterRelu: { inputShape: [12, 12, 3], hiddenUnits: 7, batchNorm: { afterRelu: true } },
  avg: { inputShape: [null, null, 3], hiddenUnits: [7], pooling: 'avg' },
  max: { inputShape: [null, 14, 3], hiddenUnits: [7], pooling: 'max' },
  convolutionalTop: { inputShape: [32, 36, 3], hiddenUnits: [7, 8], convolutionalTop: true },
};
const SIZES: Record<string, [number, number]> = { avg: [12, 14], max: [12, 14] };
const [BATCH, CLASSES, RATE] = [3, 5, 0.1];

/** PyTorch numbers weights in the order of the layers; tfjs lists those that are not trained last. */
function weightsInOrder(model: LayersModel) {
  return model.layers.flatMap((layer) => layer.weights);
}

describe.each(backends)('on %s', (backend) => {
  test.each(Object.entries(NETWORKS))(
    '%s gives the logits of PyTorch, and so after a step',
    async (name, options) => {
      await useBackend(backend);
      const file = await readReference(fixturePath('options.safetensors'));
      const before = memory().numTensors;
      const model = vgg(ARCH, { classes: CLASSES, dropout: 0, ...options });
      const given = [...file.keys()].filter((key) => new RegExp(`^${name}/\\d+$`).test(key));
      const weights = weightsInOrder(model);
      expect(weights.map(({ shape }) => shape)).toEqual(given.map((_, i) => file.get(`${name}/${i}`)!.shape));
      for (const [i, weight] of weights.entries()) {
        const { shape, data } = file.get(`${name}/${i}`)!;
        const value = tensor(data, shape);
        weight.write(value);
        value.dispose();
      }
      const [height, width] = SIZES[name] ?? (options.inputShape as readonly [number, number, number]);
      const { data, shape } = noiseImages([BATCH, height, width, 3], 5);
      const xs = tensor(data, shape);
      const logits = async () => {
        const y = model.predict(xs) as Tensor;
        const values = await y.data();
        y.dispose();
        return values;
      };
      expect(relativeError(await logits(), file.get(`${name}/logits`)!.data)).toBeLessThan(1e-5);

      for (const layer of model.layers) if (layer.name.endsWith('_bn')) layer.trainable = false;
      const run = startRun('test', model, chooseOptimizer('test', { learningRate: RATE }), { seed: 0 });
      dispose(await step(run, { xs: xs.clone(), ys: tensor1d([0, 1, 2], 'int32') }));
      run.end();
      expect(relativeError(await logits(), file.get(`${name}/after`)!.data)).toBeLessThan(1e-5);
      dispose(xs);
      model.dispose();
      expect(memory().numTensors).toBe(before);
    },
  );
});
