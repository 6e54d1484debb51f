import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PLAIN_PREPROCESSING, preprocessingAt } from 'vgg-blocks/images';
import { expect, onTestFinished, test } from 'vitest';
import { imagesOf } from '../../src/cli/evaluatedImages.js';
import { eachBatch } from '../../src/cli/images.js';
import { classOf, labelsOf, textOfLabels } from '../../src/cli/labels.js';
import { IMAGES } from '../node/encodedImages.js';

test('names are written so that they are read as they were, a line for each where that is so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'classes.txt');
  expect(textOfLabels(['cats', 'big dogs'])).toBe('cats\nbig dogs\n');
  for (const names of [
    ['cats', 'big dogs'],
    ['a\nb', 'c'],
    ['a\rb', 'c'],
    [' a', 'b'],
    ['', 'b'],
    ['[a', 'b'],
    ['{"0": "x"}', 'b'],
    ['\ufeffa', 'b'],
    ['\u001b[31m', '\u2028'],
  ]) {
    writeFileSync(file, textOfLabels(names));
    expect(await labelsOf('classify', file, { classes: names.length })).toEqual(names);
  }
});

test('a name that two classes have is refused, and each is found by its number', () => {
  const labels = ['crane', 'cat', 'crane'];
  expect(['cat', '0', '2'].map((name) => classOf('gradcam', name, labels))).toEqual([1, 0, 2]);
  expect(() => classOf('gradcam', 'crane', labels)).toThrow(
    'gradcam: the classes 0 and 2 are both called "crane"; pass the number of one.',
  );
});

test('a folder that two classes are called like is refused, and other folders are measured', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['cat', 'crane']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, '1.png'), Buffer.from(IMAGES.png, 'base64'));
  }
  const preprocessing = preprocessingAt(PLAIN_PREPROCESSING, 8);
  const measured = (...names: string[]) =>
    imagesOf(folder, { preprocessing, classes: names.length, names }, 1e6);
  await expect(measured('crane', 'cat', 'crane')).rejects.toThrow(
    "evaluate: the classes 0 and 2 are both called 'crane', so the images of its folder may be of either; give each class its own name with --labels.",
  );
  expect((await measured('dog', 'cat', 'dog', 'crane')).examples.length).toBe(2);
});

test('a batch may be larger than any number of images', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['1.png', '2.png']) writeFileSync(join(folder, name), Buffer.from(IMAGES.png, 'base64'));
  const preprocessing = preprocessingAt(PLAIN_PREPROCESSING, 8);
  const seen: string[] = [];
  const batch = Number.MAX_SAFE_INTEGER;
  await eachBatch('classify', [folder], { preprocessing, batch }, async (_, paths) => {
    seen.push(...paths);
  });
  expect(seen).toHaveLength(2);
});
