import '@tensorflow/tfjs-backend-cpu';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { setBackend, type Tensor } from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agreement } from '../../src/compress/index.js';
import { PLAIN_PREPROCESSING } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { fileSystem, imageFolder } from '../../src/node/index.js';
import { train } from '../../src/train/index.js';
import { fromWeights, metadataOf, saveModel, setMetadata } from '../../src/weights/index.js';
import { noise } from '../support/bytes.js';
import { run } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-compress-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);

const CLASSES = ['blue', 'green', 'red'];

/** An IDX file of bytes. */
function idx(shape: number[], bytes: Uint8Array): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  for (const [i, length] of shape.entries()) header.writeUInt32BE(length, 4 + 4 * i);
  return gzipSync(Buffer.concat([header, bytes]));
}

beforeAll(async () => {
  await setBackend('cpu');
  const options = { classes: 3, hiddenUnits: 64, initializer: 'heUniform', seed: 1 } as const;
  const colors = vgg([[1, 8]], { inputShape: [16, 16, 3], ...options });
  setMetadata(colors, { classNames: CLASSES, preprocessing: { ...PLAIN_PREPROCESSING, crop: 16 } });
  await saveModel(colors, fileSystem(at('colors')));
  setMetadata(colors, {});
  await saveModel(colors, fileSystem(at('unsaid')));
  const gray = vgg([[1, 8]], { inputShape: [16, 16, 1], ...options });
  await saveModel(gray, fileSystem(at('gray')));
  for (const one of [colors, gray]) one.dispose();
  mkdirSync(at('images'));
  for (let i = 0; i < 40; i++) {
    const raw = { width: 16, height: 16, channels: 3 } as const;
    writeFileSync(
      at(`images/${i}.png`),
      await sharp(noise(768, i + 1), { raw })
        .png()
        .toBuffer(),
    );
  }
  mkdirSync(at('set'));
  for (const [part, count] of [
    ['train', 60],
    ['t10k', 9],
  ] as const) {
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 3);
    writeFileSync(at(`set/${part}-images-idx3-ubyte.gz`), idx([count, 16, 16], noise(256 * count)));
    writeFileSync(at(`set/${part}-labels-idx1-ubyte.gz`), idx([count], labels));
  }
});

const sizeOf = (path: string) =>
  readdirSync(path)
    .filter((name) => name !== 'report.json')
    .reduce((sum, name) => sum + statSync(join(path, name)).size, 0);

test('writes a model of at most the size that is asked for, calibrated on a folder of images, and a report', async () => {
  const { code, out, error } = await run(
    'compress',
    at('colors'),
    at('small'),
    '--max-bytes',
    '20kB',
    '--images',
    at('images'),
  );
  expect({ code, error }).toEqual({ code: 0, error: '' });
  expect(sizeOf(at('small'))).toBeLessThanOrEqual(20_000);
  expect(out).toMatch(/^calibrating on 40 images\nlayer +before +after +rank +error\nblock1_conv1 /);
  expect(out).toContain('compared on 8 images: the same class for ');
  expect(out).toContain(`wrote ${sizeOf(at('small'))} bytes and report.json to ${at('small')}\n`);
  const report = JSON.parse(readFileSync(at('small/report.json'), 'utf8'));
  expect(report).toMatchObject({ size: sizeOf(at('small')), quantize: 'uint8', agreement: { images: 8 } });
  expect(report.layers.find(({ name }: { name: string }) => name === 'fc1').rank).toBeGreaterThan(0);
  const { model, metadata } = await fromWeights(at('small'));
  expect(metadata.classNames).toEqual(CLASSES);
  expect(metadata.preprocessing).toMatchObject({ crop: 16 });
  const plain = await loadLayersModel(fileSystem(at('small')));
  expect(metadataOf(plain)).toEqual(metadata);
  for (const one of [model, plain]) one.dispose();
  const headless = await fromWeights(at('small'), { includeTop: false, inputShape: [32, 32, 3] });
  expect(headless.model.outputs[0]!.shape).toEqual([null, 16, 16, 8]);
  headless.model.dispose();
});

