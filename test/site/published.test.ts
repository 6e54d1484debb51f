import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { type DataInfo, infoOf, loadData } from '../../site/src/worker/data.js';
import { FASHION_MNIST, garments, type IdxPart, MNIST } from '../../src/data/index.js';
import { idxFiles } from '../data/idxFile.js';

/** What the page knows of four dropped files under the published names. */
async function dropped(bytesOf: (name: string) => Uint8Array): Promise<DataInfo> {
  const parts = Object.entries(MNIST.files) as [IdxPart, { name: string }][];
  const files = Object.fromEntries(
    parts.map(([part, { name }]) => [part, new File([bytesOf(name) as BlobPart], name)]),
  ) as Record<IdxPart, File>;
  const watch = { onProgress: () => {}, signal: new AbortController().signal };
  return infoOf(await loadData({ kind: 'files', files }, watch));
}

/** Where a whole set lies: other tests do with a part of one. */
function wholeSet(name: string): string | undefined {
  const found = [process.env.VGG_BLOCKS_DATA, '/usr/share/datasets']
    .map((place) => `${place}/${name}`)
    .find((folder) => existsSync(`${folder}/train-images-idx3-ubyte.gz`));
  if (!found)
    console.warn(
      `SKIPPED: ${name} is recognized in no test, because it is not here; VGG_BLOCKS_DATA may name the folder that holds it.`,
    );
  return found;
}

const NUMBERS = MNIST.classNames;

// The page reads them in a worker.
beforeAll(() => {
  vi.stubGlobal('self', globalThis);
});

const SETS = [
  ['fashion-mnist', 'Fashion-MNIST', FASHION_MNIST.classNames],
  ['mnist', 'MNIST', NUMBERS],
] as const;

// MNIST is no package that could be installed: without it there is no test of it, and the warning alone says so.
describe.each(SETS.filter(([set]) => set !== 'mnist' || wholeSet(set)))(
  'dropped files of %s',
  (set, title, classNames) => {
    const folder = wholeSet(set);

    test.skipIf(!folder)('are recognized by their sums, and not once a label differs', async () => {
      const read = (name: string) => readFileSync(`${folder}/${name}`);
      const found = await dropped(read);
      expect(found).toMatchObject({ published: title, train: 60_000, test: 10_000 });
      expect(found.classNames).toEqual(classNames);
      const other = await dropped((name) => {
        const bytes = gunzipSync(read(name));
        if (name.startsWith('t10k-labels')) bytes.writeUInt8(bytes.at(-1)! ^ 1, bytes.length - 1);
        return bytes;
      });
      expect(other.published).toBeUndefined();
      expect(other.classNames).toEqual(NUMBERS);
    });
  },
);

test('dropped files of no published set have numbers for names, and the page asks', async () => {
  const set = garments({ trainImages: 40, testImages: 10 });
  const files = idxFiles(set);
  const info = await dropped((name) => files[name.replace('.gz', '')]!);
  expect(info.published).toBeUndefined();
  expect(info.classNames).toEqual(NUMBERS);
  expect(Array.from(info.testLabels)).toEqual(Array.from(set.testSet.labels));
});
