import '@tensorflow/tfjs-backend-cpu';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setBackend } from '@tensorflow/tfjs-core';
import { layers, model as modelOf, type SymbolicTensor, sequential } from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { preprocessingAt } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { fileSystem } from '../../src/node/index.js';
import {
  encodeTensors,
  encodeWeights,
  fromWeights,
  inspectWeights,
  PUBLISHED,
  readTensors,
  setMetadata,
} from '../../src/weights/index.js';
import { sendFile, serve, type TestServer } from '../io/server.js';
import { IMAGES } from '../node/encodedImages.js';
import { run, start } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-reading-'));
const at = (...names: string[]) => join(folder, ...names);
const image = at('a.png');
const classNames = ['cat', 'dog', 'bird'];
const KERAS = PUBLISHED['keras/vgg16'].preprocessing;

let hub: TestServer;
beforeAll(async () => {
  await setBackend('cpu');
  writeFileSync(image, Buffer.from(IMAGES.png, 'base64'));
  const model = vgg([[1, 2]], {
    inputShape: [8, 8, 3],
    classes: 3,
    hiddenUnits: 4,
    initializer: 'heUniform',
  });
  const bare = await encodeWeights(model);
  writeFileSync(at('bare.safetensors'), bare);
  const tensors = Object.fromEntries(await readTensors(bare));
  const one = { shape: [1], data: new Float32Array(1) };
  writeFileSync(at('more.safetensors'), encodeTensors({ ...tensors, 'aux.weight': one }));
  const { 'features.0.weight': kernel, 'features.0.bias': bias, ...rest } = tensors;
  writeFileSync(
    at('renamed.safetensors'),
    encodeTensors({ ...rest, 'stem.first.weight': kernel!, 'stem.first.bias': bias! }),
  );
  setMetadata(model, { preprocessing: KERAS, classNames });
  const told = await encodeWeights(model);
  writeFileSync(at('told.safetensors'), told);
  model.dispose();
  hub = await serve((request, response) => {
    if (request.url === '/o/n/resolve/main/model.safetensors') return sendFile(request, response, told);
    response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
  });
});
afterAll(async () => {
  await hub.close();
  rmSync(folder, { recursive: true, force: true });
});

const classified = async (...args: string[]) => {
  const { code, out, error } = await run('classify', image, '--json', ...args);
  expect({ code, error }).toEqual({ code: 0, error: '' });
  return JSON.parse(out).predictions;
};

describe('preprocessing and class names', () => {
  test('are converted with the weights, so that every copy classifies alike', async () => {
    const predictions = await classified('--weights', at('told.safetensors'));
    expect(predictions.map(({ label }: { label: string }) => label).sort()).toEqual(['bird', 'cat', 'dog']);
    for (const name of ['c.pth', 'c.h5', 'c.weights.h5', 'c.keras', 'folder']) {
      expect(await run('convert', at('told.safetensors'), at(name))).toMatchObject({ code: 0, error: '' });
    }
    for (const name of ['c.pth', 'c.h5', 'c.keras', 'folder/model.json']) {
      const again = await classified('--weights', at(name));
      expect(again.map(({ label }: { label: string }) => label)).toEqual(
        predictions.map(({ label }: { label: string }) => label),
      );
    }
  });

  test('convert --preprocessing says what a file did not say, for images as the network takes them, and keeps the class names', async () => {
    const out = at('said.safetensors');
    expect((await run('convert', at('bare.safetensors'), out, '--preprocessing', 'keras')).code).toBe(0);
    expect((await inspectWeights(out)).metadata).toEqual({ preprocessing: preprocessingAt(KERAS, 8) });
    expect((await run('convert', at('told.safetensors'), out, '--preprocessing', 'plain')).code).toBe(0);
    expect((await inspectWeights(out)).metadata).toMatchObject({ classNames, preprocessing: { white: 1 } });
    const gray = 'examples/fashion-mnist.safetensors';
    expect((await run('convert', gray, out, '--preprocessing', 'plain')).code).toBe(0);
    expect((await inspectWeights(out)).metadata?.preprocessing).toMatchObject({ channels: 'gray', crop: 28 });
  });

  test('compress writes what is known of images and classes', async () => {
    const gray = 'examples/fashion-mnist.safetensors';
    const small = ['compress', gray, at('small'), '--rank', 'fc1=8', '--preprocessing', 'plain'];
    expect((await run(...small)).code).toBe(0);
    const { metadata } = await inspectWeights(at('small', 'model.json'));
    expect(metadata?.preprocessing).toMatchObject({ channels: 'gray', crop: 28 });
    expect(metadata?.classNames?.at(-1)).toBe('Ankle boot');
  });

  test('--preprocessing comes before what the file says', async () => {
    const said = await classified('--weights', at('told.safetensors'));
    const other = await classified('--weights', at('told.safetensors'), '--preprocessing', 'plain');
    expect(other).not.toEqual(said);
    expect(await classified('--weights', at('bare.safetensors'), '--preprocessing', 'plain')).toEqual(
      other.map(({ index, ...rest }: { index: number }) => ({ ...rest, index, label: `class ${index}` })),
    );
  });

  test('inspect prints them', async () => {
    const { out } = await run('inspect', at('told.safetensors'));
    expect(out).toContain(
      'images preprocessed as keras: BGR from 0 to 255, mean 103.939 116.779 123.68, std 1 1 1, resized to 224x224 (nearest), center 224x224\nclasses named cat, dog, bird\n',
    );
    expect((await run('inspect', at('bare.safetensors'))).out).not.toMatch(/preprocessed|named cat/);
  });
});

