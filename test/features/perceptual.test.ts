import {
  cast,
  engine,
  grad,
  memory,
  mul,
  ones,
  round,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor3D,
  type Tensor4D,
  tensor,
  tensor3d,
  tidy,
  zeros,
} from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  featureExtractor,
  type GramNormalization,
  gramMatrix,
  imageDistance,
  type LpipsCalibration,
  lpips,
  perceptualLoss,
  readLpipsCalibration,
  totalVariation,
} from '../../src/features/index.js';
import { enlargedBilinear } from '../../src/features/style/bilinear.js';
import { normalizeImages, toRgb } from '../../src/images/index.js';
import { scaleArch, VGG11, VGG16, VGG19, vgg } from '../../src/index.js';
import {
  encodeTensors,
  fromWeights,
  inspectWeights,
  PUBLISHED,
  readTensors,
  setMetadata,
} from '../../src/weights/index.js';
import { backends, useAnyBackend, useBackend } from '../support/backends.js';
import { fixtureJson } from '../support/fixtures.js';

import { relativeError } from '../weights/files.js';
import {
  fullVgg16,
  LPIPS_FILE,
  LPIPS_V00_FILE,
  NETWORK,
  strided,
  TORCH,
  torchBatches,
  torchImages,
} from './perceptual.js';

const torchvision = PUBLISHED['torchvision/vgg16'].preprocessing;
const caffe = PUBLISHED['keras/vgg16'].preprocessing;

async function valuesOf(output: Tensor): Promise<Float32Array> {
  const values = await output.data<'float32'>();
  output.dispose();
  return values;
}

/** A function's value and the stored numbers of its gradient, compared with PyTorch's under `name`. */
async function expectTorch(name: string, f: (x: Tensor) => Tensor, x: Tensor): Promise<void> {
  const before = memory().numTensors;
  const value = await valuesOf(f(x));
  expect(relativeError(value, TORCH.get(name)!.data), name).toBeLessThan(3e-5);
  const gradient = strided(await valuesOf(grad((image) => sum(f(image)))(x)));
  expect(relativeError(gradient, TORCH.get(`${name}.gradient`)!.data), `${name}'s gradient`).toBeLessThan(
    1e-4,
  );
  expect(memory().numTensors, `${name}'s tensors`).toBe(before);
}

describe.each(backends)("PyTorch's numbers on %s", (backend) => {
  let model: LayersModel;
  let images: Tensor4D;
  let others: Tensor4D;
  beforeEach(async () => {
    await useBackend(backend);
    ({ model } = await fromWeights(NETWORK, { includeTop: false }));
    ({ images, others } = torchBatches());
  });
  afterEach(() => {
    for (const one of [model, images, others]) one.dispose();
  });

  test.each([
    ['torchvision', torchvision],
    ['caffe', caffe],
  ])('perceptualLoss, with the preprocessing of %s', async (name, preprocessing) => {
    const layers = ['relu2_2', 'conv3_1', 'pool4'];
    const loss = perceptualLoss(model, layers, { preprocessing, weights: [1, 0.5, 2] });
    await expectTorch(`perceptual.${name}`, (x) => loss(x as Tensor4D, others), images);
  });

  test('gramMatrix, by each normalization', async () => {
    const extractor = featureExtractor(model, 'relu3_3', { inputShape: [null, null, 3] });
    const features = tidy(() => extractor.predict(normalizeImages(images, torchvision)) as Tensor4D);
    for (const normalization of ['elements', 'positions', 'none'] satisfies GramNormalization[]) {
      const gram = gramMatrix(features, { normalization });
      expect(gram.shape).toEqual([2, 8, 8]);
      const { data } = TORCH.get(`gram.${normalization}`)!;
      expect(relativeError(await valuesOf(gram), data)).toBeLessThan(1e-5);
    }
    features.dispose();
  });

  test('totalVariation', async () => {
    await expectTorch('totalVariation', (x) => totalVariation(x as Tensor4D), images);
  });

  test('lpips of a narrow network', async () => {
    const calibration = await readLpipsCalibration(LPIPS_FILE);
    const distance = lpips(model, { calibration, range: [0, 1] });
    await expectTorch('lpips', (x) => distance(x as Tensor4D, others), images);
    expect([...(await valuesOf(distance(images, images)))]).toEqual([0, 0]);
  });

  test('the map of lpips', async () => {
    const calibration = await readLpipsCalibration(LPIPS_FILE);
    const distances = lpips(model, { calibration, range: [0, 1], spatial: true });
    const maps = distances(images, others);
    expect(maps.shape).toEqual([2, 64, 48]);
    expect(relativeError(strided(await valuesOf(maps)), TORCH.get('lpipsSpatial')!.data)).toBeLessThan(3e-5);
  });

  test('a map enlarged by no whole number', async () => {
    const maps = tensor3d(
      Float32Array.from({ length: 30 }, (_, i) => Math.sin(i)),
      [2, 3, 5],
    );
    const enlarged = await valuesOf(enlargedBilinear(maps, 7, 11));
    expect(relativeError(enlarged, TORCH.get('bilinear')!.data)).toBeLessThan(1e-6);
    const gradient = grad((x) => sum(square(enlargedBilinear(x as Tensor3D, 7, 11))))(maps);
    expect(relativeError(await valuesOf(gradient), TORCH.get('bilinear.gradient')!.data)).toBeLessThan(1e-5);
    maps.dispose();
  });
});

