import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { dispose, ones } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { gzipSync, zipSync, zlibSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { concat } from '../../src/io/bytes.js';
import { encodeCheckpoint } from '../../src/train/checkpoint/file.js';
import {
  encodeTensors,
  encodeWeights,
  fromWeights,
  inspectWeights,
  WeightFileError,
} from '../../src/weights/index.js';
import { otherNetwork } from '../../src/weights/names/otherNetworks.js';
import { useAnyBackend } from '../support/backends.js';
import { latin1, noise } from '../support/bytes.js';
import { fixturePath } from '../support/fixtures.js';

beforeAll(() => useAnyBackend());

const folder = mkdtempSync(join(tmpdir(), 'vgg-recognize-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bytes = (...parts: (string | number[] | Uint8Array)[]) =>
  concat(parts.map((part) => (typeof part === 'string' ? latin1(part) : Uint8Array.from(part))));
const zeros = (count: number) => new Uint8Array(count);
const json = (value: unknown) => latin1(JSON.stringify(value));

/** A field of a protobuf message: a number, text, or bytes. */
function field(number: number, value: number | string | Uint8Array): Uint8Array {
  const varint = (n: number): number[] => (n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))]);
  if (typeof value === 'number') return bytes(varint(number * 8), varint(value));
  return bytes(varint(number * 8 + 2), varint(value.length), value);
}

async function refusal(source: Parameters<typeof inspectWeights>[0]): Promise<WeightFileError> {
  const error = await inspectWeights(source).then(
    ({ format }) => new Error(`read as ${format}`),
    (reason: unknown) => reason as Error,
  );
  expect(error).toBeInstanceOf(WeightFileError);
  expect(error.message.length).toBeLessThan(500);
  // One sentence, with a way on.
  expect(error.message).toMatch(/[^.]\.$/);
  return error as WeightFileError;
}

describe('files that frameworks wrote', () => {
  test.each([
    ['saved_model.pb', 'it is a TensorFlow SavedModel; '],
    ['graph.pb', 'it is a TensorFlow graph; '],
    ['v1.ckpt.meta', 'it is a TensorFlow graph; '],
    ['model.tflite', 'it is a TensorFlow Lite model'],
    ['v1.ckpt', 'it is a TensorFlow checkpoint (version 1); '],
    ['v2.ckpt.index', 'it is a TensorFlow checkpoint (the .index file of version 2); '],
    ['v2.ckpt.data-00000-of-00001', 'it is the data of a TensorFlow checkpoint (version 2); '],
    ['array.npy', 'it is a NumPy array; '],
    ['arrays.npz', 'it is a NumPy .npz archive; '],
    ['bare.pkl', 'it is a bare pickle and not a file of torch.save; '],
    ['bare-protocol-0.pkl', 'it is a bare pickle and not a file of torch.save; '],
    ['model.pdparams', 'it is a Paddle .pdparams file; '],
    ['architecture.json', "it is a model's architecture without its weights"],
  ])('%s', async (name, said) => {
    expect((await refusal(fixturePath(`others/${name}`))).reason).toContain(said);
  });
});

const layer = field(100, bytes(field(1, 'conv1_1'), field(2, 'Convolution'), field(7, field(5, zeros(8)))));
const oldLayer = field(2, bytes(field(4, 'conv1_1'), field(5, 4), field(6, field(5, zeros(8)))));
const floats = new Uint8Array(Float32Array.from({ length: 40 }, (_, i) => Math.sin(i)).buffer);

