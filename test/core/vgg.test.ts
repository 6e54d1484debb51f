import { engine, type io, max, mean, memory, ones, sum, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { unzipSync } from 'fflate';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  alexNet,
  type ConvArch,
  IMAGENET,
  plan,
  scaleArch,
  smallArch,
  summary,
  VGG11,
  VGG16,
  VGG16C,
  VGG19,
  type VggOptions,
  vgg,
  vgg11,
  vgg13,
  vgg16,
  vgg19,
  vggBlock,
} from '../../src/index.js';
import { readBytes } from '../../src/io/read.js';
import { useAnyBackend } from '../support/backends.js';
import { fixturePath } from '../support/fixtures.js';

beforeAll(() => useAnyBackend());

const TINY = { inputShape: [32, 32, 1], hiddenUnits: 8 } as const;

/** Builds, uses and disposes a model, and expects no tensor to be left. */
async function using(
  build: () => LayersModel,
  use: (model: LayersModel) => void | Promise<void>,
): Promise<void> {
  const before = memory().numTensors;
  const model = build();
  // A tidy that waits.
  engine().startScope();
  await Promise.resolve(use(model)).finally(() => engine().endScope());
  model.dispose();
  expect(memory().numTensors).toBe(before);
}

const shapes = (model: LayersModel) =>
  model.layers.map((layer) => [layer.name, (layer.outputShape as number[]).slice(1)]);

describe('layer names', () => {
  test("are Keras' VGG16's, in Keras' order", async () => {
    const archive = unzipSync(await readBytes(fixturePath('keras/vgg16-narrow.keras')));
    const config = JSON.parse(new TextDecoder().decode(archive['config.json'])) as {
      config: { layers: { config: { name: string } }[] };
    };
    const keras = config.config.layers.map((layer) => layer.config.name);
    const ours = plan(VGG16, { ...IMAGENET, dropout: 0 }).map((row) => row.name);
    expect(ours.slice(1)).toEqual(keras.slice(1));
    // Keras numbers the input layers of a process: input_layer, input_layer_1, ...
    expect(keras[0]).toMatch(/^input_layer/);
    expect(ours[0]).toBe('input_layer');
  });

  test('of VGG-19 are as Keras documents them', () => {
    const names = plan(VGG19, { ...IMAGENET, dropout: 0 }).map((row) => row.name);
    const blocks = [2, 2, 4, 4, 4].flatMap((convs, i) => [
      ...Array.from({ length: convs }, (_, j) => `block${i + 1}_conv${j + 1}`),
      `block${i + 1}_pool`,
    ]);
    expect(names).toEqual(['input_layer', ...blocks, 'flatten', 'fc1', 'fc2', 'predictions']);
  });

  test('stay the same with dropout between them', () => {
    const names = plan(VGG16).map((row) => row.name);
    expect(names.filter((name) => !name.startsWith('dropout'))).toEqual(
      plan(VGG16, { dropout: 0 }).map((row) => row.name),
    );
    expect(names.slice(-6)).toEqual(['flatten', 'fc1', 'dropout1', 'fc2', 'dropout2', 'predictions']);
  });
});

