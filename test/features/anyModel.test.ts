import {
  add,
  grad,
  mean,
  memory,
  mul,
  relu,
  squaredDifference,
  sub,
  type Tensor,
  tensor1d,
  tensor4d,
  tidy,
  sum as total,
} from '@tensorflow/tfjs-core';
import {
  initializers,
  input,
  type LayersModel,
  layers,
  model as modelOf,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ImageSet } from '../../src/data/index.js';
import {
  cacheFeatures,
  embed,
  featureExtractor,
  freeze,
  gradCam,
  imageSimilarity,
  kernelGrid,
  lpips,
  perceptualLoss,
  saliency,
  splitModel,
  styleTransfer,
  unfreeze,
} from '../../src/features/index.js';
import { classify } from '../../src/imagenet/index.js';
import { preprocess } from '../../src/images/index.js';
import { type ImageShape, scaleArch, VGG16, vgg } from '../../src/index.js';
import { layersWithin } from '../../src/tfjs/models.js';
import { evaluate, predictClasses } from '../../src/train/index.js';
import { encodeWeights, fromWeights, PUBLISHED, setMetadata } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noise } from '../support/bytes.js';

const SIZE = 32;
const CLASSES = 5;
const SHAPE: ImageShape = [SIZE, SIZE, 3];
const preprocessing = {
  ...PUBLISHED['torchvision/vgg16'].preprocessing,
  crop: SIZE,
  resize: { shorterSide: SIZE },
};
const labels = Array.from({ length: CLASSES }, (_, i) => `class ${i}`);
const images = [0, 1].map((i) => ({ data: noise(3 * SIZE ** 2, i + 1), width: SIZE, height: SIZE }));
const plain = () =>
  vgg(scaleArch(VGG16, 16), {
    inputShape: SHAPE,
    classes: CLASSES,
    hiddenUnits: 16,
    initializer: 'heUniform',
  });

/** New layers like a model's own, its input left out, and a name for each. */
const copies = (model: LayersModel, named: (name: string) => string = (name) => name) =>
  layersWithin(model).map((layer) => {
    const config = { ...layer.getConfig(), name: named(layer.name) };
    return new (layer.constructor as new (config: object) => layers.Layer)(config);
  });
const chained = (all: readonly layers.Layer[], x: SymbolicTensor) =>
  all.reduce((x, layer) => layer.apply(x) as SymbolicTensor, x);
/** The layers up to the last pooling as a model of their own, and those of the top. */
const parts = (model: LayersModel) => {
  const all = copies(model);
  const end = all.findLastIndex((layer) => layer.getClassName() === 'MaxPooling2D') + 1;
  const image = input({ shape: [...SHAPE] });
  return {
    base: modelOf({ inputs: image, outputs: chained(all.slice(0, end), image), name: 'base' }),
    top: all.slice(end),
  };
};
const first = () => layers.inputLayer({ inputShape: [...SHAPE] });

/** The same network, built in other ways. */
const BUILT: Record<string, (model: LayersModel) => LayersModel | Promise<LayersModel>> = {
  'a sequential model with an input layer': (model) => sequential({ layers: [first(), ...copies(model)] }),
  'a sequential model whose first layer has an inputShape': (model) => {
    const [conv, ...rest] = copies(model);
    const config = { ...conv!.getConfig(), inputShape: [...SHAPE] };
    return sequential({
      layers: [new (conv!.constructor as new (c: object) => layers.Layer)(config), ...rest],
    });
  },
  'a sequential model that begins with a base': (model) => {
    const { base, top } = parts(model);
    return sequential({ layers: [base, ...top] });
  },
  'a sequential model with a base behind another layer': (model) => {
    const { base, top } = parts(model);
    return sequential({ layers: [first(), layers.activation({ activation: 'linear' }), base, ...top] });
  },
  'a functional model with a base and a top as layers': (model) => {
    const { base, top } = parts(model);
    const maps = base.outputs[0]!.shape.slice(1) as number[];
    const head = sequential({ layers: [layers.inputLayer({ inputShape: maps }), ...top], name: 'head' });
    const image = input({ shape: [...SHAPE] });
    return modelOf({ inputs: image, outputs: chained([base, head] as unknown as layers.Layer[], image) });
  },
  'a model in a model in a model': (model) => {
    const all = sequential({ layers: [first(), ...copies(model)] });
    const image = input({ shape: [...SHAPE] });
    const middle = modelOf({ inputs: image, outputs: all.apply(image) as SymbolicTensor });
    return sequential({ layers: [first(), middle as unknown as layers.Layer] });
  },
  'a model with other names': (model) => {
    const image = input({ shape: [...SHAPE] });
    return modelOf({
      inputs: image,
      outputs: chained(
        copies(model, (name) => `my_${name}_x`),
        image,
      ),
    });
  },
  'a file of Keras': async (model) =>
    (await fromWeights(await encodeWeights(model, { container: 'keras' }))).model,
  'a Softmax layer at the end': (model) =>
    sequential({ layers: [first(), ...copies(model), layers.softmax()] }),
  'a softmax as an Activation layer at the end': (model) =>
    sequential({ layers: [first(), ...copies(model), layers.activation({ activation: 'softmax' })] }),
};

