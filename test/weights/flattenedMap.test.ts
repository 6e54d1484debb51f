import { type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { encodeWeights, fromWeights, loadWeights } from '../../src/weights/index.js';
import { useBackend } from '../support/backends.js';

beforeAll(() => useBackend('cpu'));

const source = () => vgg([[1, 3]], { inputShape: [4, 6, 2], classes: 5, hiddenUnits: [], seed: 3 });

/** The convolution and pooling of `source`, and other layers up to the dense one. */
function withHead(...head: Parameters<ReturnType<typeof sequential>['add']>[0][]): LayersModel {
  const conv = {
    filters: 3,
    kernelSize: 3,
    padding: 'same' as const,
    activation: 'relu' as const,
    inputShape: [4, 6, 2],
  };
  return sequential({
    layers: [layers.conv2d(conv), layers.maxPooling2d({ poolSize: 2 }), ...head, layers.dense({ units: 5 })],
  });
}

const x = () =>
  tensor(
    Array.from({ length: 48 }, (_, i) => Math.sin(i)),
    [1, 4, 6, 2],
  );
const outputs = (model: LayersModel) => tidy(() => [...(model.predict(x()) as Tensor).dataSync()]);

test("PyTorch's rows go where the model takes the map: flattened as it is, or with channels first", async () => {
  const original = source();
  const file = await encodeWeights(original);
  for (const head of [
    [layers.flatten()],
    [layers.reshape({ targetShape: [18] }), layers.dropout({ rate: 0.5 })],
    [layers.permute({ dims: [3, 1, 2] }), layers.flatten()],
  ]) {
    const model = withHead(...head);
    await loadWeights(model, file);
    outputs(model).forEach((value, i) => {
      expect(value).toBeCloseTo(outputs(original)[i]!, 5);
    });
    model.dispose();
  }
  original.dispose();
});

test('a map that the model flattens in another order is refused', async () => {
  const original = source();
  const file = await encodeWeights(original);
  for (const head of [
    [layers.permute({ dims: [2, 1, 3] }), layers.flatten()],
    [layers.flatten(), layers.batchNormalization()],
  ]) {
    const model = withHead(...head);
    await expect(loadWeights(model, file)).rejects.toThrow(/./);
    model.dispose();
  }
  original.dispose();
});

test('a flattened map of one position comes back flattened', async () => {
  const model = vgg(
    [
      [1, 3],
      [1, 4],
    ],
    { inputShape: [4, 4, 3], classes: 5, hiddenUnits: [] },
  );
  for (const container of ['safetensors', 'pth', 'h5', 'weights.h5'] as const) {
    const { model: again, network } = await fromWeights(await encodeWeights(model, { container }));
    expect(network!.top).toMatchObject({ featureSize: [1, 1] });
    expect(again.inputs[0]!.shape).toEqual([null, 4, 4, 3]);
    again.dispose();
  }
  model.dispose();
});

test('batch normalization at some convolutions only is refused where weights alone are written', async () => {
  const conv = { filters: 3, kernelSize: 3, padding: 'same' } as const;
  const model = sequential({
    layers: [
      layers.conv2d({ ...conv, inputShape: [4, 4, 2] }),
      layers.batchNormalization(),
      layers.reLU(),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.conv2d({ ...conv, activation: 'relu' }),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.flatten(),
      layers.dense({ units: 2 }),
    ],
  });
  await expect(encodeWeights(model)).rejects.toThrow('block2_conv1 has no batch normalization but other');
  const { model: again } = await fromWeights(await encodeWeights(model, { container: 'keras' }));
  for (const one of [model, again]) one.dispose();
});
