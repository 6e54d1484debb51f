import { memory } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { unzipSync, Zip, ZipDeflate, zipSync } from 'fflate';
import { beforeAll, describe, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { concat } from '../../src/io/bytes.js';
import { type WeightFileOptions, withCheckpoint } from '../../src/weights/formats/checkpoint.js';
import { fileOfBytes } from '../../src/weights/formats/file.js';
import { byteLength } from '../../src/weights/formats/tensor.js';
import { readZip } from '../../src/weights/formats/zip/read.js';
import {
  encodeWeights,
  fromWeights,
  inspectWeights,
  loadWeights,
  WeightFileError,
} from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { indexOf, latin1 } from '../support/bytes.js';
import { fixture } from '../support/fixtures.js';
import { h5File, KERAS_FIXTURES, TORCH_FIXTURES } from './files.js';

beforeAll(() => useAnyBackend('wasm'));

const text = (value: string) => new TextEncoder().encode(value);
const join = (...parts: Uint8Array[]) => concat(parts).slice();

/** A safetensors file of any header. */
function safetensors(header: unknown, data = 0, length?: number): Uint8Array {
  const json = text(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = new DataView(new ArrayBuffer(8));
  prefix.setBigUint64(0, BigInt(length ?? json.length), true);
  return join(new Uint8Array(prefix.buffer), json, new Uint8Array(data));
}

const f32 = (shape: unknown, data_offsets: unknown) => ({ dtype: 'F32', shape, data_offsets });

describe('a safetensors file', () => {
  test.each<[string, Uint8Array, string]>([
    ['whose header claims gigabytes', safetensors('{}', 0, 2 ** 40), 'its header claims 1099511627776 bytes'],
    [
      'whose header is longer than the file',
      safetensors('{}', 0, 100),
      'it refers to 100 bytes at offset 8 but has 10',
    ],
    ['whose header is no JSON', safetensors('{nonsense}'), 'its header is not JSON'],
    [
      'that leaves the file',
      safetensors({ a: f32([4], [0, 16]) }, 8),
      "tensor 'a': its bytes should be at [0,16] of 8",
    ],
    [
      'with other bytes than its shape',
      safetensors({ a: f32([3], [0, 8]) }, 8),
      'its shape [3] needs 12 bytes of F32, but the header gives it 8',
    ],
    [
      'whose tensors overlap',
      safetensors({ a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12),
      "tensor 'b': it shares bytes with 'a'",
    ],
    [
      'with bytes before the first tensor',
      safetensors({ a: f32([2], [4, 12]) }, 12),
      "tensor 'a': the 4 bytes before it belong to no tensor",
    ],
    [
      'with a hole',
      safetensors({ a: f32([2], [0, 8]), b: f32([2], [12, 20]) }, 20),
      "tensor 'b': the 4 bytes before it belong to no tensor",
    ],
    [
      'with bytes after the last tensor',
      safetensors({ a: f32([2], [0, 8]) }, 11),
      'its last 3 bytes belong to no tensor',
    ],
    ...['1e308', 'NaN', '-1e-5', '0', 'Infinity', '', 'tiny', 1e-5].map(
      (epsilon): [string, Uint8Array, string] => [
        `with the epsilon ${JSON.stringify(epsilon)}`,
        safetensors({ __metadata__: { batch_norm_epsilon: epsilon }, a: f32([2], [0, 8]) }, 8),
        `its metadata has the batch_norm_epsilon ${JSON.stringify(epsilon)}, but it must be above 0 and at most 1`,
      ],
    ),
    [
      'of an unknown type',
      safetensors({ a: { dtype: 'F8', shape: [1], data_offsets: [0, 1] } }, 1),
      'its number type is "F8"',
    ],
    [
      'with a negative length',
      safetensors({ a: f32([-1], [0, 4]) }, 4),
      'its shape has a length that is not a whole number',
    ],
    [
      'with half a length',
      safetensors({ a: f32([0.5], [0, 2]) }, 4),
      'its shape has a length that is not a whole number',
    ],
    [
      'with a shape beyond every number',
      safetensors({ a: f32([2 ** 50, 2 ** 50], [0, 4]) }, 4),
      'has more than 2147483648 elements',
    ],
    [
      'with a hundred axes',
      safetensors({ a: f32(Array(100).fill(1), [0, 4]) }, 4),
      'its shape is not a list of at most 8 numbers',
    ],
    [
      'with a name of a page',
      safetensors({ ['x'.repeat(600)]: f32([1], [0, 4]) }, 4),
      'its name has 600 characters',
    ],
    ['whose tensor is a number', safetensors({ a: 3 }), 'its entry in the header is not a table'],
    [
      'with a thousand tensors too many',
      safetensors(Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`t${i}`, f32([0], [0, 0])]))),
      'it has 10001 tensors',
    ],
    [
      'with a name from JavaScript itself',
      safetensors('{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
      "its first tensor is '__proto__'",
    ],
  ])('%s', async (_, bytes, said) => {
    await expect(fromWeights(bytes)).rejects.toThrow(said);
    await expect(fromWeights(bytes)).rejects.toBeInstanceOf(WeightFileError);
  });
});

/** A pickle of protocol 2 with these bytes. */
const pickle = (...body: (string | number[])[]) =>
  join(
    Uint8Array.of(0x80, 2),
    ...body.map((part) => (typeof part === 'string' ? latin1(part) : Uint8Array.from(part))),
  );
const torchZip = (data: Uint8Array, more: Record<string, Uint8Array> = {}) =>
  zipSync({ 'a/data.pkl': data, ...more }, { level: 0 });

describe('a pickle', () => {
  test.each<[string, Uint8Array, string]>([
    [
      'that calls the system',
      pickle('cos\nsystem\n(U\x02lstR.'),
      "contains no state dict (a dict of tensors) but a 'os.system', which was not executed",
    ],
    ['that evaluates', pickle('cbuiltins\neval\n.'), "the name 'builtins.eval', which was not resolved"],
    [
      'that hides a name by protocol 4',
      pickle([0x8c, 2], 'os', [0x8c, 6], 'system', [0x93], '.'),
      "the name 'os.system'",
    ],
    ['with a name of torch that loads code', pickle('ctorch.hub\nload\n.'), "the name 'torch.hub.load'"],
    ['with a control character in a name', pickle('cos\x1b[2J\nsystem\n.'), "the name 'os\ufffd[2J.system'"],
    ['that makes an instance', pickle('(ios\nsystem\n.'), "a 'os.system', which was not executed"],
    ['with an opcode of protocol 0', pickle('Vtext\n.'), 'its pickle has the opcode 0x56'],
    ['that is cut off', pickle('X', [0xff, 0, 0, 0], 'abc'), 'its pickle ends too early'],
    [
      'that claims four gigabytes of text',
      pickle('X', [0xff, 0xff, 0xff, 0xff]),
      'its pickle ends too early',
    ],
    ['that takes from an empty stack', pickle('R.'), 'its pickle pops more values than it pushed'],
    ['without a mark', pickle('t.'), 'its pickle lacks a mark'],
    ['that recalls nothing', pickle('h\x07.'), 'its pickle recalls a value that it never stored'],
    ['of an unknown protocol', Uint8Array.of(0x80, 9), 'its pickle has protocol 9'],
    ['without tensors', pickle('}.'), 'its pickle contains no state dict'],
    [
      'with a whole number beyond every float',
      pickle([0x8a, 255], Array(255).fill(0x7f), '.'),
      'its pickle contains no state dict',
    ],
    [
      'that contains itself',
      pickle('}q\x00X', [1, 0, 0, 0], 'ah\x00s.'),
      'its pickle contains no state dict',
    ],
  ])('%s', async (_, data, said) => {
    await expect(fromWeights(torchZip(data))).rejects.toThrow(said);
    await expect(fromWeights(torchZip(data))).rejects.toBeInstanceOf(WeightFileError);
  });

  /** A state dict `{"features.0.weight": tensor}` of PyTorch. */
  const state = (shape: number[], strides: number[], length: number, offset = 0) => {
    const numbers = (list: number[]) =>
      join(
        text('('),
        ...list.map((n) => join(text('J'), new Uint8Array(Int32Array.of(n).buffer))),
        text('t'),
      );
    return join(
      Uint8Array.of(0x80, 2),
      text('}'),
      text('X'),
      Uint8Array.of(17, 0, 0, 0),
      text('features.0.weight'),
      text('ctorch._utils\n_rebuild_tensor_v2\n(('),
      text('X'),
      Uint8Array.of(7, 0, 0, 0),
      text('storage'),
      text('ctorch\nFloatStorage\nX'),
      Uint8Array.of(1, 0, 0, 0),
      text('0X'),
      Uint8Array.of(3, 0, 0, 0),
      text('cpu'),
      text('J'),
      new Uint8Array(Int32Array.of(length).buffer),
      text('tQJ'),
      new Uint8Array(Int32Array.of(offset).buffer),
      numbers(shape),
      numbers(strides),
      Uint8Array.of(0x89),
      text('}tRs.'),
    );
  };

  test.each<[string, Uint8Array, string]>([
    [
      'a tensor beyond its storage',
      state([4, 1, 3, 3], [9, 9, 3, 1], 30),
      'it extends to element 35 of a storage of 30 elements',
    ],
    [
      'a tensor that repeats its storage',
      state([1024, 1024, 1, 1], [0, 0, 0, 1], 9),
      'repeats a storage of 9 elements',
    ],
    ['an offset beyond its storage', state([1, 1, 1, 1], [1, 1, 1, 1], 9, 9), 'it extends to element 9'],
    [
      'a storage that is not there',
      state([1, 1, 3, 3], [9, 9, 3, 1], 9),
      "its storage '0' is not in the archive",
    ],
  ])('%s', async (_, data, said) => {
    await expect(fromWeights(torchZip(data))).rejects.toThrow(said);
  });

  test('a storage of another length than the pickle says', async () => {
    const file = torchZip(state([1, 1, 3, 3], [9, 9, 3, 1], 9), { 'a/data/0': new Uint8Array(35) });
    await expect(fromWeights(file)).rejects.toThrow(
      "tensor 'features.0.weight': its storage '0' has 35 bytes instead of 36",
    );
  });

  test('a state dict inside what a training script saved is found', async () => {
    const inner = state([1, 1, 3, 3], [9, 9, 3, 1], 9).subarray(2, -1);
    const outer = join(
      Uint8Array.of(0x80, 2),
      text('}X'),
      Uint8Array.of(5, 0, 0, 0),
      text('model'),
      inner,
      text('s.'),
    );
    const { tensors } = await inspectWeights(torchZip(outer, { 'a/data/0': new Uint8Array(36) }));
    expect(tensors.map(({ name }) => name)).toEqual(['features.0.weight']);
  });

  test('dicts that refer to the same dicts a thousand times are not searched a million times', async () => {
    // Each of four dicts holds the one before under 1000 keys.
    const keys = (before: number) =>
      Array.from({ length: 1000 }, (_, i) =>
        join(text('M'), new Uint8Array(Uint16Array.of(i).buffer), text('h'), Uint8Array.of(before)),
      );
    const dict = (slot: number) =>
      join(text('}q'), Uint8Array.of(slot), text('('), ...(slot === 0 ? [] : keys(slot - 1)), text('u0'));
    const bytes = join(
      Uint8Array.of(0x80, 2),
      ...[0, 1, 2, 3].map((slot) => dict(slot).subarray(0, -1)),
      text('.'),
    );
    await expect(fromWeights(torchZip(bytes))).rejects.toThrow('its pickle contains no state dict');
  });

  test('another memory format is put in order', async () => {
    const numbers = Float32Array.from({ length: 18 }, (_, i) => i);
    const file = torchZip(state([1, 2, 3, 3], [18, 1, 6, 2], 18), {
      'a/data/0': new Uint8Array(numbers.buffer),
    });
    const model = vgg([[1, 1]], { inputShape: [2, 2, 2], includeTop: false });
    expect((await loadWeights(model, file, { strict: false })).loaded).toEqual(['block1_conv1/kernel']);
    // Channels last in PyTorch is just the order of tfjs.
    expect([...(await model.getLayer('block1_conv1').weights[0]!.read().data())]).toEqual([...numbers]);
    model.dispose();
  });
});

describe('a zip archive', () => {
  test.each<[string, Uint8Array, string]>([
    [
      'with a path that leads out',
      zipSync({ '../data.pkl': new Uint8Array(3) }),
      'with a path outside the archive',
    ],
    [
      'that unpacks to far more than it is',
      zipSync({ 'a/data.pkl': new Uint8Array(2 ** 25) }),
      'would unpack to 33554432, which no weight file does',
    ],
    ['that is neither', zipSync({ 'readme.txt': text('hello') }), "neither torch.save's nor a .keras file"],
    [
      'that is cut off',
      zipSync({ 'a/data.pkl': new Uint8Array(300) }).subarray(0, -10),
      'its zip archive is damaged or truncated',
    ],
    [
      'with a header too long',
      torchZip(new Uint8Array(2 ** 24 + 1)),
      "'a/data.pkl' has 16777217 bytes, more than the limit of 16777216",
    ],
  ])('%s', async (_, bytes, said) => {
    await expect(fromWeights(bytes)).rejects.toThrow(said);
    await expect(fromWeights(bytes)).rejects.toBeInstanceOf(WeightFileError);
  });
});

describe('what a zip archive holds', () => {
  const content = Uint8Array.from({ length: 300 }, (_, i) => (i * i) % 251);
  const at = (bytes: Uint8Array, signature: string) => indexOf(bytes, signature);
  const readOnly = async (bytes: Uint8Array) => {
    const [entry] = (await readZip(fileOfBytes('zip', bytes))).values();
    return entry!.read(1000);
  };

  test.each([
    ['stored', 0],
    ['compressed', 6],
  ] as const)('%s, is checked against its CRC-32', async (_, level) => {
    const bytes = zipSync({ 'a/data.pkl': content }, { level });
    expect(await readOnly(bytes)).toEqual(content);
    const sumAt = at(bytes, 'PK\x01\x02') + 16;
    bytes[sumAt] = bytes[sumAt]! ^ 1;
    await expect(readOnly(bytes)).rejects.toThrow(
      "'a/data.pkl' does not have the CRC-32 that the directory states",
    );
    // torch.serialization.set_crc32_options(False) writes none.
    bytes.fill(0, sumAt, sumAt + 4);
    expect(await readOnly(bytes)).toEqual(content);
  });

  test.each([
    ['stored', 0],
    ['compressed', 6],
  ] as const)('%s, is checked as a whole before a part of it is read', async (_, level) => {
    const bytes = zipSync({ 'a/data/0': content }, { level });
    const part = async () => {
      const [entry] = (await readZip(fileOfBytes('zip', bytes))).values();
      const stream = entry!.open(100, 20);
      const into = new Uint8Array(20);
      await stream.readInto(into).finally(() => stream.close());
      return into;
    };
    expect(await part()).toEqual(content.subarray(100, 120));
    const sumAt = at(bytes, 'PK\x01\x02') + 16;
    bytes[sumAt] = bytes[sumAt]! ^ 1;
    await expect(part()).rejects.toThrow("'a/data/0' does not have the CRC-32 that the directory states");
  });

  test.each([
    ['pth', 'archive/data/0'],
    ['keras', 'model.weights.h5'],
  ] as const)('as weights in a .%s, is not loaded with a byte changed', async (container, entry) => {
    const model = vgg([[1, 2]], {
      inputShape: [4, 4, 1],
      classes: 2,
      hiddenUnits: 3,
      initializer: 'heUniform',
    });
    const bytes = await encodeWeights(model, {
      container,
      names: container === 'pth' ? 'torchvision' : 'keras',
    });
    (await fromWeights(bytes)).model.dispose();
    // A number of the first kernel.
    const number = new Uint8Array((await model.getWeights()[0]!.data()).slice(0, 1).buffer);
    const numberAt = indexOf(bytes, String.fromCharCode(...number));
    bytes[numberAt] = bytes[numberAt]! ^ 1;
    const before = memory().numTensors;
    await expect(fromWeights(bytes)).rejects.toThrow(
      `its zip archive is damaged or truncated ('${entry}' does not have the CRC-32 that the directory states); get it again.`,
    );
    expect(memory().numTensors).toBe(before);
    model.dispose();
  });

  test('is found after a data descriptor and before a comment', async () => {
    const pieces: Uint8Array[] = [];
    const zip = new Zip((_, piece) => pieces.push(piece));
    const file = new ZipDeflate('a/data.pkl');
    zip.add(file);
    file.push(content, true);
    zip.end();
    const bytes = join(...pieces, text('a comment'));
    new DataView(bytes.buffer).setUint16(bytes.length - 'a comment'.length - 2, 'a comment'.length, true);
    expect(await readOnly(bytes)).toEqual(content);
  });

  test('is found by the directory of zip64', async () => {
    const bytes = zipSync({ 'a/data.pkl': content }, { level: 0 });
    const [listedAt, endAt] = [at(bytes, 'PK\x01\x02'), at(bytes, 'PK\x05\x06')];
    const listed = bytes.slice(listedAt, endAt);
    const line = new DataView(listed.buffer);
    // Both lengths and the place move to an extra field.
    line.setUint16(30, 28, true);
    for (const offset of [20, 24, 42]) line.setUint32(offset, 0xffffffff, true);
    const extra = new DataView(new ArrayBuffer(28));
    extra.setUint16(0, 1, true);
    extra.setUint16(2, 24, true);
    extra.setBigUint64(4, 300n, true);
    extra.setBigUint64(12, 300n, true);
    const record = new DataView(new ArrayBuffer(56));
    record.setUint32(0, 0x06064b50, true);
    record.setBigUint64(32, 1n, true);
    record.setBigUint64(40, BigInt(listed.length + 28), true);
    record.setBigUint64(48, BigInt(listedAt), true);
    const locator = new DataView(new ArrayBuffer(20));
    locator.setUint32(0, 0x07064b50, true);
    locator.setBigUint64(8, BigInt(listedAt + listed.length + 28), true);
    const end = bytes.slice(endAt);
    end.fill(0xff, 8, 20);
    const parts = [extra, record, locator].map(({ buffer }) => new Uint8Array(buffer as ArrayBuffer));
    const large = join(bytes.subarray(0, listedAt), listed, ...parts, end);
    expect(await readOnly(large)).toEqual(content);
    for (let length = 0; length < large.length; length += 7) {
      await expect(readOnly(large.subarray(0, length))).rejects.toBeInstanceOf(WeightFileError);
    }
  });
});

describe('an HDF5 file', () => {
  test.each<[string, (view: DataView, at: (signature: string) => number) => void, string]>([
    [
      'whose tree is its own branch',
      (view, at) => {
        view.setUint8(at('TREE') + 5, 1);
        view.setBigUint64(at('TREE') + 32, BigInt(at('TREE')), true);
      },
      'one of its trees has a node where it does not belong',
    ],
    [
      'whose tree has 200 levels',
      (view, at) => view.setUint8(at('TREE') + 5, 200),
      'has a node where it does not belong',
    ],
    [
      'whose heap claims a terabyte',
      (view, at) => view.setBigUint64(at('HEAP') + 8, 2n ** 40n, true),
      'it refers to bytes at',
    ],
    [
      'whose header claims four gigabytes',
      (view) => view.setUint32(96 + 8, 0xffffffff, true),
      'it refers to bytes at',
    ],
    [
      'whose header goes on in itself',
      (view) => {
        view.setUint16(96 + 16, 0x10, true);
        view.setBigUint64(96 + 24, 96n + 16n, true);
        view.setBigUint64(96 + 32, 24n, true);
      },
      'larger than in any Keras file, or form a cycle',
    ],
  ])('%s', async (_, damage, said) => {
    const bytes = h5File('keras2');
    damage(new DataView(bytes.buffer, bytes.byteOffset), (signature) => indexOf(bytes, signature));
    await expect(fromWeights(bytes)).rejects.toThrow(said);
    await expect(fromWeights(bytes)).rejects.toBeInstanceOf(WeightFileError);
  });
});

describe('a tfjs model', () => {
  const model = (weights: object[], paths = ['w.bin']) =>
    text(JSON.stringify({ weightsManifest: [{ paths, weights }] }));
  const kernel = { name: 'block1_conv1/kernel', shape: [3, 3, 1, 1], dtype: 'float32' };
  const bias = { name: 'block1_conv1/bias', shape: [1], dtype: 'float32' };
  test.each<[string, Uint8Array, string]>([
    [
      'with shards outside its folder',
      model([kernel, bias], ['../w.bin']),
      "its weight file '../w.bin' is outside its folder",
    ],
    [
      'with shards on another machine',
      model([kernel, bias], ['https://example.com/w.bin']),
      'is outside its folder',
    ],
    ['of unknown types', model([{ ...kernel, dtype: 'string' }]), 'its number type is "string"'],
    ...[' file:///etc/passwd', 'fi\tle:///etc/passwd', '\t//host/x', '%2e%2e/secret.bin'].map(
      (path): [string, Uint8Array, string] => [
        `with the shard ${JSON.stringify(path)}`,
        model([kernel, bias], [path]),
        'is outside its folder; nothing was read',
      ],
    ),
    ['that is other JSON', text('{"a": 1}'), 'it is JSON without a weightsManifest'],
    ['that is cut off', text('{"weightsManifest": ['), 'it begins like JSON but is not'],
  ])('%s', async (_, bytes, said) => {
    await expect(fromWeights(bytes)).rejects.toThrow(said);
  });

  test('whose shards are too short', async () => {
    await expect(fromWeights(model([kernel, bias]), { shards: () => new Uint8Array(39) })).rejects.toThrow(
      "its weight file 'w.bin' has 39 bytes, but its weights need 40",
    );
  });
});

describe('what is not a weight file at all', () => {
  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'it is empty'],
    [
      'a web page',
      text('<!DOCTYPE html><html>Not found'),
      'it is a web page, perhaps an error page of the server',
    ],
    [
      'a pointer',
      text('version https://git-lfs.github.com/spec/v1\noid sha256:00'),
      'it is a Git LFS pointer',
    ],
    [
      'noise',
      Uint8Array.from({ length: 100 }, (_, i) => (i * 89 + 200) % 256),
      'it is not a known weight file; supported formats are',
    ],
  ])('%s', async (_, bytes, said) => {
    await expect(inspectWeights(bytes)).rejects.toThrow(said);
  });
});

