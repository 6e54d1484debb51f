import { memory } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { vgg } from '../../src/index.js';
import { downloadFile } from '../../src/io/download.js';
import {
  DataError,
  encodeWeights,
  fromPretrained,
  fromWeights,
  inspectWeights,
  type PretrainedOptions,
  PUBLISHED,
  type PublishedWeights,
  type Source,
  WeightFileError,
} from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { sha256 } from '../support/bytes.js';
import { type KeptFile, keep } from '../support/kept.js';

/** The Cache API's cache of these tests. */
const CACHE = 'vgg-blocks-tests';

let bytes: Uint8Array;
let numbers: number[][];
let file: KeptFile;

const numbersOf = (model: LayersModel) =>
  Promise.all(model.getWeights().map(async (weight) => [...(await weight.data())]));
const cached = async () => (await (await caches.open(CACHE)).keys()).map(({ url }) => url);

beforeAll(async () => {
  await useAnyBackend();
  const model = vgg([[1, 2]], { inputShape: [4, 4, 3], classes: 3, hiddenUnits: 4 });
  bytes = await encodeWeights(model);
  numbers = await numbersOf(model);
  model.dispose();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await file?.remove();
  await caches.delete(CACHE);
});

/** Loads the file from the server, published with these sums. */
async function load(query: string, sums: Partial<PublishedWeights>, options: PretrainedOptions = {}) {
  const row = PUBLISHED['torchvision/vgg16'] as PublishedWeights;
  const before = { bytes: undefined, md5: undefined, ...row };
  Object.assign(row, { sha256: undefined, ...sums });
  try {
    return await fromPretrained('torchvision/vgg16', { url: file.url(query), cache: CACHE, ...options });
  } finally {
    Object.assign(row, before);
  }
}

