import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fill, ones, type Tensor4D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { augmentBatch, ImageSet, imageFiles } from '../src/data/index.js';
import { faithfulness, lpips, perceptualLoss } from '../src/features/index.js';
import {
  heatMapImage,
  imageGrid,
  imageToTensor,
  overlay,
  prepareImage,
  preprocess,
  resizeBilinear,
  toRgb,
} from '../src/images/index.js';
import { scaleArch, VGG16, vgg } from '../src/index.js';
import { writeFileAtomic } from '../src/node/index.js';
import { predictionSheet } from '../src/train/index.js';
import { useAnyBackend } from './support/backends.js';
import { build, preprocessing } from './support/waitingCalls.js';

beforeAll(() => useAnyBackend('wasm'));

/** Sends an array's bytes away, as `postMessage` does with a list of what to transfer. */
const send = ({ buffer }: { buffer: ArrayBufferLike }) =>
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });

const pixels = () => ({ data: Uint8Array.from({ length: 48 }, (_, i) => 5 * i), width: 4, height: 4 });
const heat = () => ({
  ...{
    values: Float32Array.from({ length: 16 }, (_, i) => (7 * i) % 16),
    width: 4,
    height: 4,
    classIndex: 0,
  },
});
const set = () =>
  new ImageSet({
    images: Uint8Array.from({ length: 64 }, (_, i) => i),
    labels: Uint8Array.of(0, 1, 0, 1),
    shape: [4, 4, 1],
    classNames: ['a', 'b'],
  });
const SENT = /an object of class \w+ whose bytes were transferred to another thread/;

type Begin = () => { running: Promise<unknown>; sent: { buffer: ArrayBufferLike }[] };

/** Calls that have begun, and bytes of theirs that the caller then sends away. */
const KEPT: Record<string, Begin> = {
  ...Object.fromEntries(
    Object.entries<(image: ReturnType<typeof pixels>) => Promise<unknown>>({
      toRgb,
      imageToTensor: (image) => imageToTensor(image),
      imageGrid: (image) => imageGrid([image]),
      overlay: (image) => overlay(image, heat()),
      prepareImage: (image) => prepareImage(image, preprocessing),
      preprocess: (image) => preprocess(image, preprocessing),
    }).map(([name, call]): [string, Begin] => [
      name,
      () => {
        const image = pixels();
        return { running: call(image), sent: [image.data] };
      },
    ]),
  ),
  'overlay of a map': () => {
    const map = heat();
    return { running: overlay(pixels(), map), sent: [map.values] };
  },
  'faithfulness of a map': () => {
    const [map, model, image] = [heat(), build(), ones([1, 4, 4, 3]) as Tensor4D];
    const running = faithfulness(model, image, map, { steps: 8 }).finally(() => {
      model.dispose();
      image.dispose();
    });
    return { running, sent: [map.values] };
  },
  'predictionSheet of images and labels': () => {
    const [shown, predicted] = [set(), Uint8Array.of(0, 0, 0, 1)];
    return { running: predictionSheet(shown, predicted), sent: [shown.images, shown.labels, predicted] };
  },
};

/** Tensors as their numbers. */
async function numbersOf(result: unknown): Promise<unknown> {
  if (typeof result !== 'object' || result === null || !('dataId' in result)) return result;
  const tensor = result as Tensor4D;
  const numbers = await tensor.data();
  tensor.dispose();
  return numbers;
}

describe('bytes that are sent away', () => {
  test.each(Object.entries(KEPT))('while %s waits make no difference', async (_, begin) => {
    const result = await numbersOf(await begin().running);
    const { running, sent } = begin();
    for (const one of sent) send(one);
    expect(await numbersOf(await running)).toEqual(result);
  });

  test('after a file of images has been read make no difference', async () => {
    const read = async () => {
      const image = pixels();
      // After the promise is answered.
      queueMicrotask(() => queueMicrotask(() => send(image.data)));
      return image;
    };
    const files = ['a/1', 'b/2'].map((path) => ({ path, read }));
    await expect(imageFiles(files, { preprocessing, validationFraction: 0 })).resolves.toHaveProperty(
      'trainSet.length',
      2,
    );
  });

  test('after a loss was made make no difference', async () => {
    const arch = scaleArch(VGG16, 32);
    const model = vgg(arch, { inputShape: [32, 32, 3], includeTop: false });
    const images = [ones([1, 32, 32, 3]), fill([1, 32, 32, 3], 0.5)] as [Tensor4D, Tensor4D];
    const calibration = [2, 4, 8, 16, 16].map((channels) => new Float32Array(channels).fill(1));
    const weights = Float32Array.of(3);
    const losses = [
      lpips(model, { calibration, range: [0, 1] }),
      perceptualLoss(model, ['relu1_1'], { weights: weights as never }),
    ];
    const measured = () => Promise.all(losses.map((loss) => numbersOf(loss(...images))));
    const before = await measured();
    for (const one of [...calibration, weights]) send(one);
    expect(await measured()).toEqual(before);
    for (const one of [model, ...images]) one.dispose();
  });

  test.each(['images', 'labels'] as const)('are missed by a set of %s', async (part) => {
    const gone = set();
    send(gone[part]);
    for (const use of [
      () => gone.take(0, 2),
      () => gone.split(0.5),
      () => gone.fingerprint(),
      () => gone.resize(2),
      () => gone.augment({ flip: 1 }),
      () => [...gone.batches({ batchSize: 4 })],
    ])
      expect(use).toThrow(new RegExp(`^ImageSet: ${part} is ${SENT.source}`));
    await expect(predictionSheet(gone, [0, 0, 0, 0])).rejects.toThrow(
      new RegExp(`^predictionSheet: set\\.${part} is ${SENT.source}`),
    );
  });

  test('before a call are refused', () => {
    const [image, map, batch] = [pixels(), heat(), new Float32Array(4)];
    for (const one of [image.data, map.values, batch]) send(one);
    expect(() => resizeBilinear(image, 2, 2)).toThrow(SENT);
    expect(() => heatMapImage(map)).toThrow(SENT);
    const given = { pixels: batch, shape: [1, 2, 2, 1] as const, targets: new Float32Array(1) };
    expect(() => augmentBatch(given, {}, 1)).toThrow(SENT);
  });

  test.each([
    ['alone', (bytes: Uint8Array) => bytes],
    ['in chunks', (bytes: Uint8Array) => [new Uint8Array(3), bytes]],
  ])('while a file is written, %s, leave the file as it was', async (_, content) => {
    const folder = mkdtempSync(join(tmpdir(), 'transferred-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'a.bin');
    await writeFileAtomic(path, 'before');
    const bytes = new Uint8Array(1000);
    const running = writeFileAtomic(path, content(bytes));
    send(bytes);
    await expect(running).rejects.toThrow(
      `${path} could not be written: its bytes were transferred to another thread; pass bytes that stay here.`,
    );
    expect(readFileSync(path, 'utf8')).toBe('before');
  });
});