describe('the family', () => {
  test.each<[string, (options: VggOptions) => LayersModel, ConvArch]>([
    ['vgg11', vgg11, VGG11],
    [
      'vgg13',
      vgg13,
      [
        [2, 64],
        [2, 128],
        [2, 256],
        [2, 512],
        [2, 512],
      ],
    ],
    ['vgg16', vgg16, VGG16],
    ['vgg19', vgg19, VGG19],
  ])('%s has its blocks and its name', async (name, build, arch) => {
    const options = { inputShape: [32, 32, 3], includeTop: false, initializer: 'zeros' } as const;
    await using(
      () => build(options),
      (model) => {
        expect(model.name).toBe(name);
        expect(shapes(model)).toEqual(plan(arch, options).map((row) => [row.name, [...row.outputShape]]));
      },
    );
  });

  test("vgg16 with config 'C' ends blocks 3 to 5 with a 1x1 convolution", async () => {
    await using(
      () => vgg16({ config: 'C', inputShape: [32, 32, 3], includeTop: false, initializer: 'zeros' }),
      (model) => {
        const kernels = ['block2_conv2', 'block3_conv2', 'block3_conv3', 'block5_conv3'].map(
          (name) => (model.getLayer(name).getConfig() as { kernelSize: number[] }).kernelSize[0],
        );
        expect(kernels).toEqual([3, 3, 1, 1]);
      },
    );
    expect(() => vgg16({ config: 'A' as 'C' })).toThrow('vgg16: config is "A"; it must be one of "C", "D".');
  });

  test("smallArch is the chapter's network: widths over the ratio, fully connected layers as they are", async () => {
    await using(
      () => smallArch(32, TINY),
      (model) => {
        expect(model.getLayer('block5_conv2').outputShape).toEqual([null, 2, 2, 16]);
        expect(model.getLayer('fc1').outputShape).toEqual([null, 8]);
      },
    );
    expect(scaleArch(VGG16C, 4)).toEqual([
      [2, 16],
      [2, 32],
      [2, 64, 1],
      [2, 128, 1],
      [2, 128, 1],
    ]);
  });

  test('a block halves its input, and its first convolution takes the input channels', async () => {
    await using(
      () => vggBlock(2, 3, 8, { pointwise: 1, name: 'one' }),
      (model) => {
        expect(model.name).toBe('one');
        expect(model.layers.map(({ name }) => name)).toEqual([
          'input_layer',
          'conv1',
          'conv2',
          'conv3',
          'pool',
        ]);
        expect((model.predict(ones([2, 10, 12, 3])) as Tensor).shape).toEqual([2, 5, 6, 8]);
        expect(model.getWeights().map(({ shape }) => shape)).toEqual([
          [3, 3, 3, 8],
          [8],
          [3, 3, 8, 8],
          [8],
          [1, 1, 8, 8],
          [8],
        ]);
      },
    );
  });

  test("AlexNet has d2l's shapes", async () => {
    await using(
      () => alexNet({ hiddenUnits: 2, initializer: 'zeros' }),
      (model) => {
        const sides = ['conv1', 'pool1', 'conv2', 'pool2', 'conv5', 'pool5', 'flatten'].map(
          (name) => (model.getLayer(name).outputShape as number[])[1],
        );
        expect(sides).toEqual([54, 26, 26, 12, 12, 5, 6400]);
      },
    );
  });
});

