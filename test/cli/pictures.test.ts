import '@tensorflow/tfjs-backend-cpu';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { setBackend, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { featureExtractor } from '../../src/features/index.js';
import { preprocess } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { readImage } from '../../src/node/index.js';
import { encodeWeights, PUBLISHED } from '../../src/weights/index.js';
import { readNpy } from '../node/npyFiles.js';
import { PICTURES } from '../node/pictures.js';
import { relativeError } from '../weights/files.js';
import { run } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-pictures-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...names: string[]) => join(folder, ...names);
const THREE = ['--weights', at('three.safetensors')];
const model = () =>
  vgg(
    [
      [1, 2],
      [1, 3],
    ],
    { inputShape: [8, 8, 3], classes: 3, hiddenUnits: 4, initializer: 'heUniform' },
  );

beforeAll(async () => {
  await setBackend('cpu');
  const net = model();
  writeFileSync(at('three.safetensors'), await encodeWeights(net, 'torchvision'));
  writeFileSync(at('keras-named.safetensors'), await encodeWeights(net, 'keras'));
  net.dispose();
  mkdirSync(at('pictures', 'deep'), { recursive: true });
  mkdirSync(at('bare'));
  writeFileSync(at('pictures', 'a.png'), Buffer.from(PICTURES.png, 'base64'));
  writeFileSync(at('pictures', 'deep', 'b.webp'), Buffer.from(PICTURES.webp, 'base64'));
  writeFileSync(at('pictures', 'notes.txt'), 'no picture');
  writeFileSync(at('labels.txt'), 'cat\ndog\nbird\n');
  mkdirSync(at('bad'));
  writeFileSync(at('bad', 'animated.gif'), Buffer.from(PICTURES.animated, 'base64'));
  writeFileSync(at('bad', 'cut.png'), Buffer.from(PICTURES.png, 'base64').subarray(0, 60));
  writeFileSync(at('bad', 'empty.jpg'), '');
  writeFileSync(at('bad', 'huge.png'), hugePng(60_000, 50_000));
  writeFileSync(at('bad', 'text.jpg'), 'hello');
});

/** A PNG of a few bytes that says it has so many pixels, three bytes each. */
function hugePng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', Buffer.alloc(8)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('pictures', () => {
  test('that cannot be read are a line each, and the rest goes on', async () => {
    const { code, out, error } = await run(
      'classify',
      at('bad'),
      at('none.png'),
      at('bare'),
      at('*.jpeg'),
      at('pictures', 'a.png'),
      '--json',
      ...THREE,
    );
    expect(code).toBe(0);
    const lines = out.trim().split('\n');
    expect(lines).toHaveLength(1);
    const { image, predictions } = JSON.parse(lines[0]!);
    expect(image).toBe(at('pictures', 'a.png'));
    const sum = predictions.reduce(
      (total: number, one: { probability: number }) => total + one.probability,
      0,
    );
    expect(sum).toBeCloseTo(1, 5);
    const said = error.trim().split('\n');
    const expected = [
      `${at('bare')} holds no pictures (files that end in .png, .jpg, .webp, .gif, .tif or .avif).`,
      `${at('*.jpeg')} matches no file.`,
      `${at('bad', 'animated.gif')} could not be read: it is animated or has 2 pages; give one picture.`,
      `${at('bad', 'cut.png')} could not be read: it is no picture that can be decoded, or is cut off (`,
      `${at('bad', 'empty.jpg')} could not be read: it is empty, 0 bytes.`,
      `${at('bad', 'huge.png')} could not be read: it has 60000x50000 pixels, and at most 100000000 are read; make it smaller.`,
      `${at('bad', 'text.jpg')} could not be read: it is no picture that can be decoded, or is cut off (`,
      `${at('none.png')} could not be read: there is no such file; check the path.`,
      'classify: 6 of 7 pictures could not be read.',
    ];
    expect(said).toHaveLength(expected.length);
    for (const [i, line] of expected.entries()) expect(said[i]!.startsWith(line), said[i]).toBe(true);
  });

  test('of which none can be read, or none is there, are an error', async () => {
    const none = await run('classify', at('bad'), ...THREE);
    expect(none).toMatchObject({ code: 1, out: '' });
    expect(none.error).toMatch(/classify: 5 of 5 pictures could not be read\.\n$/);
    const nothing = await run('classify', at('bare'), ...THREE);
    expect(nothing.code).toBe(1);
    expect(nothing.error).toContain(`classify: there are no pictures in ${at('bare')}.`);
  });

  test('go through a network that is given once', async () => {
    const picture = at('pictures', 'a.png');
    expect(await run('classify', picture)).toEqual({
      code: 1,
      out: '',
      error: 'classify: no network is given; pass --weights FILE or --pretrained NAME.\n',
    });
    expect((await run('classify', picture, ...THREE, '--pretrained', 'keras/vgg16')).error).toContain(
      "option '--pretrained <name>' cannot be used with option '--weights <file>'",
    );
    expect((await run('classify', picture, '--pretrained', 'vgg16')).error).toContain(
      'Allowed choices are torchvision/vgg11',
    );
  });
});

