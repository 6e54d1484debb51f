import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memory } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PLAIN_PREPROCESSING } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import {
  DataError,
  encodeWeights,
  fromPretrained,
  type HubName,
  metadataOf,
  type PretrainedOptions,
  PUBLISHED,
  setMetadata,
  WeightFileError,
} from '../../src/weights/index.js';
import { refusing, sendFile, serve, type TestServer } from '../io/server.js';
import { useBackend } from '../support/backends.js';
import { sha256 } from '../support/bytes.js';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const TIMM = {
  architecture: 'vgg11',
  num_classes: 3,
  pretrained_cfg: {
    input_size: [3, 224, 224],
    interpolation: 'bilinear',
    crop_pct: 0.875,
    crop_mode: 'center',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  },
};

let cache: string;
let weights: Uint8Array;
let weightsByLibrary: Uint8Array;
let cdn: TestServer;
let hub: TestServer;
/** The files of `o/n`: JSON in the repository, bytes on the other server. */
let files: Record<string, object | Uint8Array>;
/** What the other server does with a request. */
let send: (request: IncomingMessage, response: ServerResponse, bytes: Uint8Array, count: number) => void;

beforeAll(async () => {
  await useBackend('wasm');
  const model = vgg([[1, 2]], { inputShape: [4, 4, 3], classes: 3, hiddenUnits: 4 });
  weights = await encodeWeights(model);
  setMetadata(model, { preprocessing: PLAIN_PREPROCESSING, classNames: ['x', 'y', 'z'] });
  weightsByLibrary = await encodeWeights(model);
  model.dispose();
});

beforeEach(async () => {
  cache = mkdtempSync(join(tmpdir(), 'vgg-hub-'));
  files = { 'config.json': TIMM, 'model.safetensors': weights };
  send = (request, response, bytes) => sendFile(request, response, bytes, { etag: '"cdn"' });
  cdn = await serve((request, response, count) => {
    // A signed address is for GET only.
    if (request.method !== 'GET') return response.writeHead(403).end();
    send(request, response, files[new URL(request.url!, 'http://x').pathname.slice(1)] as Uint8Array, count);
  });
  hub = await serve(answer);
});
afterEach(async () => {
  await hub.close();
  await cdn.close();
  rmSync(cache, { recursive: true, force: true });
});

/** Whether the hub answers its next request with an error that passes. */
let isBusyOnce = false;

