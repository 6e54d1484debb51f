import { gzipSync } from 'fflate';
import { afterEach, expect, test, vi } from 'vitest';
import {
  type DatasetOptions,
  type IdxPart,
  MNIST,
  mnist,
  type PublishedDataset,
} from '../../src/data/index.js';
import { noise, sha256 } from '../support/bytes.js';
import { type KeptFile, keep } from '../support/kept.js';
import { realImages } from '../support/realImages.js';
import { encodeIdx } from './idxFile.js';

const CACHE = 'vgg-blocks-data-tests';
const FILES: Record<IdxPart, Uint8Array> = {
  trainImages: encodeIdx([6, 4, 5], noise(120)),
  trainLabels: encodeIdx([6], Uint8Array.of(0, 9, 3, 3, 1, 2)),
  testImages: encodeIdx([2, 4, 5], noise(40, 2)),
  testLabels: encodeIdx([2], Uint8Array.of(5, 8)),
};
const fashion = await realImages('fashion-mnist');
const PARTS = Object.keys(FILES) as IdxPart[];

afterEach(async () => {
  vi.restoreAllMocks();
  await caches.delete(CACHE);
});

async function expectTheSet(options: DatasetOptions): Promise<void> {
  const { trainSet: train, testSet: test } = await mnist(options);
  expect([train.images, test.images]).toEqual([noise(120), noise(40, 2)]);
  expect([...train.labels, ...test.labels]).toEqual([0, 9, 3, 3, 1, 2, 5, 8]);
}

/** Puts the four files, gzipped, on the server. */
async function publish(): Promise<{ dataset: PublishedDataset; files: Record<IdxPart, KeptFile> }> {
  const folder = crypto.randomUUID();
  const files = {} as Record<IdxPart, KeptFile>;
  const rows = {} as PublishedDataset['files'];
  for (const part of PARTS) {
    const packed = gzipSync(FILES[part]);
    files[part] = await keep(MNIST.files[part].name, packed, folder);
    rows[part] = { name: MNIST.files[part].name, bytes: packed.length, sha256: sha256(packed) };
  }
  const home = files.trainImages.url().replace(/[^/]*$/, '');
  return { dataset: { ...MNIST, home, files: rows }, files };
}

test('a published set is downloaded once, checked, and then read from the Cache API', async () => {
  const { dataset, files } = await publish();
  await expectTheSet({ source: dataset, cache: CACHE });
  const keys = (await (await caches.open(CACHE)).keys()).map(({ url }) => url);
  expect(keys.sort()).toEqual(
    PARTS.map((part) => {
      const { name, sha256 } = dataset.files[part];
      return `https://vgg-blocks.invalid/${sha256.slice(0, 16)}-${name}`;
    }).sort(),
  );
  const fetch = vi.spyOn(globalThis, 'fetch');
  await expectTheSet({ source: dataset, cache: CACHE });
  expect(fetch).not.toHaveBeenCalled();
  vi.restoreAllMocks();
  for (const part of PARTS) {
    expect(await files[part].ranges()).toEqual([null]);
    await files[part].remove();
  }
});

test('a file with a wrong sum is refused and not cached', async () => {
  const { dataset, files } = await publish();
  const wrong = { ...dataset.files.trainImages, sha256: '0'.repeat(64) };
  const source = { ...dataset, files: { ...dataset.files, trainImages: wrong } };
  await expect(mnist({ source, cache: CACHE })).rejects.toMatchObject({
    name: 'DataError',
    fault: 'damaged',
  });
  expect(await (await caches.open(CACHE)).keys()).toEqual([]);
  for (const part of PARTS) await files[part].remove();
});

test('chosen files, gzipped or not, and a web folder are read', async () => {
  const { dataset, files } = await publish();
  const chosen = Object.fromEntries(
    PARTS.map((part, i) => [
      part,
      new File([(i % 2 ? gzipSync(FILES[part]) : FILES[part]) as BlobPart], `${part}.idx`),
    ]),
  ) as Record<IdxPart, File>;
  await expectTheSet({ source: chosen });
  await expectTheSet({ source: dataset.home });
  const broken = { ...chosen, testLabels: new File([new Uint8Array([0x1f, 0x8b, 8])], 'mine.gz') };
  await expect(mnist({ source: broken })).rejects.toThrow('mine.gz: its gzip data is damaged or truncated');
  for (const part of PARTS) await files[part].remove();
});

test.skipIf(!fashion)('real images are read from a web folder', async () => {
  const { trainSet: train, testSet: test } = await mnist({ source: fashion! });
  expect(train.length).toBeGreaterThanOrEqual(4 * test.length);
  expect(train.shape).toEqual([28, 28, 1]);
  const mean = train.images.reduce((sum, pixel) => sum + pixel, 0) / train.images.length / 255;
  // The published mean is 0.286.
  expect(mean).toBeCloseTo(0.286, 1);
});
