import '@tensorflow/tfjs-backend-cpu';
import { io, memory, mul, setBackend, tidy } from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import type { OwnHead } from '../../site/src/worker/own/network.js';
import { scaled, scaleOf, unscaled } from '../../site/src/worker/own/scale.js';
import { guess, type OwnExample, recall, type TeachProgress, teach } from '../../site/src/worker/own.js';
import { seededRandom } from '../../src/base/random.js';
import { classify } from '../../src/imagenet/index.js';
import { encodePng, type Preprocessing } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { encodeWeights, fromWeights, metadataOf, PUBLISHED, setMetadata } from '../../src/weights/index.js';

beforeAll(() => setBackend('cpu'));

const COLORS = [
  [215, 60, 60],
  [10, 10, 90],
  [110, 215, 110],
] as const;

/** Noise around a color for each class, of some size. */
async function examples(perClass: number, from = 0): Promise<OwnExample[]> {
  const all: OwnExample[] = [];
  for (const [label, color] of COLORS.entries()) {
    for (let i = from; i < from + perClass; i++) {
      const random = seededRandom(100 * label + i);
      const [width, height] = [20 + random.below(30), 20 + random.below(30)];
      const data = Uint8Array.from(
        { length: 3 * width * height },
        (_, at) => color[at % 3]! + random.below(40),
      );
      const name = `${label} ${i}`;
      const bytes = await encodePng({ data, width, height });
      all.push({ id: name, name, label, image: new Blob([bytes as BlobPart]) });
    }
  }
  return all;
}

const classNames = ['red', 'blue', 'green'];
const torchvision = PUBLISHED['torchvision/vgg16'].preprocessing;
const never = () => ({ signal: new AbortController().signal, onProgress: () => {} });

/** Networks as somebody may open them: with and without a top, gray, of any or of no square size, and what they say of images. */
const NETWORKS: [name: string, make: () => LayersModel, says: Preprocessing | undefined][] = [
  [
    'a network with a top, in color',
    () =>
      vgg(
        [
          [1, 4],
          [1, 8],
        ],
        { inputShape: [24, 24, 3], hiddenUnits: 8 },
      ),
    undefined,
  ],
  [
    'a gray one',
    () =>
      vgg(
        [
          [1, 4],
          [1, 8],
        ],
        { inputShape: [16, 16, 1], hiddenUnits: 8 },
      ),
    undefined,
  ],
  [
    'features of any size',
    () =>
      vgg(
        [
          [1, 4],
          [1, 6],
        ],
        { inputShape: [null, null, 3], includeTop: false },
      ),
    torchvision,
  ],
  [
    'a wide one whose file says how images are prepared',
    () => vgg([[1, 4]], { inputShape: [20, 28, 3], includeTop: false }),
    { ...torchvision, channels: 'BGR' },
  ],
];

describe.each(NETWORKS)("a last layer for a visitor's images on %s", (_, make, says) => {
  const made = () => {
    const base = make();
    if (says) setMetadata(base, { preprocessing: says });
    return base;
  };
  const preprocessing = says ? 'file' : 'plain';

  test('is trained on features that are computed once, keeps no tensors, and changes nothing below it', async () => {
    const base = made();
    const before = await Promise.all(base.getWeights().map((one) => one.data()));
    const trained = base.layers.map(({ trainable }) => trainable);
    const images = await examples(5);
    const seen: number[] = [];
    const options = {
      signal: new AbortController().signal,
      onProgress: ({ stage, total }: { stage: string; total: number }) => {
        if (stage === 'features') seen.push(total);
      },
    };
    const first = await teach(base, { images, preprocessing, classNames }, options);
    expect(new Set(seen)).toEqual(new Set([15]));
    first.network.dispose();
    const level = memory().numTensors;
    const again = await teach(base, { images, preprocessing, classNames }, options);
    expect(again.taught).toEqual(first.taught);
    again.network.dispose();
    expect(memory().numTensors).toBe(level);
    seen.length = 0;
    const more = await teach(base, { images: await examples(6), preprocessing, classNames }, options);
    expect(new Set(seen)).toEqual(new Set([3]));
    expect(more.taught).toMatchObject({ learned: 15, held: { of: 3, right: 3 } });
    more.network.dispose();
    expect(memory().numTensors).toBe(level);
    const after = await Promise.all(base.getWeights().map((one) => one.data()));
    expect(after).toEqual(before);
    expect(base.layers.map(({ trainable }) => trainable)).toEqual(trained);
    base.dispose();
  });

  test('is put on the network again, and the saved whole gives the same answers to the library', async () => {
    const base = made();
    const { network, taught } = await teach(
      base,
      { images: await examples(5), preprocessing, classNames },
      never(),
    );
    const others = await examples(2, 50);
    const answers = await Promise.all(others.map(({ image }) => guess(network, { image, heat: false })));
    for (const [i, { probabilities }] of answers.entries()) {
      expect(probabilities.indexOf(Math.max(...probabilities)), others[i]!.name).toBe(others[i]!.label);
    }
    // A blue image, over which red and green can only come from the map.
    const heat = await guess(network, { image: others[2]!.image, heat: true });
    expect(heat.heat!.data.length).toBe(3 * heat.heat!.width * heat.heat!.height);
    const { data } = heat.heat!;
    expect(data.some((blue, i) => i % 3 === 2 && blue < Math.max(data[i - 1]!, data[i - 2]!))).toBe(true);
    let saved: io.ModelArtifacts | undefined;
    await network.save(
      io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: io.getModelArtifactsInfoForJSON(artifacts) };
      }),
    );
    const files = [
      await loadLayersModel(io.fromMemory(saved!)),
      (await fromWeights(await encodeWeights(network, { names: 'keras' }))).model,
    ];
    network.dispose();
    const restored = recall(base, { preprocessing, classNames, ...taught });
    for (const model of [restored, ...files]) {
      expect(metadataOf(model).classNames).toEqual(classNames);
      for (const [i, { image }] of others.entries()) {
        const found = await classify(model, image, { topK: 3 });
        for (const { label, probability } of found) {
          expect(probability).toBeCloseTo(answers[i]!.probabilities[classNames.indexOf(label)]!, 5);
        }
      }
      model.dispose();
    }
    expect(() =>
      recall(base, { preprocessing, classNames, kernel: taught.kernel.slice(1), bias: taught.bias }),
    ).toThrow('other features');
    base.dispose();
  });
});