/** Answers as the hub does. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const fail = (status: number, code?: string) =>
    response.writeHead(status, code ? { 'x-error-code': code } : {}).end('an error');
  const [, repository, revision, file] = /^\/(\w+\/[\w.]+)\/resolve\/([^/]+)\/(.+)$/.exec(request.url!) ?? [];
  if (repository === 'old/n') {
    response.writeHead(307, { location: request.url!.replace('old/n', 'o/n') }).end();
    return;
  }
  if (repository === 'o/gated' && request.headers.authorization !== 'Bearer secret')
    return void fail(403, 'GatedRepo');
  if (repository === 'o/busy' || isBusyOnce) {
    isBusyOnce = false;
    return void fail(503);
  }
  if (repository === 'o/page') return void response.end('<!doctype html><title>Sign in</title>');
  if (repository === 'o/endless') return void response.writeHead(302, { location: request.url! }).end();
  if (repository === 'o/inline') return void response.writeHead(302, { location: 'data:,%7B%7D' }).end();
  if (!['o/n', 'o/gated'].includes(repository!)) return void fail(401, 'RepoNotFound');
  if (!['main', 'refs%2Fpr%2F1', COMMIT].includes(revision!)) return void fail(404, 'RevisionNotFound');
  const found = files[file!];
  if (!found) return void fail(404, 'EntryNotFound');
  const facts = { 'x-repo-commit': COMMIT };
  if (found instanceof Uint8Array) {
    response.writeHead(302, {
      ...facts,
      'x-linked-etag': `"${sha256(found)}"`,
      'x-linked-size': found.length,
      location: `${cdn.url}${file}?signature=1`,
    });
    response.end();
  } else response.writeHead(200, { ...facts, etag: '"json"' }).end(JSON.stringify(found));
}

const load = (name: HubName, options: PretrainedOptions = {}) =>
  fromPretrained(name, { endpoint: hub.url, cache, ...options });
const pathsOf = ({ requests }: TestServer) => requests.map(({ method, url }) => `${method} ${url}`);

async function failure(name: HubName, options: PretrainedOptions = {}): Promise<DataError> {
  const before = memory().numTensors;
  const error = await load(name, options).catch((reason) => reason);
  expect(memory().numTensors).toBe(before);
  return error;
}

describe("fromPretrained('hf:...')", () => {
  test('loads the weights, and the preprocessing of config.json, at the commit of the first answer', async () => {
    const before = memory().numTensors;
    const seen: number[] = [];
    const { model, network, metadata } = await load('hf:o/n', { onProgress: ({ done }) => seen.push(done) });
    expect(network!.top!.classes).toBe(3);
    expect(metadata).toEqual({ preprocessing: PUBLISHED['timm/vgg11'].preprocessing });
    expect(metadataOf(model)).toEqual(metadata);
    expect(seen.at(-1)).toBe(weights.length);
    expect(pathsOf(hub)).toEqual([
      'GET /o/n/resolve/main/config.json',
      `GET /o/n/resolve/${COMMIT}/preprocessor_config.json`,
      `HEAD /o/n/resolve/${COMMIT}/model.safetensors`,
      `GET /o/n/resolve/${COMMIT}/model.safetensors`,
    ]);
    expect(pathsOf(cdn)).toEqual(['GET /model.safetensors?signature=1']);
    model.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('downloads once: the next call verifies the copy in the cache', async () => {
    (await load('hf:o/n')).model.dispose();
    (await load(`hf:o/n@${COMMIT}`)).model.dispose();
    expect(cdn.requests).toHaveLength(1);
    expect(readdirSync(cache)).toEqual([`${sha256(weights).slice(0, 16)}-model.safetensors`]);
  });

  test('resumes a broken download, through the redirect again', async () => {
    const half = Math.floor(weights.length / 2);
    send = (request, response, bytes, count) =>
      sendFile(request, response, bytes, { etag: '"cdn"', ...(count === 1 && { sent: half }) });
    (await load('hf:o/n')).model.dispose();
    expect(cdn.requests.map(({ headers }) => headers.range)).toEqual([undefined, `bytes=${half}-`]);
    expect(pathsOf(hub).slice(-2)).toEqual([
      `GET /o/n/resolve/${COMMIT}/model.safetensors`,
      `GET /o/n/resolve/${COMMIT}/model.safetensors`,
    ]);
  });

  test('sends the token to the hub and never to the server behind a redirect', async () => {
    (await load('hf:o/gated', { token: 'secret' })).model.dispose();
    expect(new Set(hub.requests.map(({ headers }) => headers.authorization))).toEqual(
      new Set(['Bearer secret']),
    );
    expect(cdn.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test("fetch itself drops the token at another origin, which browsers' hidden redirects rely on", async () => {
    const headers = { authorization: 'Bearer secret' };
    await (await fetch(`${hub.url}o/gated/resolve/main/model.safetensors`, { headers })).arrayBuffer();
    expect(cdn.requests.map((request) => request.headers.authorization)).toEqual([undefined]);
  });

  test('where redirects are hidden, as in browsers, the commit alone identifies the file', async () => {
    const hidden: typeof fetch = async (url, init) => {
      const response = await fetch(url, init);
      if (init?.redirect !== 'manual' || response.status !== 302) return response;
      await response.body?.cancel();
      const headers = new Headers();
      return { type: 'opaqueredirect', status: 0, ok: false, headers, body: null } as unknown as Response;
    };
    for (let i = 0; i < 2; i++) (await load('hf:o/n', { fetch: hidden })).model.dispose();
    expect(cdn.requests).toHaveLength(1);
    expect(readdirSync(cache)).toHaveLength(1);
  });

  test('follows a renamed repository, and takes a revision with slashes', async () => {
    (await load('hf:old/n')).model.dispose();
    (await load('hf:o/n@refs/pr/1')).model.dispose();
    expect(pathsOf(hub)).toContain('GET /o/n/resolve/refs%2Fpr%2F1/config.json');
  });

  test('reads the shards of an index', async () => {
    const { tensors, split } = await shardsOf(weights);
    files = { 'config.json': TIMM, ...split };
    const sharded = await load('hf:o/n');
    expect(sharded.report.loaded).toHaveLength(tensors);
    sharded.model.dispose();
  });

  test('reads pytorch_model.bin where there is no safetensors', async () => {
    const model = vgg([[1, 2]], { inputShape: [4, 4, 3], classes: 3, hiddenUnits: 4 });
    files = { 'pytorch_model.bin': await encodeWeights(model, { container: 'pth' }) };
    model.dispose();
    const { model: again, metadata, report } = await load('hf:o/n');
    expect(report.format).toBe('PyTorch .pth (zip)');
    expect(metadata).toEqual({});
    again.dispose();
  });

  test("a file's own metadata comes before config.json", async () => {
    files['model.safetensors'] = weightsByLibrary;
    const { model, metadata } = await load('hf:o/n');
    expect(metadata).toEqual({ preprocessing: PLAIN_PREPROCESSING, classNames: ['x', 'y', 'z'] });
    model.dispose();
  });

  test('class names are those of the file, unless its head is not used', async () => {
    files['config.json'] = { ...TIMM, label_names: ['a', 'b', 'c'] };
    const names = async (options: PretrainedOptions) => {
      const { model, metadata } = await load('hf:o/n', options);
      model.dispose();
      return metadata.classNames;
    };
    expect(await names({})).toEqual(['a', 'b', 'c']);
    expect(await names({ classes: 2 })).toBeUndefined();
    expect(await names({ includeTop: false, pooling: 'avg' })).toBeUndefined();
    files['config.json'] = { ...TIMM, num_classes: undefined, label_names: ['a', 'b'] };
    const { model, metadata, classNamesProblem } = await load('hf:o/n');
    expect(metadata.classNames).toBeUndefined();
    expect(classNamesProblem).toBe('config.json has names for 2 classes, but the network has 3');
    model.dispose();
  });

  test('a preprocessing or names beyond the limits of a model are left out, and said', async () => {
    const pretrained_cfg = { ...TIMM.pretrained_cfg, crop_pct: 0.001 };
    files['config.json'] = { ...TIMM, pretrained_cfg, label_names: ['a', 'b', 'c'.repeat(600)] };
    const { model, metadata, preprocessingProblem, classNamesProblem } = await load('hf:o/n');
    expect(metadata).toEqual({});
    expect(preprocessingProblem).toMatch(/^config\.json says .*crop_pct 0\.001/);
    expect(classNamesProblem).toBe('config.json has names of classes that are too long or too many');
    model.dispose();
  });

  test('a hub that is busy once is asked again', async () => {
    isBusyOnce = true;
    const { model } = await load('hf:o/n');
    const config = 'GET /o/n/resolve/main/config.json';
    expect(pathsOf(hub).slice(0, 2)).toEqual([config, config]);
    model.dispose();
  });

  test.each<[HubName, string, DataError['fault']]>([
    ['hf:o/none', 'hf:o/none: there is no such repository, or it is private; check the name', 'missing'],
    ['hf:o/gated', 'hf:o/gated: the repository is gated; accept its conditions at http', 'unreadable'],
    ['hf:o/n@v9', "hf:o/n@v9: the repository has no revision 'v9'; check it", 'missing'],
    ['hf:o/busy', 'the server answered with status 503', 'unreadable'],
    ['hf:o/page', "the server's answer for config.json is a web page; check the endpoint", 'damaged'],
    ['hf:o/endless', 'the hub could not be reached (more than 5 redirects)', 'unreadable'],
    ['hf:o/inline', 'the hub could not be reached (a redirect to no server)', 'unreadable'],
  ])('%s is an error in one sentence', async (name, said, fault) => {
    const error = await failure(name);
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toContain(said);
    expect(error.fault).toBe(fault);
  });

  test('a repository without weights, a missing shard, and no connection are errors', async () => {
    files = { 'config.json': TIMM };
    expect((await failure('hf:o/n')).message).toBe(
      'hf:o/n: the repository has none of model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json; download the file that has its weights and use fromWeights.',
    );
    files['model.safetensors.index.json'] = { weight_map: { a: 'gone.safetensors' } };
    expect((await failure('hf:o/n')).message).toContain('names gone.safetensors, which the repository');
    for (const path of ['../../x', '/etc/passwd', 'a/b', 'http://x/y', '..', '']) {
      files['model.safetensors.index.json'] = { weight_map: { a: path } };
      expect((await failure('hf:o/n')).message).toContain('which is not a plain name');
    }
    files['model.safetensors.index.json'] = { weight_map: { a: { toString: 1 } } };
    expect((await failure('hf:o/n')).message).toContain('names the file {"toString":1}, which is not');
    // A port that fetch refuses by its number.
    expect((await failure('hf:o/n', { endpoint: 'http://127.0.0.1:9' })).message).toContain(
      'fetch connects to no server on this port',
    );
    const { url: endpoint, close } = await refusing();
    expect((await failure('hf:o/n', { endpoint })).message).toContain(
      'the connection failed 3 times, the last time with: the server refuses connections',
    );
    await close();
  });

  test('a download that is not what the hub says is refused and not kept', async () => {
    send = (_, response, bytes) => response.end(bytes.map((byte, i) => (i === 500 ? byte ^ 1 : byte)));
    expect((await failure('hf:o/n')).message).toContain("the download's SHA-256 is");
    expect(readdirSync(cache)).toEqual([]);
  });

  test('errors name the repository and its file, not a copy in the cache', async () => {
    files['model.safetensors'] = new TextEncoder().encode(
      'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n',
    );
    expect((await failure('hf:o/n')).message).toBe(
      "hf:o/n: the server's answer for model.safetensors is a Git LFS pointer; check the endpoint and the repository.",
    );
    files['model.safetensors'] = new TextEncoder().encode('<!doctype html><title>Sign in</title>');
    expect((await failure('hf:o/n')).message).toContain('for model.safetensors is a web page;');
    files['model.safetensors'] = weights.subarray(0, weights.length - 1);
    expect((await failure('hf:o/n')).message).toMatch(/^hf:o\/n \(model\.safetensors\): (?!.*\/tmp)/);
  });

  test('a preprocessing that is not possible here is said with what the file says', async () => {
    files['config.json'] = { ...TIMM, pretrained_cfg: { ...TIMM.pretrained_cfg, interpolation: 'bicubic' } };
    const { model, metadata, preprocessingProblem } = await load('hf:o/n');
    model.dispose();
    expect(metadata).toEqual({});
    expect(preprocessingProblem).toContain('interpolation "bicubic"');
  });

  test.each(['a\nb', 'a b', '', 'schl\u00fcssel'])(
    'the token %j is refused and not printed',
    async (token) => {
      const { message } = await failure('hf:o/n', { token });
      expect(message).toMatch(/^fromPretrained: token is empty or has .* pass the token alone\.$/);
      expect(hub.requests).toHaveLength(0);
      const endpoint = 'http://me:secret@127.0.0.1:9';
      expect((await failure('hf:o/n', { endpoint })).message).not.toContain('secret');
    },
  );

  test('a sound file of another kind stays in the cache', async () => {
    files['model.safetensors'] = new TextEncoder().encode('{"a text of enough bytes": 1}');
    expect(await failure('hf:o/n')).toBeInstanceOf(WeightFileError);
    expect(readdirSync(cache)).toHaveLength(1);
  });

  test.each([
    'hf:',
    'hf:n',
    'hf:o/n/x',
    'hf:../n',
    'hf:o/..',
    'hf:o/.n',
    'hf:o/a--b',
    'hf:o/n.git',
    'hf:o/n?x',
    'hf:o/n#x',
    'hf:o /n',
    'hf:o%2f/n',
    'hf:o/n@',
    'hf:o/n@../x',
    'hf:o/n@a b',
    'hf:o/n@a//b',
    'hf:o/n@a\nb',
    `hf:o/${'n'.repeat(97)}`,
  ] as HubName[])('the name %j is refused before any request', async (name) => {
    const error = await failure(name);
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toContain('it must be hf:OWNER/NAME or hf:OWNER/NAME@REVISION');
    expect(hub.requests).toHaveLength(0);
  });

  test('options that do not fit the name are refused', async () => {
    await expect(load('hf:o/n', { url: 'http://x/' })).rejects.toThrow('url is not for');
    await expect(load('hf:o/n', { endpoint: 'ftp://x' })).rejects.toThrow('endpoint is "ftp://x"');
    await expect(fromPretrained('torchvision/vgg11', { token: 'x' })).rejects.toThrow(
      "endpoint and token are for hf: names; for 'torchvision/vgg11' pass url.",
    );
  });

  test('stops with the reason of the signal', async () => {
    const stop = new AbortController();
    send = (_, response) => {
      response.writeHead(200).write('x');
      setTimeout(() => stop.abort(new Error('enough')), 20);
    };
    await expect(load('hf:o/n', { signal: stop.signal })).rejects.toThrow('enough');
  });
});

/** A safetensors file as two, with their index. */
async function shardsOf(bytes: Uint8Array) {
  const { readTensors, encodeTensors } = await import('../../src/weights/index.js');
  const all = [...(await readTensors(bytes))];
  const split: Record<string, object | Uint8Array> = {};
  const weight_map: Record<string, string> = {};
  [all.slice(0, 3), all.slice(3)].forEach((part, i) => {
    const name = `model-0000${i + 1}-of-00002.safetensors`;
    split[name] = encodeTensors(Object.fromEntries(part));
    for (const [tensor] of part) weight_map[tensor] = name;
  });
  split['model.safetensors.index.json'] = { weight_map };
  return { tensors: all.length, split };
}