describe("LPIPS' published calibrations, on a VGG-16 of all widths", () => {
  let model: LayersModel;
  let images: Tensor4D;
  let others: Tensor4D;
  beforeAll(async () => {
    await useAnyBackend('wasm');
    model = fullVgg16();
    ({ images, others } = torchBatches(32, 48));
  });
  afterAll(() => {
    for (const one of [model, images, others]) one.dispose();
  });

  test("give PyTorch's distances: 0.1 without a file, 0.0 from its file", async () => {
    const before = memory().numTensors;
    const first = await readLpipsCalibration(LPIPS_V00_FILE);
    const distances = {
      '0.1': lpips(model, { range: [0, 1] }),
      '0.0': lpips(model, { calibration: first, version: '0.0', range: [0, 1] }),
    };
    const torch = await fixtureJson<Record<keyof typeof distances, number[]>>('lpips.json');
    for (const version of ['0.1', '0.0'] as const) {
      const values = await valuesOf(distances[version](images, others));
      expect(relativeError(values, torch[version]), version).toBeLessThan(1e-5);
    }
    expect(memory().numTensors).toBe(before);
  });

  test('are told apart, rounded to bfloat16 too', async () => {
    const first = await readLpipsCalibration(LPIPS_V00_FILE);
    const message =
      "lpips: the calibration is that of version 0.0, whose images are scaled differently than those of 0.1; pass version: '0.0', or the calibration of 0.1, which is the default.";
    expect(() => lpips(model, { calibration: first })).toThrow(message);
    const words = first.map((layer) => new Uint32Array(layer.slice().buffer));
    const bfloat16 = words.map((layer) => new Float32Array(layer.map((word) => word & 0xffff0000).buffer));
    expect(bfloat16).not.toEqual(first);
    expect(() => lpips(model, { calibration: bfloat16 })).toThrow(message);
    expect(() => lpips(model, { version: '0.0' })).toThrow(
      "lpips: the calibration is that of version 0.1, whose images are scaled differently than those of 0.0; pass version: '0.1', or the calibration of 0.0.",
    );
    expect(() => lpips(model, { calibration: first, version: '1.0' as never })).toThrow(
      'lpips: version is "1.0"; it must be one of "0.1", "0.0".',
    );
  });
});

