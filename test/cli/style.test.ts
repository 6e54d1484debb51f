import '@tensorflow/tfjs-backend-cpu';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setBackend } from '@tensorflow/tfjs-core';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EmbeddingIndex } from '../../src/features/index.js';
import { scaleArch, VGG16, vgg } from '../../src/index.js';
import { writeImage } from '../../src/node/index.js';
import { encodeWeights, PUBLISHED, setMetadata } from '../../src/weights/index.js';
import { replaced, run, start } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-style-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...names: string[]) => join(folder, ...names);
const NETWORK = ['--weights', at('narrow.safetensors')];
const TWO = ['--content', at('images', 'flat.png'), '--style', at('images', 'waves.png'), ...NETWORK];

beforeAll(async () => {
  await setBackend('cpu');
  const net = vgg(scaleArch(VGG16, 32), {
    inputShape: [32, 32, 3],
    includeTop: false,
    initializer: 'heUniform',
  });
  setMetadata(net, { preprocessing: PUBLISHED['torchvision/vgg16'].preprocessing });
  writeFileSync(at('narrow.safetensors'), await encodeWeights(net));
  net.dispose();
  mkdirSync(at('images'));
  for (const [name, pitch] of [
    ['flat', 0.001],
    ['waves', 0.9],
    ['ripples', 0.902],
  ] as const) {
    const data = Uint8Array.from({ length: 3 * 48 * 40 }, (_, i) => 128 + 120 * Math.sin(i * pitch));
    await writeImage(at('images', `${name}.png`), { data, width: 48, height: 40 });
  }
  writeFileSync(at('images', 'broken.png'), 'not an image');
});

describe('vgg-blocks style', () => {
  test('writes the image, intermediate images, and the outcome', async () => {
    const out = at('styled.png');
    const {
      code,
      out: text,
      error,
    } = await run('style', ...TWO, '--out', out, '--size', '48', '--steps', '4', '--every', '2', '--json');
    expect([code, error]).toEqual([0, '']);
    const result = JSON.parse(text);
    expect(result).toMatchObject({
      out,
      width: 48,
      height: 40,
      steps: 4,
      ended: 'finished',
      images: [at('styled-2.png')],
    });
    expect(result.losses.total).toBeGreaterThan(0);
    const [last, early] = [decode(readFileSync(out)), decode(readFileSync(at('styled-2.png')))];
    expect([last.width, last.height, early.width]).toEqual([48, 40, 48]);
    expect(last.data).not.toEqual(early.data);
  });

  test('stops at Ctrl-C and keeps the image so far', async () => {
    const out = at('stopped.png');
    const flags = ['--size', '48', '--steps', '100000', '--every', '1', '--optimizer', 'adam'];
    const env = { SIGNAL_AT: 'stopped-1.png', SIGNALS: 'SIGINT' };
    const { code, out: text } = await start(['style', ...TWO, '--out', out, ...flags], env).outcome;
    expect(code).toBe(130);
    expect(text).toMatch(/stopped\.png: 48x40, aborted after \d+ steps, loss .*\(content .*, style .*\)/);
    expect(decode(readFileSync(out)).width).toBe(48);
  });

  test.each<[string, string[], RegExp]>([
    [
      'a content that is not an image',
      ['--content', at('images', 'broken.png')],
      /broken\.png could not be read: it is not an image, judging by its first bytes/,
    ],
    ['a missing style', ['--style', at('none.png')], /none\.png could not be read: there is no such file/],
    ['another format', ['--out', at('x.jpg')], /x\.jpg does not end in \.png; use a name that does\.\n$/],
    ['an odd interval', ['--every', '0'], /--every is '0'; it must be a whole number of at least 1/],
    ['weights that ask for nothing', ['--style-weight', '0'], /^style: no step decreased the loss/],
    ['a size that is too small', ['--size', '8'], /images of 7x8x3 are too small for block3_pool/],
    [
      'a size that is too large',
      ['--size', '16000'],
      /takes about .* GiB, but at most 3 GiB are used; use a --size of at most \d+\./,
    ],
  ])('refuses %s in one sentence', async (_, args, message) => {
    const usual = [...TWO, '--out', at('refused.png'), '--size', '48'];
    const { code, error } = await run('style', ...replaced(usual, args));
    expect(code).toBe(1);
    expect(error).toMatch(message);
    expect(error.trim().split('\n')).toHaveLength(1);
    expect(existsSync(at('refused.png'))).toBe(false);
  });
});

describe('vgg-blocks similar', () => {
  test('ranks the most similar first, leaves out what is not an image, and writes the index', async () => {
    const args = [
      at('images', 'waves.png'),
      at('images'),
      ...NETWORK,
      '--save-index',
      at('index.safetensors'),
    ];
    const { code, out, error } = await run('similar', ...args, '--json');
    expect(code).toBe(1);
    const found = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(found.map(({ image }) => image)).toEqual(
      ['waves', 'ripples', 'flat'].map((name) => at('images', `${name}.png`)),
    );
    expect(found[0].similarity).toBeCloseTo(1, 5);
    expect(found[2].similarity).toBeLessThan(found[1].similarity);
    expect(error).toMatch(/left out 1 file that is not an image \(broken\.png\)/);
    const index = await EmbeddingIndex.load(at('index.safetensors'));
    expect([index.size, index.dimensions]).toEqual([3, 16]);
  });
});
