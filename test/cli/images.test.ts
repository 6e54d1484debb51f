import '@tensorflow/tfjs-backend-cpu';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { fill, setBackend, type Tensor, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { featureExtractor } from '../../src/features/index.js';
import { classify } from '../../src/imagenet/index.js';
import { PLAIN_PREPROCESSING, preprocess, preprocessingAt } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { readImage } from '../../src/node/index.js';
import { encodeWeights, PUBLISHED, setMetadata } from '../../src/weights/index.js';
import { FORMATS } from '../images/encodedFormats.js';
import { IMAGES } from '../node/encodedImages.js';
import { readNpy } from '../node/npyFiles.js';
import { relativeError } from '../weights/files.js';
import { replaced, run } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-images-'));
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
  writeFileSync(at('bare.safetensors'), await encodeWeights(net));
  writeFileSync(at('keras-named.safetensors'), await encodeWeights(net, { names: 'keras' }));
  setMetadata(net, { preprocessing: PUBLISHED['torchvision/vgg16'].preprocessing });
  writeFileSync(at('three.safetensors'), await encodeWeights(net));
  net.dispose();
  mkdirSync(at('images', 'deep'), { recursive: true });
  mkdirSync(at('bare'));
  writeFileSync(at('images', 'a.png'), Buffer.from(IMAGES.png, 'base64'));
  writeFileSync(at('images', 'deep', 'b.webp'), Buffer.from(IMAGES.webp, 'base64'));
  writeFileSync(at('images', 'notes.txt'), 'not an image');
  writeFileSync(at('images', '._a.png'), 'what macOS leaves');
  writeFileSync(at('labels.txt'), 'cat\ndog\nbird\n');
  mkdirSync(at('bad'));
  writeFileSync(at('bad', 'cut.png'), Buffer.from(IMAGES.png, 'base64').subarray(0, 60));
  writeFileSync(at('bad', 'empty.jpg'), '');
  writeFileSync(at('bad', 'huge.png'), hugePng(60_000, 50_000));
  writeFileSync(at('bad', 'text.jpg'), 'hello');
});

/** A PNG of a few bytes whose header claims the given size. */
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

