import '@tensorflow/tfjs-backend-cpu';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setBackend } from '@tensorflow/tfjs-core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { garments } from '../../src/data/index.js';
import { classify } from '../../src/imagenet/index.js';
import { PLAIN_PREPROCESSING, preprocessingAt } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { readImage } from '../../src/node/index.js';
import { evaluate } from '../../src/train/index.js';
import { encodeWeights, fromWeights, setMetadata } from '../../src/weights/index.js';
import { run, start } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-evaluate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);
const PLAIN = ['--preprocessing', 'plain'];

/** Images of one color each. */
async function draw(path: string, color: string, width = 8, height = 8): Promise<void> {
  mkdirSync(at(path, '..'), { recursive: true });
  const image = sharp({ create: { width, height, channels: 3, background: color } });
  writeFileSync(at(path), await image.png().toBuffer());
}

async function network(file: string, channels: number, classes: number, classNames?: string[]) {
  const model = vgg([[1, 4]], {
    inputShape: [8, 8, channels],
    classes,
    hiddenUnits: 8,
    initializer: 'heUniform',
  });
  if (classNames) setMetadata(model, { classNames });
  writeFileSync(at(file), await encodeWeights(model));
  return model;
}

const NAMES = ['red', 'green', 'blue'];
beforeAll(async () => {
  await setBackend('cpu');
  (await network('colors.safetensors', 3, 3, NAMES)).dispose();
  (await network('unnamed.safetensors', 3, 4)).dispose();
  for (const [i, color] of ['#d02010', '#ff9080', '#401000', '#20c030', '#90ff80', '#2030d0'].entries()) {
    const name = NAMES[[0, 0, 0, 1, 1, 2][i]!]!;
    await draw(`set/test/${name}/${i}.png`, color);
    await draw(`set/train/${name}/${i}.png`, color);
  }
  writeFileSync(at('set/test/red/torn.png'), 'torn');
  writeFileSync(at('ten.txt'), [...'abcdefghij'].join('\n'));
  await draw('capitals/train/red/0.png', '#d02010');
  for (const [i, name] of NAMES.entries()) await draw(`capitals/Test/${name}/${i}.png`, '#d02010');
  await draw('kaggle/train/red/0.png', '#d02010');
  await draw('kaggle/test1/0.png', '#d02010');
});

test('measures the held-out folder by the names of its classes, and fails if an image cannot be read', async () => {
  const weights = ['--weights', at('colors.safetensors'), ...PLAIN];
  const { code, out, error } = await run('evaluate', '--data', at('set'), '--out', at('out'), ...weights);
  expect(code).toBe(1);
  expect(error).toMatch(/torn\.png could not be read: .*\nevaluate: 1 file or folder was left out\.\n$/);
  expect(out).toMatch(
    /^6 images: loss \d\.\d{4}, accuracy \d+\.\d %, calibration error \d+\.\d %\nclass +images +recall +precision +F1 +predicted as\nred +3 /,
  );
  const result = JSON.parse(readFileSync(at('out/evaluation.json'), 'utf8'));
  expect(result).toMatchObject({ examples: 6, classNames: NAMES, leftOut: [{ path: 'red/torn.png' }] });
  const classified = await run('classify', at('set/test'), '--json', ...weights);
  const counts = NAMES.map(() => [0, 0, 0]);
  for (const line of classified.out.trim().split('\n')) {
    const { image, predictions } = JSON.parse(line);
    counts[NAMES.indexOf(image.split('/').at(-2))]![NAMES.indexOf(predictions[0].label)]!++;
  }
  expect(result.confusion).toEqual(counts);
  expect(readdirSync(at('out')).sort()).toEqual(['confusion.svg', 'evaluation.json']);
  expect(readFileSync(at('out/confusion.svg'), 'utf8')).toMatch(
    /^<svg[\s\S]+>6 examples of 3 classes[\s\S]+>blue</,
  );
});

