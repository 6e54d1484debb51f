import { memory, mul, type Tensor4D, tensor, tidy, variable } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type StyleProgress, type StyleTransferOptions, styleTransfer } from '../../src/features/index.js';
import { Lbfgs } from '../../src/features/style/lbfgs.js';
import { resolveStyle, styleObjective } from '../../src/features/style/styleObjective.js';
import { imageToTensor, type RawImage } from '../../src/images/index.js';
import { scaleArch, VGG16, vgg } from '../../src/index.js';
import { fromWeights, PUBLISHED } from '../../src/weights/index.js';
import { backends, isChosen, useAnyBackend, useBackend } from '../support/backends.js';

import { relativeError } from '../weights/files.js';
import { NETWORK, strided, TORCH, torchImages } from './perceptual.js';

const { preprocessing } = PUBLISHED['torchvision/vgg16'];

// On WebGPU a browser runs the same code as Node, and faster.
describe.each(backends.filter((backend) => isChosen || backend !== 'webgpu'))(
  "PyTorch's numbers on %s",
  (backend) => {
    let model: LayersModel;
    let images: RawImage[];
    beforeEach(async () => {
      await useBackend(backend);
      ({ model } = await fromWeights(NETWORK, { includeTop: false }));
      images = torchImages();
    });
    afterEach(() => model.dispose());

    test.each(['max', 'avg'] as const)('with %s pooling: losses and image of five steps', async (pooling) => {
      const before = memory().numTensors;
      const [content, style] = images as [RawImage, RawImage];
      const losses: number[] = [];
      const { image, steps, ended } = await styleTransfer(
        model,
        { content, style },
        {
          preprocessing,
          pooling,
          tvWeight: 10,
          size: 64,
          steps: 5,
          every: 1,
          optimizer: 'adam',
          onProgress: ({ losses: { content, style, totalVariation } }) => {
            losses.push(content, style, totalVariation);
          },
        },
      );
      expect([steps, ended]).toEqual([5, 'finished']);
      const wanted = TORCH.get(`style.${pooling}.losses`)!.data;
      expect(relativeError(losses.slice(0, 3), wanted.subarray(0, 3))).toBeLessThan(1e-5);
      // Adam's first steps have full length even where the gradient is almost 0 and rounding decides its sign.
      expect(relativeError(losses, wanted)).toBeLessThan(5e-3);
      const expected = TORCH.get(`style.${pooling}.image`)!.data;
      const off = strided(image.data).map((byte, i) => Math.abs(byte - 255 * expected[i]!));
      // Rounding to bytes alone gives a quarter of a level.
      expect(off.reduce((a, b) => a + b) / off.length).toBeLessThan(0.5);
      expect(memory().numTensors).toBe(before);
    });

    test.each(['max', 'avg'] as const)('with %s pooling: the gradient at the content', async (pooling) => {
      const before = memory().numTensors;
      const [content, style] = (await Promise.all(images.map((one) => imageToTensor(one)))) as [
        Tensor4D,
        Tensor4D,
      ];
      const objective = styleObjective(
        resolveStyle('test', model, { preprocessing, pooling, tvWeight: 10 }),
        content,
        style,
      );
      const image = variable(content);
      const { gradient } = await objective.measure(image);
      const expected = TORCH.get(`style.${pooling}.gradient`)!.data;
      expect(relativeError(strided(await gradient.data()), expected)).toBeLessThan(1e-4);
      for (const one of [content, style, image, gradient, objective]) one.dispose();
      expect(memory().numTensors).toBe(before);
    });
  },
);