describe('images', () => {
  test('that cannot be read are reported on one line each, and the rest are processed', async () => {
    const { code, out, error } = await run(
      'classify',
      at('bad'),
      at('none.png'),
      at('bare'),
      at('*.jpeg'),
      at('images', 'a.png'),
      '--json',
      ...THREE,
    );
    expect(code).toBe(1);
    const lines = out.trim().split('\n');
    expect(lines).toHaveLength(1);
    const { image, predictions } = JSON.parse(lines[0]!);
    expect(image).toBe(at('images', 'a.png'));
    const sum = predictions.reduce(
      (total: number, one: { probability: number }) => total + one.probability,
      0,
    );
    expect(sum).toBeCloseTo(1, 5);
    const reported = error.trim().split('\n');
    const expected = [
      `${at('bad')}: left out 1 file that is not an image (text.jpg).`,
      `${at('bare')} contains no images.`,
      `${at('*.jpeg')} matches no files.`,
      `${at('bad', 'cut.png')} could not be read: it is PNG, but damaged or of a kind that cannot be decoded here; get the file again.`,
      `${at('bad', 'empty.jpg')} could not be read: it is empty (0 bytes); get the file again.`,
      `${at('bad', 'huge.png')} could not be read: it is 60000x50000, more than the limit of 100000000 pixels; make it smaller.`,
      `${at('none.png')} could not be read: there is no such file; check the path.`,
      'classify: 4 of 5 images could not be read.',
    ];
    expect(reported).toHaveLength(expected.length);
    for (const [i, line] of expected.entries()) expect(reported[i]!.startsWith(line), reported[i]).toBe(true);
  });

  test('of a folder are known by their content, through links, and hidden files are none', async () => {
    mkdirSync(at('mixed', '__MACOSX'), { recursive: true });
    mkdirSync(at('mixed', 'deep'));
    const [file] = FORMATS.rgb565!;
    writeFileSync(at('mixed', 'a.bmp'), Buffer.from(file, 'base64'));
    writeFileSync(at('mixed', 'deep', 'without-extension'), Buffer.from(IMAGES.animated, 'base64'));
    writeFileSync(at('mixed', 'notes.png'), 'no image');
    for (const name of ['._a.bmp', '.hidden.png', join('__MACOSX', 'b.png'), 'Thumbs.db']) {
      writeFileSync(at('mixed', name), Buffer.from(IMAGES.png, 'base64'));
    }
    symlinkSync('..', at('mixed', 'deep', 'up'));
    const { code, out, error } = await run('classify', at('mixed'), ...THREE);
    expect({ code, error }).toEqual({
      // By its name it was meant to be one.
      code: 1,
      error: `${at('mixed')}: left out 1 file that is not an image (notes.png).\n`,
    });
    expect(out.split('\n').map((line) => line.split(': ')[0])).toEqual([
      at('mixed', 'a.bmp'),
      at('mixed', 'deep', 'without-extension'),
      '',
    ]);
  });

  test('of any size and shape are classified', async () => {
    const ppm = (width: number, height: number) =>
      Buffer.concat([Buffer.from(`P6 ${width} ${height} 255\n`), Buffer.alloc(3 * width * height, 99)]);
    mkdirSync(at('sizes'));
    for (const [width, height] of [
      [1, 1],
      [9000, 20],
      [20, 9000],
      [1_000_000, 1],
    ] as const) {
      writeFileSync(at('sizes', `${width}x${height}.ppm`), ppm(width, height));
    }
    const { code, out, error } = await run('classify', at('sizes'), ...THREE, '--json');
    expect({ code, error }).toEqual({ code: 0, error: '' });
    // They have one color, so that a network sees the same in all of them.
    const seen = out
      .trim()
      .split('\n')
      .map((line) => JSON.stringify(JSON.parse(line).predictions));
    expect(seen).toHaveLength(4);
    expect(new Set(seen).size).toBe(1);
  });

  test('of a large folder are prepared on a thread, and reported in order with those that cannot be read', async () => {
    mkdirSync(at('many'));
    for (let i = 0; i < 70; i++) {
      const pixels = Buffer.alloc(3 * 9 * 8 - (i === 35 ? 1 : 0), 3 * i);
      writeFileSync(at('many', `${100 + i}.ppm`), Buffer.concat([Buffer.from('P6 9 8 255\n'), pixels]));
    }
    const options = [at('many'), ...THREE, '--labels', at('labels.txt'), '--json'];
    const { code, out, error } = await run('classify', ...options);
    expect(code).toBe(1);
    expect(error.split('\n').slice(1)).toEqual(['classify: 1 of 70 images could not be read.', '']);
    expect(error).toContain(`${at('many', '135.ppm')} could not be read: it is PNM, but damaged`);
    const lines = out.trim().split('\n');
    const names = lines.map((line) => JSON.parse(line).image);
    expect(names).toEqual(
      Array.from({ length: 70 }, (_, i) => at('many', `${100 + i}.ppm`)).filter((_, i) => i !== 35),
    );
    const alone = await run('classify', names[0], names[68], ...options.slice(1), '--batch', '1');
    for (const [i, line] of alone.out.trim().split('\n').entries()) {
      for (const [k, one] of JSON.parse(line).predictions.entries()) {
        const { label, probability } = JSON.parse(lines[68 * i]!).predictions[k];
        expect(label).toBe(one.label);
        expect(probability).toBeCloseTo(one.probability, 5);
      }
    }
  });

  test('are made gray for a network of gray images', async () => {
    const net = vgg([[1, 2]], {
      inputShape: [8, 8, 1],
      classes: 2,
      hiddenUnits: 4,
      initializer: 'heUniform',
    });
    writeFileSync(at('gray.safetensors'), await encodeWeights(net));
    const image = await readImage(at('images', 'a.png'));
    const preprocessing = { ...preprocessingAt(PLAIN_PREPROCESSING, 8), channels: 'gray' } as const;
    const expected = await classify(net, image, { preprocessing, labels: ['class 0', 'class 1'] });
    net.dispose();
    const weights = ['--weights', at('gray.safetensors')];
    const { out } = await run(
      'classify',
      at('images', 'a.png'),
      ...weights,
      '--preprocessing',
      'plain',
      '--json',
    );
    for (const [i, { label, probability }] of JSON.parse(out).predictions.entries()) {
      expect(label).toBe(expected[i]!.label);
      expect(probability).toBeCloseTo(expected[i]!.probability, 5);
    }
    const unsaid = await run('classify', at('images', 'a.png'), ...weights);
    expect(unsaid.error).toContain('pass --preprocessing plain (for networks trained from scratch)');
    const colored = await run(
      'classify',
      at('images', 'a.png'),
      ...weights,
      '--preprocessing',
      'torchvision',
    );
    expect(colored.error).toContain(
      'takes gray images, and this preprocessing is for color; pass --preprocessing plain.',
    );
  });

  test('are classified by the weights in the folder that convert writes', async () => {
    const folder = at('converted');
    await run('convert', at('three.safetensors'), folder);
    const [image, ...options] = [at('images', 'a.png'), '--json'];
    const expected = await run('classify', image, ...THREE, ...options);
    expect(await run('classify', image, '--weights', folder, ...options)).toEqual({
      ...expected,
      code: 0,
      error: '',
    });
    expect((await run('classify', image, '--weights', 'indexeddb://pets')).error).toContain(
      'indexeddb://pets: browsers have such storage, and this runtime does not; save the model to files and use those.',
    );
  });

  test('are an error if none can be read or none is found', async () => {
    const none = await run('classify', at('bad'), ...THREE);
    expect(none).toMatchObject({ code: 1, out: '' });
    expect(none.error).toMatch(/classify: 3 of 3 images could not be read\.\n$/);
    const nothing = await run('classify', at('bare'), ...THREE);
    expect(nothing.code).toBe(1);
    expect(nothing.error).toContain(`classify: no images were found in ${at('bare')}.`);
  });

  test('need exactly one network', async () => {
    const path = at('images', 'a.png');
    expect(await run('classify', path)).toEqual({
      code: 1,
      out: '',
      error: 'classify: no network given; pass --weights FILE or --pretrained NAME.\n',
    });
    expect((await run('classify', path, ...THREE, '--pretrained', 'keras/vgg16')).error).toContain(
      'classify: --pretrained cannot be used with --weights; leave one of them out.',
    );
    expect((await run('classify', path, '--pretrained', 'vgg16')).error).toContain(
      'it must be hf:OWNER/NAME or one of torchvision/vgg11',
    );
  });
});

