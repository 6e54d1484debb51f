import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { dispose, ones, type Tensor, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { fileSystem } from '../../src/node/index.js';
import { encodeWeights, fromWeights, loadWeights } from '../../src/weights/index.js';
import { sendFile, serve } from '../io/server.js';
import { useBackend } from '../support/backends.js';

const build = (seed: number, options = {}) =>
  vgg(
    [
      [1, 3],
      [2, 4],
    ],
    { inputShape: [8, 8, 2], classes: 5, hiddenUnits: 6, seed, ...options },
  );
const folder = mkdtempSync(join(tmpdir(), 'weights-'));

beforeAll(() => useBackend('wasm'));
afterAll(() => rmSync(folder, { recursive: true }));

const numbersOf = (model: LayersModel) => model.getWeights().map((weight) => [...weight.dataSync()]);

test('a model loads the weights of a path and of a file URL', async () => {
  const model = build(7);
  const path = join(folder, 'net.safetensors');
  writeFileSync(path, await encodeWeights(model));
  for (const source of [path, pathToFileURL(path)]) {
    const other = build(8);
    await loadWeights(other, source);
    expect(numbersOf(other)).toEqual(numbersOf(model));
    other.dispose();
    await expect(loadWeights(model, source, { maxBytes: 10 })).rejects.toThrow(
      'more than the limit of 10; use',
    );
  }
  model.dispose();
});

test('a server that is busy or breaks off is asked again, for the file and for its shards', async () => {
  const model = build(7);
  const bytes = await encodeWeights(model);
  await model.save(fileSystem(join(folder, 'shards'), { shardBytes: 300 }));
  const asked = new Map<string, number>();
  const server = await serve((request, response) => {
    const path = request.url!;
    const count = (asked.get(path) ?? 0) + 1;
    asked.set(path, count);
    if (count === 1 && request.method === 'GET' && !path.endsWith('.json')) response.writeHead(503).end();
    else sendFile(request, response, path === '/net' ? bytes : readFileSync(join(folder, 'shards', path)));
  });
  for (const file of ['net', 'model.json']) {
    const { model: again } = await fromWeights(`${server.url}${file}`, { inputShape: [8, 8, 2] });
    expect(numbersOf(again)).toEqual(numbersOf(model));
    again.dispose();
  }
  expect(asked.get('/net')).toBe(2);
  model.dispose();
  await server.close();
});

test('a path names itself in errors', async () => {
  const model = build(1);
  await expect(loadWeights(model, join(folder, 'none.pth'))).rejects.toThrow(
    `${join(folder, 'none.pth')}: no such file; check the path.`,
  );
  model.dispose();
});

test('reads tfjs models, as saved by this library and by plain tfjs', async () => {
  const model = build(5, {
    classifierActivation: 'softmax',
    adaptivePool: true,
    inputShape: [12, 12, 2],
    batchNorm: { epsilon: 2e-3 },
  });
  await model.save(fileSystem(join(folder, 'model'), { shardBytes: 100 }));
  const { model: again, network, report } = await fromWeights(join(folder, 'model', 'model.json'));
  expect(report).toMatchObject({ format: 'tfjs model.json', names: 'keras', missing: [], leftOver: [] });
  expect(network!.config).toMatchObject({
    classifierActivation: 'softmax',
    adaptivePool: true,
    inputShape: [12, 12, 2],
  });
  expect(network!.batchNorm).toMatchObject({ epsilon: 2e-3 });
  const x = ones([1, 12, 12, 2]);
  const [y, z] = [model, again].map((one) => tidy(() => (one.predict(x) as Tensor).dataSync()));
  expect(z).toEqual(y);
  dispose([x]);
  // As bytes it has no folder, so the caller says where the shards are.
  const json = readFileSync(join(folder, 'model', 'model.json'));
  await expect(fromWeights(new Uint8Array(json))).rejects.toThrow(
    'pass its path or URL, or its weight files as the option shards',
  );
  const { model: third } = await fromWeights(new Uint8Array(json), {
    shards: (name) => join(folder, 'model', name),
  });
  expect(numbersOf(third)).toEqual(numbersOf(model));
  for (const one of [model, again, third]) one.dispose();
});
