import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memory } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom } from '../src/base/random.js';
import { ImageSet, imageFiles } from '../src/data/index.js';
import {
  cacheFeatures,
  EmbeddingIndex,
  featureExtractor,
  imageDistance,
  lpips,
  perceptualLoss,
} from '../src/features/index.js';
import { scaleArch, VGG16, vgg } from '../src/index.js';
import {
  countBar,
  fileSystem,
  folderStore,
  lockFolder,
  npyWriter,
  openLog,
  progressBar,
  temporaryFile,
  tensorBoardWriter,
} from '../src/node/index.js';
import { memoryStore } from '../src/train/index.js';
import {
  argumentsFrom,
  bytes,
  examples,
  faultOf,
  image,
  methodsOf,
  model,
  weights,
} from './support/anyArguments.js';

/** Calls of each method. */
const ROUNDS = 10;
let folder: string;
let names = 0;
const place = () => join(folder, `${names++}`);
const narrow = vgg(scaleArch(VGG16, 32), { inputShape: [32, 32, 3], includeTop: false });
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'methods-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const stream = { isTTY: true, columns: 80, write: () => true };

/** An object of each type with methods that a function of the library returns, and of those that return functions. */
const MADE: Record<string, () => unknown> = {
  CheckpointStore: () => folderStore(place()),
  'CheckpointStore in memory': () => memoryStore(),
  ImageSet: () =>
    new ImageSet({ images: bytes, labels: new Uint8Array(1), shape: [4, 4, 3], classNames: ['a', 'b'] }),
  ImageFileSet: async () => {
    const files = ['a/1.png', 'a/2.png', 'b/1.png'].map((path) => ({ path, read: async () => image }));
    return (await imageFiles(files, { size: 4, validationFraction: 0 })).trainSet;
  },
  FeatureSet: () => cacheFeatures(featureExtractor(model, 'pool1'), examples),
  EmbeddingIndex: () => new EmbeddingIndex(2),
  'EmbeddingIndex itself': () => EmbeddingIndex,
  LogFile: () => openLog(place()),
  NpyWriter: () => npyWriter(place(), [2]),
  CountBar: () => countBar({ stream }),
  ProgressBar: () => progressBar({ stream, print: () => {} }),
  OpenRowStore: () => temporaryFile({ folder }),
  'RowStore in a file': () => temporaryFile({ folder })({ rows: 2, rowLength: 2 }),
  TensorBoardWriter: () => tensorBoardWriter(place()),
  'fileSystem()': () => fileSystem(place()),
  'featureExtractor()': () => ({
    predict: featureExtractor(narrow, 'pool1', { inputShape: [null, null, 3] }).predict,
  }),
  'lpips()': () =>
    lpips(narrow, {
      calibration: scaleArch(VGG16, 32).map(([, channels]) => Array<number>(channels).fill(1)),
    }),
  'perceptualLoss()': () => perceptualLoss(model, ['relu1_1']),
  'imageDistance()': () => imageDistance,
  'lockFolder()': () => lockFolder(place()),
};

/** Whether a message is a sentence that begins with a function, a file or a folder. */
const isSentence = (message: string, error: unknown) =>
  /^[A-Za-z]+: ./.test(message) || message.includes(folder) || (error as Error).name === 'DataError';

test.each(Object.entries(MADE))(
  '%s: each function answers every call with a result or a sentence, and keeps nothing',
  async (type, make) => {
    const random = seededRandom(16);
    const wrong: string[] = [];
    const before = JSON.stringify(await weights());
    const tensors = memory().numTensors;
    let made = await make();
    const methods = methodsOf(made).map(([name]) => name);
    expect(methods.length).toBeGreaterThan(0);
    for (const name of methods) {
      for (let round = 0; round < ROUNDS; round++) {
        const call = methodsOf(made).find(([one]) => one === name)![1];
        const fault = await faultOf(call, argumentsFrom(random), isSentence, async (result) => {
          for (const [, inner] of methodsOf(result)) await inner();
        });
        if (fault) wrong.push(`${type}.${name}${fault}`);
      }
      await end(made);
      made = await make();
    }
    await end(made);
    expect(memory().numTensors).toBe(tensors);
    expect(JSON.stringify(await weights())).toBe(before);
    expect(wrong).toEqual([]);
  },
);

/** Ends what is open. */
async function end(made: unknown): Promise<void> {
  const all = new Map(methodsOf(made));
  for (const name of ['stop', 'discard', 'close', 'dispose']) {
    // It may have been ended already.
    if (all.has(name)) await Promise.resolve(all.get(name)!()).catch(() => {});
  }
}