test('the last layer for features as they are says what that for scaled ones says, and their mean speaks against no class', () => {
  const random = seededRandom(4);
  const noise = (length: number, center = 0) =>
    Float32Array.from({ length }, () => center + random.between(-0.5, 0.5));
  const rows = Array.from({ length: 9 }, () => noise(5, 2));
  const scale = scaleOf(rows);
  const head = { kernel: noise(15), bias: noise(3) };
  const plain = unscaled(head, scale);
  const says = ({ kernel, bias }: OwnHead, row: Float32Array) => {
    const odds = Array.from(bias, (value, label) =>
      Math.exp(row.reduce((sum, one, i) => sum + one * kernel[3 * i + label]!, value)),
    );
    return odds.map((one) => one / odds.reduce((a, b) => a + b));
  };
  for (const row of rows) {
    const expected = says(head, scaled(row, scale));
    for (const [i, p] of says(plain, row).entries()) expect(p).toBeCloseTo(expected[i]!, 5);
  }
  const evidence = [0, 1, 2].map((label) =>
    scale.mean.reduce((sum, value, i) => sum + value * plain.kernel[3 * i + label]!, 0),
  );
  expect(Math.min(...evidence)).toBeCloseTo(0, 5);
  expect(Math.max(...evidence)).toBeGreaterThan(0.1);
});

const [, makeGray] = NETWORKS[1]!;

test('a network whose features are a thousand times smaller learns the same', async () => {
  const images = await examples(5);
  const others = await examples(2, 50);
  const answers: number[][] = [];
  for (const factor of [1, 0.001]) {
    const base = makeGray();
    const first = base.layers.find((layer) => layer.getWeights().length > 0)!;
    tidy(() => first.setWeights(first.getWeights().map((weight) => mul(weight, factor))));
    const { network } = await teach(base, { images, preprocessing: 'plain', classNames }, never());
    const all = await Promise.all(others.map(({ image }) => guess(network, { image, heat: false })));
    answers.push(all.flatMap(({ probabilities }) => [...probabilities]));
    network.dispose();
    base.dispose();
  }
  const [usual, small] = answers as [number[], number[]];
  expect(usual).toHaveLength(18);
  for (const [i, p] of usual.entries()) expect(small[i]).toBeCloseTo(p, 3);
  expect(Math.max(...usual)).toBeGreaterThan(0.7);
});

test('features that were computed before it was canceled are not computed again, and no tensor is left', async () => {
  const base = makeGray();
  const request = { images: await examples(5), preprocessing: 'plain', classNames } as const;
  const level = memory().numTensors;
  const canceling = new AbortController();
  const seen: string[] = [];
  const watching = (cancelAt: string) => ({
    signal: canceling.signal,
    onProgress: ({ stage, done, total }: TeachProgress) => {
      const now = `${stage} ${done}/${total}`;
      seen.push(now);
      if (now === cancelAt) canceling.abort();
    },
  });
  await expect(teach(base, request, watching('features 8/15'))).rejects.toThrow(/abort/);
  expect(seen).toEqual(['features 0/15', 'features 4/15', 'features 8/15']);
  expect(memory().numTensors).toBe(level);
  seen.length = 0;
  const { signal } = new AbortController();
  const { network } = await teach(base, request, { ...watching(''), signal });
  expect(seen.filter((now) => now.startsWith('features'))).toEqual([
    'features 0/7',
    'features 4/7',
    'features 7/7',
  ]);
  network.dispose();
  base.dispose();
});
