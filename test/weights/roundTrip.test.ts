import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memory, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { type LayersModel, layers, model as modelOf, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { featureExtractor, transferHead } from '../../src/features/index.js';
import { type ConvArch, type VggOptions, vgg } from '../../src/index.js';
import { fileSystem } from '../../src/node/index.js';
import { type EncodeOptions, encodeWeights, fromWeights } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noiseImages } from '../support/fixtures.js';
import { relativeError } from './files.js';

/** What the library writes it reads: the same network with the same head, which computes the same. */

let folder: string;
beforeAll(async () => {
  await useAnyBackend('wasm');
  folder = await mkdtemp(join(tmpdir(), 'vgg-blocks-'));
});
afterAll(() => rm(folder, { recursive: true }));

const ARCH: ConvArch = [
  [1, 4],
  [2, 6],
];
const network = (options: VggOptions = {}) =>
  vgg(ARCH, { inputShape: [12, 12, 3], classes: 5, hiddenUnits: 7, seed: 3, ...options });
/** Blocks that PyTorch's numbers do not tell from one block with dropout. */
const UNIFORM: ConvArch = [
  [1, 4],
  [1, 4],
];
const base = (options: VggOptions = {}) => network({ includeTop: false, ...options });

/** Gives every weight a value of its own, which training would; a variance stays positive. */
function fill(model: LayersModel): LayersModel {
  let drawn = 0;
  for (const weight of model.layers.flatMap((layer) => layer.weights)) {
    const variance = weight.originalName.endsWith('moving_variance');
    if (weight.shape.length > 1 && !variance) continue;
    const value = tensor(
      Float32Array.from({ length: weight.shape[0]! }, () => (variance ? 1 : 0) + 0.3 * Math.sin(++drawn)),
    );
    weight.write(value);
    value.dispose();
  }
  return model;
}

const NETWORKS: Record<string, () => LayersModel> = {
  'two hidden layers': () => network(),
  'no hidden layer': () => network({ hiddenUnits: [] }),
  'one hidden layer': () => network({ hiddenUnits: [8] }),
  'three hidden layers': () => network({ hiddenUnits: [8, 7, 6] }),
  'as many classes as hidden units': () => network({ hiddenUnits: [8, 5] }),
  'a feature map that is not square': () => network({ inputShape: [12, 20, 3] }),
  'an odd image size': () => network({ inputShape: [15, 15, 3] }),
  softmax: () => network({ classifierActivation: 'softmax' }),
  "padding 'valid'": () => network({ padding: 'valid', inputShape: [20, 20, 3] }),
  'no biases, normalized': () => network({ convBias: false, batchNorm: true }),
  'normalized after the ReLU': () => network({ batchNorm: { afterRelu: true, epsilon: 1e-4 } }),
  'average pooling': () => network({ pooling: 'avg', hiddenUnits: [8] }),
  'maximum pooling': () => network({ pooling: 'max', hiddenUnits: [] }),
  'adaptive pooling': () => network({ adaptivePool: true, inputShape: [20, 28, 3] }),
  'a convolutional top': () => network({ convolutionalTop: true, inputShape: [32, 36, 3] }),
  'uniform blocks': () => vgg(UNIFORM, { inputShape: [12, 12, 3], classes: 5, hiddenUnits: [7, 6] }),
  'the end at fc2': () => featureExtractor(network(), 'fc2'),
  'the end at fc1': () => featureExtractor(network({ hiddenUnits: [8, 7] }), 'fc1'),
  'no top': () => base(),
  'no top, pooled': () => base({ pooling: 'max' }),
  "transferHead's": () => transferHead(base(), { classes: 3 }),
  "transferHead's with dropout and softmax": () =>
    transferHead(base({ batchNorm: true }), { classes: 3, dropout: 0.2, classifierActivation: 'softmax' }),
  "transferHead's with hidden layers": () => transferHead(base(), { classes: 3, hiddenUnits: [6, 5, 4] }),
  "transferHead's, flattened": () => transferHead(base(), { classes: 3, pooling: 'flatten', hiddenUnits: 6 }),
  "transferHead's on pooled features": () =>
    transferHead(base({ pooling: 'max', inputShape: [null, null, 3] }), { classes: 3, hiddenUnits: 6 }),
  "transferHead's on fc2": () =>
    transferHead(featureExtractor(network(), 'fc2'), { classes: 3, hiddenUnits: 4 }),
  'a model in a model': () => {
    const inner = base({ inputShape: [12, 12, 3] });
    const x = inner.inputs[0]!;
    const image = layers.inputLayer({ inputShape: x.shape.slice(1), name: 'image' });
    const features = inner.apply((image as unknown as { output: SymbolicTensor }).output) as SymbolicTensor;
    const pooled = layers.globalAveragePooling2d({ name: 'gap' }).apply(features);
    const y = layers.dense({ units: 3, name: 'classes' }).apply(pooled as SymbolicTensor) as SymbolicTensor;
    return modelOf({ inputs: (image as unknown as { output: SymbolicTensor }).output, outputs: y });
  },
};