describe('fromPretrained', () => {
  test('keeps the file in the Cache API, and downloads nothing the next time', async () => {
    file = await keep('vgg.pth', bytes);
    const before = memory().numTensors;
    const sums = { sha256: sha256(bytes).slice(0, 8), bytes: bytes.length };
    const seen: number[] = [];
    const { model } = await load('', sums, { onProgress: ({ done }) => void seen.push(done) });
    expect(seen.at(-1)).toBe(bytes.length);
    expect(await numbersOf(model)).toEqual(numbers);
    expect(await cached()).toEqual([`https://vgg-blocks.invalid/${sums.sha256}-vgg.pth`]);
    expect(await file.ranges()).toEqual([null]);
    model.dispose();

    const fetch = vi.spyOn(globalThis, 'fetch');
    const { model: again } = await load('', sums);
    expect(fetch).not.toHaveBeenCalled();
    expect(await numbersOf(again)).toEqual(numbers);
    again.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('downloads a file again that is damaged in the cache', async () => {
    file = await keep('vgg.pth', bytes);
    const sums = { sha256: sha256(bytes) };
    (await load('', sums)).model.dispose();
    const [address] = await cached();
    await (await caches.open(CACHE)).put(address!, new Response(bytes.subarray(1) as BodyInit));
    const { model } = await load('', sums);
    expect(await numbersOf(model)).toEqual(numbers);
    expect(await file.ranges()).toEqual([null, null]);
    model.dispose();
  });

  test('resumes a broken download, also from another site', async () => {
    file = await keep('vgg.pth', bytes);
    const half = Math.floor(bytes.length / 2);
    const { model } = await load(`?sent=${half}`, { sha256: sha256(bytes), bytes: bytes.length });
    expect(await numbersOf(model)).toEqual(numbers);
    // How much of what was sent the page got to see before the connection broke is the browser's affair.
    const [first, second, ...rest] = await file.ranges();
    expect([first, rest]).toEqual([null, []]);
    const from = Number(/^bytes=(\d+)-$/.exec(second ?? 'bytes=0-')![1]);
    expect(from).toBeLessThanOrEqual(half);
    model.dispose();
  });

  test.each<[string, string, Partial<PublishedWeights>, Partial<DataError>, string]>([
    ['damaged bytes', '?damaged=500', { sha256: '12345678' }, { fault: 'damaged' }, 'but should be 12345678'],
    ['another length', '', { bytes: 17 }, { fault: 'damaged' }, 'but the file should have 17'],
    ['an error', '?status=503', {}, { fault: 'unreadable' }, 'the server answered with status 503'],
    ['a file that is not there', '/../none', {}, { fault: 'missing' }, 'the server answered with status 404'],
    [
      'a site that lets no page read it',
      '?cors=no',
      {},
      { fault: 'unreadable' },
      'the connection failed 3 times',
    ],
  ])('refuses %s and keeps nothing', async (_, query, sums, fields, said) => {
    file = await keep('vgg.pth', bytes);
    const error = await load(query, sums).catch((reason) => reason);
    expect(error).toBeInstanceOf(DataError);
    expect(error).toMatchObject(fields);
    expect(error.message).toContain(said);
    expect(await cached()).toEqual([]);
  });

  test('notices a wrong file without a sum by reading it, and forgets it', async () => {
    file = await keep('vgg.pth', new TextEncoder().encode('<!doctype html><title>Sign in</title>'));
    await expect(load('', {})).rejects.toThrow(WeightFileError);
    expect(await cached()).toEqual([]);
  });

  test('works where the browser caches nothing', async () => {
    file = await keep('vgg.pth', bytes);
    vi.spyOn(globalThis.caches, 'open').mockRejectedValue(new DOMException('no', 'SecurityError'));
    (await load('', { sha256: sha256(bytes) })).model.dispose();
    (await load('', { sha256: sha256(bytes) }, { cache: false })).model.dispose();
    expect(await file.ranges()).toEqual([null, null]);
  });

  test('is stopped by its signal', async () => {
    file = await keep('vgg.pth', bytes);
    const controller = new AbortController();
    const reason = new Error('enough');
    await expect(
      load('', {}, { signal: controller.signal, onProgress: () => controller.abort(reason) }),
    ).rejects.toBe(reason);
  });
});

test('a cached file is read by the browser piece by piece', async () => {
  file = await keep('vgg.pth', bytes);
  const { source, forget } = await downloadFile(file.url(), { cache: CACHE });
  expect(source).toBeInstanceOf(Blob);
  expect(new Uint8Array(await (source as Blob).slice(8, 20).arrayBuffer())).toEqual(bytes.slice(8, 20));
  await forget();
  expect(await cached()).toEqual([]);
});

test('weights come from a File, a Blob, a URL of each kind and a relative one', async () => {
  file = await keep('net.safetensors', bytes);
  const blob = new Blob([bytes as BlobPart]);
  const blobUrl = URL.createObjectURL(blob);
  const dataUrl = await new Promise<string>((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.readAsDataURL(blob);
  });
  const sources: Record<string, Source> = {
    'a File': new File([blob], 'net.safetensors'),
    'a Blob': blob,
    'a blob: URL': blobUrl,
    'a data: URL': dataUrl,
    'an address': file.url(),
    'a URL object': new URL(file.url()),
  };
  const before = memory().numTensors;
  for (const [name, source] of Object.entries(sources)) {
    const { model } = await fromWeights(source);
    expect(await numbersOf(model), name).toEqual(numbers);
    model.dispose();
  }
  expect(memory().numTensors).toBe(before);
  expect((await inspectWeights(new File([blob], 'net.safetensors'))).file).toBe('net.safetensors');
  // Resolved against the page, which has no such file and whose server says so or sends a page of its own.
  const error = await fromWeights('no/such.safetensors').catch((reason) => reason);
  expect(error).toBeInstanceOf(WeightFileError);
  expect(error.message).toMatch(/^no\/such\.safetensors: .*(status 404|web page)/);
  URL.revokeObjectURL(blobUrl);
  await expect(fromWeights(blobUrl)).rejects.toThrow(WeightFileError);
});

test('a tfjs model and its shards come from a web folder', async () => {
  const model = vgg([[1, 2]], { inputShape: [4, 4, 3], classes: 3, hiddenUnits: 4, seed: 5 });
  const files: KeptFile[] = [];
  await model.save({
    save: async ({ modelTopology, weightSpecs, weightData }) => {
      const data = new Uint8Array(weightData as ArrayBuffer);
      const manifest = [{ paths: ['a.bin', 'b.bin'], weights: weightSpecs }];
      const json = new TextEncoder().encode(JSON.stringify({ modelTopology, weightsManifest: manifest }));
      const folder = crypto.randomUUID();
      for (const [name, content] of [
        ['model.json', json],
        ['a.bin', data.subarray(0, 100)],
        ['b.bin', data.subarray(100)],
      ] as const) {
        files.push(await keep(name, content, folder));
      }
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  const { model: again } = await fromWeights(files[0]!.url());
  expect(await numbersOf(again)).toEqual(await numbersOf(model));
  for (const one of [model, again]) one.dispose();
  for (const one of files) await one.remove();
});
