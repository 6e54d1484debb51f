import { memory, mul, slice, type Tensor4D, tensor, tidy, variable } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type StyleProgress, type StyleTransferOptions, styleTransfer } from '../../src/features/index.js';
import { Lbfgs } from '../../src/features/style/lbfgs.js';
import { resolveStyle, styleObjective } from '../../src/features/style/styleObjective.js';
import { imageToTensor, type RawImage, tensorToImage } from '../../src/images/index.js';
import { scaleArch, VGG16, vgg } from '../../src/index.js';
import { fromWeights, PUBLISHED } from '../../src/weights/index.js';
import { backends, inBrowser, useAnyBackend, useBackend } from '../support/backends.js';
import { hasShared } from '../support/shared.js';
import { relativeError } from '../weights/files.js';
import { NETWORK, strided, TORCH, torchPictures } from './torchPerceptual.js';

const { preprocessing } = PUBLISHED['torchvision/vgg16'];

// On WebGPU a browser goes through the same code as Node, and sooner.
describe.skipIf(!hasShared).each(backends.filter((backend) => inBrowser || backend !== 'webgpu'))(
  "PyTorch's numbers on %s",
  (backend) => {
    let model: LayersModel;
    let pictures: RawImage[];
    beforeEach(async () => {
      await useBackend(backend);
      ({ model } = await fromWeights(NETWORK, { includeTop: false }));
      pictures = await torchPictures();
    });
    afterEach(() => model.dispose());

    test.each(['max', 'avg'] as const)(
      'with %s pooling: losses and picture of five steps',
      async (pooling) => {
        const before = memory().numTensors;
        const [content, style] = pictures as [RawImage, RawImage];
        const losses: number[] = [];
        const { picture, steps, ended } = await styleTransfer({
          model,
          preprocessing,
          content,
          style,
          pooling,
          tvWeight: 10,
          size: 64,
          steps: 5,
          every: 1,
          optimizer: 'adam',
          onProgress: ({ losses: { content, style, totalVariation } }) => {
            losses.push(content, style, totalVariation);
          },
        });
        expect([steps, ended]).toEqual([5, 'finished']);
        const wanted = TORCH.get(`style.${pooling}.losses`)!.data;
        expect(relativeError(losses.slice(0, 3), wanted.subarray(0, 3))).toBeLessThan(1e-5);
        // Adam's first steps are as long where a slope is almost nothing, and there rounding decides on its sign.
        expect(relativeError(losses, wanted)).toBeLessThan(5e-3);
        const expected = TORCH.get(`style.${pooling}.picture`)!.data;
        const off = strided(picture.data).map((byte, i) => Math.abs(byte - 255 * expected[i]!));
        // Adam's first steps are as long where a slope is almost nothing, and there rounding decides on its sign.
        // Rounding to bytes alone is a quarter of a level.
        expect(off.reduce((a, b) => a + b) / off.length).toBeLessThan(0.5);
        expect(memory().numTensors).toBe(before);
      },
    );

    test.each(['max', 'avg'] as const)('with %s pooling: the gradient at the content', async (pooling) => {
      const before = memory().numTensors;
      const [content, style] = (await Promise.all(pictures.map((one) => imageToTensor(one)))) as [
        Tensor4D,
        Tensor4D,
      ];
      const objective = styleObjective(
        resolveStyle('test', { model, preprocessing, pooling, tvWeight: 10 }),
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

test("L-BFGS goes PyTorch's way", () => {
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
    options = { model, preprocessing, content: drawn(0.01), style: drawn(0.9), size: width, steps: 12 };
    before = memory().numTensors;
  });
  afterEach(() => {
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test('makes the loss smaller, keeps its memory, and shows pictures when they are asked for', async () => {
    const seen: (StyleProgress & { tensors: number; shown: RawImage })[] = [];
    const { picture, losses } = await styleTransfer({
      ...options,
      every: 5,
      onProgress: async (progress) => {
        const shown = await progress.picture();
        seen.push({ ...progress, tensors: memory().numTensors, shown });
      },
    });
    expect(seen.map(({ step }) => step)).toEqual([5, 10, 12]);
    expect(seen.at(-1)!.losses.total).toBeLessThan(seen[0]!.losses.total / 2);
    expect(losses).toEqual(seen.at(-1)!.losses);
    expect(new Set(seen.map(({ tensors }) => tensors)).size).toBe(1);
    expect(seen.at(-1)!.shown).toEqual(picture);
    expect(seen[0]!.shown).not.toEqual(picture);
    expect([picture.width, picture.height, picture.data.length]).toEqual([width, height, 3 * width * height]);
  });

  test.each(['lbfgs', 'adam'] as const)('by %s is the same every time, from noise too', async (optimizer) => {
    const noisy = { ...options, optimizer, init: 'noise', seed: 4, steps: 2 } as const;
    const [one, two] = [await styleTransfer(noisy), await styleTransfer(noisy)];
    expect(one).toEqual(two);
    expect(await styleTransfer({ ...noisy, seed: 5 })).not.toEqual(one);
  });

  test('goes on from a picture', async () => {
    const { picture } = await styleTransfer({ ...options, init: options.style, steps: 1, optimizer: 'adam' });
    const moved = picture.data.map((byte, i) => Math.abs(byte - (options.style as RawImage).data[i]!));
    expect(Math.max(...moved)).toBeLessThanOrEqual(6);
  });

  test('that is aborted gives the picture so far', async () => {
    const controller = new AbortController();
    const partial = await styleTransfer({
      ...options,
      every: 1,
      signal: controller.signal,
      onProgress: ({ step }) => {
        if (step === 3) controller.abort();
      },
    });
    expect([partial.steps, partial.ended]).toEqual([3, 'aborted']);
    expect(partial.picture).toEqual((await styleTransfer({ ...options, steps: 3 })).picture);
    const none = await styleTransfer({ ...options, signal: AbortSignal.abort() });
    expect(none).toEqual({ picture: options.content, losses: undefined, steps: 0, ended: 'aborted' });
  });

  test('whose callback throws rejects with its error', async () => {
    const failing = styleTransfer({
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
    [{ size: 12 }, 'styleTransfer: a picture of 12x9 leaves nothing at block4_pool; use a larger size.'],
    [
      { maxBytes: 2 ** 16 },
      /a picture of 48x36 takes about 0.0 GiB and maxBytes is 0.0 GiB; use a size of \d+ at most/ as never,
    ],
    [
      { init: { data: new Uint8Array(12), width: 2, height: 2 } },
      'init is 48x48 and the content 48x36 pixels',
    ],
    [{ pooling: 'none' as never }, 'pooling is "none"; it must be one of "max", "avg".'],
  ])('refuses %j', async (changed, said) => {
    await expect(styleTransfer({ ...options, ...changed })).rejects.toThrow(said);
  });

  test('says that a network with damaged weights gives no loss', async () => {
    const damaged = [
      tidy(() => mul(model.layers[1]!.getWeights()[0]!, Number.NaN)),
      tensor(new Float32Array(2)),
    ];
    model.layers[1]!.setWeights(damaged);
    for (const one of damaged) one.dispose();
    await expect(styleTransfer({ ...options, every: 1 })).rejects.toThrow(
      "the loss is NaN; check the model's weights",
    );
  });
});

test('a picture as a tensor and back is the same, and resized as PIL does', async () => {
  await useAnyBackend();
  const picture = { data: Uint8Array.from({ length: 60 }, (_, i) => (i * 37) % 256), width: 5, height: 4 };
  const [same, smaller] = [await imageToTensor(picture), await imageToTensor(picture, { size: 3 })];
  expect([same.shape, smaller.shape]).toEqual([
    [1, 4, 5, 3],
    [1, 2, 3, 3],
  ]);
  expect(await tensorToImage(same)).toEqual(picture);
  const beyond = tensor([-1, 0.5, 2], [1, 1, 3]);
  expect((await tensorToImage(beyond)).data).toEqual(Uint8Array.of(0, 128, 255));
  await expect(tensorToImage(tidy(() => slice(smaller, [0, 0, 0, 0], [1, 2, 3, 1])))).rejects.toThrow(
    'rawImage: the image has shape [1,2,3,1]; give [height, width, 3]',
  );
  for (const one of [same, smaller, beyond]) one.dispose();
});