test('averages over views as the VGG paper did', async () => {
  const weights = ['--weights', at('colors.safetensors'), ...PLAIN];
  await draw('views/blue/0.png', '#2030d0', 13, 9);
  await draw('views/green/0.png', '#20c030', 8, 11);
  await draw('views/red/0.png', '#d02010', 20, 8);
  await draw('views/red/wide.png', '#d02010', 16_000, 1);
  const views = ['--dense', '--crops', '10', '--scales', '8,34'];
  const { code, out, error } = await run('evaluate', '--data', at('views'), '--json', ...views, ...weights);
  expect(code).toBe(1);
  expect(error).toMatch(
    /^red\/wide\.png: the image of 16000x1 becomes 544000x34, more than 16777216 pixels; .*\nevaluate: 1 file or folder was left out\.\n$/,
  );
  const result = JSON.parse(out);
  expect(result).toMatchObject({ examples: 3, dense: true, crops: 10, scales: [8, 34] });
  const { model } = await fromWeights(at('colors.safetensors'));
  let loss = 0;
  for (const [label, name] of NAMES.entries()) {
    const predictions = await classify(model, await readImage(at(`views/${name}/0.png`)), {
      preprocessing: preprocessingAt(PLAIN_PREPROCESSING, 8),
      labels: NAMES,
      ...{ dense: true, crops: 10, scales: [8, 34] },
    });
    expect(result.confusion[label][predictions[0]!.index]).toBeGreaterThan(0);
    loss -= Math.log(predictions.find(({ index }) => index === label)!.probability) / 3;
  }
  expect(result.loss).toBeCloseTo(loss, 4);
  const one = await run('classify', at('views/red/0.png'), '--json', ...views, ...weights);
  const expected = await classify(model, await readImage(at('views/red/0.png')), {
    preprocessing: preprocessingAt(PLAIN_PREPROCESSING, 8),
    labels: NAMES,
    ...{ dense: true, crops: 10, scales: [8, 34] },
  });
  expect(JSON.parse(one.out).predictions).toEqual(
    expected.map((one) => ({ ...one, probability: expect.closeTo(one.probability, 5) })),
  );
  model.dispose();
});

test('refuses views that are none, and of arrays', async () => {
  const weights = ['--weights', at('colors.safetensors'), ...PLAIN];
  const crops = await run('evaluate', '--data', at('set'), '--crops', '9', ...weights);
  expect(crops.error).toContain('it must be 1, 5, 10 or 50.');
  const scales = await run('evaluate', '--data', at('set'), '--scales', '8,x', ...weights);
  expect(scales.error).toContain('it must be a number.');
  const small = await run('evaluate', '--data', at('set'), '--scales', '7', ...weights);
  expect(small.error).toContain(
    'evaluate: --scales has 7, but the network takes images of 8x8; use at least 8.',
  );
  const arrays = await run('evaluate', '--data', 'generated', '--dense', ...weights);
  expect(arrays.error).toContain(
    'evaluate: the images of generated have one size; --dense, --crops and --scales are for a folder of images, so leave them out.',
  );
  for (const option of [['--crops', '5'], ['--memory', '3'], ['--dense']]) {
    const absent = await run('evaluate', '--data', at('nope'), ...option, ...weights);
    expect(absent.error).toContain(
      `evaluate: ${at('nope')} could not be read: there is no such folder; check the path.`,
    );
  }
  const stretched = await run(
    'evaluate',
    '--data',
    at('set'),
    '--dense',
    '--weights',
    at('colors.safetensors'),
    '--preprocessing',
    'keras',
  );
  expect(stretched.error).toContain(
    'evaluate: this preprocessing stretches images to 8x8; add --scales, e.g. 256, which keeps their proportions.',
  );
  expect([crops, scales, small, arrays, stretched].map(({ code }) => code)).toEqual([1, 1, 1, 1, 1]);
});

test('measures the held-out folder whatever the case of its name', async () => {
  const weights = ['--weights', at('colors.safetensors'), ...PLAIN];
  const { code, out } = await run('evaluate', '--data', at('capitals'), '--json', ...weights);
  expect(code).toBe(0);
  expect(JSON.parse(out).examples).toBe(3);
});