test('calibrates on the training images of arrays, and measures the test images before and after', async () => {
  const to = [
    '--max-error',
    '0.3',
    '--quantize',
    'float16',
    '--data',
    at('set'),
    '--calibrate',
    '45',
    '--json',
  ];
  const { code, out } = await run('compress', at('gray'), at('halved'), ...to);
  expect(code).toBe(0);
  const report = JSON.parse(out);
  expect(report).toEqual(JSON.parse(readFileSync(at('halved/report.json'), 'utf8')));
  expect(report).toMatchObject({ quantize: 'float16', agreement: { images: 9 }, accuracy: { images: 9 } });
  const fc1 = report.layers.find(({ name }: { name: string }) => name === 'fc1');
  expect(fc1.error).toBeLessThanOrEqual(0.3);
  expect(report.bytes.after).toBeLessThan(report.bytes.before / 2);
});

test('a compressed network learns from a folder of images and a teacher, in all of its layers', async () => {
  const { code } = await run('compress', at('colors'), at('low'), '--rank', 'fc1=1', '--rank', 'fc2=1');
  expect(code).toBe(0);
  await setBackend('cpu');
  const [{ model: teacher, metadata }, { model: small }] = [
    await fromWeights(at('colors')),
    await fromWeights(at('low')),
  ];
  const labelled = at('labelled');
  for (const [i, name] of CLASSES.entries()) {
    mkdirSync(join(labelled, name), { recursive: true });
    for (let image = i; image < 40; image += 3) {
      copyFileSync(at(`images/${image}.png`), join(labelled, name, `${image}.png`));
    }
  }
  const { trainSet, validationSet } = await imageFolder(labelled, {
    preprocessing: metadata.preprocessing!,
  });
  const before = await agreement(teacher, small, trainSet);
  const weights = await Promise.all(small.weights.map((one) => (one.read() as Tensor).data()));
  await train(
    small,
    { trainSet, validationSet },
    {
      ...{ epochs: 2, optimizer: 'adam', learningRate: 1e-3 },
      distill: { teacher, weight: 1 },
    },
  );
  for (const [i, one] of small.weights.entries()) {
    expect(await (one.read() as Tensor).data(), one.originalName).not.toEqual(weights[i]);
  }
  expect((await agreement(teacher, small, trainSet)).cosine).toBeGreaterThan(before.cosine);
  for (const one of [teacher, small]) one.dispose();
});

test('takes ranks by layer, and says what fits', async () => {
  const { code, out } = await run(
    'compress',
    at('unsaid'),
    at('ranked'),
    '--rank',
    'fc1=3',
    '--rank',
    'fc2=2',
    '--json',
  );
  expect(code).toBe(0);
  expect(JSON.parse(out).layers.map(({ rank }: { rank: number | null }) => rank)).toEqual([null, 3, 2, null]);
});

test.each([
  ['no target', [], 'compress: no target is given; pass one of --max-bytes, --max-error and --rank.\n'],
  [
    'two',
    ['--max-bytes', '1MB', '--max-error', '0.1'],
    'compress: --max-bytes and --max-error are given; pass one of --max-bytes, --max-error and --rank.\n',
  ],
  [
    'too small a size',
    ['--max-bytes', '1kB'],
    /^compress: --max-bytes is 1000, but the smallest model with kernels of uint8 has \d+ bytes, \d+ of them for convolutions and what else stays whole; pass at least as many, or compress a narrower network\.\n$/,
  ],
  [
    'a rank that saves nothing',
    ['--rank', 'fc1=500'],
    'compress: --rank fc1=500: it must be a whole number from 1 to 56.\n',
  ],
  [
    'arrays as images',
    ['--max-bytes', '20kB', '--images', 'SET'],
    ' has arrays of images, not image files; pass it as --data.\n',
  ],
  [
    'images for a network that does not say how they are prepared',
    ['--max-bytes', '20kB', '--images', 'IMAGES'],
    ' does not say how images are prepared for it; pass --preprocessing ',
  ],
])('refuses %s, and writes nothing', async (_, args, message) => {
  const places: Record<string, string> = { SET: at('set'), IMAGES: at('images') };
  const { code, error } = await run(
    'compress',
    at('unsaid'),
    at('refused'),
    ...args.map((one) => places[one] ?? one),
  );
  expect(code).toBe(1);
  if (typeof message === 'string') expect(error).toContain(message);
  else expect(error).toMatch(message);
  expect(error.trim().split('\n').length).toBeLessThanOrEqual(2);
  expect(readdirSync(folder)).not.toContain('refused');
});
