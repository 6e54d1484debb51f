import { memory, type Tensor } from '@tensorflow/tfjs-core';
import { encode } from 'fast-png';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  embed,
  explain,
  faithfulness,
  gradCam,
  imageDistance,
  imageSimilarity,
  saliency,
  styleTransfer,
} from '../../src/features/index.js';
import { classify } from '../../src/imagenet/index.js';
import {
  type ImageInput,
  imageGrid,
  imageToTensor,
  overlay,
  prepareImage,
  preprocess,
  type RawImage,
} from '../../src/images/index.js';
import { scaleArch, VGG16, vgg } from '../../src/index.js';
import { evaluateImages } from '../../src/train/index.js';
import { PUBLISHED } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { noise } from '../support/bytes.js';

const SIZE = 32;
const raw: RawImage = { data: noise(3 * SIZE * SIZE, 7), width: SIZE, height: SIZE };
const other: RawImage = { data: noise(3 * SIZE * SIZE, 8), width: SIZE, height: SIZE };
const png = encode({ data: raw.data as Uint8Array, width: SIZE, height: SIZE, channels: 3 });
const url = `data:image/png;base64,${btoa(String.fromCharCode(...png))}`;

/** The same image, encoded. Its name and its type say something else than its content. */
const KINDS: Record<string, ImageInput> = {
  'a File': new File([png as BlobPart], 'notes.txt', { type: 'text/plain' }),
  'a Blob': new Blob([png as BlobPart]),
  'a URL': new URL(url),
  'a URL as text': url,
  bytes: png,
  'an ArrayBuffer': png.slice().buffer,
};

const narrow = scaleArch(VGG16, 32);
const build = (includeTop: boolean) =>
  vgg(narrow, { inputShape: [SIZE, SIZE, 3], hiddenUnits: 4, classes: 2, includeTop });
const preprocessing = {
  ...PUBLISHED['torchvision/vgg16'].preprocessing,
  resize: { shorterSide: SIZE },
  crop: SIZE,
};
const labels = ['a', 'b'];
const classIndex = 1;
const calibration = narrow.map(([, channels]) => Array<number>(channels).fill(1));
const map = { values: Float32Array.of(1, 2, 3, 4), width: 2, height: 2, classIndex };

describe('an encoded image is taken in place of its pixels, by', () => {
  let model: ReturnType<typeof build>;
  let base: typeof model;
  beforeAll(async () => {
    await useAnyBackend();
    [model, base] = [build(true), build(false)];
    return () => [model, base].forEach((one) => void one.dispose());
  });
  const numbersOf = async (tensor: Tensor) => {
    const numbers = [...(await tensor.data())];
    tensor.dispose();
    return numbers;
  };

  /** What each function that takes an image computes of one. */
  const FUNCTIONS: Record<string, (image: ImageInput) => Promise<unknown>> = {
    classify: (image) => classify(model, image, { preprocessing, labels }),
    'classify of several': (image) => classify(model, [image, other], { preprocessing, labels }),
    embed: (image) => embed(model, [image], { preprocessing, layer: 'fc7' }),
    imageSimilarity: (image) => imageSimilarity(model, [image, other], { preprocessing, layer: 'fc7' }),
    gradCam: (image) => gradCam(model, image, { preprocessing, classIndex }),
    saliency: (image) => saliency(model, image, { preprocessing, classIndex }),
    explain: (image) =>
      Promise.all(
        (['layercam', 'eigencam'] as const).map((method) =>
          explain(model, image, { method, preprocessing, classIndex }),
        ),
      ),
    faithfulness: (image) => faithfulness(model, image, map, { preprocessing, steps: 2 }),
    imageDistance: (image) => imageDistance(base, [image, other], { calibration }),
    styleTransfer: async (image) => {
      const contents = { content: image, style: other };
      const options = { preprocessing, size: SIZE, steps: 1, optimizer: 'adam' } as const;
      return (await styleTransfer(base, contents, options)).image.data;
    },
    overlay: (image) => overlay(image, map),
    imageGrid: (image) => imageGrid([image, other]),
    imageToTensor: async (image) => numbersOf(await imageToTensor(image)),
    prepareImage: (image) => prepareImage(image, preprocessing),
    preprocess: async (image) => numbersOf(await preprocess([image, other], preprocessing)),
    evaluateImages: async (image) => {
      const originals = () => [{ image, label: 0 }];
      return (await evaluateImages(model, { length: 1, preprocessing, originals })).loss;
    },
  };

  test.each(Object.entries(FUNCTIONS))('%s', async (_, computed) => {
    const expected = await computed(raw);
    const before = memory().numTensors;
    for (const [kind, image] of Object.entries(KINDS)) expect(await computed(image), kind).toEqual(expected);
    expect(memory().numTensors).toBe(before);
  });
});