describe('vgg-blocks classify', () => {
  test('predicts the classes of images in folders and globs, one line each', async () => {
    const { code, out, error } = await run(
      'classify',
      at('images'),
      at('images', '*.png'),
      ...THREE,
      '--labels',
      at('labels.txt'),
      '--top',
      '2',
    );
    expect({ code, error }).toEqual({
      code: 0,
      error: `${at('images')}: left out 1 file that is not an image (notes.txt).\n`,
    });
    const lines = out.trim().split('\n');
    expect(lines.map((line) => line.split(': ')[0])).toEqual([
      at('images', 'a.png'),
      at('images', 'deep', 'b.webp'),
      at('images', 'a.png'),
    ]);
    for (const line of lines) expect(line).toMatch(/: (cat|dog|bird) \d+\.\d %, (cat|dog|bird) \d+\.\d %$/);
    // Both files hold the same pixels.
    expect(lines[1]!.split(': ')[1]).toBe(lines[0]!.split(': ')[1]);
  });

  test('asks for the preprocessing and the labels that it cannot know', async () => {
    const images = at('images');
    for (const [name, said] of [
      ['bare', 'torchvision (usual for tensor names as in PyTorch), keras or plain'],
      ['keras-named', 'keras (usual for tensor names as in Keras), torchvision or plain'],
    ] as const) {
      const weights = at(`${name}.safetensors`);
      expect(await run('classify', images, '--weights', weights)).toEqual({
        code: 1,
        out: '',
        error: `classify: ${weights} does not say how images are prepared for it; pass --preprocessing ${said}.\n`,
      });
    }
    expect(
      (await run('classify', images, '--weights', at('keras-named.safetensors'), '--preprocessing', 'keras'))
        .code,
    ).toBe(0);
    const named: [string, string | Buffer][] = [
      ['bom.txt', '\ufeffcat\r\n\r\ndog \nbird\n\n'],
      ['utf16.txt', Buffer.from('\ufeffcat\r\ndog\r\nbird\r\n', 'utf16le')],
      ['list.json', '["cat", "dog", "bird"]'],
      ['imagenet_class_index.json', '{"0": ["n1", "cat"], "1": ["n2", "dog"], "2": ["n3", "bird"]}'],
      ['config.json', '{"id2label": {"2": "bird", "0": "cat", "1": "dog"}}'],
    ];
    const { out: labeled } = await run('classify', images, ...THREE, '--labels', at('labels.txt'));
    for (const [name, content] of named) {
      writeFileSync(at(name), content);
      expect((await run('classify', images, ...THREE, '--labels', at(name))).out, name).toBe(labeled);
    }
    for (const [content, message] of [
      ['["cat", 2, "bird"]', 'wrong.json has no name for class 1; use a list of names'],
      ['{"1": "cat"}', 'wrong.json has no name for class 0; use a list of names'],
      ['["cat",', 'wrong.json begins like JSON but is not ('],
    ] as const) {
      writeFileSync(at('wrong.json'), content);
      expect((await run('classify', images, ...THREE, '--labels', at('wrong.json'))).error).toContain(
        message,
      );
    }
    writeFileSync(at('latin1.txt'), Buffer.from('caf\u00e9\ndog\nbird', 'latin1'));
    expect((await run('classify', images, ...THREE, '--labels', at('latin1.txt'))).error).toBe(
      `classify: ${at('latin1.txt')} is not text in UTF-8; save it as UTF-8, e.g. with iconv -f latin1 -t utf8.\n`,
    );
    writeFileSync(at('two.txt'), 'cat\ndog');
    if (existsSync('/dev/zero')) {
      expect((await run('classify', images, ...THREE, '--labels', '/dev/zero')).error).toBe(
        'classify: the labels in /dev/zero could not be read (it is a pipe or a device); check --labels.\n',
      );
    }
    expect((await run('classify', images, ...THREE, '--labels', at('two.txt'))).error).toContain(
      'two.txt lists 2 classes, but the network has 3; write one per line.',
    );
  });
});