/** Reads all that a file has, as a model and tensor by tensor: it must come to an end or to an error of ours. */
async function readAll(bytes: Uint8Array, options: WeightFileOptions = {}): Promise<'read' | 'refused'> {
  const before = memory().numTensors;
  try {
    await withCheckpoint(bytes, options, async ({ tensors }) => {
      for (const tensor of tensors) {
        // What a sound reader lets through is no larger than its file can hold, unpacked.
        expect(byteLength(tensor)).toBeLessThanOrEqual(2 ** 24 + 10 * bytes.length);
        await tensor.open().readInto(new Uint8Array(byteLength(tensor)));
      }
    });
    const { model } = await fromWeights(bytes, options);
    model.dispose();
    return 'read';
  } catch (error) {
    if (!(error instanceof WeightFileError)) throw error;
    // What nobody foresaw is an error of ours too, but not one that says what is wrong.
    expect(error.message).not.toMatch(/unforeseen|allocation|call stack|typed array/i);
    return 'refused';
  } finally {
    expect(memory().numTensors).toBe(before);
  }
}

/** Changes to a file: bits, bytes, runs, lengths. Most fall where headers are. */
const changes = fc.array(
  fc.record({
    at: fc.noBias(fc.nat(2 ** 30 - 1)).map((n) => n / 2 ** 30),
    kind: fc.nat(5),
    value: fc.nat(255),
    length: fc.nat(12),
    early: fc.boolean(),
  }),
  { minLength: 1, maxLength: 4 },
);