describe('the range of images', () => {
  let model: LayersModel;
  let images: Tensor4D;
  let others: Tensor4D;
  let calibration: LpipsCalibration;
  const torch = TORCH.get('lpips')!.data;
  beforeAll(async () => {
    await useAnyBackend();
    ({ model } = await fromWeights(NETWORK, { includeTop: false }));
    ({ images, others } = torchBatches());
    calibration = await readLpipsCalibration(LPIPS_FILE);
  });
  afterAll(() => {
    for (const one of [model, images, others]) one.dispose();
  });

  test.each([
    ['float32 from -1 to 1', [-1, 1], (x: Tensor4D) => sub(mul(x, 2), 1)],
    ['int32 from 0 to 255', undefined, (x: Tensor4D) => cast(round(mul(x, 255)), 'int32')],
    ['int32, whatever the range of floats', [0, 1], (x: Tensor4D) => cast(round(mul(x, 255)), 'int32')],
  ] as const)('is that of %s', async (_, range, converted) => {
    const distance = lpips(model, { calibration, range });
    const values = tidy(() => distance(converted(images) as Tensor4D, converted(others) as Tensor4D));
    expect(relativeError(await valuesOf(values), torch)).toBeLessThan(3e-5);
  });

  test('is not guessed for float32', () => {
    const before = memory().numTensors;
    expect(() => lpips(model, { calibration })(images, others)).toThrow(
      'lpips: the images are float32, whose range nothing says; pass range: [0, 1] or [-1, 1], or images from 0 to 255 as int32.',
    );
    expect(() => lpips(model, { calibration, range: [0, 255] as never })).toThrow(
      'lpips: range is [0,255]; it must be [0, 1] or [-1, 1].',
    );
    expect(() => tidy(() => lpips(model, { calibration })(cast(images, 'bool'), images))).toThrow(
      'lpips: the images are bool; pass int32',
    );
    expect(memory().numTensors).toBe(before);
  });

  test('is 0 to 255 in images', async () => {
    const before = memory().numTensors;
    const [first, second] = torchImages();
    const { distance, map } = await imageDistance(model, [first!, second!], { calibration, spatial: true });
    expect(relativeError([distance], torch.slice(0, 1))).toBeLessThan(3e-5);
    expect(map).toMatchObject({ width: 48, height: 64 });
    const average = map!.values.reduce((total, one) => total + one, 0) / map!.values.length;
    expect(average).toBeCloseTo(distance, 3);
    expect(await imageDistance(model, [first!, first!], { calibration })).toEqual({ distance: 0 });
    const tall = { ...second!, width: 24, height: 128 };
    await expect(imageDistance(model, [first!, tall], { calibration })).rejects.toThrow(
      'imageDistance: the images are 48x64 and 24x128; resize one of them, as by resizeBilinear(image, 48, 64).',
    );
    await expect(imageDistance(model, [first!] as never, { calibration })).rejects.toThrow(
      'imageDistance: images has 1 images; pass two.',
    );
    const kernels = vi.spyOn(engine(), 'runKernel').mockImplementationOnce(() => {
      throw new Error('out of memory');
    });
    await expect(imageDistance(model, [first!, second!], { calibration })).rejects.toThrow(
      'imageDistance: images of 48x64 take more memory than the backend has; compare parts of them,',
    );
    kernels.mockRestore();
    expect(memory().numTensors).toBe(before);
  });

  test('is told from that of other tensors', async () => {
    const [fractions, bytes, normalized] = [
      [0, 0.5, 1],
      [0, 127.5, 255],
      [-0.9, 0.1, 1],
    ].map((values) => tensor3d(values, [1, 1, 3]));
    expect([...(await toRgb(bytes!)).data]).toEqual([0, 128, 255]);
    for (const one of [fractions!, normalized!]) {
      await expect(toRgb(one)).rejects.toThrow(
        /toRgb: the tensor's values are from (0|-0\.9) to 1; an image's are from 0 to 255, so scale them, or round those of a dark image/,
      );
    }
    for (const one of [fractions, bytes, normalized]) one!.dispose();
  });
});