/** The features of an image at a layer of the network. */
async function featuresOf(path: string, layer: string): Promise<Float32Array> {
  const net = model();
  const preprocessing = {
    ...PUBLISHED['torchvision/vgg16'].preprocessing,
    crop: 8,
    resize: { shorterSide: 9 },
  };
  const x = await preprocess(await readImage(path), preprocessing);
  const y = tidy(() => featureExtractor(net, layer).predict(x) as Tensor);
  const values = await y.data<'float32'>();
  for (const one of [net, x, y]) one.dispose();
  return values;
}

describe('vgg-blocks features', () => {
  test('writes the features of a layer, one row per readable image, and lists the rows', async () => {
    const out = at('out', 'pool2.npy');
    const { code, ...printed } = await run(
      'features',
      at('images'),
      at('none.png'),
      ...THREE,
      '--layer',
      'pool2',
      '--out',
      out,
    );
    expect(code).toBe(1);
    expect(printed.out).toBe(`${out}: pool2, 2x2x2x3\n${at('out', 'pool2.json')}: the image of each row\n`);
    expect(printed.error).toContain('features: 1 of 3 images could not be read.');
    const images = [at('images', 'a.png'), at('images', 'deep', 'b.webp')];
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

  test('pools, stores half precision, and writes each of several layers to its own file', async () => {
    const options = ['--layer', 'relu1_1,fc7', '--layer', 'conv2_1', '--pooling', 'avg', '--dtype', 'f16'];
    const path = at('images', 'a.png');
    const { code, error } = await run(
      'features',
      path,
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
    const maps = await featuresOf(path, 'relu1_1');
    const means = [0, 1].map((k) => maps.filter((_, i) => i % 2 === k).reduce((a, b) => a + b) / 64);
    const pooled = readNpy(readFileSync(at('several', 'f.relu1_1.npy')));
    expect(pooled.shape).toEqual([1, 2]);
    // Half precision keeps 11 bits.
    expect(relativeError(pooled.values, means)).toBeLessThan(1e-3);
    expect(readNpy(readFileSync(at('several', 'f.fc7.npy'))).shape).toEqual([1, 4]);
  });

  test('writes no number that is not finite', async () => {
    const features = async (value: number, ...more: string[]) => {
      const net = model();
      const layer = net.layers.find(({ weights }) => weights.length > 0)!;
      const [kernel, bias] = layer.getWeights() as [Tensor, Tensor];
      const changed = fill(kernel.shape, value);
      layer.setWeights([changed, bias]);
      setMetadata(net, { preprocessing: PUBLISHED['torchvision/vgg16'].preprocessing });
      writeFileSync(at('odd.safetensors'), await encodeWeights(net));
      net.dispose();
      changed.dispose();
      const args = ['--weights', at('odd.safetensors'), '--layer', 'conv1_1', ...more];
      const result = await run('features', at('images', 'a.png'), ...args, '--out', at('odd', 'x.npy'));
      expect(existsSync(at('odd', 'x.npy'))).toBe(result.code === 0);
      return result.error;
    };
    expect(await features(Number.NaN)).toMatch(
      /^features: the weights block1_conv1\/kernel of .*odd\.safetensors are NaN or infinite; use a network that has not diverged\.\n$/,
    );
    expect(await features(3e38)).toMatch(
      /^features: conv1_1 for .*a\.png has -?Infinity, for finite pixels; use/,
    );
    expect(await features(1e6, '--dtype', 'f16')).toMatch(
      /^features: conv1_1 for .*a\.png has -?[\d.]+, which is infinite in half precision; leave out --dtype f16\.\n$/,
    );
    expect(await features(1e6)).toBe('');
  });

  test('leaves no files behind when it fails', async () => {
    const options = [...THREE, '--layer', 'pool1'];
    const failed = await run('features', at('bad'), ...options, '--out', at('failed', 'x.npy'));
    expect(failed.code).toBe(1);
    expect(existsSync(at('failed'))).toBe(false);
    expect((await run('features', at('bad'), ...options, '--out', 'x.npz')).error).toBe(
      'features: x.npz does not end in .npy; use a name that does.\n',
    );
    const unknown = await run('features', at('images'), ...THREE, '--layer', 'pool9', '--out', at('y.npy'));
    expect(unknown.error).toContain('there is no layer "pool9"');
    expect(existsSync(at('y.npy'))).toBe(false);
  });
});

describe('vgg-blocks gradcam', () => {
  test('overlays each image with its map, and writes feature maps on request', async () => {
    const out = at('maps');
    // Two images with the same name, from two folders.
    mkdirSync(at('twin'));
    writeFileSync(at('twin', 'a.jpg'), Buffer.from(IMAGES.jpeg, 'base64'));
    const { code, error, ...printed } = await run(
      'gradcam',
      at('images', 'a.png'),
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
      printed.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        image: at('images', 'a.png'),
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
    // Two maps of 8x8, each value 6 pixels wide, side by side.
    expect(decode(readFileSync(join(out, 'a.relu1_1.png')))).toMatchObject({ width: 97, height: 48 });
    // A map of another image, or a file of someone else, may have the name.
    const again = ['gradcam', at('twin', 'a.jpg'), ...THREE, '--out', out];
    const before = readFileSync(join(out, 'a.gradcam.png'));
    expect(await run(...again)).toEqual({
      code: 1,
      out: '',
      error: `gradcam: ${join(out, 'a.gradcam.png')}, which it would replace, is there already; move it away, choose another --out, or add --overwrite.\n`,
    });
    expect(readFileSync(join(out, 'a.gradcam.png'))).toEqual(before);
    expect((await run(...again, '--overwrite')).code).toBe(0);
    expect(readFileSync(join(out, 'a.gradcam.png'))).not.toEqual(before);
  });

  test('replaces none of the images, also not one that is read later', async () => {
    mkdirSync(at('again'));
    for (const name of ['a.png', 'a.gradcam.png', 'b.png'])
      writeFileSync(at('again', name), Buffer.from(IMAGES.png, 'base64'));
    for (const [output, ...args] of [
      ['a.gradcam.png'],
      // The maps of the same image, or of one before it.
      ['b.png', '--method', 'saliency', '--maps', 'relu1_1'],
    ] as const) {
      if (output === 'b.png') writeFileSync(at('again', 'b.relu1_1.png'), Buffer.from(IMAGES.png, 'base64'));
      const before = readdirSync(at('again')).map((name) => [name, readFileSync(at('again', name))]);
      const kept = output === 'b.png' ? 'b.relu1_1.png' : output;
      expect(await run('gradcam', at('again'), ...THREE, '--out', at('again'), ...args)).toEqual({
        code: 1,
        out: '',
        error: `gradcam: ${at('again', kept)} is what is read, which the result would replace; write to another path.\n`,
      });
      expect(readdirSync(at('again')).map((name) => [name, readFileSync(at('again', name))])).toEqual(before);
    }
  });

  test('explains the most probable class by default and refuses an unknown one', async () => {
    const path = at('images', 'a.png');
    const [top] = JSON.parse((await run('classify', path, ...THREE, '--json')).out).predictions;
    const measured = ['--method', 'layercam', '--faithfulness', '--json'];
    const layerCam = await run('gradcam', path, ...THREE, '--out', at('layercam'), ...measured);
    const { file, deletion, insertion } = JSON.parse(layerCam.out);
    expect(file).toBe(at('layercam', 'a.layercam.png'));
    expect(decode(readFileSync(file))).toMatchObject({ width: 12, height: 8 });
    for (const area of [deletion, insertion]) expect(area > 0 && area < 1).toBe(true);
    const saliency = await run('gradcam', path, ...THREE, '--out', at('saliency'), '--method', 'saliency');
    expect(saliency).toMatchObject({ code: 0, error: '' });
    const { out } = await run('gradcam', path, ...THREE, '--out', at('small'), '--size', '6');
    expect(out).toBe(`${path}: ${top.label}, ${at('small', 'a.gradcam.png')}\n`);
    expect(decode(readFileSync(at('small', 'a.gradcam.png')))).toMatchObject({ width: 6, height: 4 });
    expect(
      (await run('gradcam', path, ...THREE, '--out', at('small'), '--maps', 'predictions')).error,
    ).toMatch(
      /^gradcam: --maps is predictions, whose output is not a feature map; name a convolution, its ReLU or a pooling, such as \w+\.\n$/,
    );
    expect((await run('gradcam', path, ...THREE, '--out', at('small'), '--class', '3')).error).toBe(
      'gradcam: there is no class "3"; use a label, such as class 0, class 1, class 2, or a number from 0 to 2.\n',
    );
  });
});

describe('vgg-blocks visualize', () => {
  const DRAWN = ['--steps', '3', '--jitter', '0', '--blur', '0', '--out', at('drawn.png')];

  test('draws one class, and filters as a grid without those that do not respond', async () => {
    const one = await run('visualize', ...THREE, '--class', 'cat', '--labels', at('labels.txt'), ...DRAWN);
    expect(one).toEqual({ code: 0, error: '', out: `${at('drawn.png')}: 8x8, logits 0\n` });
    expect(decode(readFileSync(at('drawn.png')))).toMatchObject({ width: 8, height: 8, channels: 3 });
    const net = model();
    const layer = net.getLayer('block2_conv1');
    layer.setWeights(tidy(() => [layer.getWeights()[0]!, tensor1d([0, -1e6, 0])]));
    setMetadata(net, { preprocessing: PUBLISHED['torchvision/vgg16'].preprocessing });
    writeFileSync(at('dead.safetensors'), await encodeWeights(net));
    net.dispose();
    const dead = ['--weights', at('dead.safetensors'), '--layer', 'relu2_1', '--columns', '1'];
    const grid = await run('visualize', ...dead, ...DRAWN, '--json');
    expect(grid.error).toMatch(/^visualize: filter 1 of relu2_1 responds no more to the result \(0\).*\n$/);
    expect(grid.code).toBe(1);
    const { filters, width, height } = JSON.parse(grid.out);
    expect([filters, width, height]).toEqual([[0, 2], 48, 98]);
    expect(decode(readFileSync(at('drawn.png')))).toMatchObject({ width, height });
  });

  test.each<[string, string[], string]>([
    ['no filter', [], 'there is nothing to draw; pass --layer NAME [--filter N] or --class NAME.'],
    ['a missing filter', ['--layer', 'conv1_1', '--filter', '1-2'], 'there is no filter 2; conv1_1 has 2'],
    ['another format', ['--layer', 'conv1_1', '--out', at('x.jpg')], `${at('x.jpg')} does not end in .png`],
  ])('refuses %s in one sentence', async (_, args, sentence) => {
    const { code, error, out } = await run(
      'visualize',
      ...replaced([...THREE, '--out', at('none.png')], args),
    );
    expect([code, out]).toEqual([1, '']);
    expect(error).toContain(`visualize: ${sentence}`);
    expect(error.trim().split('\n')).toHaveLength(1);
    expect(existsSync(at('none.png'))).toBe(false);
  });
});