test("L-BFGS makes PyTorch's steps", () => {
  const [target, stiffness] = [
    [0.2, 0.7, 0.4, 0.6],
    [0.6, 0.9, 0.4, 0.5],
  ] as const;
  const slopes = (x: Float32Array) => {
    const g = x.map((value, i) => 2 * stiffness[i]! * (value - target[i]!));
    const product = 2 * (x[0]! * x[1]! - 0.2);
    const cube = 4 * (x[2]! - x[3]!) ** 3;
    g[0]! += product * x[1]!;
    g[1]! += product * x[0]!;
    g[2]! += cube;
    g[3]! -= cube;
    return g;
  };
  const { data } = TORCH.get('lbfgs')!;
  const method = new Lbfgs(1);
  let x = new Float32Array(4).fill(0.5);
  for (let step = 0; step < 14; step++) {
    const move = method.move(x, slopes(x));
    x = x.map((number, i) => number + move[i]!);
    expect(relativeError(x, data.subarray(4 * step, 4 * step + 4)), `step ${step + 1}`).toBeLessThan(1e-3);
  }
});

describe('a style transfer', () => {
  const [width, height] = [48, 36];
  const drawn = (pitch: number): RawImage => ({
    data: Uint8Array.from({ length: 3 * width * height }, (_, i) => 128 + 120 * Math.sin(i * pitch)),
    width,
    height,
  });
  const images = { content: drawn(0.01), style: drawn(0.9) };
  let model: LayersModel;
  let before: number;
  let options: StyleTransferOptions;
  beforeAll(() => useAnyBackend('wasm'));
  beforeEach(() => {
    model = vgg(scaleArch(VGG16, 32), {
      inputShape: [32, 32, 3],
      includeTop: false,
      initializer: 'heUniform',
    });
    options = { preprocessing, size: width, steps: 12 };
    before = memory().numTensors;
  });
  afterEach(() => {
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test('decreases the loss, does not grow in memory, and reads images on request', async () => {
    const seen: (StyleProgress & { tensors: number; shown: RawImage })[] = [];
    const { image, losses } = await styleTransfer(model, images, {
      ...options,
      every: 5,
      onProgress: async (progress) => {
        const shown = await progress.image();
        seen.push({ ...progress, tensors: memory().numTensors, shown });
      },
    });
    expect(seen.map(({ done }) => done)).toEqual([5, 10, 12]);
    expect(seen.at(-1)!.losses.total).toBeLessThan(seen[0]!.losses.total / 2);
    expect(losses).toEqual(seen.at(-1)!.losses);
    expect(new Set(seen.map(({ tensors }) => tensors)).size).toBe(1);
    expect(seen.at(-1)!.shown).toEqual(image);
    expect(seen[0]!.shown).not.toEqual(image);
    expect([image.width, image.height, image.data.length]).toEqual([width, height, 3 * width * height]);
  });

  test.each(['lbfgs', 'adam'] as const)('by %s is reproducible, from noise too', async (optimizer) => {
    const noisy = { ...options, optimizer, init: 'noise', seed: 4, steps: 2 } as const;
    const [one, two] = [await styleTransfer(model, images, noisy), await styleTransfer(model, images, noisy)];
    expect(one).toEqual(two);
    expect(await styleTransfer(model, images, { ...noisy, seed: 5 })).not.toEqual(one);
  });

  test('continues from an image', async () => {
    const { image } = await styleTransfer(model, images, {
      ...options,
      init: images.style,
      steps: 1,
      optimizer: 'adam',
    });
    const moved = image.data.map((byte, i) => Math.abs(byte - images.style.data[i]!));
    expect(Math.max(...moved)).toBeLessThanOrEqual(6);
  });

  test('that is aborted returns the image so far', async () => {
    const controller = new AbortController();
    const partial = await styleTransfer(model, images, {
      ...options,
      every: 1,
      signal: controller.signal,
      onProgress: ({ done }) => {
        if (done === 3) controller.abort();
      },
    });
    expect([partial.steps, partial.ended]).toEqual([3, 'aborted']);
    expect(partial.image).toEqual((await styleTransfer(model, images, { ...options, steps: 3 })).image);
    const none = await styleTransfer(model, images, { ...options, signal: AbortSignal.abort() });
    expect(none).toEqual({ image: images.content, losses: undefined, steps: 0, ended: 'aborted' });
  });

  test('whose first step decreases nothing returns the losses of the content', async () => {
    const reported: number[] = [];
    const onProgress = ({ done }: StyleProgress) => void reported.push(done);
    const pair = { content: images.content, style: images.content };
    const result = await styleTransfer(model, pair, { ...options, every: 1, onProgress });
    const losses = { total: 0, content: 0, style: 0, totalVariation: 0 };
    expect(result).toEqual({ image: images.content, losses, steps: 0, ended: 'converged' });
    expect(reported).toEqual([]);
  });

  test('says that its image cannot be read after the run', async () => {
    let late!: StyleProgress;
    const onProgress = (progress: StyleProgress) => {
      late = progress;
    };
    await styleTransfer(model, images, { ...options, steps: 1, onProgress });
    await expect((async () => late.image())()).rejects.toThrow(
      'styleTransfer: image() was called after the run; call it while onProgress runs.',
    );
  });

  test('whose callback throws rejects with its error', async () => {
    const failing = styleTransfer(model, images, {
      ...options,
      every: 1,
      onProgress: () => Promise.reject(new Error('the disk is full')),
    });
    await expect(failing).rejects.toThrow('the disk is full');
  });

  test.each<[Partial<StyleTransferOptions>, string]>([
    [{ steps: 0 }, 'styleTransfer: steps is 0; it must be a whole number of at least 1.'],
    [{ optimizer: 'sgd' as never }, 'optimizer is "sgd"; it must be one of "lbfgs", "adam".'],
    [{ learningRate: -1 }, 'learningRate is -1; it must be above 0, e.g. 1 for lbfgs.'],
    [{ styleWeight: Number.NaN }, 'styleWeight is NaN; it must be 0 or more.'],
    [{ styleLayers: ['relu9_1'] }, 'there is no layer "relu9_1"'],
    [
      { styleLayers: ['pool1'], styleLayerWeights: [1, 2] },
      'styleLayerWeights are [1,2] for the layers pool1',
    ],
    [{ size: 12 }, 'styleTransfer: images of 9x12x3 are too small for block4_pool; use at least 16x16x3.'],
    [
      { maxBytes: 2 ** 16 },
      /an image of 48x36 takes about 494 KiB, but maxBytes is 64 KiB; raise maxBytes/ as never,
    ],
    [
      { maxBytes: 2 ** 18 },
      /takes about 494 KiB, but maxBytes is 256 KiB; use a size of at most 34, or raise maxBytes/ as never,
    ],
    [
      { init: { data: new Uint8Array(12), width: 2, height: 2 } },
      'init is 48x48 and the content 48x36 pixels',
    ],
    [{ pooling: 'none' as never }, 'pooling is "none"; it must be one of "max", "avg".'],
  ])('refuses %j', async (changed, message) => {
    await expect(styleTransfer(model, images, { ...options, ...changed })).rejects.toThrow(message);
  });

  test('names a network of five blocks where the layers of the paper are missing', async () => {
    const shallow = vgg(
      [
        [1, 2],
        [1, 2],
      ],
      { inputShape: [16, 16, 3], classes: 2, hiddenUnits: 2 },
    );
    const message =
      'styleTransfer: the model has no layer relu4_2, which the paper reads; pass a network of five blocks, or name layers of this one as contentLayers and styleLayers.';
    await expect(styleTransfer(shallow, images, { ...options, steps: 1 })).rejects.toThrow(message);
    await expect(
      styleTransfer(shallow, images, { ...options, contentLayers: ['relu1_1'], steps: 1 }),
    ).rejects.toThrow('the model has no layer relu3_1, which');
    shallow.dispose();
  });

  test('reports a loss that is NaN, from damaged weights', async () => {
    const damaged = [
      tidy(() => mul(model.layers[1]!.getWeights()[0]!, Number.NaN)),
      tensor(new Float32Array(2)),
    ];
    model.layers[1]!.setWeights(damaged);
    for (const one of damaged) one.dispose();
    await expect(styleTransfer(model, images, { ...options, every: 1 })).rejects.toThrow(
      /the loss is NaN; check the model's weights|the weights of block1_conv1 in .* are NaN or infinite/,
    );
  });
});