test('inspect names the size of images that a file records, though smaller ones have the same features', async () => {
  const { out } = await run('inspect', 'examples/fashion-mnist.safetensors');
  expect(out).toContain('10 classes, hidden layers of 32, 32, for images of 28x28\n');
});

test('inspect and convert name an average that is left aside', async () => {
  const file = 'test/fixtures/checkpoints/ema.pth';
  expect((await run('inspect', file)).out).toContain('left aside: model_ema (choose by --key)\n');
  const converted = await run('convert', file, at('ema.safetensors'), '--input-shape', '4x4x1');
  expect(converted).toMatchObject({
    code: 0,
    error: 'note: left aside model_ema; --key takes another of the state dicts\n',
  });
});

describe('options of reading', () => {
  test('a tensor without a place is an error that names it and the flag; --allow-unused leaves it out', async () => {
    const out = at('fewer.safetensors');
    const { code, error } = await run('convert', at('more.safetensors'), out);
    expect(code).toBe(1);
    expect(error).toContain('aux.weight');
    expect(error).toContain('--allow-unused');
    expect(error).not.toContain('strict');
    expect(existsSync(out)).toBe(false);
    const allowed = await run('convert', at('more.safetensors'), out, '--allow-unused');
    expect(allowed).toMatchObject({ code: 0, error: 'warning: left out aux.weight\n' });
  });

  test('--features-only converts the convolutions alone, and errors name flags, not options', async () => {
    const out = at('features.safetensors');
    expect(await run('convert', at('told.safetensors'), out, '--features-only')).toMatchObject({ code: 0 });
    expect([...(await readTensors(out)).keys()]).toEqual(['features.0.weight', 'features.0.bias']);
    expect((await inspectWeights(out)).metadata).toEqual({ preprocessing: KERAS });
    const { code, error } = await run('convert', at('told.safetensors'), out, '--input-shape', '20x20x3');
    expect(code).toBe(1);
    expect(error).toMatch(/choose an --input-shape that gives them.*, or --features-only/);
    expect(await run('convert', at('told.safetensors'), at('five.pth'), '--classes', '5')).toMatchObject({
      code: 1,
      error: `convert: ${at('told.safetensors')}: it has 3 classes, and a network with 5 classes would have random weights; leave out --classes, or train such a network with finetune.\n`,
    });
    const unused = await run(
      'convert',
      at('told.safetensors'),
      at('five.pth'),
      '--classes',
      '3',
      '--features-only',
    );
    expect(unused).toMatchObject({
      code: 1,
      error: `convert: --classes is given, but of ${at('told.safetensors')} the features alone are used, and it would change nothing; leave it out.\n`,
    });
    expect(existsSync(at('five.pth'))).toBe(false);
    expect((await run('convert', at('told.safetensors'), out, '--input-shape', '20')).error).toContain(
      'it must be HxWxC, such as 96x96x3, each from 1 to 16384.',
    );
  });

  test('inspect says why a file is refused, and counts its numbers', async () => {
    const { out } = await run('inspect', at('more.safetensors'));
    expect(out).toContain(
      '\nfromWeights refuses it: it does not fit the model (the model lacks aux.weight); pass strict: false to leave them out.\n',
    );
    expect(out).not.toContain('load it with');
    const other = await run('inspect', at('renamed.safetensors'));
    expect(other.out).toMatch(/\n\d+ numbers, stored as F32\n/);
    expect(other.out).not.toContain('load it with');
    const args = ['--rename', 'stem.first=features.0'];
    expect((await run('inspect', at('renamed.safetensors'), ...args)).out).toContain(
      `await fromWeights("${at('renamed.safetensors')}", {"rename":{"stem.first":"features.0"}});`,
    );
  });

  test('an option that cannot help is not asked for, and one without effect is refused', async () => {
    const wide = ['--allow-unused', '--input-shape', '8x8x4'];
    const { error } = await run('convert', at('more.safetensors'), at('x.pth'), ...wide);
    expect(error).toContain('([3,3,3,2] in the file, [3,3,4,2] in the model)); use a complete file and');
    expect(error).not.toContain('--allow-unused');
    const keras = at('sized.keras');
    expect((await run('convert', at('told.safetensors'), keras)).code).toBe(0);
    for (const args of [
      ['--arch', '[[1,2]]'],
      ['--padding', 'same'],
    ]) {
      const refused = await run('convert', keras, at('x.pth'), ...args);
      expect(refused.code).toBe(1);
      expect(refused.error).toMatch(/cannot be given, because the configuration in .* says it; leave it out/);
    }
    const none = await run('convert', keras, at('x.pth'), '--arch', '0');
    expect(none.error).toMatch(/^convert: --arch is '0'; pass at least one block as/);
  });

  test('--rename gives tensors the names that are known', async () => {
    const out = at('back.safetensors');
    const args = ['--rename', 'stem.first=features.0'];
    expect((await run('convert', at('renamed.safetensors'), out)).code).toBe(1);
    expect(await run('convert', at('renamed.safetensors'), out, ...args)).toMatchObject({
      code: 0,
      error: '',
    });
    expect([...(await readTensors(out)).keys()]).toContain('features.0.weight');
    expect((await run('inspect', at('renamed.safetensors'), ...args)).out).toContain('block1_conv1/kernel');
    expect((await run('inspect', image, '--rename', 'a')).error).toContain('it must be OLD=NEW.');
    expect((await run('inspect', image, '--rename', 'a=b', '--rename', 'a=c')).error).toContain(
      'a is renamed twice.',
    );
    const unknown = await run('inspect', at('bare.safetensors'), '--rename', 'nothing=x');
    expect(unknown.error).toMatch(/--rename has 'nothing'/);
  });
});

