import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memory, setBackend } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { vgg } from 'vgg-blocks';
import { PLAIN_PREPROCESSING, preprocessingAt } from 'vgg-blocks/images';
import { fileSystem } from 'vgg-blocks/node';
import { saveModel } from 'vgg-blocks/weights';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readNetwork } from '../../src/cli/network.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const preprocessing = preprocessingAt(PLAIN_PREPROCESSING, 8);
const result = { network: 'VGG', classNames: ['a', 'b'], preprocessing };
const write = (value: unknown) => writeFileSync(join(folder, 'result.json'), JSON.stringify(value));

beforeAll(async () => {
  await setBackend('cpu');
  mkdirSync(join(folder, 'model'));
  const model = vgg([[1, 2]], { inputShape: [8, 8, 3], classes: 2, hiddenUnits: 2 });
  await saveModel(model, fileSystem(join(folder, 'model')));
  model.dispose();
});

test.each([
  ['null', null],
  ['no network', { ...result, network: undefined }],
  ['numbers for names', { ...result, classNames: [1, 2] }],
  ['a preprocessing without its fields', { ...result, preprocessing: { crop: 8 } }],
  ['a crop of 0', { ...result, preprocessing: { ...preprocessing, crop: 0 } }],
])('a result.json with %s is not taken for that of finetune', async (_, value) => {
  write(value);
  await expect(readNetwork(folder)).rejects.toThrow(
    `${join(folder, 'result.json')} was not written by finetune; pass the folder of a finetune run or a weight file.`,
  );
});

test('the result of another model is refused, since its names would be those of other classes', async () => {
  write({ ...result, classNames: ['a', 'b', 'c'] });
  const before = memory().numTensors;
  await expect(readNetwork(folder)).rejects.toThrow(
    `${folder}: result.json names 3 classes, but the model has 2; restore the one that was replaced, or pass the model itself.`,
  );
  expect(memory().numTensors).toBe(before);
  write(result);
  const { model, classNames } = await readNetwork(folder);
  expect(classNames).toEqual(['a', 'b']);
  model.dispose();
});