describe('options', () => {
  test('without a top, images of any size fit', async () => {
    await using(
      () => vgg([[1, 2]], { inputShape: [null, null, 1], includeTop: false }),
      (model) => {
        expect((model.predict(ones([1, 6, 4, 1])) as Tensor).shape).toEqual([1, 3, 2, 2]);
        expect((model.predict(ones([1, 2, 9, 1])) as Tensor).shape).toEqual([1, 1, 4, 2]);
      },
    );
  });

  test.each(['avg', 'max'] as const)("pooling '%s' gives one vector", async (pooling) => {
    const options = { inputShape: [8, 8, 1], includeTop: false } as const;
    await using(
      () => vgg([[1, 3]], { ...options, pooling }),
      async (pooled) => {
        await using(
          () => vgg([[1, 3]], options),
          async (features) => {
            const x = tensor(
              Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)),
              [1, 8, 8, 1],
            );
            const map = features.predict(x) as Tensor;
            const expected = pooling === 'avg' ? mean(map, [1, 2]) : max(map, [1, 2]);
            await expectClose(pooled.predict(x) as Tensor, expected);
          },
        );
      },
    );
  });

  test("'softmax' gives probabilities", async () => {
    await using(
      () => vgg([[1, 2]], { inputShape: [4, 4, 1], hiddenUnits: 4, classifierActivation: 'softmax' }),
      async (model) => {
        const [total] = await sum(model.predict(ones([1, 4, 4, 1])) as Tensor).data();
        expect(total).toBeCloseTo(1, 6);
      },
    );
  });

  test.each([
    [3, 3],
    [5, 2],
    [9, 16],
    [14, 21],
  ])('adaptive pooling of %ix%i averages the bins that PyTorch averages', async (height, width) => {
    const options = { inputShape: [2 * height, 2 * width, 1], includeTop: false } as const;
    await using(
      () => vgg([[1, 2]], options),
      async (features) => {
        await using(
          () => vgg([[1, 2]], { ...options, adaptivePool: true }),
          async (pooled) => {
            const x = tensor(
              Float32Array.from({ length: 4 * height * width }, (_, i) => Math.sin(i * i)),
              [1, 2 * height, 2 * width, 1],
            );
            const map = (await (features.predict(x) as Tensor).array()) as number[][][][];
            const got = (await (pooled.predict(x) as Tensor).array()) as number[][][][];
            const bin = (i: number, size: number) =>
              [Math.floor((i * size) / 7), Math.ceil(((i + 1) * size) / 7)] as const;
            for (let i = 0; i < 7; i++) {
              for (let j = 0; j < 7; j++) {
                const [[top, bottom], [left, right]] = [bin(i, height), bin(j, width)];
                const cells = map[0]!.slice(top, bottom).flatMap((row) => row.slice(left, right));
                const mean = cells.reduce((sum, cell) => sum + cell[1]!, 0) / cells.length;
                expect(got[0]![i]![j]![1]).toBeCloseTo(mean, 5);
              }
            }
          },
        );
      },
    );
  });

  test('batch normalization comes between convolution and ReLU', async () => {
    await using(
      () => vgg([[1, 2]], { ...TINY, batchNorm: true }),
      (model) => {
        expect(model.layers.slice(1, 5).map((layer) => [layer.name, layer.getClassName()])).toEqual([
          ['block1_conv1', 'Conv2D'],
          ['block1_conv1_bn', 'BatchNormalization'],
          ['block1_conv1_relu', 'ReLU'],
          ['block1_pool', 'MaxPooling2D'],
        ]);
        expect(model.getLayer('block1_conv1_bn').getConfig()).toMatchObject({ epsilon: 1e-5, momentum: 0.9 });
      },
    );
  });

  test.each<[string, () => unknown, string]>([
    [
      'a small input',
      () => vgg(VGG11, { inputShape: [16, 16, 1] }),
      'vgg: input 16x16 is smaller than 32x32, and five 2x2 poolings would leave nothing; use at least 32.',
    ],
    [
      'no size with a top',
      () => vgg(VGG11, { inputShape: [null, 32, 1] }),
      'vgg: input nullx32 has no fixed size, which the flatten needs; pass both numbers, or set pooling or includeTop: false.',
    ],
    [
      'no size with adaptive pooling',
      () => vgg(VGG11, { inputShape: [32, null, 1], includeTop: false, adaptivePool: true }),
      'vgg: input 32xnull has no fixed size, which adaptivePool needs; pass both numbers.',
    ],
    [
      'no size with a convolutional top',
      () => vgg(VGG11, { inputShape: [null, 224, 1], convolutionalTop: true }),
      'vgg: input nullx224 has no fixed size, which convolutionalTop needs; pass both numbers.',
    ],
    [
      "a small input with padding 'valid'",
      () => vgg11({ inputShape: [150, 149, 1], padding: 'valid' }),
      'vgg11: input 150x149 is smaller than 150x150, and eight 3x3 convolutions without padding and five 2x2 poolings would leave nothing; use at least 150.',
    ],
    [
      "a feature map smaller than the convolutional top's window",
      () => vgg([[0, 8, 1]], { inputShape: [14, 13, 1], padding: 'valid', convolutionalTop: true }),
      "vgg: input 14x13 is smaller than 14x14, and a 2x2 pooling would leave less than fc1's window of 7x7; use at least 14.",
    ],
    [
      'a convolutional top without a top',
      () => vgg16({ convolutionalTop: true, includeTop: false }),
      'vgg16: convolutionalTop needs the top, which includeTop: false leaves out; omit one.',
    ],
    [
      'a convolutional top without hidden layers',
      () => vgg16({ convolutionalTop: true, hiddenUnits: [] }),
      "vgg16: convolutionalTop makes convolutions of the hidden layers, and hiddenUnits is []; set pooling: 'avg' instead.",
    ],
    [
      'a convolutional top with adaptive pooling',
      () => vgg16({ convolutionalTop: true, adaptivePool: true }),
      'vgg16: adaptivePool is true, but convolutionalTop takes the last feature map as it is and averages after the hidden layers; omit one.',
    ],
    [
      'a convolutional top with pooling',
      () => vgg16({ convolutionalTop: true, pooling: 'max' }),
      'vgg16: pooling is "max", but convolutionalTop takes the last feature map as it is and averages after the hidden layers; omit one.',
    ],
    [
      'another padding',
      () => vgg16({ padding: 'full' as 'same' }),
      'vgg16: padding is "full"; it must be one of "same", "valid".',
    ],
    [
      'a hidden layer without units',
      () => vgg16({ hiddenUnits: [8, 0] }),
      'vgg16: hiddenUnits[1] is 0; it must be a whole number from 1 to 1048576.',
    ],
    [
      'a switch that is neither true nor false',
      () => vgg16({ convBias: 'false' as unknown as boolean }),
      'vgg16: convBias is "false"; it must be one of true, false.',
    ],
    [
      'a shape of two numbers',
      () => vgg11({ inputShape: [32, 32] as unknown as [number, number, number] }),
      'vgg11: inputShape is [32,32]; pass [height, width, channels].',
    ],
    [
      'half a class',
      () => vgg13({ classes: 1.5 }),
      'vgg13: classes is 1.5; it must be a whole number from 1 to 1048576.',
    ],
    [
      'an unknown option',
      () => vgg11({ dropOut: 0 } as VggOptions),
      'vgg11: there is no option "dropOut"; did you mean dropout?',
    ],
    [
      'a dropout of 1',
      () => vgg11({ dropout: 1 }),
      'vgg11: dropout is 1; it must be at least 0 and below 1.',
    ],
    [
      'a seed above 32 bits',
      () => vgg11({ seed: 2 ** 32 }),
      'vgg11: seed is 4294967296; it must be a whole number from 0 to 4294967295.',
    ],
    [
      'a ratio that does not divide',
      () => smallArch(48),
      'smallArch: ratio 48 does not divide the 64 channels of block 1; use a divisor of every width.',
    ],
    [
      'no blocks',
      () => vgg([]),
      'vgg: the architecture is []; pass at least one block as [convs, channels], e.g. [[1, 64], [1, 128]].',
    ],
    [
      'an empty block',
      () => vgg([[0, 8]]),
      "vgg: block 1's number of convolutions is 0; it must be a whole number of at least 1.",
    ],
    [
      'a block with a part too many',
      () => vgg([[1, 8, 1, 2]] as never),
      'vgg: block 1 is [1,8,1,2]; pass [convs, channels], e.g. [2, 64].',
    ],
    [
      'an option that AlexNet lacks',
      () => alexNet({ batchNorm: true } as object),
      'alexNet: there is no option "batchNorm"; the options are',
    ],
    [
      'a small AlexNet',
      () => alexNet({ inputShape: [64, 64, 1] }),
      'alexNet: input 64x64 is smaller than 65x65',
    ],
  ])('%s is refused before anything is allocated', (_, build, message) => {
    const before = memory().numTensors;
    expect(build).toThrow(message);
    expect(memory().numTensors).toBe(before);
  });
});