const numbersOf = async (tensor: Tensor) => {
  const numbers = [...(await tensor.data())];
  tensor.dispose();
  return numbers;
};
const tensorOf = (i: number) =>
  tensor4d(
    Float32Array.from(images[i]!.data, (byte) => byte / 255),
    [1, ...SHAPE],
  );
const examples = () =>
  new ImageSet({
    images: Uint8Array.from(images.flatMap(({ data }) => [...data])),
    labels: Uint8Array.from([1, 3]),
    shape: SHAPE,
    classNames: labels,
  });

/** What the functions compute. None of it depends on how the network is built. */
const COMPUTED: Record<string, (model: LayersModel) => Promise<readonly number[]>> = {
  gradCam: async (model) => {
    const map = await gradCam(model, images[0]!, { preprocessing });
    return [map.width, map.height, map.classIndex!, ...map.values];
  },
  'gradCam of a layer and a class': async (model) => [
    ...(await gradCam(model, images[0]!, { preprocessing, layer: 'conv3_2', classIndex: 2 })).values,
  ],
  saliency: async (model) => [
    ...(await saliency(model, images[0]!, { preprocessing, samples: 2, classIndex: 1 })).values,
  ],
  featureExtractor: async (model) => {
    const x = tensorOf(0);
    const extractor = featureExtractor(model, ['relu1_2', 'conv3_1', 'pool5', 'fc6', 'relu7', 'logits']);
    const all = extractor.predict(x) as Tensor[];
    x.dispose();
    return (await Promise.all(all.map(numbersOf))).flat();
  },
  splitModel: async (model) => {
    const { lower, upper } = splitModel(model, 'block3');
    const x = tensorOf(0);
    const logits = tidy(
      () => featureExtractor(upper, 'logits').predict(lower.predict(x) as Tensor) as Tensor,
    );
    x.dispose();
    return numbersOf(logits);
  },
  'freeze and unfreeze': async (model) => {
    const trained = () =>
      layersWithin(model)
        .filter(({ weights }) => weights.length > 0)
        .map((layer) => layer.trainableWeights.length);
    freeze(model);
    const none = trained();
    unfreeze(model, 'block4');
    const some = trained();
    unfreeze(model);
    freeze(model, 'pool2');
    const most = trained();
    unfreeze(model);
    return [...none, ...some, ...most];
  },
  cacheFeatures: async (model) => {
    const features = await cacheFeatures(splitModel(model, 'pool4').lower, examples());
    const found: number[] = [];
    for await (const { xs, ys } of features.batches({ batchSize: 2 })) {
      found.push(...(await numbersOf(xs)), ...(await numbersOf(ys)));
    }
    await features.dispose();
    return found;
  },
  perceptualLoss: async (model) => {
    const loss = perceptualLoss(model, ['relu2_2', 'conv4_1'], { preprocessing });
    const [a, b] = [tensorOf(0), tensorOf(1)];
    const distance = loss(a, b);
    for (const one of [a, b]) one.dispose();
    return numbersOf(distance);
  },
  lpips: async (model) => {
    const calibration = scaleArch(VGG16, 16).map(([, channels]) => Array(channels).fill(1) as number[]);
    const [a, b] = [tensorOf(0), tensorOf(1)];
    const distance = lpips(model, { calibration, range: [0, 1] })(a, b);
    for (const one of [a, b]) one.dispose();
    return numbersOf(distance);
  },
  styleTransfer: async (model) => {
    const { losses, image } = await styleTransfer(
      model,
      { content: images[0]!, style: images[1]! },
      { preprocessing, size: SIZE, steps: 1, optimizer: 'adam', pooling: 'avg' },
    );
    return [losses!.total / 1e4, ...[...image.data].slice(0, 50)];
  },
  kernelGrid: async (model) => [...(await kernelGrid(model)).data],
  embed: async (model) => (await embed(model, images, { preprocessing })).flatMap((one) => [...one]),
  imageSimilarity: async (model) => [
    await imageSimilarity(model, [images[0]!, images[1]!], { preprocessing, layer: 'relu7' }),
  ],
  classify: async (model) =>
    (await classify(model, images[0]!, { preprocessing, labels })).flatMap(({ index, probability }) => [
      index,
      probability,
    ]),
  evaluate: async (model) => {
    const { loss, accuracy } = await evaluate(model, examples());
    return [loss, accuracy];
  },
  predictClasses: async (model) => [...(await predictClasses(model, examples()))],
};

