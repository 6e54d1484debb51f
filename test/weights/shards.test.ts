import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type io, memory } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { type Source, sourceName } from '../../src/io/source.js';
import {
  encodeWeights,
  fromWeights,
  inspectWeights,
  loadWeights,
  readTensors,
  WeightFileError,
} from '../../src/weights/index.js';
import { type Answer, sendFile, serve, type TestServer } from '../io/server.js';
import { useAnyBackend } from '../support/backends.js';
import { latin1 } from '../support/bytes.js';

const ARCH = [
  [1, 3],
  [1, 4],
] as const;
const build = (seed: number) => vgg(ARCH, { inputShape: [8, 8, 2], classes: 5, hiddenUnits: 6, seed });

type Files = Record<string, Uint8Array>;

/** A model as tfjs saves it, in shards of equal length but for the last. */
async function tfjsFiles(model: LayersModel, count: number): Promise<Files> {
  let saved: io.ModelArtifacts | undefined;
  await model.save({
    save: async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  const data = new Uint8Array(saved!.weightData as ArrayBuffer);
  const length = Math.ceil(data.length / count);
  const paths = Array.from({ length: count }, (_, i) => `shard${i + 1}.bin`);
  const json = {
    modelTopology: saved!.modelTopology,
    weightsManifest: [{ paths, weights: saved!.weightSpecs }],
  };
  return {
    'model.json': latin1(JSON.stringify(json)),
    ...Object.fromEntries(paths.map((path, i) => [path, data.slice(i * length, (i + 1) * length)])),
  };
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const json = (value: unknown) => latin1(JSON.stringify(value));

let model: LayersModel;
let whole: Float32Array[];
let files: Files;
let server: TestServer | undefined;
const folder = mkdtempSync(join(tmpdir(), 'vgg-shards-'));

beforeAll(async () => {
  await useAnyBackend();
  model = build(1);
  whole = model.getWeights().map((weight) => weight.dataSync().slice() as Float32Array);
  files = await tfjsFiles(model, 8);
});
afterEach(async () => {
  await server?.close();
  server = undefined;
});
afterAll(() => {
  model.dispose();
  rmSync(folder, { recursive: true });
});

/** Serves files, and records `METHOD name` and the query of each request. */
async function serveFiles(served: Files, answer?: Answer) {
  const asked: string[] = [];
  const queries = new Set<string>();
  let sent = 0;
  server = await serve((request, response, count) => {
    const { pathname, search } = new URL(request.url!, 'http://x');
    asked.push(`${request.method} ${pathname.slice(1)}`);
    queries.add(search);
    const bytes = served[pathname.slice(1)];
    if (answer) answer(request, response, count);
    else if (!bytes) response.writeHead(404).end();
    else if (request.method === 'HEAD') response.writeHead(200, { 'content-length': bytes.length }).end();
    else {
      sent += bytes.length;
      sendFile(request, response, bytes);
    }
  });
  return { url: server.url, asked, queries, sent: () => sent };
}

function writeFiles(written: Files, name: string): string {
  for (const [file, bytes] of Object.entries(written)) writeFileSync(join(folder, `${name}-${file}`), bytes);
  return join(folder, `${name}-model.json`);
}

/** The same files under other names, which `model.json` names. */
function renamed(given: Files, prefix: string): Files {
  const model = text(given['model.json']!).replaceAll('"shard', `"${prefix}-shard`);
  return { ...given, 'model.json': latin1(model) };
}

const weightsOf = (loaded: LayersModel) => loaded.getWeights().map((weight) => weight.dataSync());

describe('a tfjs model in eight shards', () => {
  test('from a server: each is requested once, in the order of the tensors, and no byte twice', async () => {
    const { url, asked, sent } = await serveFiles(files);
    const before = memory().numTensors;
    const loaded = await fromWeights(`${url}model.json`);
    expect(weightsOf(loaded.model)).toEqual(whole);
    expect(asked).toEqual(Object.keys(files).map((file) => `GET ${file}`));
    expect(sent()).toBe(Object.values(files).reduce((sum, { length }) => sum + length, 0));
    loaded.model.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('from a server, as tensors', async () => {
    const { url, asked } = await serveFiles(files);
    const tensors = [...(await readTensors(`${url}model.json`)).values()];
    expect(tensors.map(({ data }) => data)).toEqual(whole);
    expect(asked).toEqual(Object.keys(files).map((file) => `GET ${file}`));
  });

  test('the query of its address is kept for the shards', async () => {
    const { url, queries } = await serveFiles(files);
    const { model } = await fromWeights(`${url}model.json?token=a%2Fb`);
    model.dispose();
    expect([...queries]).toEqual(['?token=a%2Fb']);
  });

  test('shards that are not needed are asked for their length, and not fetched', async () => {
    const { url, asked } = await serveFiles(files);
    const { model } = await fromWeights(`${url}model.json`, { includeTop: false });
    model.dispose();
    expect(asked.filter((request) => request.startsWith('HEAD')).length).toBeGreaterThan(0);
    expect(new Set(asked.map((request) => request.split(' ')[1])).size).toBe(asked.length);
  });

  test.each<[string, Answer]>([
    ['refuses to', (_, response) => response.writeHead(405).end()],
    ['says none', (_, response) => response.writeHead(200, { 'content-length': 0 }).end()],
    ['breaks off', (_, response) => response.destroy()],
  ])(
    'a server that is asked for their length and %s is asked for the bytes, which are counted',
    async (_, head) => {
      const answer: Answer = (request, response, count) => {
        if (request.method === 'HEAD') head(request, response, count);
        else response.end(files[request.url!.slice(1)]);
      };
      const { url, asked } = await serveFiles(files, answer);
      const { model } = await fromWeights(`${url}model.json`, { includeTop: false });
      model.dispose();
      expect(asked).toContain('GET shard8.bin');
    },
  );

  test('from a path, a file URL, a folder and the option shards', async () => {
    const path = writeFiles(renamed(files, 'whole'), 'whole');
    const dir = mkdtempSync(join(folder, 'dir-'));
    for (const [file, bytes] of Object.entries(files)) writeFileSync(join(dir, file), bytes);
    const asked: string[] = [];
    const shards = (name: string) => {
      asked.push(name);
      return new Blob([files[name]! as BlobPart]);
    };
    const sources: [Source, object?][] = [
      [path],
      [new URL(`file://${path}`)],
      [dir],
      [`${dir}/`],
      [new URL(`file://${dir}`)],
      [files['model.json']!, { shards }],
      [new Blob([files['model.json']! as BlobPart]), { shards }],
    ];
    for (const [source, options] of sources) {
      const { model } = await fromWeights(source, options);
      expect(weightsOf(model)).toEqual(whole);
      model.dispose();
    }
    expect(asked.length).toBe(2 * 8);
  });

  test('is described without its shards when it is passed as bytes, and needs them to be loaded', async () => {
    const info = await inspectWeights(files['model.json']!);
    expect(info.tensors).toHaveLength(whole.length);
    await expect(fromWeights(files['model.json']!)).rejects.toThrow(
      "it needs the weight file 'shard1.bin' beside it; pass its path or URL, or its weight files as the option shards.",
    );
  });
});

describe('shards that are not those of the model', () => {
  const change = (name: string, to: (bytes: Uint8Array) => Uint8Array): Files => ({
    ...files,
    [name]: to(files[name]!),
  });
  const longer = (bytes: Uint8Array) => Uint8Array.from([...bytes, 0, 0, 0, 0]);
  const shorter = (bytes: Uint8Array) => bytes.slice(0, -4);

  test.each<[string, string, (bytes: Uint8Array) => Uint8Array]>([
    ['the first shorter', 'shard1.bin', shorter],
    ['one in the middle shorter', 'shard4.bin', shorter],
    ['one in the middle longer', 'shard4.bin', longer],
    ['the last shorter', 'shard8.bin', shorter],
    ['the last longer', 'shard8.bin', longer],
  ])('%s', async (what, name, to) => {
    const wrong = change(name, to);
    const total = whole.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const said = `its 8 weight files have ${total + to(new Uint8Array(8)).length - 8} bytes together, but its weights need ${total} ('${name}' with`;
    const before = memory().numTensors;
    const { url } = await serveFiles(wrong);
    const tag = what.replaceAll(' ', '-');
    const path = writeFiles(renamed(wrong, tag), tag);
    for (const includeTop of [true, false]) {
      await expect(fromWeights(`${url}model.json`, { includeTop })).rejects.toThrow(said);
      await expect(fromWeights(path, { includeTop })).rejects.toThrow(
        said.replace(`('${name}'`, `('${tag}-${name}'`),
      );
      await expect(
        fromWeights(wrong['model.json']!, { includeTop, shards: (shard) => wrong[shard]! }),
      ).rejects.toThrow(said);
    }
    await expect(readTensors(`${url}model.json`)).rejects.toThrow(said);
    const other = build(2);
    const untouched = weightsOf(other);
    await expect(loadWeights(other, `${url}model.json`)).rejects.toThrow(said);
    expect(weightsOf(other)).toEqual(untouched);
    other.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test.each<[string, string, string]>([
    [
      'a web page',
      '<!doctype html><title>Sign in</title>',
      'is a web page, perhaps an error page of the server',
    ],
    [
      'a pointer of Git LFS',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\n',
      'is a Git LFS pointer',
    ],
    ['an error of a hub', 'Entry not found', "is a server's answer ('Entry not found') in place of the file"],
  ])('%s', async (_, content, said) => {
    const wrong = change('shard3.bin', () => latin1(content));
    const { url } = await serveFiles(wrong);
    await expect(fromWeights(`${url}model.json`)).rejects.toThrow(`its weight file 'shard3.bin' ${said}`);
    await expect(fromWeights(wrong['model.json']!, { shards: (shard) => wrong[shard]! })).rejects.toThrow(
      `its weight file 'shard3.bin' ${said}`,
    );
  });

  test('one that is missing is named', async () => {
    const { 'shard5.bin': _, ...rest } = files;
    const { url } = await serveFiles(rest);
    await expect(fromWeights(`${url}model.json`)).rejects.toThrow(
      `${url}shard5.bin: the server answered with status 404`,
    );
    await expect(fromWeights(writeFiles(renamed(rest, 'missing'), 'missing'))).rejects.toThrow(
      /missing-shard5\.bin: no such file/,
    );
  });

  test.each<[string, object, string]>([
    ['the same file twice', { paths: ['a.bin', 'a.bin'] }, "it lists the weight file 'a.bin' twice"],
    ['no file', { paths: [] }, 'it has weights but lists no weight files'],
    [
      'too many files',
      { paths: Array.from({ length: 10_001 }, (_, i) => `${i}.bin`) },
      'its weights are split into 10001 files',
    ],
  ])('a manifest with %s', async (_, group, said) => {
    const manifest = [{ weights: [{ name: 'block1_conv1/kernel', shape: [3], dtype: 'float32' }], ...group }];
    const source = json({ weightsManifest: manifest });
    await expect(readTensors(source, { shards: () => new Uint8Array(12) })).rejects.toThrow(said);
  });

  test.each([
    ' file:///etc/passwd',
    'fi\tle:///etc/passwd',
    ' http://127.0.0.1:1/x',
    '\t//host/x',
    '%2e%2e/secret.bin',
  ])(
    'a path out of the folder is neither read nor requested, and the option shards does not get it: %j',
    async (path) => {
      const kernel = { name: 'a', shape: [1], dtype: 'float32' };
      const source = json({ weightsManifest: [{ paths: [path], weights: [kernel] }] });
      const index = json({ weight_map: { a: path } });
      const given: string[] = [];
      const shards = (name: string) => {
        given.push(name);
        return new Uint8Array(4);
      };
      for (const [name, bytes] of [
        ['model.json', source],
        ['model.safetensors.index.json', index],
      ] as const) {
        const file = join(folder, name);
        writeFileSync(file, bytes);
        const { url, asked } = await serveFiles({ [name]: bytes });
        for (const one of [file, new URL(`file://${file}`), `${url}${name}`, new URL(name, url)]) {
          await expect(readTensors(one)).rejects.toThrow('is outside its folder; nothing was read.');
        }
        await expect(readTensors(bytes, { shards })).rejects.toThrow('is outside its folder');
        expect(asked).toEqual([`GET ${name}`, `GET ${name}`]);
        await server!.close();
      }
      expect(given).toEqual([]);
    },
  );
});

describe('an index of shards', () => {
  const entry = (shape: number[], begin: number) => ({
    dtype: 'F32',
    shape,
    data_offsets: [begin, begin + 4 * shape.reduce((a, b) => a * b, 1)],
  });

  /** A safetensors file with some of the model's weights. */
  async function shard(keep: (name: string) => boolean): Promise<Uint8Array> {
    const bytes = await encodeWeights(model, { container: 'safetensors' });
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(text(bytes.subarray(8, 8 + length)));
    let at = 0;
    const entries: Record<string, object> = {};
    const data: Uint8Array[] = [];
    for (const [name, tensor] of Object.entries<{ shape: number[]; data_offsets: [number, number] }>(
      header,
    )) {
      if (name === '__metadata__' || !keep(name)) continue;
      const [begin, end] = tensor.data_offsets;
      entries[name] = entry(tensor.shape, at);
      at += end - begin;
      data.push(bytes.subarray(8 + length + begin, 8 + length + end));
    }
    const text2 = json(entries);
    const size = new Uint8Array(8);
    new DataView(size.buffer).setBigUint64(0, BigInt(text2.length), true);
    return Uint8Array.from([size, text2, ...data].flatMap((part) => [...part]));
  }

  const FEATURES = 'model-00001-of-00002.safetensors';
  const HEAD = 'model-00002-of-00002.safetensors';
  const INDEX = 'model.safetensors.index.json';
  let sharded: Files;
  let map: Record<string, string>;

  beforeAll(async () => {
    const features = (name: string) => name.startsWith('features');
    sharded = { [FEATURES]: await shard(features), [HEAD]: await shard((name) => !features(name)) };
    const { tensors } = await inspectWeights(await encodeWeights(model));
    map = Object.fromEntries(tensors.map(({ name }) => [name, features(name) ? FEATURES : HEAD]));
    sharded[INDEX] = json({ metadata: { total_size: 1 }, weight_map: map });
  });

  test('from a path, a folder, a server and the option shards', async () => {
    const dir = mkdtempSync(join(folder, 'index-'));
    for (const [file, bytes] of Object.entries(sharded)) writeFileSync(join(dir, file), bytes);
    const { url, asked, queries } = await serveFiles(sharded);
    const sources: [Source, object?][] = [
      [join(dir, INDEX)],
      [dir],
      [`${url}${INDEX}?token=1`],
      [sharded[INDEX]!, { shards: (name: string) => sharded[name]! }],
    ];
    const before = memory().numTensors;
    for (const [source, options] of sources) {
      const { model, report } = await fromWeights(source, options);
      expect(weightsOf(model)).toEqual(whole);
      expect(report).toMatchObject({ format: 'safetensors', missing: [], leftOver: [] });
      model.dispose();
    }
    expect(memory().numTensors).toBe(before);
    expect(asked).toEqual([INDEX, FEATURES, HEAD].map((file) => `GET ${file}`));
    expect([...queries]).toEqual(['?token=1']);
  });

  test.each<[string, () => Files, string]>([
    [
      'a tensor that the index does not list',
      () => {
        const { 'classifier.0.bias': _, ...rest } = map;
        return { ...sharded, [INDEX]: json({ weight_map: rest }) };
      },
      `tensor 'classifier.0.bias': it is in '${HEAD}', but the index does not list it`,
    ],
    [
      'a tensor in another shard',
      () => ({ ...sharded, [INDEX]: json({ weight_map: { ...map, 'classifier.0.bias': FEATURES } }) }),
      `tensor 'classifier.0.bias': it is in '${HEAD}', but the index says that '${FEATURES}' has it`,
    ],
    [
      'a tensor that no shard has',
      () => ({ ...sharded, [INDEX]: json({ weight_map: { ...map, extra: HEAD } }) }),
      `tensor 'extra': it is not in '${HEAD}', where the index says`,
    ],
    [
      'a tensor in two shards',
      () => ({ ...sharded, [FEATURES]: sharded[HEAD]!, [HEAD]: sharded[HEAD]! }),
      `it is in '${FEATURES}', but the index says that '${HEAD}' has it`,
    ],
    [
      'a shard that is an index',
      () => ({ ...sharded, [HEAD]: json({ weight_map: { a: HEAD } }) }),
      `${HEAD}: it is`,
    ],
    [
      'a shard that is a web page',
      () => ({ ...sharded, [HEAD]: latin1('<!doctype html>') }),
      `${HEAD}: it is a web page`,
    ],
    [
      'a map of numbers',
      () => ({ [INDEX]: json({ weight_map: { a: 1 } }) }),
      'its weight_map does not name the file',
    ],
    ['an empty map', () => ({ [INDEX]: json({ weight_map: {} }) }), 'its weight_map does not name the file'],
  ])('%s', async (_, make, said) => {
    const dir = mkdtempSync(join(folder, 'wrong-'));
    for (const [file, bytes] of Object.entries(make())) writeFileSync(join(dir, file), bytes);
    await expect(fromWeights(join(dir, INDEX))).rejects.toThrow(said);
    await expect(fromWeights(join(dir, INDEX))).rejects.toBeInstanceOf(WeightFileError);
  });

  test('a shard that is missing is named', async () => {
    const { url } = await serveFiles({ [INDEX]: sharded[INDEX]!, [FEATURES]: sharded[FEATURES]! });
    await expect(fromWeights(`${url}${INDEX}`)).rejects.toThrow(
      `${url}${HEAD}: the server answered with status 404`,
    );
  });

  test('a single shard is no network, even if its tensors would make one', async () => {
    const dir = mkdtempSync(join(folder, 'single-'));
    const path = join(dir, FEATURES);
    writeFileSync(path, sharded[FEATURES]!);
    const said = `it is shard 1 of 2 of a checkpoint; use the index beside them, ${INDEX}.`;
    for (const source of [path, new File([sharded[FEATURES]! as BlobPart], FEATURES)]) {
      await expect(fromWeights(source)).rejects.toThrow(said);
      expect((await inspectWeights(source)).problem).toBe(said);
    }
    expect((await readTensors(path)).has('features.0.weight')).toBe(true);
    const only = join(dir, 'model-00001-of-00001.safetensors');
    writeFileSync(only, await encodeWeights(model));
    const { model: loaded } = await fromWeights(only);
    loaded.dispose();
  });
});

describe("what the caller's functions throw is thrown as it is", () => {
  const mistake = new Error('of the caller');
  const fail = () => {
    throw mistake;
  };

  test('onProgress, from every kind of source and in every function', async () => {
    const bytes = await encodeWeights(model);
    const { url } = await serveFiles({ ...files, 'vgg.safetensors': bytes });
    const path = join(folder, 'progress.safetensors');
    writeFileSync(path, bytes);
    const before = memory().numTensors;
    for (const source of [
      `${url}model.json`,
      `${url}vgg.safetensors`,
      path,
      bytes,
      new Blob([bytes as BlobPart]),
    ]) {
      await expect(fromWeights(source, { onProgress: fail }), sourceName(source)).rejects.toBe(mistake);
      await expect(loadWeights(model, source, { onProgress: fail })).rejects.toBe(mistake);
      await expect(loadWeights(model, source, { onProgress: async () => fail() })).rejects.toBe(mistake);
    }
    await expect(readTensors(`${url}vgg.safetensors`, { onProgress: fail })).rejects.toBe(mistake);
    await expect(inspectWeights(`${url}vgg.safetensors`, { onProgress: fail })).rejects.toBe(mistake);
    expect(memory().numTensors).toBe(before);
    expect(weightsOf(model)).toEqual(whole);
  });

  test('shards', async () => {
    await expect(fromWeights(files['model.json']!, { shards: fail })).rejects.toBe(mistake);
  });

  test('values that are not errors', async () => {
    const onProgress = () => {
      throw 'enough';
    };
    await expect(fromWeights(await encodeWeights(model), { onProgress })).rejects.toBe('enough');
  });
});

test('a load that is aborted between shards closes everything and rejects with its reason', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const { url, asked } = await serveFiles(files);
  const before = memory().numTensors;
  const onProgress = ({ source }: { source: string }) => {
    if (source.endsWith('shard2.bin')) controller.abort(reason);
  };
  await expect(fromWeights(`${url}model.json`, { signal: controller.signal, onProgress })).rejects.toBe(
    reason,
  );
  expect(asked).not.toContain('GET shard8.bin');
  expect(memory().numTensors).toBe(before);
});

test.runIf(existsSync('/proc/self/fd'))('no file stays open, whatever happens', async () => {
  const { readdirSync } = await import('node:fs');
  const open = () => readdirSync('/proc/self/fd').length;
  const good = writeFiles(renamed(files, 'open'), 'open');
  const wrong = writeFiles(renamed({ ...files, 'shard8.bin': new Uint8Array(1) }, 'short'), 'short');
  await (await fromWeights(good)).model.dispose();
  const before = open();
  (await fromWeights(good)).model.dispose();
  (await fromWeights(good, { includeTop: false })).model.dispose();
  await readTensors(good);
  await expect(fromWeights(wrong)).rejects.toThrow();
  const onProgress = () => {
    throw new Error('enough');
  };
  await expect(fromWeights(good, { onProgress })).rejects.toThrow('enough');
  expect(open()).toBe(before);
});