describe('files by their content', () => {
  test('a checkpoint of training, by any name', async () => {
    const weights = { tensors: { 0: ones([3, 3, 3, 8]), 1: ones([8]) } };
    const pieces: Uint8Array[] = [];
    for await (const piece of encodeCheckpoint({ facts: {} as never, done: true }, { weights }))
      pieces.push(piece.slice());
    dispose(weights.tensors);
    const { problem } = await inspectWeights(concat(pieces));
    expect(problem).toBe('it is a checkpoint of training, not a model; pass the model of the run.');
    await expect(fromWeights(concat(pieces))).rejects.toThrow(problem);
  });

  test.each<[string, Uint8Array, string]>([
    [
      'Core ML',
      bytes(field(1, 4), field(2, field(1, zeros(9))), field(500, field(1, zeros(300)))),
      'it is a Core ML model',
    ],
    [
      'ONNX whose graph is cut off',
      bytes(field(1, 8), field(2, 'pytorch'), field(7, zeros(300)).subarray(0, 99)),
      'it is an ONNX model that is damaged or cut off; get it again',
    ],
    ['Caffe', bytes(field(1, 'VGG_ILSVRC_16_layers'), layer, layer), 'it is a Caffe model'],
    ['Caffe of 2014', bytes(field(1, 'VGG_ILSVRC_16_layers'), oldLayer, oldLayer), 'it is a Caffe model'],
    ['Caffe without a name', bytes(layer, layer), 'it is a Caffe model'],
    [
      'prototxt',
      latin1('name: "VGG_ILSVRC_16_layers"\ninput: "data"\ninput_dim: 10\nlayers {\n  bottom: "data"\n'),
      'it is a prototxt',
    ],
    [
      'prototxt with a shape',
      latin1('name: "VGG" # 16\r\ninput_shape {\n  dim: 1\n}\n\ninput_shape: { dim: 3 }\nlayer {\n'),
      'it is a prototxt',
    ],
    ['prototxt with comments', latin1('# VGG\n# by VGG\n\nlayer {\n  name: "data"\n}\n'), 'it is a prototxt'],
    [
      'MATLAB',
      bytes('MATLAB 5.0 MAT-file, Platform: GLNXA64', zeros(200)),
      'it is a MATLAB file, perhaps of MatConvNet',
    ],
    [
      'MATLAB with HDF5',
      bytes('MATLAB 7.3 MAT-file, Platform: GLNXA64'.padEnd(512), '\x89HDF\r\n\x1a\n', zeros(200)),
      'it is a MATLAB 7.3 file',
    ],
    ['MXNet', bytes([0x12, 1, 0, 0, 0, 0, 0, 0], zeros(60)), 'it is an MXNet .params file'],
    [
      'Torch7',
      bytes([4, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0], 'V 1', [13, 0, 0, 0], 'nn.Sequential'),
      'it is a Torch7 file',
    ],
    [
      'a table of Torch7',
      bytes([3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0], 'model'),
      'it is a Torch7 file',
    ],
    ['Torch7 as text', latin1('4\n1\n3\nV 1\n13\nnn.Sequential\n'), 'it is a Torch7 file as text'],
    ['Flax', bytes([0x82, 0xa6], 'params', [0x81, 0xa6], 'conv1_', [0x80]), 'it is msgpack, as Flax writes'],
    ['Flax with a step', bytes([0x83, 0xa4], 'step', [0xce, 0, 1, 0, 0]), 'it is msgpack, as Flax writes'],
    [
      'darknet',
      bytes([0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 125, 0, 0, 0, 0, 0, 0], floats),
      'it is a darknet .weights file',
    ],
    [
      'a description of darknet',
      latin1('[net]\nbatch=1\n[convolutional]\n'),
      "it is darknet's description of a network",
    ],
    [
      'one with comments',
      latin1('# VGG # 16\n\n# by darknet\n [net]\nbatch=1\n'),
      "it is darknet's description of a network",
    ],
    ['GGUF', bytes('GGUF', [3, 0, 0, 0], zeros(30)), 'it is a GGUF file'],
    ['ONNX Runtime', bytes([28, 0, 0, 0], 'ORTM', zeros(30)), 'it is an ONNX Runtime model'],
    ['PyTorch Mobile', bytes([28, 0, 0, 0], 'PTMF', zeros(30)), 'it is a PyTorch Mobile model'],
    ['OpenVINO', latin1('<?xml version="1.0"?>\n<net name="vgg" version="11">\n'), 'it is an OpenVINO model'],
    ['tar', bytes(zeros(257), 'ustar\x0000', zeros(300)), 'it is a tar archive'],
    ['gzip', gzipSync(noise(100)), 'it is compressed with gzip'],
    ['xz', bytes('\xfd7zXZ\0', zeros(30)), 'it is compressed with xz'],
    ['Zstandard', bytes('\x28\xb5\x2f\xfd', zeros(30)), 'it is compressed with Zstandard'],
    ['zlib', zlibSync(noise(100)), 'it is compressed with zlib'],
    ['bzip2', bytes('BZh91AY&SY', zeros(30)), 'it is compressed with bzip2'],
    ['7z', bytes('7z\xbc\xaf\x27\x1c', zeros(30)), 'it is a 7z archive'],
    ['RAR', bytes('Rar!\x1a\x07\x01\0', zeros(30)), 'it is a RAR archive'],
    [
      'a zipped weight file',
      zipSync({ 'weights/vgg16.pth': noise(99) }),
      "it is a zip archive that has 'weights/vgg16.pth' in it",
    ],
    [
      'a zipped tfjs model',
      zipSync({ 'm/model.json': noise(9), 'm/x.bin': noise(9) }),
      "that has 'm/model.json' in it",
    ],
    [
      'a zipped SavedModel',
      zipSync({ 'vgg/saved_model.pb': noise(9) }),
      'it is a zip archive of a TensorFlow SavedModel',
    ],
    [
      'a zipped .mlpackage',
      zipSync({ 'v.mlpackage/Data/com.apple.CoreML/model.mlmodel': noise(9) }),
      'it is a zip archive of a Core ML model',
    ],
    ['an empty zip archive', zipSync({}), 'it is an empty zip archive'],
    ['a PNG', bytes('\x89PNG\r\n\x1a\n', zeros(30)), 'it is an image'],
    ['a JPEG', bytes('\xff\xd8\xff\xe0', zeros(30)), 'it is an image'],
    ['a WebP', bytes('RIFF\x20\0\0\0WEBPVP8 ', zeros(30)), 'it is an image'],
    ['nothing', zeros(0), 'it is empty; get it again'],
    ['blanks', latin1(' \n '), 'it is empty but for blanks'],
    ['a text', latin1('Weights of VGG-16\nfrom somewhere\n'), "it is text ('Weights of VGG-16')"],
    // Patterns that divide these in several ways never end.
    ['lines of comments', latin1('# a comment\n'.repeat(1000)), "it is text ('# a comment')"],
    ['a line of comments', latin1('# '.repeat(5000)), "it is text ('# # #"],
    ['lines of settings', latin1('name: vgg\n\n'.repeat(1000)), "it is text ('name: vgg')"],
    ['shapes', latin1('input_shape { dim: 1 }\n\n'.repeat(500)), "it is text ('input_shape { dim: 1 }')"],
    [
      'a pointer',
      latin1('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n'),
      'it is a Git LFS pointer',
    ],
    ['a web page', latin1('\n<!DOCTYPE html><html lang="en">'), 'it is a web page'],
    [
      "a storage's error",
      latin1('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'),
      'it is a web page, perhaps an error page of the server',
    ],
    [
      "a hub's answer",
      latin1('Entry not found'),
      "it is a server's answer ('Entry not found') in place of the file",
    ],
    [
      "a hub's refusal",
      latin1('Invalid username or password.'),
      "it is a server's answer ('Invalid username or password.')",
    ],
    [
      "a hub's answer in JSON",
      json({ error: 'Repository not found' }),
      "a server's answer ('Repository not found')",
    ],
    [
      "GitHub's answer",
      json({ message: 'Not Found', documentation_url: 'x' }),
      "a server's answer ('Not Found')",
    ],
    [
      'an architecture of Keras 1',
      json({ class_name: 'Model', config: { layers: [] } }),
      "it is a model's architecture",
    ],
    [
      'a config.json',
      json({ architecture: 'vgg16', pretrained_cfg: {} }),
      'it is the config.json of a repository',
    ],
    ['other JSON', json({ a: 1 }), 'it is JSON without a weightsManifest'],
  ])('%s', async (_, content, said) => {
    expect((await refusal(content)).reason).toContain(said);
    // The name changes nothing.
    const path = join(folder, 'vgg16.pth');
    writeFileSync(path, content);
    expect((await refusal(path)).reason).toContain(said);
  });

  test('what is none of them is not a known weight file', async () => {
    // Two numbers that a protobuf message cannot begin with.
    for (const content of [
      [255, 255, 255, 255, 255, 1],
      [0x0a, 0x05, 1],
      [0x81, 0xa3, 0x61, 0x62],
    ]) {
      expect((await refusal(Uint8Array.from(content))).reason).toContain('it is not a known weight file');
    }
  });

  test('any bytes are refused with a sentence', async () => {
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .tuple(
          fc.constantFrom(0x08, 0x0a, 0x12, 0x81, 0x82, 0xde, 0x80, 4, 3),
          fc.uint8Array({ maxLength: 40 }),
        )
        .map(([first, rest]) => Uint8Array.from([first, ...rest])),
    );
    await fc.assert(
      fc.asyncProperty(any, async (content) => void (await refusal(content))),
      { numRuns: 500, seed: 1 },
    );
  });
});

