import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { memory, randomUniform, setBackend, type Tensor, type Tensor4D, zeros } from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  model as modelOf,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { vgg } from '../../src/core/vgg.js';
import { ImageSet } from '../../src/data/imageSet.js';
import { gradCam, saliency, visualize } from '../../src/features/index.js';
import { diagnose, throughput, train } from '../../src/train/index.js';

/** tfjs's wasm backend by itself has no gradient of a filter, and none of depthwise convolutions. */
describe('a backend without kernels of gradients is refused before anything is computed', () => {
  beforeAll(async () => {
    await setBackend('wasm');
  });
  afterAll(async () => {
    await setBackend('cpu');
  });

  const network = () => vgg([[1, 4]], { inputShape: [16, 16, 3], hiddenUnits: [8], classes: 4 });
  const set = new ImageSet({
    images: new Uint8Array(8 * 768),
    labels: new Uint8Array(8).map((_, i) => i % 4),
    shape: [16, 16, 3],
    classNames: ['a', 'b', 'c', 'd'],
  });

  test.each([
    ['train', (model) => train(model, { trainSet: set }, { batchSize: 4, epochs: 1 })],
    ['diagnose', (model) => diagnose(model, set, { batchSize: 4 })],
    ['throughput', (model) => throughput(model, { mode: 'training', batchSize: 2 })],
  ] satisfies [string, (model: ReturnType<typeof network>) => Promise<unknown>][])(
    '%s',
    async (name, run) => {
      const model = network();
      const before = memory().numTensors;
      await expect(run(model)).rejects.toThrow(
        `${name}: the backend wasm has no kernel Conv2DBackpropFilter for the gradient of layer block1_conv1; call installWasmKernels() of vgg-blocks/wasm first.`,
      );
      expect(memory().numTensors).toBe(before);
      model.dispose();
    },
  );

  test.each([
    ['gradCam', (model, image) => gradCam(model, image, { layer: 'first' })],
    ['saliency', (model, image) => saliency(model, image)],
    ['visualize', (model) => visualize(model, 'last', 0, { steps: 1 })],
  ] satisfies [string, (model: LayersModel, image: Tensor) => Promise<unknown>][])(
    '%s',
    async (name, run) => {
      const model = sequential({
        layers: [
          layers.conv2d({ inputShape: [16, 16, 3], filters: 4, kernelSize: 3, name: 'first' }),
          layers.depthwiseConv2d({ kernelSize: 3, name: 'depthwise' }),
          layers.flatten(),
          layers.dense({ units: 4, name: 'last' }),
        ],
      });
      const image = zeros([1, 16, 16, 3]);
      const before = memory().numTensors;
      await expect(run(model, image)).rejects.toThrow(
        `${name}: the backend wasm has no kernel DepthwiseConv2dNativeBackpropInput for the gradient of layer depthwise; choose another backend.`,
      );
      expect(memory().numTensors).toBe(before);
      image.dispose();
      model.dispose();
    },
  );

  test.each([
    [
      'Embedding',
      [4],
      () => layers.embedding({ inputDim: 9, outputDim: 2, name: 'first' }),
      'UnsortedSegmentSum',
    ],
    [
      'Conv1D',
      [8, 3],
      () => layers.conv1d({ filters: 2, kernelSize: 3, name: 'first' }),
      'Conv2DBackpropFilter',
    ],
    [
      'Conv2DTranspose',
      [4, 4, 3],
      () => layers.conv2dTranspose({ filters: 2, kernelSize: 3, name: 'first' }),
      'Conv2DBackpropFilter',
    ],
  ] satisfies [string, number[], () => layers.Layer, string][])(
    'the weights of %s',
    async (_, shape, create, kernel) => {
      const x = input({ shape });
      const features = layers.flatten().apply(create().apply(x)) as SymbolicTensor;
      const outputs = layers.dense({ units: 3 }).apply(features) as SymbolicTensor;
      const model = modelOf({ inputs: x, outputs });
      const before = memory().numTensors;
      await expect(throughput(model, { mode: 'training', batchSize: 2 })).rejects.toThrow(
        `throughput: the backend wasm has no kernel ${kernel} for the gradient of layer first;`,
      );
      expect(memory().numTensors).toBe(before);
      model.dispose();
    },
  );

  test('gradients of images pass convolutions, whatever their activation', async () => {
    for (const activation of ['linear', 'swish', 'relu6'] as const) {
      const model = sequential({
        layers: [
          layers.conv2d({ inputShape: [8, 8, 3], filters: 4, kernelSize: 3, activation, name: 'first' }),
          layers.flatten(),
          layers.dense({ units: 4 }),
        ],
      });
      const image = randomUniform([1, 8, 8, 3], 0, 1, 'float32', 1) as Tensor4D;
      const { values } = await saliency(model, image);
      expect(Math.max(...values)).toBeGreaterThan(0);
      image.dispose();
      model.dispose();
    }
  });

  test('what needs no gradient is computed, and a head alone is trained', async () => {
    const model = network();
    for (const layer of model.layers) layer.trainable = layer.getClassName() === 'Dense';
    const { epochs } = await train(model, { trainSet: set }, { batchSize: 4, epochs: 1 });
    expect(epochs).toHaveLength(1);
    model.dispose();
  });
});