describe('vgg-blocks classify', () => {
  test('names what pictures in folders and globs show, a line each', async () => {
    const { code, out, error } = await run(
      'classify',
      at('pictures'),
      at('pictures', '*.png'),
      ...THREE,
      '--labels',
      at('labels.txt'),
      '--top',
      '2',
    );
    expect({ code, error }).toEqual({ code: 0, error: '' });
    const lines = out.trim().split('\n');
    expect(lines.map((line) => line.split(': ')[0])).toEqual([
      at('pictures', 'a.png'),
      at('pictures', 'deep', 'b.webp'),
      at('pictures', 'a.png'),
    ]);
    for (const line of lines) expect(line).toMatch(/: (cat|dog|bird) \d+\.\d %, (cat|dog|bird) \d+\.\d %$/);
    // Both files hold the same pixels.
    expect(lines[1]!.split(': ')[1]).toBe(lines[0]!.split(': ')[1]);
  });

  test('asks for what it cannot know', async () => {
    const pictures = at('pictures');
    expect((await run('classify', pictures, '--weights', at('keras-named.safetensors'))).error).toContain(
      'does not say whether it is of PyTorch or of Keras, which prepare pictures differently; pass --recipe.',
    );
    expect(
      (await run('classify', pictures, '--weights', at('keras-named.safetensors'), '--recipe', 'keras')).code,
    ).toBe(0);
    writeFileSync(at('two.txt'), 'cat\ndog');
    expect((await run('classify', pictures, ...THREE, '--labels', at('two.txt'))).error).toContain(
      'two.txt names 2 classes, and the network has 3; give one a line.',
    );
  });
});

/** What a layer of the network gives of a picture. */
async function featuresOf(path: string, layer: string): Promise<Float32Array> {
  const net = model();
  const recipe = { ...PUBLISHED['torchvision/vgg16'].preprocessing, crop: 8, resize: { shorterSide: 9 } };
  const x = await preprocess(await readImage(path), recipe);
  const y = tidy(() => featureExtractor(net, layer).predict(x) as Tensor);
  const values = await y.data<'float32'>();
  for (const one of [net, x, y]) one.dispose();
  return values;
}