describe('losses', () => {
  let model: LayersModel;
  let before: number;
  beforeAll(() => useAnyBackend());
  beforeEach(() => {
    before = memory().numTensors;
    model = vgg(scaleArch(VGG16, 32), { inputShape: [32, 32, 3], hiddenUnits: 8, initializer: 'heUniform' });
  });
  afterEach(() => {
    model.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('have gradients of 0 where nothing differs, and finite ones where a channel is silent', async () => {
    const flat = ones([1, 40, 32, 3]);
    const variation = grad((x) => sum(totalVariation(x as Tensor4D)));
    expect(new Set(await valuesOf(variation(flat)))).toEqual(new Set([0]));
    const calibration = [2, 4, 8, 16, 16].map((channels) => new Float32Array(channels).fill(1));
    const distance = lpips(model, { calibration, range: [0, 1] });
    const gradient = await valuesOf(grad((x) => sum(distance(x as Tensor4D, zeros([1, 40, 32, 3]))))(flat));
    flat.dispose();
    expect(gradient.every(Number.isFinite)).toBe(true);
  });

  test('pass images on as they are without preprocessing, and use fully connected layers', async () => {
    const loss = perceptualLoss(model, ['fc7', 'logits']);
    const x = tensor(
      Float32Array.from({ length: 2 * 32 * 32 * 3 }, (_, i) => Math.sin(i)),
      [2, 32, 32, 3],
    ) as Tensor4D;
    const same = await valuesOf(loss(x, x));
    expect(same[0]).toBe(0);
    x.dispose();
  });

  test('take tensors of other types as numbers', () => {
    for (const dtype of ['bool', 'int32'] as const) {
      const numbers = tidy(() => {
        const image = tensor([1, 0, 1, 1], [1, 2, 2, 1], dtype) as Tensor4D;
        return [totalVariation(image), gramMatrix(image)].map((one) => one.dataSync()[0]);
      });
      expect(numbers).toEqual([2, 0.75]);
    }
  });

  test('refuse layers, weights and images that do not fit, and leave no tensor', async () => {
    expect(() => perceptualLoss(model, ['relu3_3'], { weights: [1, 2] })).toThrow(
      'perceptualLoss: weights are [1,2] for the layers relu3_3; pass one number for each.',
    );
    expect(() => perceptualLoss(model, ['relu9_9'])).toThrow('there is no layer "relu9_9"');
    const loss = perceptualLoss(model, ['relu3_3'], { preprocessing: torchvision });
    const [a, b, gray] = [zeros([1, 32, 32, 3]), zeros([1, 32, 40, 3]), zeros([1, 32, 32, 1])] as Tensor4D[];
    expect(() => loss(a!, b!)).toThrow(
      'perceptualLoss: the images have shape [1,32,32,3] and the others [1,32,40,3]; pass two batches of the same shape.',
    );
    const none = zeros([0, 32, 32, 3]) as Tensor4D;
    expect(() => loss(none, none)).toThrow(
      'perceptualLoss: the images have shape [0,32,32,3]; pass [batch, height, width, channels], each at least 1.',
    );
    none.dispose();
    expect(() => loss(gray!, gray!)).toThrow('the images have shape [1,32,32,1]; pass [batch, any, any, 3].');
    expect(() => normalizeImages(gray!, caffe)).toThrow('normalizeImages: the images have shape [1,32,32,1]');
    for (const one of [a, b, gray]) one!.dispose();
    const flat = zeros([3, 3]) as never;
    expect(() => gramMatrix(flat)).toThrow('gramMatrix: the features have shape [3,3]');
    expect(() => totalVariation(flat)).toThrow('totalVariation: the images have shape [3,3]');
    (flat as Tensor).dispose();
  });

  test('LPIPS refuses a calibration or a network that does not fit', async () => {
    expect(() => lpips(model, { calibration: [null] as never })).toThrow(
      'lpips: calibration is [null]; it must be a list of numbers for each of five layers.',
    );
    for (const [network, difference] of [
      [vgg(scaleArch(VGG19, 32), { inputShape: [32, 32, 3], includeTop: false }), '15 convolutions'],
      [
        vgg(scaleArch(VGG16, 32), { inputShape: [32, 32, 3], includeTop: false, batchNorm: true }),
        'batch normalization',
      ],
    ] as const) {
      expect(() => lpips(network)).toThrow(`lpips: the model has ${difference}`);
      network.dispose();
    }
    expect(() => lpips(model)).toThrow(
      "lpips: the calibration has [64,128,256,512,512] weights for its layers, but the model's relu1_2, relu2_2, relu3_3, relu4_3, relu5_3 have [2,4,8,16,16] channels; use a calibration for this network.",
    );
    expect(() => lpips(model, { calibration: [[1], [1]] })).toThrow(
      "lpips: the calibration has [1,1] weights for its layers, but the model's relu1_2, relu2_2, relu3_3, relu4_3, relu5_3 have [2,4,8,16,16] channels",
    );
    const calibration = [2, 4, 8, 16, 16].map((channels) => new Float32Array(channels).fill(1));
    calibration[2]![3] = -1;
    expect(() => lpips(model, { calibration })).toThrow('the calibration of relu3_3 has -1');
    setMetadata(model, { preprocessing: torchvision });
    expect(() => lpips(model, { calibration: [[1]] })).toThrow('the calibration has [1] weights');
    setMetadata(model, { preprocessing: caffe });
    expect(() => lpips(model)).toThrow(
      "lpips: the model's weights expect BGR from 0 to 255, mean [103.939,116.779,123.68], std [1,1,1], but LPIPS is made for torchvision's, which expect RGB from 0 to 1, mean [0.485,0.456,0.406], std [0.229,0.224,0.225]; use a VGG-16 with those.",
    );
    const other = vgg(scaleArch(VGG11, 32), { inputShape: [32, 32, 3], includeTop: false });
    expect(() => lpips(other, { calibration })).toThrow('there is no layer "relu1_2"');
    other.dispose();
    await expect(
      readLpipsCalibration(encodeTensors({ x: { shape: [1], data: new Float32Array(1) } })),
    ).rejects.toThrow('readLpipsCalibration: the file has no lin0.model.1.weight');
  });
});

test('a calibration is read from other formats, under its short names', async () => {
  const published = await readLpipsCalibration(LPIPS_FILE);
  const entries = published.map((data, i) => [`lin${i}.weight`, { shape: [data.length], data }] as const);
  const file = encodeTensors({
    note: { shape: [3], data: Uint8Array.of(1, 2, 255) },
    ...Object.fromEntries(entries),
  });
  expect(await readLpipsCalibration(file)).toEqual(published);
  expect((await readTensors(file)).get('note')).toEqual({ shape: [3], data: Float32Array.of(1, 2, 255) });
  await expect(readTensors(file.subarray(0, 300))).rejects.toThrow(/damaged|cut off/);
});

test('a calibration is not taken for a network', async () => {
  const { network, problem, tensors } = await inspectWeights(LPIPS_V00_FILE);
  expect(network).toBeUndefined();
  expect(problem).toBe(
    'it is an LPIPS calibration for VGG-16, not a network; lpips in vgg-blocks/features has the one for VGG-16 built in, and takes another from readLpipsCalibration.',
  );
  expect(tensors.map(({ shape }) => shape)).toEqual([64, 128, 256, 512, 512].map((n) => [1, n, 1, 1]));
  await expect(fromWeights(LPIPS_V00_FILE)).rejects.toThrow(problem);
  await expect(fromWeights(LPIPS_FILE)).rejects.toThrow('it is an LPIPS calibration, not a network');
});
