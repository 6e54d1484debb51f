import '@tensorflow/tfjs-backend-cpu';
import { readFile } from 'node:fs/promises';
import { setBackend } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { type FileFault, failureOf } from '../../site/src/worker/errors.js';
import { encodeTensors, fromWeights } from '../../src/weights/index.js';
import { hasChromium } from '../support/chromium.js';
import { fixturePath } from '../support/fixtures.js';
import { latinWords } from './latinWords.js';
import { type Dropped, drop, openTab, useSite } from './page.js';

const served = useSite();

beforeAll(() => setBackend('cpu'));

const whole = await readFile(fixturePath('torch/vgg16-narrow.safetensors'));
const kernel = new Float32Array(27);
const manifest = [
  {
    paths: ['group1-shard1of1.bin'],
    weights: [{ name: 'block1_conv1/kernel', shape: [3, 3, 3, 8], dtype: 'float32' }],
  },
];

/** Files that are refused, and what is wrong with each. */
const FILES: Record<Exclude<FileFault, 'other'>, Exclude<Dropped, string>> = {
  damaged: { name: 'cut.safetensors', bytes: whole.subarray(0, whole.length / 2) },
  unknown: { name: 'page.pth', bytes: new TextEncoder().encode('<!doctype html><title>404</title>') },
  foreign: {
    name: 'resnet.safetensors',
    bytes: encodeTensors({ 'layer1.0.conv1.weight': { data: kernel, shape: [1, 3, 3, 3] } }),
  },
  parts: {
    name: 'model.json',
    bytes: new TextEncoder().encode(JSON.stringify({ format: 'layers-model', weightsManifest: manifest })),
  },
};

test.each(Object.entries(FILES))('a file that is refused as %s', async (fault, { name, bytes }) => {
  const error: unknown = await fromWeights(new File([bytes as BlobPart], name)).catch(
    (error: unknown) => error,
  );
  expect(failureOf(error, false)).toMatchObject({ kind: 'file', fault });
});

test.each([
  ['Chromium', 'Failed to fetch'],
  ['Chromium', 'Failed to fetch dynamically imported module: https://example.org/look.js'],
  ['Firefox', 'NetworkError when attempting to fetch resource.'],
  ['Firefox', 'error loading dynamically imported module: https://example.org/look.js'],
  ['Safari', 'Load failed'],
  ['Safari', 'Importing a module script failed.'],
])("%s' %j is a broken connection", (_, message) => {
  expect(failureOf(new TypeError(message), false).kind).toBe('network');
});

describe.skipIf(!hasChromium)('in Chinese', () => {
  test('a file that is refused is so in a sentence, with the English of the library below', async () => {
    const { page, complaints } = await openTab(served.browser, `${served.site.url}#view=weights`, {
      language: 'zh',
    });
    const sentences: Record<keyof typeof FILES, string> = {
      damaged: '已损坏或不完整',
      unknown: '不是可以在这里读取的权重文件',
      foreign: '不是 VGG',
      parts: '请全部一起拖入',
    };
    for (const [fault, sentence] of Object.entries(sentences)) {
      const file = FILES[fault as keyof typeof FILES];
      await drop(page, [file]);
      await page.waitForSelector(`.notices >> text=${sentence}`);
      await page.waitForSelector(`.notices [lang=en] >> text=${file.name}`);
    }
    await drop(page, [{ name: 'cut.png', type: 'image/png', bytes: new Uint8Array(9) }]);
    await page.waitForSelector('.notices >> text=无法读取这张图像');
    expect(await latinWords(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test.each([/\.safetensors$/, /\.wasm$/, /assets\/main-.*\.js$/])(
    'a part of the page that does not load, %s, is a matter of the connection',
    async (part) => {
      const asked: string[] = [];
      served.site.fails = (path) => {
        const fails = part.test(path);
        if (fails) asked.push(path);
        return fails;
      };
      const { page } = await openTab(served.browser, served.site.url, { language: 'zh' });
      await page.waitForSelector('.notices >> text=请检查网络连接');
      expect(asked).not.toEqual([]);
      await page.close();
    },
  );
});
