import { gunzipSync, zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { WeightFileError } from '../../src/weights/formats/error.js';
import { fileOfBytes } from '../../src/weights/formats/file.js';
import { type Hdf5Group, openHdf5 } from '../../src/weights/formats/hdf5/read.js';
import { byteLength } from '../../src/weights/formats/tensor.js';
import { readTensors } from '../../src/weights/index.js';
import { HDF5_FILES } from '../fixtures/hdf5Files.js';
import { fromBase64, indexOf, latin1 } from '../support/bytes.js';
import { h5File } from './files.js';

const own = (name: keyof typeof HDF5_FILES) => gunzipSync(fromBase64(HDF5_FILES[name]));

const open = (bytes: Uint8Array) => openHdf5(fileOfBytes('file.h5', bytes));

/** Reads everything. */
async function walk(group: Hdf5Group): Promise<void> {
  await group.attributes();
  for (const child of (await group.children()).values()) {
    if (child.kind === 'group') await walk(child);
    else await child.open().readInto(new Uint8Array(byteLength(child)));
  }
}

/** A file whose fields can be found and changed. */
class Damaged {
  readonly view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  at(pattern: string | number[]): number {
    const found = indexOf(this.bytes, pattern);
    if (found < 0) throw new Error(`no ${pattern} in the file`);
    return found;
  }

  u64(at: number, value: number | bigint): void {
    this.view.setBigUint64(at, BigInt(value), true);
  }
}

const FLOAT32 = [0x11, 0x20, 0x1f, 0x00, 4, 0, 0, 0];
/** The layout of `packed`: version 3, chunked, rank 3. */
const chunksOfPacked = (file: Damaged) => {
  const sides = file.at([3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0]);
  expect([...file.bytes.subarray(sides - 11, sides - 8)]).toEqual([3, 2, 3]);
  return sides;
};
const treeOfPacked = (file: Damaged) => Number(file.view.getBigUint64(chunksOfPacked(file) - 8, true));

describe('refuses', () => {
  test.each<[string, () => Uint8Array, (file: Damaged) => void, string]>([
    [
      'a root beyond the end',
      () => h5File('keras2'),
      (file) => file.u64(64, file.bytes.length + 100),
      'it refers to bytes at',
    ],
    [
      'an end beyond the end',
      () => h5File('keras2'),
      (file) => file.u64(40, 2 ** 40),
      'it should have 1099511627776 bytes but has',
    ],
    [
      'addresses that do not start at 0',
      () => h5File('keras2'),
      (file) => file.u64(24, 512),
      'its addresses start at 512',
    ],
    [
      'two members of one name',
      () => h5File('keras2'),
      (file) => {
        const entry = file.at('SNOD') + 8;
        file.u64(entry + 40, file.view.getBigUint64(entry, true));
      },
      'twice, or under a name that HDF5 forbids',
    ],
    [
      'a name that is a path',
      () => h5File('keras2'),
      (file) => file.bytes.set(latin1('a/b'), file.at('model_weights\0')),
      "a group has a member 'a/bel_weights' twice, or under a name that HDF5 forbids",
    ],
    [
      'another float of four bytes',
      () => h5File('keras2'),
      (file) => file.view.setUint8(file.at(FLOAT32) + 13, 5),
      'its numbers are of the type float of 4 bytes',
    ],
    [
      'an integer that does not fill its bytes',
      () => h5File('types'),
      (file) => file.view.setUint16(file.at([0x10, 8, 0, 0, 4, 0, 0, 0]) + 10, 12, true),
      'its numbers are of the type integer of 4 bytes',
    ],
    [
      'a span of another length than the shape',
      () => h5File('latest'),
      (file) => file.u64(file.at([4, 1]) + 10, 12),
      "tensor '/group/data': it has 12 bytes, but its shape needs 16",
    ],
    [
      'chunks of another rank',
      () => h5File('chunked'),
      (file) => file.view.setUint8(chunksOfPacked(file) - 9, 2),
      'its chunks have 1 axes, but it has 2',
    ],
    [
      'chunks of another type',
      () => h5File('chunked'),
      (file) => file.view.setUint32(chunksOfPacked(file) + 8, 8, true),
      'its chunks of [3,2] do not fit its type',
    ],
    [
      'chunks without a side',
      () => h5File('chunked'),
      (file) => file.view.setUint32(chunksOfPacked(file), 0, true),
      'its chunks of [0,2] do not fit its type',
    ],
    [
      'chunks that reach far beyond the shape',
      () => h5File('chunked'),
      (file) => file.view.setUint32(chunksOfPacked(file), 2 ** 20, true),
      'its 3 chunks of [1048576,2] are more than the file can hold',
    ],
    [
      'a chunk that unpacks to more than its shape',
      () => h5File('chunked'),
      (file) => file.view.setUint32(chunksOfPacked(file), 1, true),
      'it unpacks to more than the 12 bytes it should hold',
    ],
    [
      'a chunk that lies where another does',
      () => h5File('chunked'),
      (file) => {
        const [first, second] = [treeOfPacked(file) + 24, treeOfPacked(file) + 24 + 40];
        file.bytes.copyWithin(second + 8, first + 8, first + 32);
      },
      'one of its chunks has a wrong position',
    ],
    [
      'a chunk outside the shape',
      () => h5File('chunked'),
      (file) => file.u64(treeOfPacked(file) + 24 + 8, 2 ** 40),
      'one of its chunks has a wrong position',
    ],
    [
      'a chunk of four gigabytes',
      () => h5File('chunked'),
      (file) => file.view.setUint32(treeOfPacked(file) + 24, 0xffffffff, true),
      'one of its chunks has a wrong position or is too large',
    ],
    ['types that have names', () => own('committed'), () => {}, 'its objects share types or properties'],
    ['groups that double 25 times', () => own('diamonds'), () => {}, 'or form a cycle'],
    ['a group that holds itself', () => h5File('cycle'), () => {}, "'/inner/again' contains itself"],
  ])('%s', async (_, make, damage, said) => {
    const file = new Damaged(make());
    damage(file);
    const reading = open(file.bytes).then(walk);
    await expect(reading).rejects.toThrow(said);
    await expect(reading).rejects.toBeInstanceOf(WeightFileError);
  });

  test('names of megabytes, before a group of 600 becomes gigabytes', async () => {
    const whole = h5File('keras2');
    const bytes = new Uint8Array(whole.length + 2 ** 22).fill(0x61);
    bytes.set(whole);
    const file = new Damaged(bytes);
    const heap = file.at('HEAP');
    file.u64(heap + 8, 2 ** 22);
    file.u64(heap + 24, whole.length);
    await expect(open(bytes).then(walk)).rejects.toThrow('one of its names has more than 512 bytes');
  });

  test('tensors that are small when packed and together larger than the file can hold', async () => {
    const bytes = own('bomb');
    const said = `its 20 tensors would take 80000000 bytes, but the file has ${bytes.length}; save each tensor once, uncompressed.`;
    await expect(readTensors(bytes)).rejects.toThrow(said);
    await expect(
      readTensors(zipSync({ 'config.json': latin1('{"config":{"layers":[]}}'), 'model.weights.h5': bytes })),
    ).rejects.toThrow(/ tensors would take 80000000 bytes, but the file has \d+; /);
  });

  test('every cut of a file, at its beginning', async () => {
    const bytes = h5File('keras2');
    for (let end = 8; end < bytes.length; end += 97) {
      await expect(open(bytes.slice(0, end))).rejects.toBeInstanceOf(WeightFileError);
    }
  });
});

test('attributes: the type defines the padding, and types that Keras does not use are undefined', async () => {
  const attributes = await (await open(own('attributes'))).attributes();
  expect(attributes.get('ended')).toBe('a ');
  expect(attributes.get('filled')).toBe('a');
  expect(attributes.get('matrix')).toEqual([1, 2, 3, -4]);
  expect(attributes.get('texts')).toEqual(Array.from({ length: 400 }, (_, i) => `layer ${i}`));
  expect(['half', 'flag', 'big'].map((name) => attributes.get(name))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('metadata is read in pages, each of them once', async () => {
  const bytes = h5File('keras2');
  let fetched = 0;
  const file = fileOfBytes('file.h5', bytes);
  const root = await openHdf5({
    ...file,
    async read(offset, length) {
      fetched++;
      return file.read(offset, length);
    },
  });
  await walk(root);
  expect(fetched).toBe(Math.ceil(bytes.length / 2 ** 16));
});
