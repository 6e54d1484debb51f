import { max, mean, memory, mul, ones, type Tensor, tensor, tidy, transpose } from '@tensorflow/tfjs-core';
import { type LayersModel, layers, loadLayersModel, sequential } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { featureExtractor } from '../../src/features/index.js';
import { IMAGENET, scaleArch, VGG11, VGG16, vgg } from '../../src/index.js';
import { fromWeights } from '../../src/weights/index.js';
import { backends, useAnyBackend, useBackend } from '../support/backends.js';

import { fixturePath, readExpected } from '../support/fixtures.js';
import { ONE_OF_EACH, relativeError } from '../weights/files.js';

const NHWC = [0, 2, 3, 1];
const NARROW = { inputShape: [32, 32, 3], hiddenUnits: 8, initializer: 'heUniform' } as const;
const plain = () => vgg(scaleArch(VGG16, 32), { ...NARROW, classifierActivation: 'softmax' });
const normalized = () => vgg(scaleArch(VGG11, 32), { ...NARROW, batchNorm: true });

const image = () =>
  tensor(
    Float32Array.from({ length: 2 * 32 * 32 * 3 }, (_, i) => Math.sin(i * 1.7)),
    [2, 32, 32, 3],
  );

/** The outputs' numbers; the input and the outputs are disposed. */
async function valuesOf(model: LayersModel, x: Tensor = image()): Promise<Float32Array[]> {
  const outputs = [tidy(() => model.predict(x))].flat();
  const values = await Promise.all(outputs.map((output) => output.data<'float32'>()));
  for (const one of [x, ...outputs]) one.dispose();
  return values;
}

beforeAll(() => useAnyBackend());

describe('names', () => {
  let model: LayersModel;
  afterEach(() => model.dispose());

  test.each([
    ['relu3_3', 'block3_conv3'],
    ['pool3', 'block3_pool'],
    ['features.16', 'pool3'],
    ['features.15', 'relu3_3'],
    ['features.14', 'conv3_3'],
    ['features.30', 'pool5'],
    ['relu6', 'fc1'],
    ['classifier.1', 'fc1'],
    ['classifier.0', 'fc6'],
    ['classifier.3', 'fc7'],
    ['classifier.6', 'logits'],
    ['fc8', 'logits'],
  ])('%s and %s are the same tap of a plain network', async (one, other) => {
    model = plain();
    const [a, b] = await valuesOf(featureExtractor(model, [one, other]));
    expect(a!.some((value) => value !== 0)).toBe(true);
    expect(a).toEqual(b);
  });

  test.each([
    ['conv3_2', 'block3_conv2'],
    ['bn3_2', 'block3_conv2_bn'],
    ['relu3_2', 'block3_conv2_relu'],
    ['features.11', 'conv3_2'],
    ['features.12', 'bn3_2'],
    ['features.13', 'relu3_2'],
    ['features.14', 'pool3'],
  ])('%s and %s are the same tap with batch normalization', async (one, other) => {
    model = normalized();
    const [a, b] = await valuesOf(featureExtractor(model, [one, other]));
    expect(a).toEqual(b);
  });

  test.each([
    ['relu6', 'fc1', [8, 7, 6]],
    ['classifier.6', 'fc8', [8, 7, 6]],
    ['classifier.7', 'fc3', [8, 7, 6]],
    ['classifier.9', 'logits', [8, 7, 6]],
    ['fc9', 'logits', [8, 7, 6]],
    ['classifier.0', 'logits', []],
    ['features.1', 'relu1_1', []],
    ['features.2', 'bn1_1', []],
    ['features.3', 'pool1', []],
  ])(
    '%s and %s are the same tap with hidden layers of %j units, normalized after the ReLU',
    async (one, other, hiddenUnits) => {
      model = vgg([[1, 3]], { inputShape: [32, 32, 3], hiddenUnits, batchNorm: { afterRelu: true } });
      const [a, b] = await valuesOf(featureExtractor(model, [one, other]));
      expect(a).toEqual(b);
      expect(a!.some((value) => value !== 0)).toBe(true);
    },
  );

  test.each([
    ['block9_conv1', /there is no layer "block9_conv1"; the layers are input_layer, block1_conv1, .*such as/],
    ['bn3_3', /there is no layer "bn3_3"/],
    ['toString', /there is no layer "toString"/],
  ])('%s is not a name in a plain network', (name, message) => {
    model = plain();
    expect(() => featureExtractor(model, name)).toThrow(message);
  });

  test('no names are refused', () => {
    model = plain();
    expect(() => featureExtractor(model, [])).toThrow('featureExtractor: no layer is named');
  });
});