describe('a model that is not exactly a VGG', () => {
  const file = at('elu.keras');
  beforeAll(async () => {
    const model = sequential({
      layers: [
        layers.inputLayer({ inputShape: [8, 8, 3] }),
        layers.conv2d({ filters: 2, kernelSize: 3, padding: 'same', activation: 'elu', name: 'first' }),
        layers.maxPooling2d({ poolSize: 2 }),
        layers.dropout({ rate: 0.5, name: 'drop' }),
        layers.flatten(),
        layers.dense({ units: 3, name: 'last' }),
      ],
    });
    setMetadata(model, { preprocessing: KERAS, classNames });
    writeFileSync(file, await encodeWeights(model, { container: 'keras' }));
    model.dispose();
  });

  test('is inspected, classifies, and is converted to whole models only', async () => {
    const { out } = await run('inspect', file);
    expect(out).toContain(
      'a model of 6 layers by its configuration: InputLayer, Conv2D, MaxPooling2D, Dropout,',
    );
    expect(out).toContain('\nfor images of 8x8 with 3 channels\n');
    expect(out).toContain('await fromWeights(');
    const predictions = await classified('--weights', file);
    expect(predictions.map(({ label }: { label: string }) => label).sort()).toEqual(['bird', 'cat', 'dog']);
    for (const [name, ...args] of [['elu'], ['elu2.keras'], ['elu.h5', '--to', 'model.h5']] as const) {
      expect(await run('convert', file, at(name), ...args)).toMatchObject({ code: 0, error: '' });
      expect(await classified('--weights', at(name))).toEqual(predictions);
    }
    const refused = await run('convert', file, at('elu.safetensors'));
    expect(refused.code).toBe(1);
    expect(refused.error.trim().split('\n')).toHaveLength(1);
    expect(refused.error).toMatch(/first.*keras/);
    expect(existsSync(at('elu.safetensors'))).toBe(false);
  });
});