const FILES: Record<string, EncodeOptions | undefined> = {
  'safetensors of torchvision': { names: 'torchvision' },
  'safetensors of timm': { names: 'timm' },
  'safetensors of Keras': { names: 'keras' },
  '.pth of torchvision': { container: 'pth' },
  '.pth of timm': { container: 'pth', names: 'timm' },
  '.h5': { container: 'h5' },
  '.weights.h5': { container: 'weights.h5' },
  '.model.h5': { container: 'model.h5' },
  '.keras': { container: 'keras' },
  'a folder of tfjs': undefined,
};

/** The files that cannot hold a network, and why. */
const REFUSED: [network: RegExp, file: RegExp, why: RegExp][] = [
  [/the end at/, /torchvision/, /ends with the hidden layer/],
  [/the end at fc1/, /timm/, /timm's VGG has two hidden layers/],
  [/convolutional/, /torchvision/, /hidden layers are convolutions, and torchvision's are linear/],
  [
    /no hidden|one hidden|three hidden|with hidden|flattened|on fc2/,
    /timm/,
    /timm's VGG has two hidden layers/,
  ],
  [/^average|^maximum|^transferHead's|in a model/, /timm/, /timm's VGG has two hidden layers/],
  [/not square/, /timm/, /timm's must be square/],
];

async function outputs(model: LayersModel): Promise<Float32Array> {
  const [, height, width] = model.inputs[0]!.shape as (number | null)[];
  const { data, shape } = noiseImages([2, height ?? 12, width ?? 12, 3], 7);
  const x = tensor(data, shape);
  const y = model.predict(x) as Tensor;
  const values = await y.data<'float32'>();
  x.dispose();
  y.dispose();
  return values;
}

describe.each(Object.entries(FILES))('%s', (file, options) => {
  test.each(Object.entries(NETWORKS))('%s', async (name, build) => {
    const model = fill(build());
    const refused = REFUSED.find(([networks, files]) => networks.test(name) && files.test(file));
    const written = memory().numTensors;
    if (refused) {
      await expect(encodeWeights(model, options)).rejects.toThrow(refused[2]);
    } else {
      let source: Uint8Array | string;
      if (options) source = await encodeWeights(model, options);
      else {
        source = join(folder, `${Object.keys(NETWORKS).indexOf(name)}`, 'model.json');
        await model.save(fileSystem(source));
      }
      const { model: again, network } = await fromWeights(source);
      const shape = model.inputs[0]!.shape as (number | null)[];
      const read = again.inputs[0]!.shape as (number | null)[];
      // Without a fixed size the images of the first model fit too.
      expect(
        read.every((side, i) => side === null || side === shape[i]),
        `${read} for ${shape}`,
      ).toBe(true);
      expect(relativeError(await outputs(again), await outputs(model))).toBeLessThan(1e-6);
      if (network) expect(network.arch).toEqual(/uniform/.test(name) ? UNIFORM : ARCH);
      again.dispose();
    }
    expect(memory().numTensors).toBe(written);
    model.dispose();
  });
});

test.each(Object.entries(FILES).filter(([file, options]) => options && !/timm/.test(file)))(
  '%s says the pooling before a top, and another is refused',
  async (_, options) => {
    const model = fill(network({ pooling: 'avg', hiddenUnits: [8] }));
    const file = await encodeWeights(model, options);
    model.dispose();
    const before = memory().numTensors;
    await expect(fromWeights(file, { pooling: 'max' })).rejects.toThrow(
      'it says that its pooling is avg, and the option pooling is max; leave it out.',
    );
    expect(memory().numTensors).toBe(before);
    const { model: features } = await fromWeights(file, { pooling: 'max', includeTop: false });
    features.dispose();
  },
);