describe('an extractor', () => {
  test('returns tensors before and after a ReLU, and continues from there', async () => {
    const model = plain();
    const [before, after, pool, logits, probabilities] = await valuesOf(
      featureExtractor(model, ['conv3_3', 'relu3_3', 'pool5', 'logits', 'predictions']),
    );
    const [whole] = await valuesOf(model);
    expect(before!.some((value) => value < 0)).toBe(true);
    // WebGL's ReLU makes -0 of what is negative; adding 0 makes 0 of that.
    expect(before!.map((value) => Math.max(0, value))).toEqual(after!.map((value) => value + 0));
    expect(pool!.every((value) => value >= 0)).toBe(true);
    expect(probabilities).toEqual(whole);
    const powers = logits!.map(Math.exp).subarray(0, 10);
    const sum = powers.reduce((a, b) => a + b);
    expect(
      relativeError(
        powers.map((power) => power / sum),
        whole!.subarray(0, 10),
      ),
    ).toBeLessThan(1e-6);
    model.dispose();
  });

  test.each([
    [{ pooling: 'avg' }, [null, null, 3]],
    [{ convolutionalTop: true }, [20, 26, 3]],
  ] as const)('with %o takes images of another size up to the classes', async (options, inputShape) => {
    const model = vgg([[1, 3]], { inputShape: [32, 32, 3], hiddenUnits: 6, ...options });
    const small = vgg([[1, 3]], { inputShape: [20, 26, 3], hiddenUnits: 6, ...options });
    const extractor = featureExtractor(model, ['fc1', 'predictions'], { inputShape });
    const [, logits] = await valuesOf(extractor, ones([2, 20, 26, 3]));
    expect(logits).toEqual((await valuesOf(small, ones([2, 20, 26, 3])))[0]);
    model.dispose();
    small.dispose();
  });

  test.each<[string, [number | null, number | null, number], string]>([
    ['pool5', [16, 40, 3], 'images of 16x40x3 are too small for block5_pool; use at least 32x32x3.'],
    ['fc1', [null, 224, 3], 'inputShape is [any,224,3], which has no fixed size for fc1; pass a height'],
    ['fc1', [192, 224, 3], 'images of 192x224x3 are too small for fc1; use at least 224x224x3.'],
  ])('refuses images that are too small for %s', (layer, inputShape, sentence) => {
    const model = vgg(scaleArch(VGG11, 32), { ...NARROW, inputShape: [224, 224, 3], convolutionalTop: true });
    expect(() => featureExtractor(model, layer, { inputShape })).toThrow(`featureExtractor: ${sentence}`);
    model.dispose();
  });

  test('ends at the last of its layers', () => {
    const model = plain();
    expect(featureExtractor(model, ['pool3', 'conv2_1']).layers.at(-1)!.name).toBe('block3_pool');
    expect(featureExtractor(model, 'conv3_3').layers.at(-1)!.name).toBe('block3_conv3');
    model.dispose();
  });

  test('shares the weights: it allocates nothing, follows the model, and frees nothing', async () => {
    const empty = memory().numTensors;
    const model = plain();
    const before = memory().numTensors;
    const extractor = featureExtractor(model, ['conv1_2', 'fc1']);
    expect(memory().numTensors).toBe(before);
    const [, first] = await valuesOf(extractor);
    const weights = model.getWeights().map((weight) => tidy(() => mul(weight, 1.5)));
    model.setWeights(weights);
    for (const weight of weights) weight.dispose();
    const [, second] = await valuesOf(extractor);
    expect(second).not.toEqual(first);
    extractor.dispose();
    expect(memory().numTensors).toBe(before);
    expect(() => featureExtractor(model, 'pool5')).not.toThrow();
    await valuesOf(model);
    model.dispose();
    expect(memory().numTensors).toBe(empty);
  });

  test('leaves the model as it was: its layers have one output, and it still saves', async () => {
    const model = plain();
    const config = model.toJSON(undefined, false);
    featureExtractor(model, ['conv3_3', 'pool5']);
    expect(model.toJSON(undefined, false)).toEqual(config);
    for (const layer of model.layers) expect(() => layer.output).not.toThrow();
    model.dispose();
  });

  test('is saved and loaded by tfjs alone', async () => {
    const model = plain();
    const extractor = featureExtractor(model, ['conv2_1', 'pool3']);
    let saved: Parameters<Extract<Parameters<LayersModel['save']>[0], { save?: unknown }>['save'] & {}>[0];
    await extractor.save({
      save: async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
      },
    });
    const loaded = await loadLayersModel({ load: async () => saved });
    expect(await valuesOf(loaded)).toEqual(await valuesOf(extractor));
    loaded.dispose();
    model.dispose();
  });

  test('accepts images of any size where no layer fixes it', async () => {
    const model = plain();
    const extractor = featureExtractor(model, 'pool4', { inputShape: [null, null, 3], name: 'any' });
    expect(extractor.name).toBe('any');
    const y = tidy(() => extractor.predict(tensor(new Float32Array(48 * 80 * 3), [1, 48, 80, 3])) as Tensor);
    expect(y.shape).toEqual([1, 3, 5, 16]);
    y.dispose();
    expect(() => featureExtractor(model, 'fc1', { inputShape: [64, 64, 3] })).toThrow(
      "featureExtractor: images of 64x64x3 do not fit layer flatten, which fixes the size; use the model's, 32x32x3.",
    );
    expect(() => featureExtractor(model, 'pool1', { inputShape: [64, 64, 1] })).toThrow('3 input channels');
    model.dispose();
  });

  test('of a sequential model, which has no input layer, begins with its first layer', async () => {
    const inSequence = sequential({
      layers: [
        layers.conv2d({ filters: 2, kernelSize: 3, inputShape: [32, 32, 3], name: 'first' }),
        layers.conv2d({ filters: 2, kernelSize: 3, name: 'second' }),
      ],
    });
    expect(inSequence.layers.map(({ name }) => name)).toEqual(['first', 'second']);
    const [values] = await valuesOf(featureExtractor(inSequence, 'second'));
    expect(values).toEqual((await valuesOf(inSequence))[0]);
    inSequence.dispose();
  });

  test.each(['avg', 'max'] as const)(
    'pools feature maps by %s, and leaves vectors as they are',
    async (pooling) => {
      const model = plain();
      const names = ['relu3_3', 'relu3_3', 'fc7'];
      const [maps, same, vectors] = await valuesOf(featureExtractor(model, names));
      const pooled = await valuesOf(featureExtractor(model, names, { pooling }));
      expect(pooled.map(({ length }) => length)).toEqual([2 * 8, 2 * 8, 2 * 8]);
      expect(pooled[2]).toEqual(vectors);
      for (const [i, whole] of [maps!, same!].entries()) {
        // WebGPU cannot be read synchronously.
        const expected = tidy(() => (pooling === 'avg' ? mean : max)(tensor(whole, [2, 8, 8, 8]), [1, 2]));
        expect(relativeError(pooled[i]!, await expected.data<'float32'>())).toBeLessThan(1e-6);
        expected.dispose();
      }
      expect(() => featureExtractor(model, 'pool1', { pooling: 'sum' as never })).toThrow('pooling is "sum"');
      model.dispose();
    },
  );

  test('works on another extractor', async () => {
    const model = plain();
    const [a] = await valuesOf(featureExtractor(featureExtractor(model, ['conv3_1', 'pool5']), 'relu3_1'));
    const [b] = await valuesOf(featureExtractor(model, 'block3_conv1'));
    expect(a).toEqual(b);
    model.dispose();
  });
});