describe('weights from the hub', () => {
  const env = () => ({ HF_ENDPOINT: hub.url, HF_TOKEN: 'secret', XDG_CACHE_HOME: at('cache') });

  test('classify and convert read them by --weights hf:, --pretrained hf: and hf:', async () => {
    const predictions = await classified('--weights', at('told.safetensors'));
    for (const flag of ['--weights', '--pretrained']) {
      const args = ['classify', image, '--json', flag, 'hf:o/n'];
      const { code, out, error } = await start(args, env()).outcome;
      expect({ code, error }).toEqual({ code: 0, error: '' });
      expect(JSON.parse(out).predictions).toEqual(predictions);
    }
    expect(hub.requests.at(-1)!.headers.authorization).toBe('Bearer secret');
    const copy = at('hub.safetensors');
    expect((await start(['convert', 'hf:o/n', copy], env()).outcome).code).toBe(0);
    const { model, metadata } = await fromWeights(copy);
    expect(metadata).toEqual({ preprocessing: KERAS, classNames });
    model.dispose();
  });

  test('errors are one sentence in the words of the command line', async () => {
    const none = { ...env(), HF_ENDPOINT: 'http://127.0.0.1:9' };
    const { code, error } = await start(['classify', image, '--weights', 'hf:o/n'], none).outcome;
    expect(code).toBe(1);
    expect(error).toMatch(
      /^classify: http:\/\/127\.0\.0\.1:9\/o\/n\/.*: fetch connects to no server on this port; check the address\.\n$/,
    );
    expect((await run('classify', image, '--weights', 'hf:o')).error).toContain('it must be hf:OWNER/NAME');
    expect((await run('inspect', 'hf:o/n')).error).toContain(
      'run "vgg-blocks convert hf:o/n copy.safetensors"',
    );
    const broken = { ...env(), HF_TOKEN: 'se\ncret' };
    expect((await start(['convert', 'hf:o/n', at('x.pth')], broken).outcome).error).toMatch(
      /^convert: HF_TOKEN is empty or has .*; set it to the token alone\.\n$/,
    );
  });
});

test('one output stands for two classes, and two outputs for none', async () => {
  const network = sequential({
    layers: [layers.flatten({ inputShape: [8, 8, 3] }), layers.dense({ units: 1 })],
  });
  const output = network.outputs[0] as SymbolicTensor;
  const two = modelOf({
    inputs: network.inputs,
    outputs: [output, layers.reLU().apply(output) as SymbolicTensor],
  });
  await network.save(fileSystem(at('one-output')));
  await two.save(fileSystem(at('two-outputs')));
  two.dispose();
  writeFileSync(at('two.txt'), 'cat\ndog\n');
  const classify = (weights: string, ...more: string[]) =>
    run('classify', image, '--weights', at(weights), '--preprocessing', 'plain', '--backend', 'cpu', ...more);
  expect((await classify('one-output')).out).toMatch(/class [01] \d.*, class [01] \d/);
  expect((await classify('one-output', '--labels', at('two.txt'))).out).toMatch(/cat \d/);
  const { code, error } = await classify('two-outputs');
  expect(error).toContain('two-outputs has 2 outputs; use a network with a single output.');
  expect(code).toBe(1);
});