describe('the same network, built in another way', () => {
  const expected = new Map<string, readonly number[]>();
  let model: LayersModel;
  beforeAll(async () => {
    await useAnyBackend();
    model = plain();
    for (const [name, computed] of Object.entries(COMPUTED)) expected.set(name, await computed(model));
  });
  afterAll(() => model.dispose());

  test.each(Object.entries(BUILT))('computes the same: %s', async (_, build) => {
    const other = await build(model);
    // The order of a model's weights is that of its layers.
    layersWithin(other)
      .filter(({ weights }) => weights.length > 0)
      .forEach((layer, i) => {
        const own = layersWithin(model).filter(({ weights }) => weights.length > 0)[i]!;
        layer.setWeights(own.getWeights());
      });
    const before = memory().numTensors;
    for (const [name, computed] of Object.entries(COMPUTED)) {
      const found = await computed(other);
      expect(memory().numTensors, name).toBe(before);
      const wanted = expected.get(name)!;
      expect(found.length, name).toBe(wanted.length);
      const farthest = found.reduce((far, one, i) => Math.max(far, Math.abs(one - wanted[i]!)), 0);
      const largest = wanted.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
      // All zeros would be equal without saying much.
      expect(largest, name).toBeGreaterThan(0);
      expect(farthest / largest, name).toBeLessThan(1e-4);
    }
    other.dispose();
  });
});

const conv = (name: string, config: object = {}) =>
  layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu', name, ...config });
const apply = (layer: layers.Layer, x: SymbolicTensor | SymbolicTensor[]) => layer.apply(x) as SymbolicTensor;

/** A residual block, `stem + second(first(stem))`, whose ReLU is behind the sum. */
function residual() {
  const image = input({ shape: [8, 8, 3] });
  const stem = apply(conv('stem'), image);
  const kernelInitializer = initializers.randomUniform({ minval: -0.1, maxval: 0.3, seed: 1 });
  const second = conv('second', { activation: 'linear', kernelInitializer });
  const branch = apply(second, apply(conv('first'), stem));
  const block = apply(layers.reLU({ name: 'block' }), apply(layers.add({ name: 'sum' }), [stem, branch]));
  const pooled = apply(layers.globalAveragePooling2d({ name: 'pooled' }), block);
  const classes = apply(layers.dense({ units: CLASSES, kernelInitializer, name: 'classes' }), pooled);
  return modelOf({ inputs: image, outputs: classes });
}
const small = () =>
  tensor4d(
    Float32Array.from(noise(192), (byte) => byte / 255),
    [1, 8, 8, 3],
  );

