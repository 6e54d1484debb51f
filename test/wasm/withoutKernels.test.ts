import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import {
  concat,
  dispose,
  div,
  fill,
  floor,
  grad,
  maxPool,
  memory,
  mul,
  randomUniform,
  setBackend,
  sum,
  type Tensor,
  type Tensor4D,
  tensor4d,
  tidy,
  zeros,
} from '@tensorflow/tfjs-core';
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
import { explain, gradCam, perceptualLoss, saliency, visualize } from '../../src/features/index.js';
import { withTape } from '../../src/tfjs/tape.js';
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

  describe('gradients pass max pooling as on the cpu backend, where values are equal too', () => {
    const build = () =>
      vgg(
        [
          [1, 4],
          [1, 8],
        ],
        { inputShape: [16, 16, 3], hiddenUnits: [8], classes: 4, seed: 1 },
      );
    // Two flat halves: most windows have equal values.
    const halves = () => concat([fill([1, 16, 8, 3], 40), fill([1, 16, 8, 3], 210)], 2) as Tensor4D;
    const explained =
      (method: 'gradcam++' | 'layercam' | 'guided-backprop' | 'integrated-gradients') =>
      async (model: LayersModel, images: Tensor4D) =>
        (await explain(model, div(images, 255) as Tensor4D, { method, classIndex: 1 })).values;

    test.each<[string, (model: LayersModel, images: Tensor4D) => Promise<ArrayLike<number>>]>([
      [
        'gradCam',
        async (model, images) =>
          (await gradCam(model, div(images, 255) as Tensor4D, { classIndex: 1 })).values,
      ],
      [
        'saliency',
        async (model, images) =>
          (await saliency(model, div(images, 255) as Tensor4D, { classIndex: 1 })).values,
      ],
      ['layercam', explained('layercam')],
      ['guided backpropagation', explained('guided-backprop')],
      ['integrated gradients', explained('integrated-gradients')],
      [
        'the gradient of a perceptual loss',
        (model, images) => {
          const loss = perceptualLoss(model, ['block2_pool']);
          const noise = randomUniform([1, 16, 16, 3], 0, 1, 'float32', 3) as Tensor4D;
          const other = div(images, 255) as Tensor4D;
          return tidy(() => grad((x) => loss(x as Tensor4D, noise))(other)).data();
        },
      ],
    ])('%s', async (_, compute) => {
      const found: number[][] = [];
      for (const backend of ['cpu', 'wasm']) {
        await setBackend(backend);
        const model = build();
        const images = halves();
        found.push(Array.from(await compute(model, images)));
        images.dispose();
        model.dispose();
      }
      const [expected, values] = found as [number[], number[]];
      const largest = Math.max(...expected.map(Math.abs));
      expect(largest).toBeGreaterThan(0);
      const apart = Math.max(...values.map((value, i) => Math.abs(value - expected[i]!)));
      expect(apart).toBeLessThan(1e-5 * largest);
    });

    test('by windows that overlap, pad and leave pixels out, and of batches', async () => {
      const maps = floor(randomUniform([2, 7, 9, 3], 0, 3, 'float32', 5)) as Tensor4D;
      const numbers = await maps.array();
      for (const [size, strides, pad] of [
        [3, 2, 'same'],
        [2, 3, 'valid'],
        [[3, 1], [1, 2], 'same'],
        [3, 1, 1],
      ] as const) {
        const found: ArrayLike<number>[] = [];
        for (const backend of ['cpu', 'wasm']) {
          await setBackend(backend);
          const x = tensor4d(numbers);
          const dx = withTape(() =>
            tidy(() => {
              const pooled = (t: Tensor) => maxPool(t as Tensor4D, size as 3, strides as 1, pad);
              const weights = randomUniform(pooled(x).shape, -1, 1, 'float32', 6);
              return grad((t) => sum(mul(pooled(t), weights)))(x);
            }),
          );
          found.push(await dx.data());
          dispose([x, dx]);
        }
        const [expected, values] = found.map((one) => Float32Array.from(one)) as [Float32Array, Float32Array];
        // The cpu adds gradients of overlapping windows in float64.
        expect(Math.max(...values.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-6);
      }
      maps.dispose();
    });
  });

  test('what needs no gradient is computed, and a head alone is trained', async () => {
    const model = network();
    for (const layer of model.layers) layer.trainable = layer.getClassName() === 'Dense';
    const { epochs } = await train(model, { trainSet: set }, { batchSize: 4, epochs: 1 });
    expect(epochs).toHaveLength(1);
    model.dispose();
  });
});