describe('vgg-blocks features', () => {
  test("writes a layer's numbers, a row a picture that could be read, and which row is which", async () => {
    const out = at('out', 'pool2.npy');
    const { code, ...said } = await run(
      'features',
      at('pictures'),
      at('none.png'),
      ...THREE,
      '--layer',
      'pool2',
      '--out',
      out,
    );
    expect(code).toBe(0);
    expect(said.out).toBe(`${out}: pool2, 2x2x2x3\n${at('out', 'pool2.json')}: which row is which picture\n`);
    expect(said.error).toContain('features: 1 of 3 pictures could not be read.');
    const images = [at('pictures', 'a.png'), at('pictures', 'deep', 'b.webp')];
    const { shape, values } = readNpy(readFileSync(out));
    expect(shape).toEqual([2, 2, 2, 3]);
    for (const [i, image] of images.entries()) {
      const expected = await featuresOf(image, 'pool2');
      expect(relativeError(values.subarray(i * 12, (i + 1) * 12), expected)).toBeLessThan(1e-5);
    }
    expect(JSON.parse(readFileSync(at('out', 'pool2.json'), 'utf8'))).toEqual({
      network: at('three.safetensors'),
      pooling: null,
      layers: [{ layer: 'pool2', file: out, shape: [2, 2, 2, 3], dtype: 'f32' }],
      images,
    });
  });

  test('pools, halves, and writes several layers to a file each', async () => {
    const options = ['--layer', 'relu1_1,fc7', '--layer', 'conv2_1', '--pooling', 'avg', '--dtype', 'f16'];
    const picture = at('pictures', 'a.png');
    const { code, error } = await run(
      'features',
      picture,
      ...THREE,
      ...options,
      '--out',
      at('several', 'f.npy'),
    );
    expect({ code, error }).toEqual({ code: 0, error: '' });
    expect(readdirSync(at('several')).sort()).toEqual([
      'f.conv2_1.npy',
      'f.fc7.npy',
      'f.json',
      'f.relu1_1.npy',
    ]);
    const maps = await featuresOf(picture, 'relu1_1');
    const means = [0, 1].map((k) => maps.filter((_, i) => i % 2 === k).reduce((a, b) => a + b) / 64);
    const pooled = readNpy(readFileSync(at('several', 'f.relu1_1.npy')));
    expect(pooled.shape).toEqual([1, 2]);
    // Half precision keeps 11 bits.
    expect(relativeError(pooled.values, means)).toBeLessThan(1e-3);
    expect(readNpy(readFileSync(at('several', 'f.fc7.npy'))).shape).toEqual([1, 4]);
  });

  test('leaves nothing behind when it fails', async () => {
    const options = [...THREE, '--layer', 'pool1'];
    const failed = await run('features', at('bad'), ...options, '--out', at('failed', 'x.npy'));
    expect(failed.code).toBe(1);
    expect(readdirSync(at('failed'))).toEqual([]);
    expect((await run('features', at('bad'), ...options, '--out', 'x.npz')).error).toBe(
      'features: x.npz does not end in .npy; give a file that does.\n',
    );
    const unknown = await run('features', at('pictures'), ...THREE, '--layer', 'pool9', '--out', at('y.npy'));
    expect(unknown.error).toContain('there is no layer "pool9"');
    expect(existsSync(at('y.npy'))).toBe(false);
  });
});

describe('vgg-blocks gradcam', () => {
  test('writes a picture with the map laid over for each, and feature maps where they are asked for', async () => {
    const out = at('maps');
    // Two pictures of the same name, from two folders.
    mkdirSync(at('twin'));
    writeFileSync(at('twin', 'a.jpg'), Buffer.from(PICTURES.jpeg, 'base64'));
    const { code, error, ...said } = await run(
      'gradcam',
      at('pictures', 'a.png'),
      at('twin'),
      ...THREE,
      '--labels',
      at('labels.txt'),
      '--class',
      'bird',
      '--maps',
      'relu1_1',
      '--out',
      out,
      '--json',
    );
    expect({ code, error }).toEqual({ code: 0, error: '' });
    expect(
      said.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        image: at('pictures', 'a.png'),
        classIndex: 2,
        label: 'bird',
        file: join(out, 'a.gradcam.png'),
        maps: join(out, 'a.relu1_1.png'),
      },
      {
        image: at('twin', 'a.jpg'),
        classIndex: 2,
        label: 'bird',
        file: join(out, 'a-2.gradcam.png'),
        maps: join(out, 'a-2.relu1_1.png'),
      },
    ]);
    expect(decode(readFileSync(join(out, 'a.gradcam.png')))).toMatchObject({ width: 12, height: 8 });
    expect(decode(readFileSync(join(out, 'a-2.gradcam.png')))).toMatchObject({ width: 8, height: 12 });
    // Two maps of 8x8 places, 6 pixels each, side by side.
    expect(decode(readFileSync(join(out, 'a.relu1_1.png')))).toMatchObject({ width: 97, height: 48 });
  });

  test('explains the most probable class unless told otherwise, and knows the classes', async () => {
    const picture = at('pictures', 'a.png');
    const [top] = JSON.parse((await run('classify', picture, ...THREE, '--json')).out).predictions;
    const said = await run('gradcam', picture, ...THREE, '--out', at('small'), '--size', '6');
    expect(said.out).toBe(`${picture}: ${top.label}, ${at('small', 'a.gradcam.png')}\n`);
    expect(decode(readFileSync(at('small', 'a.gradcam.png')))).toMatchObject({ width: 6, height: 4 });
    expect((await run('gradcam', picture, ...THREE, '--out', at('small'), '--class', '3')).error).toBe(
      'gradcam: there is no class "3"; give a label, such as class 0, class 1, class 2, or a number from 0 to 2.\n',
    );
  });
});