describe('a folder', () => {
  const make = (name: string, files: Record<string, Uint8Array>) => {
    const path = join(folder, name);
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(join(path, file, '..'), { recursive: true });
      writeFileSync(join(path, file), content);
    }
    return path;
  };
  let weights: Uint8Array;
  beforeAll(async () => {
    const model = vgg([[1, 2]], { inputShape: [4, 4, 1], classes: 2, hiddenUnits: 3 });
    weights = await encodeWeights(model);
    model.dispose();
  });

  test('with one weight file is read as that file, whatever else is in it', async () => {
    const path = make('one', {
      'a vgg.safetensors': weights,
      'README.md': latin1('# VGG'),
      'config.json': json({}),
    });
    for (const source of [path, `${path}/`, pathToFileURL(path), pathToFileURL(`${path}/`).href]) {
      const { model, report } = await fromWeights(source);
      expect(report.format).toBe('safetensors');
      model.dispose();
    }
  });

  test('of a hub is read by its model.safetensors', async () => {
    const copies = { 'pytorch_model.bin': zeros(1), 'tf_model.h5': zeros(1), 'flax_model.msgpack': zeros(1) };
    const { file } = await inspectWeights(make('hub', { 'model.safetensors': weights, ...copies }));
    expect(file).toBe(join(folder, 'hub', 'model.safetensors'));
    expect((await refusal(make('hub-2', copies))).reason).toContain('it is a folder with 2 weight files');
  });

  test.each<[string, Record<string, Uint8Array>, string]>([
    [
      'with several weight files lists them',
      { 'a.safetensors': zeros(1), 'b.pth': zeros(1), 'c.h5': zeros(1) },
      'it is a folder with 3 weight files (a.safetensors, b.pth, c.h5); use one of them.',
    ],
    ['without any says so', { 'readme.txt': zeros(1) }, 'it is a folder without a weight file'],
    [
      'of TensorFlow',
      { 'saved_model.pb': bytes(field(1, 1), field(2, field(1, 'x'))), 'variables/x': zeros(1) },
      'saved_model.pb: it is a TensorFlow SavedModel',
    ],
    ['of Core ML', { 'Manifest.json': json({}), 'Data/x': zeros(1) }, 'it is a Core ML model'],
    [
      'unpacked from torch.save',
      { 'data.pkl': zeros(1), 'data/0': zeros(1) },
      'it is an unpacked file of torch.save',
    ],
    [
      'with another kind of file',
      { 'model.tflite': bytes([28, 0, 0, 0], 'TFL3', zeros(30)) },
      'model.tflite: it is a TensorFlow Lite model',
    ],
  ])('%s', async (name, files, said) => {
    expect((await refusal(make(name.replaceAll(' ', '-'), files))).message).toContain(said);
  });
});