describe('residual blocks', () => {
  beforeAll(() => useAnyBackend());

  test('are explained at their end, and within by the gradient along the branch alone', async () => {
    const [model, x] = [residual(), small()];
    const [kernel] = model.getLayer('classes').getWeights();
    const weights = (await kernel!.array()) as number[][];
    const [maps, first] = featureExtractor(model, ['block', 'first']).predict(x) as Tensor[];
    const before = memory().numTensors;
    const map = await gradCam(model, x, { classIndex: 2 });
    // Behind the average over 64 positions the gradient of a class is its weight over 64.
    const values = await maps!.data();
    const wanted = Array.from({ length: 64 }, (_, i) =>
      Math.max(
        0,
        [0, 1, 2, 3].reduce((sum, c) => sum + (values[4 * i + c]! * weights[c]![2]!) / 64, 0),
      ),
    );
    expect(Math.max(...wanted)).toBeGreaterThan(0);
    for (const [i, value] of map.values.entries()) expect(value).toBeCloseTo(wanted[i]!, 5);
    // Within the block: the sum written out, in which the stem does not depend on the layer.
    const stem = featureExtractor(model, 'stem').predict(x) as Tensor;
    const logit = (features: Tensor) => {
      const sum = relu(add(model.getLayer('second').apply(features) as Tensor, stem));
      return total(mul(mean(sum, [1, 2]), tensor1d(weights.map((row) => row[2]!))));
    };
    const within = await gradCam(model, x, { classIndex: 2, layer: 'first' });
    const slopes = await numbersOf(tidy(() => mean(grad(logit)(first!), [0, 1, 2])));
    const features = await first!.data();
    const inner = Array.from({ length: 64 }, (_, i) =>
      Math.max(
        0,
        slopes.reduce((sum, slope, c) => sum + slope * features[4 * i + c]!, 0),
      ),
    );
    expect(Math.max(...inner)).toBeGreaterThan(0);
    for (const [i, value] of within.values.entries()) expect(value).toBeCloseTo(inner[i]!, 5);
    stem.dispose();
    expect(memory().numTensors).toBe(before);
    for (const one of [model, x, maps!, first!]) one.dispose();
  });

  test('are split where the branches have met, and frozen with all that a layer depends on', async () => {
    const [model, x] = [residual(), small()];
    expect(() => splitModel(model, 'first')).toThrow(
      'splitModel: the layers above first also read stem, as in a residual block; split where the branches have met.',
    );
    const { lower, upper } = splitModel(model, 'sum');
    const [own, parts] = tidy(() => [
      model.predict(x) as Tensor,
      upper.predict(lower.predict(x) as Tensor) as Tensor,
    ]);
    expect(await numbersOf(own!)).toEqual(await numbersOf(parts!));
    const trained = () =>
      model.layers.filter((layer) => layer.trainableWeights.length > 0).map(({ name }) => name);
    freeze(model, 'first');
    expect(trained()).toEqual(['second', 'classes']);
    freeze(model);
    unfreeze(model, 'first');
    expect(trained()).toEqual(['first', 'second', 'classes']);
    for (const one of [model, x]) one.dispose();
  });

  test('have their features and losses compared', async () => {
    const [model, x, y] = [residual(), small(), tidy(() => sub(1, small()) as ReturnType<typeof small>)];
    const before = memory().numTensors;
    const distance = perceptualLoss(model, ['sum', 'second'])(x, y);
    const maps = [x, y].map((one) => featureExtractor(model, ['sum', 'second']).predict(one) as Tensor[]);
    const wanted = tidy(() =>
      add(...([0, 1].map((i) => mean(squaredDifference(maps[0]![i]!, maps[1]![i]!))) as [Tensor, Tensor])),
    );
    const [found, right] = [await numbersOf(distance), await numbersOf(wanted)];
    expect(found[0]).toBeCloseTo(right[0]!, 5);
    for (const one of maps.flat()) one.dispose();
    expect(memory().numTensors).toBe(before);
    for (const one of [model, x, y]) one.dispose();
  });
});