function mutate(
  bytes: Uint8Array,
  list: { at: number; kind: number; value: number; length: number; early: boolean }[],
): Uint8Array {
  let file = bytes.slice();
  for (const { at, kind, value, length, early } of list) {
    const place = Math.floor(at * (early ? Math.min(4096, file.length) : file.length));
    if (kind === 0) file[place] = file[place]! ^ (1 << (value % 8));
    else if (kind === 1) file[place] = value;
    else if (kind === 2) file.fill(value % 2 ? 255 : 0, place, place + length);
    else if (kind === 3) file = file.slice(0, place);
    else if (kind === 4) file = join(file.subarray(0, place), file.subarray(place + length));
    else file = join(file.subarray(0, place), file.subarray(place, place + length), file.subarray(place));
  }
  return file;
}

/** Rounds of fuzzing a file; more with the environment's FUZZ_RUNS. */
const RUNS = Number(globalThis.process?.env.FUZZ_RUNS ?? 150);

describe('a file that was changed at random is read or refused', () => {
  const fuzz = async (bytes: Uint8Array, options?: WeightFileOptions) => {
    expect(await readAll(bytes, options)).toBe('read');
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        if ((await readAll(mutate(bytes, list), options)) === 'refused') refused++;
      }),
      { numRuns: RUNS, ...(globalThis.process?.env.FUZZ_RUNS ? {} : { seed: 1 }), endOnFailure: true },
    );
    expect(refused).toBeGreaterThan(0);
  };

  test('as this library writes it', async () => {
    const model = vgg([[1, 2]], { inputShape: [4, 4, 1], classes: 2, hiddenUnits: 3, batchNorm: true });
    const bytes = await encodeWeights(model);
    model.dispose();
    await fuzz(bytes);
  });

  test('as tfjs writes it, with a whole shard', async () => {
    const weights = [
      ['block1_conv1/kernel', [3, 3, 1, 2], 'float32'],
      ['block1_conv1/bias', [2], 'uint8'],
    ].map(([name, shape, quantized]) => ({
      name,
      shape,
      dtype: 'float32',
      ...(quantized === 'uint8' && { quantization: { dtype: 'uint8', scale: 0.5, min: -1 } }),
    }));
    const json = text(
      JSON.stringify({ modelTopology: {}, weightsManifest: [{ paths: ['a.bin', 'b.bin'], weights }] }),
    );
    const shards = (path: string) => new Uint8Array(path === 'a.bin' ? 50 : 24);
    await fuzz(json, { shards });
  });

  test.each(['torch-script', 'zoo', 'tf', 'int8'])('as ONNX: %s', async (name) => {
    await fuzz(await fixture(`onnx/${name}.onnx`));
  });

  test('zipped again by others', async () => {
    await fuzz(zipSync(unzipSync(await fixture('torch/vgg16-narrow.pth')), { level: 6 }));
    await fuzz(zipSync(unzipSync(await fixture('keras/vgg16-narrow.keras')), { level: 6 }));
  });

  test('with any names and shapes of tensors', async () => {
    const names = [
      ...[
        'features.0',
        'features.1',
        'features.2',
        'features.3',
        'features.5',
        'classifier.0',
        'classifier.3',
        'classifier.6',
      ],
      ...['pre_logits.fc1', 'pre_logits.fc2', 'head.fc', 'module.features.0'],
    ].flatMap((layer) =>
      ['weight', 'bias', 'running_var', 'other'].map((variable) => `${layer}.${variable}`),
    );
    const kerasNames = [
      'block1_conv1',
      'block1_conv2',
      'block2_conv1',
      'conv2d',
      'conv2d_1',
      'dense',
      'fc1',
      'fc2',
      'predictions',
      'block1_conv1_bn',
    ].flatMap((layer) =>
      ['kernel', 'bias', 'gamma', 'moving_variance'].map((variable) => `${layer}/${variable}`),
    );
    const tensors = fc.uniqueArray(
      fc.record({
        name: fc.constantFrom(...names, ...kerasNames),
        shape: fc.oneof(
          fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 5 }),
          fc.tuple(fc.nat(4), fc.nat(4), fc.constantFrom(1, 3), fc.constantFrom(1, 3)),
          fc.tuple(fc.nat(5), fc.nat(5)),
        ),
      }),
      { selector: ({ name }) => name, minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(tensors, async (list) => {
        let at = 0;
        const entries = list.map(({ name, shape }) => {
          const begin = at;
          at += 4 * shape.reduce((product, side) => product * side, 1);
          return [name, f32(shape, [begin, at])] as const;
        });
        const bytes = safetensors(Object.fromEntries(entries), at);
        await readAll(bytes);
        await inspectWeights(bytes);
      }),
      { numRuns: 4 * RUNS, seed: 3 },
    );
  });

  test('as Keras 2 writes it', () => fuzz(h5File('keras2')));

  test.each([
    ...TORCH_FIXTURES.filter(({ file }) =>
      /vgg16-narrow(-bf16)?\.(safetensors|pth)|bn-narrow-legacy/.test(file),
    ),
    ...KERAS_FIXTURES,
  ])('$file', async ({ file }) => fuzz(await fixture(file)));

  test.each(['chunked', 'types', 'links', 'latest'] as const)('HDF5 with %s', async (name) => {
    const bytes = h5File(name);
    const { openHdf5 } = await import('../../src/weights/formats/hdf5/read.js');
    type Group = Awaited<ReturnType<typeof openHdf5>>;
    const walk = async (group: Group): Promise<void> => {
      await group.attributes();
      for (const child of (await group.children()).values()) {
        if (child.kind === 'group') await walk(child);
        else await child.open().readInto(new Uint8Array(byteLength(child)));
      }
    };
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        await openHdf5(fileOfBytes('file', mutate(bytes, list)))
          .then(walk)
          .catch((error) => {
            if (!(error instanceof WeightFileError)) throw error;
          });
      }),
      { numRuns: 2 * RUNS, ...(globalThis.process?.env.FUZZ_RUNS ? {} : { seed: 2 }), endOnFailure: true },
    );
  });
});