test.each([
  ['evaluate', '--data', at('set')],
  ['similar', at('set/test/red/0.png'), at('set/test')],
  ['finetune', at('set')],
  ['lpips', at('set/test/red/0.png'), at('set/test/red/1.png')],
])('%s says in one sentence, before anything else, that sharp is missing', async (command, ...args) => {
  const env = { NODE_OPTIONS: `--require ${fileURLToPath(new URL('./withoutSharp.cjs', import.meta.url))}` };
  const { outcome } = start([command!, ...args, '--weights', at('none.safetensors')], env);
  expect(await outcome).toEqual({
    code: 1,
    out: '',
    error: expect.stringMatching(
      /^\w+: .*\.png is PNG, which the package sharp decodes, but it is not installed; run npm install sharp\.\n$/,
    ),
  });
});

test('measures arrays as evaluate does', async () => {
  const model = await network('gray.safetensors', 1, 10);
  const expected = await evaluate(model, garments({ seed: 0 }).testSet.resize(8));
  model.dispose();
  const { code, out } = await run(
    ...['evaluate', '--data', 'generated', '--weights', at('gray.safetensors'), '--json'],
  );
  expect(code).toBe(0);
  const result = JSON.parse(out);
  expect(result.loss).toBeCloseTo(expected.loss, 4);
  expect(result).toMatchObject({
    examples: 1000,
    accuracy: expected.accuracy,
    top5Accuracy: expected.top5Accuracy,
    confusion: expected.confusion.counts,
  });
});

test('measures tables of pixels', async () => {
  const { testSet } = garments({ trainImages: 1, testImages: 30 });
  const model = await network('gray.safetensors', 1, 10);
  const expected = await evaluate(model, testSet.resize(8));
  model.dispose();
  const rows = [...testSet.labels].map((label, i) =>
    [label, ...testSet.images.subarray(784 * i, 784 * (i + 1))].join(','),
  );
  mkdirSync(at('tables'));
  for (const part of ['train', 'test'])
    writeFileSync(at('tables', `fashion-mnist_${part}.csv`), rows.join('\n'));
  const { out, error } = await run(
    ...['evaluate', '--data', at('tables'), '--weights', at('gray.safetensors'), '--json'],
  );
  expect(error).toBe('');
  const { loss, examples, classNames } = JSON.parse(out);
  expect(loss).toBeCloseTo(expected.loss, 4);
  expect([examples, classNames]).toEqual([30, testSet.classNames]);
});

test.each<[string, string[], RegExp]>([
  [
    'image files for a network that does not say how they are prepared',
    ['--data', at('set'), '--weights', at('gray.safetensors')],
    /gray\.safetensors does not say how images are prepared for it; pass --preprocessing plain/,
  ],
  [
    'held-out images without classes, beside which are those that were trained on,',
    ['--data', at('kaggle'), '--weights', at('colors.safetensors'), ...PLAIN],
    /no test or validation folder in .*kaggle has a folder for each class; pass the folder to measure, e\.g\. /,
  ],
  [
    'other classes',
    ['--data', at('set'), '--weights', at('unnamed.safetensors'), ...PLAIN],
    /has 3 classes with 'blue' among them, but the network's 4 classes have no names; rename the folders/,
  ],
  [
    'labels that are not those of the arrays',
    ['--data', 'generated', '--weights', at('gray.safetensors'), '--labels', at('ten.txt')],
    /the network's classes are a, b, c, d, e, \.\.\., but those of generated are /,
  ],
  [
    'memory for images that are in memory',
    ['--data', 'generated', '--weights', at('gray.safetensors'), '--memory', '10'],
    /--memory is for a folder of images that are read twice/,
  ],
  [
    'images that the arrays are not',
    ['--data', 'generated', '--weights', at('colors.safetensors'), '--preprocessing', 'keras'],
    /normalizes its images, but those of generated are only scaled from 0 to 1/,
  ],
])('%s are refused in one sentence', async (_, args, message) => {
  const { code, error } = await run('evaluate', ...args);
  expect(code).toBe(1);
  expect(error).toMatch(message);
});