test('a saved model loads in plain tfjs and computes the same, adaptive pooling and batch normalization included', async () => {
  const before = memory().numTensors;
  const model = vgg(
    [
      [1, 4],
      [1, 4],
    ],
    { inputShape: [12, 20, 3], hiddenUnits: 8, adaptivePool: true, batchNorm: true },
  );
  let saved: io.ModelArtifacts = {};
  await model.save({
    save: async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  const again = await loadLayersModel({ load: async () => saved });
  const x = ones([2, 12, 20, 3]);
  const [first, second] = [model.predict(x) as Tensor, again.predict(x) as Tensor];
  expect(await second.data()).toEqual(await first.data());
  for (const thing of [x, first, second, model, again]) thing.dispose();
  expect(memory().numTensors).toBe(before);
});

test('a model compiles and fits like any other', async () => {
  const model = vgg([[1, 8]], {
    inputShape: [4, 4, 1],
    classes: 2,
    hiddenUnits: 32,
    classifierActivation: 'softmax',
    dropout: 0,
  });
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const [xs, ys] = [
    tensor([...Array(16).fill(1), ...Array(16).fill(0)], [2, 4, 4, 1]),
    tensor([
      [1, 0],
      [0, 1],
    ]),
  ];
  const { history } = await model.fit(xs, ys, { epochs: 30, verbose: 0 });
  expect(history.loss!.at(-1)).toBeLessThan(history.loss![0] as number);
  for (const thing of [xs, ys, model]) thing.dispose();
});

test('the summary walks through blocks and layers with NHWC shapes', async () => {
  const text = summary(plan(VGG11));
  expect(text.split('\n')[0]).toMatch(/^layer +kind +output \(NHWC\) +parameters +MACs per image$/);
  // The chapter's walk: after the five blocks 112, 56, 28, 14 and 7.
  const walk = [...text.matchAll(/^block\d +block +\[N, (\d+), \1, (\d+)\]/gm)].map(([, side, channels]) => [
    side,
    channels,
  ]);
  expect(walk).toEqual([
    ['112', '64'],
    ['56', '128'],
    ['28', '256'],
    ['14', '512'],
    ['7', '512'],
  ]);
  expect(text).toMatch(/ {2}block3_conv2 +conv +\[N, 56, 56, 256\] +590,080 +1,849,688,064/);
  expect(text).toMatch(/total +128,806,154 +7,547,232,256$/);
  await using(
    () => vgg([[1, 2]], TINY),
    (model) => {
      expect(summary(model)).toBe(summary(plan([[1, 2]], TINY)));
    },
  );
});

async function expectClose(got: Tensor, expected: Tensor): Promise<void> {
  const [a, b] = [await got.data(), await expected.data()];
  expect(a).toHaveLength(b.length);
  a.forEach((value, i) => {
    expect(value).toBeCloseTo(b[i]!, 5);
  });
}