describe.each(backends)('on %s', (backend) => {
  test.each(ONE_OF_EACH)(
    "$file's poolings are PyTorch's, by the paper's names",
    async ({ file, expected: name, tolerance }) => {
      await useBackend(backend);
      const expected = await readExpected(name);
      const { model } = await fromWeights(fixturePath(`${file}`));
      const pools = ['pool3', 'pool4', 'pool5'];
      const { data, shape } = expected.get('input')!;
      const extractor = featureExtractor(model, pools);
      const outputs = await valuesOf(
        extractor,
        tidy(() => transpose(tensor(data, shape), NHWC)),
      );
      for (const [i, pool] of pools.entries()) {
        const { data, shape } = expected.get(pool)!;
        const nhwc = tidy(() => transpose(tensor(data, shape), NHWC));
        expect(relativeError(outputs[i]!, await nhwc.data()), pool).toBeLessThan(tolerance);
        nhwc.dispose();
      }
      model.dispose();
    },
  );
});

test('full-size networks have all names', () => {
  // Zero weights: only names and shapes are looked at.
  const model = vgg(scaleArch(VGG16, 16), { ...IMAGENET, hiddenUnits: 4, initializer: 'zeros' });
  const shapes = featureExtractor(model, ['relu3_3', 'pool5', 'fc7']).outputs.map(({ shape }) => shape);
  expect(shapes).toEqual([
    [null, 56, 56, 16],
    [null, 7, 7, 32],
    [null, 4],
  ]);
  model.dispose();
});
