import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memory } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { vgg } from '../../src/index.js';
import { downloadFile } from '../../src/io/download.js';
import {
  DataError,
  encodeWeights,
  fromPretrained,
  PUBLISHED,
  type PublishedWeights,
  WeightFileError,
} from '../../src/weights/index.js';
import { type Answer, sendFile, serve, type TestServer } from '../io/server.js';
import { useBackend } from '../support/backends.js';
import { sha256 } from '../support/bytes.js';

let folder: string;
let server: TestServer | undefined;
let file: Uint8Array;

beforeAll(async () => {
  await useBackend('wasm');
  const model = vgg([[1, 2]], { inputShape: [4, 4, 3], classes: 3, hiddenUnits: 4 });
  file = await encodeWeights(model);
  model.dispose();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg-pretrained-'));
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
  vi.restoreAllMocks();
});

/** A row of the table with the sums of the test's own file. */
function publishing(sums: Partial<PublishedWeights>) {
  const row = PUBLISHED['torchvision/vgg16'] as PublishedWeights;
  const before = { bytes: undefined, md5: undefined, ...row };
  Object.assign(row, { sha256: undefined, ...sums });
  return () => Object.assign(row, before);
}

async function load(answer: Answer, sums: Partial<PublishedWeights>, options = {}) {
  server ??= await serve(answer);
  const restore = publishing(sums);
  try {
    return await fromPretrained('torchvision/vgg16', {
      url: `${server.url}vgg.pth`,
      cache: folder,
      ...options,
    });
  } finally {
    restore();
  }
}

const whole: Answer = (request, response) => sendFile(request, response, file);
const html: Answer = (_, response) => response.end('<!doctype html><title>Sign in</title>');

describe('fromPretrained', () => {
  test('downloads once, reports the bytes, and loads from its cache the next time', async () => {
    const before = memory().numTensors;
    const seen: number[] = [];
    const sums = { sha256: sha256(file).slice(0, 8), bytes: file.length };
    const first = await load(whole, sums, {
      onProgress: ({ done }: { done: number }) => seen.push(done),
    });
    expect(seen.at(-1)).toBe(file.length);
    expect(first.network!.top!.classes).toBe(3);
    expect(first.published.preprocessing.channels).toBe('RGB');
    const again = await load(whole, sums, { includeTop: false });
    expect(again.model.outputs[0]!.shape).toEqual([null, 2, 2, 2]);
    expect(server!.requests).toHaveLength(1);
    first.model.dispose();
    again.model.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('resumes a broken download', async () => {
    const half = Math.floor(file.length / 2);
    const answer: Answer = (request, response, count) =>
      sendFile(request, response, file, { etag: '"1"', ...(count === 1 && { sent: half }) });
    const { model } = await load(answer, { sha256: sha256(file) });
    expect(server!.requests.map(({ headers }) => headers.range)).toEqual([undefined, `bytes=${half}-`]);
    model.dispose();
  });

  test.each<[string, Answer, Partial<PublishedWeights>, string]>([
    [
      'damaged bytes',
      (request, response) =>
        sendFile(
          request,
          response,
          file.map((byte, i) => (i === 500 ? byte ^ 1 : byte)),
        ),
      { sha256: '12345678' },
      'but should be 12345678',
    ],
    ['another length', whole, { bytes: 17 }, 'bytes, but the file should have 17'],
    ['an error page with a sum', html, { sha256: '12345678' }, "the download's SHA-256 is"],
    ['an error', (_, response) => response.writeHead(503).end(), {}, 'the server answered with status 503'],
  ])('refuses %s and keeps nothing', async (_, answer, sums, said) => {
    const error = await load(answer, sums).catch((reason) => reason);
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toContain(said);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('notices a wrong file without a sum by reading it, and forgets it', async () => {
    const error = await load(html, {}).catch((reason) => reason);
    expect(error).toBeInstanceOf(WeightFileError);
    expect(error.message).toContain('it is a web page, perhaps an error page of the server');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('refuses another network where no sum is published, before it is built, and forgets it', async () => {
    const before = memory().numTensors;
    const mirror = async (options = {}) => {
      server ??= await serve(whole);
      const url = `${server.url}model.safetensors`;
      return fromPretrained('timm/vgg16', { url, cache: folder, ...options });
    };
    const sentence =
      'timm/vgg16: the server sent VGG of 127 parameters for 3 classes, but it is VGG-16 of 138357544 parameters for 1000 classes; get it from elsewhere, or use fromWeights for that file.';
    await expect(mirror()).rejects.toThrow(sentence);
    await expect(mirror({ includeTop: false })).rejects.toThrow(sentence);
    expect(readdirSync(folder)).toEqual([]);
    expect(memory().numTensors).toBe(before);
  });

  test('checks an MD5 where one is published', async () => {
    const md5 = createHash('md5').update(file).digest('hex');
    const { model } = await load(whole, { md5 });
    model.dispose();
    await expect(load(whole, { md5: 'f'.repeat(32) })).rejects.toThrow(
      `the download's MD5 is ${md5} but should be ffff`,
    );
  });

  test('works where nothing can be cached', async () => {
    const blocked = join(folder, 'blocked');
    writeFileSync(blocked, '');
    const { model } = await load(whole, { sha256: sha256(file) }, { cache: blocked });
    model.dispose();
    const { model: again } = await load(whole, { sha256: sha256(file) }, { cache: false });
    again.dispose();
    expect(server!.requests).toHaveLength(2);
  });

  test('is stopped by its signal', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    await expect(
      load(whole, {}, { signal: controller.signal, onProgress: () => controller.abort(reason) }),
    ).rejects.toBe(reason);
  });

  test('lists the valid names, and makes no request for another', async () => {
    const fetch = vi.fn();
    await expect(fromPretrained('torchvision/vgg17' as 'torchvision/vgg16', { fetch })).rejects.toThrow(
      'fromPretrained: name is "torchvision/vgg17"; it must be one of "torchvision/vgg11", "torchvision/vgg11_bn"',
    );
    expect(fetch).not.toHaveBeenCalled();
  });
});

test('requests the published address, and nothing before', async () => {
  const fetch = vi.fn(async () => new Response('', { status: 404 }));
  await expect(fromPretrained('keras/vgg19-notop', { fetch, cache: folder })).rejects.toMatchObject({
    fault: 'missing',
  });
  expect(fetch.mock.calls.map((call: unknown[]) => call[0])).toEqual([
    'https://storage.googleapis.com/tensorflow/keras-applications/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5',
  ]);
});

test('a downloaded file can be read piece by piece', async () => {
  server = await serve(whole);
  const { source, forget } = await downloadFile(`${server.url}vgg.pth`, { cache: folder });
  expect(source).toBe(join(folder, readdirSync(folder)[0]!));
  await forget();
  expect(existsSync(source as string)).toBe(false);
});
