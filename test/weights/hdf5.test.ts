import { describe, expect, test } from 'vitest';
import { size } from '../../src/base/shapes.js';
import { bytesOf, contentOf } from '../../src/weights/formats/content.js';
import { fileOfBytes } from '../../src/weights/formats/file.js';
import { type Hdf5Dataset, type Hdf5Group, openHdf5 } from '../../src/weights/formats/hdf5/read.js';
import { hdf5Of } from '../../src/weights/formats/hdf5/write.js';
import { decoder } from '../../src/weights/formats/numbers.js';
import { byteLength } from '../../src/weights/formats/tensor.js';
import { fixture } from '../support/fixtures.js';
import { h5File } from './files.js';

const open = (bytes: Uint8Array) => openHdf5(fileOfBytes('file.h5', bytes));
const root = (name: Parameters<typeof h5File>[0]) => open(h5File(name));

async function numbersOf(group: Hdf5Group, path: string): Promise<number[]> {
  const dataset = await find(group, path);
  const bytes = new Uint8Array(byteLength(dataset));
  await dataset.open().readInto(bytes);
  return [...decoder(dataset.dtype, size(dataset.shape))(bytes)];
}

async function find(group: Hdf5Group, path: string): Promise<Hdf5Dataset> {
  let at: Hdf5Group | Hdf5Dataset | undefined = group;
  for (const step of path.split('/')) at = at?.kind === 'group' ? (await at.children()).get(step) : undefined;
  if (at?.kind !== 'dataset') throw new Error(`no dataset ${path}`);
  return at;
}

/** The numbers that fixtures/make_h5_files.py puts in. */
const counting = (count: number) => Array.from({ length: count }, (_, i) => i / 8 - 3);

describe('reads what h5py writes', () => {
  test.each([
    ['packed', 35],
    ['plain', 54],
  ])('%s chunks', async (path, count) => {
    expect(await numbersOf(await root('chunked'), path)).toEqual(counting(count));
  });

  test.each(['float16', 'float32', 'float64', 'int8', 'int16', 'int32', 'int64', 'uint8'])(
    'numbers of type %s',
    async (type) => {
      expect(await numbersOf(await root('types'), type)).toEqual([1, 4, 7, 10, 13, 16]);
    },
  );

  test('scalars, empty datasets and compact ones', async () => {
    const file = await root('types');
    expect((await find(file, 'scalar')).shape).toEqual([]);
    expect(await numbersOf(file, 'scalar')).toEqual([2.5]);
    expect((await find(file, 'none')).shape).toEqual([0, 4]);
    expect(await numbersOf(file, 'none')).toEqual([]);
    expect(await numbersOf(file, 'compact')).toEqual(counting(3));
  });

  test('attributes; those of types that Keras does not use are undefined', async () => {
    const attributes = await (await root('types')).attributes();
    expect(Object.fromEntries(attributes)).toEqual({
      text: 'variable é',
      texts: ['one', 'three'],
      fixed: ['ab', 'abcd'],
      number: 7,
      numbers: [1.5, 2.5],
      empty: undefined,
    });
  });

  test('skips strings and all links but hard ones', async () => {
    expect([...(await (await root('types')).children()).keys()]).not.toContain('texts');
    const children = await (await root('links')).children();
    expect([...children.keys()].sort()).toEqual(['hard', 'old']);
    expect([...(await (children.get('old') as Hdf5Group).children()).keys()]).toEqual([]);
  });

  test('the newer layout of small groups', async () => {
    const file = await root('latest');
    expect((await file.attributes()).get('name')).toBe('new');
    expect(await numbersOf(file, 'group/data')).toEqual(counting(4));
  });

  test('the same weights from three layouts of Keras', async () => {
    const [published, model, weights] = await Promise.all(
      ['published.h5', 'model.h5', 'weights.h5'].map(async (name) =>
        open(await fixture(`keras/vgg16-narrow.${name}`)),
      ),
    );
    const kernel = await numbersOf(published!, 'block3_conv2/block3_conv2_W_1:0');
    expect(kernel).toHaveLength(3 * 3 * 8 * 8);
    expect(await numbersOf(model!, 'model_weights/block3_conv2/block3_conv2/kernel')).toEqual(kernel);
    expect(await numbersOf(weights!, 'layers/conv2d_5/vars/0')).toEqual(kernel);
  });
});

test('the members of a group are written in the order of their bytes in UTF-8, by which HDF5 searches', async () => {
  const [fullWidth, emoji] = ['\uff5e', '\u{1f600}'];
  // In UTF-16 the second character of the pair above comes first: its surrogates begin with d83d.
  const names = ['B', 'a', 'a:0', 'b', fullWidth, `${fullWidth}x`, emoji];
  const value = { shape: [], content: contentOf(new Uint8Array(4)) };
  const children = Object.fromEntries([...names].reverse().map((name) => [name, value]));
  const written = await bytesOf(hdf5Of({ attributes: {}, children }));
  expect([...(await (await open(written)).children()).keys()]).toEqual(names);
});

describe('names the features that are not supported', () => {
  test.each([
    ['dense', 'it has a group of more than 8 members'],
    [
      'bigEndian',
      "tensor '/data': its numbers are of the type big-endian float, which is not supported; save it as float32.",
    ],
    ['unwritten', "tensor '/data': its 4000000 bytes should be at"],
  ] as const)('%s', async (name, said) => {
    await expect(walk(await root(name))).rejects.toThrow(said);
  });

  test('a group that holds itself', async () => {
    await expect(walk(await root('cycle'))).rejects.toThrow(/form a cycle/);
  });
});

/** Reads everything. */
async function walk(group: Hdf5Group): Promise<void> {
  await group.attributes();
  for (const child of (await group.children()).values()) {
    if (child.kind === 'group') await walk(child);
    else await child.open().readInto(new Uint8Array(byteLength(child)));
  }
}