describe('a network that is not a VGG is named', () => {
  // Names as torchvision, timm, transformers and Keras have them.
  test.each([
    ['layer1.0.conv1.weight', 'a ResNet'],
    ['conv2_block1_1_conv/kernel', 'a ResNet'],
    ['module.layer4.2.bn3.running_var', 'a ResNet'],
    ['features.denseblock1.denselayer1.norm1.weight', 'a DenseNet'],
    ['pool2_bn/gamma', 'a DenseNet'],
    ['features.1.conv.0.0.weight', 'a MobileNet'],
    ['features.1.block.0.0.weight', 'a MobileNet'],
    ['expanded_conv_depthwise/depthwise_kernel', 'a MobileNet'],
    ['conv_dw_1/kernel', 'a MobileNet'],
    ['features.1.0.block.0.0.weight', 'an EfficientNet or MobileNetV3'],
    ['block1a_dwconv/kernel', 'an EfficientNet or MobileNetV3'],
    ['features.3.squeeze.weight', 'a SqueezeNet'],
    ['stage2.0.branch1.0.weight', 'a ShuffleNet'],
    ['Mixed_5b.branch1x1.conv.weight', 'an Inception network'],
    ['inception3a.branch1.conv.weight', 'an Inception network'],
    ['block2_sepconv1/pointwise_kernel', 'an Xception'],
    ['features.1.0.attn.relative_position_bias_table', 'a Swin Transformer'],
    ['stages.0.blocks.0.gamma', 'a ConvNeXt'],
    ['trunk_output.block1.block1-0.proj.0.weight', 'a RegNet'],
    ['cls_token', 'a Vision Transformer'],
    ['vit.embeddings.cls_token', 'a Vision Transformer'],
    ['model.layers.0.self_attn.q_proj.weight', 'a transformer'],
    ['lstm.weight_ih_l0', 'a recurrent network'],
  ])('%s: %s', async (name, network) => {
    expect(otherNetwork([{ name, shape: [1] }])).toBe(network);
    const file = encodeTensors({ [name]: { shape: [1], data: new Float32Array(1) } });
    const said = `its tensors are those of ${network}, and only VGGs can be loaded`;
    await expect(fromWeights(file)).rejects.toThrow(said);
    expect((await inspectWeights(file)).problem).toContain(said);
  });

  test('AlexNet by the window of its first convolution', () => {
    expect(otherNetwork([{ name: 'features.0.weight', shape: [64, 3, 11, 11] }])).toBe('an AlexNet');
    expect(otherNetwork([{ name: 'features.0.weight', shape: [64, 3, 3, 3] }])).toBeUndefined();
  });

  test.each([
    'features.0.weight',
    'features.40.bias',
    'pre_logits.fc1.weight',
    'head.fc.weight',
    'classifier.6.bias',
  ])('names of a VGG are not: %s', (name) => {
    expect(otherNetwork([{ name, shape: [4] }])).toBeUndefined();
  });
});

test('a graph model of tfjs says how to convert it', async () => {
  const model = json({
    format: 'graph-model',
    modelTopology: { node: [{ name: 'x', op: 'Const' }] },
    weightsManifest: [
      {
        paths: ['a.bin'],
        weights: [{ name: 'StatefulPartitionedCall/vgg/Conv2D', shape: [1], dtype: 'float32' }],
      },
    ],
  });
  const shards = () => new Uint8Array(4);
  await expect(fromWeights(model, { shards })).rejects.toThrow('it is a graph model of TensorFlow.js');
  expect((await inspectWeights(model)).format).toBe('tfjs graph model.json');
});