describe('what a model returns', () => {
  beforeAll(() => useAnyBackend());
  const image = { data: noise(192), width: 8, height: 8 };
  const prepared = { ...preprocessing, crop: 8, resize: { shorterSide: 8 } };
  const ending = (units: number, ...end: layers.Layer[]) => {
    const body = [layers.flatten({ inputShape: [8, 8, 3] }), layers.dense({ units, name: 'last' })];
    return sequential({ layers: [...body, ...end] });
  };

  test('one output tells two classes apart: a logit, or a probability behind a sigmoid', async () => {
    const plain = ending(1);
    const withSigmoid = ending(1, layers.activation({ activation: 'sigmoid' }));
    withSigmoid.setWeights(plain.getWeights());
    const x = await preprocess(image, prepared);
    const [logit] = await numbersOf(plain.predict(x) as Tensor);
    const probability = 1 / (1 + Math.exp(-logit!));
    const before = memory().numTensors;
    for (const model of [plain, withSigmoid]) {
      const found = await classify(model, image, { preprocessing: prepared, labels: ['no', 'yes'] });
      const yes = found.find(({ label }) => label === 'yes')!;
      expect(yes).toMatchObject({ index: 1 });
      expect(yes.probability).toBeCloseTo(probability, 5);
      expect(found.reduce((sum, one) => sum + one.probability, 0)).toBeCloseTo(1, 5);
      // The map of the class that is predicted, and the same one for the other: its logit is the negative one.
      const maps = [undefined, 0, 1].map((classIndex) => saliency(model, x, { classIndex }));
      const [best, no, both] = await Promise.all(maps);
      expect(best!.classIndex).toBe(found[0]!.index);
      expect(no!.values).toEqual(both!.values);
      expect(no!.values.some((value) => value > 0)).toBe(true);
    }
    await expect(
      classify(plain, image, { preprocessing: prepared, labels: ['no', 'yes'], topK: 0 }),
    ).rejects.toThrow('classify: topK is 0');
    await expect(saliency(plain, x, { classIndex: Symbol('s') as never })).rejects.toThrow(
      'saliency: classIndex is Symbol(s); the model has 2 classes',
    );
    await expect(saliency(plain, x, { classIndex: 2 })).rejects.toThrow(
      'the model has 2 classes, so pass 0 to 1',
    );
    expect(memory().numTensors).toBe(before);
    setMetadata(plain, { classNames: ['no', 'yes'] });
    expect(
      (await classify(plain, image, { preprocessing: prepared })).map(({ label }) => label).sort(),
    ).toEqual(['no', 'yes']);
    for (const one of [plain, withSigmoid, x]) one.dispose();
  });

  test('a sigmoid over several outputs gives each its own probability', async () => {
    const plain = ending(3);
    const model = ending(3, layers.activation({ activation: 'sigmoid' }));
    model.setWeights(plain.getWeights());
    const x = await preprocess(image, prepared);
    const logits = await numbersOf(plain.predict(x) as Tensor);
    const found = await classify(model, image, { preprocessing: prepared, labels: ['a', 'b', 'c'] });
    for (const { index, probability } of found)
      expect(probability).toBeCloseTo(1 / (1 + Math.exp(-logits[index]!)), 5);
    for (const one of [plain, model, x]) one.dispose();
  });

  test('the logits of class maps are their means, and a depthwise convolution is one', async () => {
    const maps = layers.conv2d({ filters: 3, kernelSize: 1, inputShape: [8, 8, 3], name: 'maps' });
    const model = sequential({
      layers: [maps, layers.globalAveragePooling2d({ name: 'means' }), layers.softmax()],
    });
    const x = await preprocess(image, prepared);
    const [logits, means] = ['logits', 'means'].map(
      (name) => featureExtractor(model, name).predict(x) as Tensor,
    );
    expect(await numbersOf(logits!)).toEqual(await numbersOf(means!));
    const depthwise = sequential({
      layers: [
        layers.depthwiseConv2d({ kernelSize: 3, inputShape: [8, 8, 3], name: 'each' }),
        layers.globalAveragePooling2d({}),
        layers.dense({ units: 2 }),
      ],
    });
    expect(await gradCam(depthwise, x)).toEqual(await gradCam(depthwise, x, { layer: 'each' }));
    for (const one of [model, depthwise, x]) one.dispose();
  });

  test('a log softmax is taken off like a softmax', async () => {
    const [plain, model] = [
      ending(3),
      ending(3, layers.activation({ activation: 'logSoftmax' as 'softmax' })),
    ];
    model.setWeights(plain.getWeights());
    const options = { preprocessing: prepared, labels: ['a', 'b', 'c'] };
    const x = await preprocess(image, prepared);
    const wanted = await classify(plain, image, options);
    for (const [i, one] of (await classify(model, image, options)).entries())
      expect(one.probability).toBeCloseTo(wanted[i]!.probability, 5);
    const [map, other] = [await saliency(plain, x), await saliency(model, x)];
    expect(Math.max(...map.values)).toBeGreaterThan(0);
    for (const [i, value] of other.values.entries()) expect(value).toBeCloseTo(map.values[i]!, 5);
    for (const one of [plain, model, x]) one.dispose();
  });

  test.each([
    [
      'two outputs',
      () => {
        const x = input({ shape: [8, 8, 3] });
        const flat = apply(layers.flatten(), apply(conv('one'), x));
        return modelOf({
          inputs: x,
          outputs: [apply(layers.dense({ units: 3 }), flat), apply(layers.dense({ units: 2 }), flat)],
        });
      },
      'the model has 2 outputs; build one with a single output',
    ],
    [
      'two inputs',
      () => {
        const both = [input({ shape: [8, 8, 3] }), input({ shape: [8, 8, 3] })];
        return modelOf({ inputs: both, outputs: apply(layers.flatten(), apply(layers.add(), both)) });
      },
      'the model has 2 inputs; build one that takes the images alone.',
    ],
    [
      'a softmax over one output',
      () => ending(1, layers.softmax()),
      'the model ends in a softmax over one output, which is always the same',
    ],
    [
      'the mean of two softmaxes',
      () => {
        const x = input({ shape: [8, 8, 3] });
        const flat = apply(layers.flatten(), x);
        const one = (name: string) => apply(layers.dense({ units: 3, activation: 'softmax', name }), flat);
        return modelOf({ inputs: x, outputs: apply(layers.average(), [one('first'), one('second')]) });
      },
      "the model's output is combined of probabilities, those of first, and is neither logits nor their softmax",
    ],
    [
      'the mean of a map of softmaxes',
      () =>
        sequential({
          layers: [
            conv('one', { inputShape: [8, 8, 3], activation: 'softmax' }),
            layers.globalAveragePooling2d({}),
          ],
        }),
      "the model's output is combined of probabilities, those of one,",
    ],
    [
      'outputs behind a ReLU, which are neither logits nor probabilities,',
      () => ending(3, layers.reLU({ name: 'end' }), layers.dropout({ rate: 0.5 })),
      'the model ends in a relu (layer end), so that its outputs are neither logits nor probabilities; end it in a softmax,',
    ],
    [
      'outputs behind a leaky ReLU',
      () => ending(3, layers.leakyReLU({ name: 'end' })),
      'the model ends in a leakyReLU (layer end)',
    ],
    [
      'outputs from 0 to 1 that are not a sigmoid',
      () => ending(1, layers.activation({ activation: 'hardSigmoid', name: 'end' })),
      'the model ends in a hardSigmoid (layer end)',
    ],
    [
      'scaled probabilities',
      () => ending(3, layers.softmax(), layers.rescaling({ scale: 100 })),
      "the model's output is combined of probabilities",
    ],
    [
      'feature maps',
      () => sequential({ layers: [conv('one', { inputShape: [8, 8, 3] })] }),
      "the model's output is [batch, 8, 8, 4], not [batch, classes]",
    ],
  ])('%s are refused in one sentence, and leave no tensor', async (_, build, sentence) => {
    const [model, x] = [build(), small()];
    const before = memory().numTensors;
    await expect(classify(model, image, { preprocessing: prepared })).rejects.toThrow(
      `classify: ${sentence}`,
    );
    await expect(gradCam(model, x)).rejects.toThrow(`gradCam: ${sentence}`);
    await expect(saliency(model, x)).rejects.toThrow(`saliency: ${sentence}`);
    expect(memory().numTensors).toBe(before);
    for (const one of [model, x]) one.dispose();
  });

  test('images of another size than the model takes are refused before they are prepared', async () => {
    const [model, blocks] = [ending(3), residual()];
    const before = memory().numTensors;
    await expect(classify(model, image, { preprocessing })).rejects.toThrow(
      'classify: the preprocessing makes images of 32x32x3, but the model takes 8x8x3; pass preprocessingAt(preprocessing, 8).',
    );
    await expect(gradCam(blocks, image, { preprocessing })).rejects.toThrow(
      'gradCam: the preprocessing makes images of 32x32x3',
    );
    expect(memory().numTensors).toBe(before);
    for (const one of [model, blocks]) one.dispose();
  });
});

test('a name that several layers have is refused, and a frozen model within is unfrozen layer by layer', async () => {
  const twice = sequential({ layers: [conv('same', { inputShape: [8, 8, 3] })] });
  const model = sequential({
    layers: [twice, sequential({ layers: [conv('same', { inputShape: [8, 8, 4] })] })],
  });
  expect(() => featureExtractor(model, 'same')).toThrow(
    'featureExtractor: the name "same" stands for 2 calls of layers; give the layers different names, or use the name of one that is called once.',
  );
  model.dispose();
  const base = sequential({ layers: [conv('low', { inputShape: [8, 8, 3] }), conv('high')] });
  const outer = sequential({ layers: [base, layers.flatten(), layers.dense({ units: 2, name: 'last' })] });
  base.trainable = false;
  unfreeze(outer, 'high');
  const trained = layersWithin(outer).filter(({ trainableWeights }) => trainableWeights.length > 0);
  expect(trained.map(({ name }) => name)).toEqual(['high', 'last']);
  expect(outer.trainableWeights).toHaveLength(4);
  outer.trainable = false;
  expect(unfreeze(outer).trainableWeights).toHaveLength(6);
  outer.dispose();
});
