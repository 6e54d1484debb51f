import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  DataError,
  type DatasetOptions,
  FASHION_MNIST,
  fashionMnist,
  type IdxPart,
  idxImages,
  MNIST,
  mnist,
  type PublishedDataset,
} from '../../src/data/index.js';
import { sendFile, serve } from '../io/server.js';
import { noise, sha256 } from '../support/bytes.js';
import { realImages } from '../support/realImages.js';
import { encodeIdx } from './idxFile.js';

const FILES: Record<IdxPart, Uint8Array> = {
  trainImages: encodeIdx([6, 4, 5], noise(120)),
  trainLabels: encodeIdx([6], Uint8Array.of(0, 9, 3, 3, 1, 2)),
  testImages: encodeIdx([2, 4, 5], noise(40, 2)),
  testLabels: encodeIdx([2], Uint8Array.of(5, 8)),
};
const NAMES: Record<IdxPart, string> = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
};
const PARTS = Object.keys(FILES) as IdxPart[];
const gzip = (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg-data-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Writes the four files, the first two gzipped. */
function writeFolder(): void {
  for (const part of PARTS) {
    if (part.startsWith('train')) writeFileSync(join(folder, `${NAMES[part]}.gz`), gzip(FILES[part]));
    else writeFileSync(join(folder, NAMES[part]), FILES[part]);
  }
}

async function expectTheSet(loading: Promise<Awaited<ReturnType<typeof mnist>>>): Promise<void> {
  const { trainSet: train, testSet: test } = await loading;
  expect([train.shape, test.shape]).toEqual([
    [4, 5, 1],
    [4, 5, 1],
  ]);
  expect([train.images, test.images]).toEqual([noise(120), noise(40, 2)]);
  expect([...train.labels, ...test.labels]).toEqual([0, 9, 3, 3, 1, 2, 5, 8]);
}

describe('fashionMnist and mnist', () => {
  test('read a folder of plain and gzipped files, with or without a slash at its end', async () => {
    writeFolder();
    await expectTheSet(mnist({ source: folder }));
    await expectTheSet(fashionMnist({ source: `${folder}/` }));
  });

  test('read files whose names have a dot', async () => {
    for (const part of PARTS) writeFileSync(join(folder, NAMES[part].replace('-idx', '.idx')), FILES[part]);
    await expectTheSet(mnist({ source: folder }));
  });

  test('refuse a web page that was saved as a gzipped file', async () => {
    writeFolder();
    writeFileSync(join(folder, `${NAMES.testLabels}.gz`), '<!DOCTYPE html><html>');
    await expect(mnist({ source: folder })).rejects.toThrow(
      `${NAMES.testLabels}.gz: it is text ('<!DOCTYPE html><html'), for instance a web page that was saved in place of the file; get the file again.`,
    );
  });

  test('read each file as bytes, a blob, a path or a URL', async () => {
    writeFolder();
    const server = await serve((request, response) => sendFile(request, response, FILES.testLabels));
    const source = {
      trainImages: gzip(FILES.trainImages),
      trainLabels: new Blob([FILES.trainLabels as BlobPart]),
      testImages: join(folder, NAMES.testImages),
      testLabels: new URL(server.url),
    };
    await expectTheSet(mnist({ source }));
    await server.close();
  });

  test('read a web folder, with the plain name where there is no gzipped file', async () => {
    const server = await serve((request, response) => {
      const part = PARTS.find((name) => request.url === `/sets/${NAMES[name]}`);
      if (part) sendFile(request, response, FILES[part]);
      else response.writeHead(404).end();
    });
    await expectTheSet(mnist({ source: `${server.url}sets` }));
    await expectTheSet(mnist({ source: new URL('sets/', server.url) }));
    await server.close();
  });

  test('download a published set: checked, resumed, and the next time from the cache', async () => {
    const packed = Object.fromEntries(PARTS.map((part) => [part, gzip(FILES[part])])) as typeof FILES;
    let breaks = 1;
    const server = await serve((request, response) => {
      const part = PARTS.find((name) => request.url === `/${NAMES[name]}.gz`)!;
      sendFile(request, response, packed[part], {
        sent: part === 'trainImages' && breaks-- > 0 ? 30 : undefined,
      });
    });
    const files = Object.fromEntries(
      PARTS.map((part) => [
        part,
        { name: `${NAMES[part]}.gz`, bytes: packed[part].length, sha256: sha256(packed[part]) },
      ]),
    ) as PublishedDataset['files'];
    const options: DatasetOptions = { source: { ...MNIST, home: server.url, files }, cache: folder };
    await expectTheSet(mnist(options));
    expect(server.requests.map((request) => request.headers.range)).toContain('bytes=30-');
    expect(server.requests).toHaveLength(5);
    await expectTheSet(mnist(options));
    expect(server.requests).toHaveLength(5);
    await server.close();
  });

  test('fetch nothing unasked, and list the possible sources', () => {
    const nothing = {} as DatasetOptions;
    return Promise.all([
      expect(fashionMnist(nothing)).rejects.toThrow(
        'fashionMnist: no source was passed; pass a folder, a base URL, all of trainImages, trainLabels, testImages, testLabels, or a published set to download from http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/.',
      ),
      expect(
        mnist({ source: { trainImages: new Uint8Array() } } as unknown as DatasetOptions),
      ).rejects.toThrow('mnist: source lacks trainLabels, testImages, testLabels; pass a folder'),
    ]);
  });

  test('name the folder that lacks a file', async () => {
    await expect(mnist({ source: folder })).rejects.toThrow(
      new DataError(
        folder,
        'missing',
        'it has neither train-images-idx3-ubyte.gz nor train-images-idx3-ubyte; use the folder with the four files, or with two tables, NAME_train.csv and NAME_test.csv.',
      ),
    );
  });

  test.each<[string, Partial<Record<IdxPart, Uint8Array>>, string]>([
    [
      'counts that differ',
      { trainLabels: encodeIdx([5], new Uint8Array(5)) },
      'trainLabels: it has 5 labels for the 6 images of trainImages; get both files again.',
    ],
    [
      'a label out of range',
      { testLabels: encodeIdx([2], Uint8Array.of(0, 10)) },
      'testLabels: label 10 of image 1 is above 9, the last of 10 classes; get the file again, or load a set of more classes by idxImages.',
    ],
    [
      'files that are swapped',
      { trainImages: FILES.trainLabels },
      'trainImages: it contains labels instead of images; use the trainImages file.',
    ],
    [
      'images where labels belong',
      { testLabels: FILES.testImages },
      'testLabels: it contains images instead of labels; use the testLabels file.',
    ],
    [
      'images of two sizes',
      { testImages: encodeIdx([2, 5, 5], new Uint8Array(50)) },
      'testImages: its images are 5x5x1, but the training images are 4x5x1; use files of the same data set.',
    ],
    [
      'images without pixels',
      { trainImages: encodeIdx([6, 0, 5], new Uint8Array()) },
      'trainImages: its images are 0x5; get the file again.',
    ],
    [
      'a truncated file',
      { trainImages: FILES.trainImages.subarray(0, 100) },
      'trainImages: its header states 136 bytes, but it has 100: 36 are missing at its end; get the file again.',
    ],
    [
      'a gzip file that unpacks to more than its header says',
      { testLabels: gzip(new Uint8Array([...FILES.testLabels, ...new Uint8Array(1_000_000)])) },
      'testLabels: it unpacks to more than the 10 bytes it should hold; get the file again.',
    ],
    [
      'a damaged gzip file',
      { testLabels: gzip(FILES.testLabels).subarray(0, 20) },
      'testLabels: its gzip data is damaged or truncated',
    ],
    [
      'a gzipped web page',
      { testLabels: gzip(new TextEncoder().encode('<!doctype html><title>404</title>')) },
      "testLabels: it is text ('<!doctype html><'), for instance a web page that was saved in place of the file; get the file again.",
    ],
  ])('refuse %s with one sentence', async (_, damage, sentence) => {
    const loading = mnist({ source: { ...FILES, ...damage } });
    await expect(loading).rejects.toThrow(sentence);
    await expect(loading).rejects.toMatchObject({ name: 'DataError', fault: 'damaged' });
  });

  test('know the classes and the files of both data sets', () => {
    expect(FASHION_MNIST.classNames).toHaveLength(10);
    expect(MNIST.classNames).toEqual(Array.from({ length: 10 }, (_, digit) => String(digit)));
    for (const { files, home } of [FASHION_MNIST, MNIST]) {
      expect(home).toMatch(/^https?:\/\/.+\/$/);
      for (const part of PARTS) {
        expect(files[part].name).toBe(`${NAMES[part]}.gz`);
        expect(files[part].sha256).toMatch(/^[0-9a-f]{64}$/);
      }
    }
    const sums = [FASHION_MNIST, MNIST].flatMap(({ files }) => PARTS.map((part) => files[part].sha256));
    expect(new Set(sums).size).toBe(8);
  });
});

describe.each([
  ['fashion-mnist', fashionMnist, 0.286],
  ['mnist', mnist, 0.131],
] as const)('the real images of %s', async (name, load, published) => {
  const source = await realImages(name);

  test.skipIf(!source)('are read whole, with every class among them', async () => {
    const { trainSet: train, testSet: test } = await load({ source: source! });
    expect(train.length).toBeGreaterThanOrEqual(4 * test.length);
    for (const set of [train, test]) {
      expect(set.shape).toEqual([28, 28, 1]);
      const counts = new Array<number>(10).fill(0);
      for (const label of set.labels) counts[label]!++;
      expect(Math.min(...counts)).toBeGreaterThan(0.06 * set.length);
      const mean = set.images.reduce((sum, pixel) => sum + pixel, 0) / set.images.length / 255;
      expect(mean).toBeCloseTo(published, 1);
    }
  });
});

describe('idxImages', () => {
  /** Writes a set of twelve classes under EMNIST's names. */
  const write = (set: string) => {
    const files = { ...FILES, trainLabels: encodeIdx([6], Uint8Array.of(0, 11, 3, 3, 1, 2)) };
    for (const part of PARTS) {
      const name = NAMES[part].replace('t10k', 'test');
      writeFileSync(join(folder, `emnist-${set}-${name}.gz`), gzip(files[part]));
    }
  };

  test("reads a set of more than ten classes under EMNIST's names", async () => {
    write('letters');
    const { trainSet, testSet } = await idxImages({ source: folder });
    expect(trainSet.classNames).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11']);
    expect(testSet.classNames).toEqual(trainSet.classNames);
    expect([...trainSet.labels, ...testSet.labels]).toEqual([0, 11, 3, 3, 1, 2, 5, 8]);
    expect(
      (await idxImages({ source: folder, classNames: [...'abcdefghijkl'] })).testSet.classNames[11],
    ).toBe('l');
  });

  test('refuses labels that make classes without images, of which one damaged byte is enough', async () => {
    const labels = Uint8Array.from({ length: 250 }, (_, i) => (i === 4 ? 200 : i % 10));
    const source = {
      ...FILES,
      trainImages: encodeIdx([250, 4, 5], noise(5000)),
      trainLabels: encodeIdx([250], labels),
    };
    const sentence = (file: string) =>
      `${file}: label 200 of image 4 makes 201 classes, but the images have only 11 of these labels; get the file again, or number the classes from 0 without gaps.`;
    await expect(idxImages({ source })).rejects.toThrow(sentence('trainLabels'));
    const classNames = Array.from({ length: 201 }, (_, i) => `class ${i}`);
    expect((await idxImages({ source, classNames })).trainSet.classNames).toHaveLength(201);
    const table = [...labels].map((label) => `${label},1,2,3,4`).join('\n');
    writeFileSync(join(folder, 'x_train.csv'), table);
    writeFileSync(join(folder, 'x_test.csv'), '5,1,2,3,4');
    await expect(idxImages({ source: folder })).rejects.toThrow(sentence(join(folder, 'x_train.csv')));
  });

  test('refuses a folder with the files of several sets', async () => {
    write('letters');
    write('digits');
    await expect(idxImages({ source: folder })).rejects.toThrow(
      `${folder}: it has the files of 2 sets, emnist-digits, emnist-letters; use a folder with those of one.`,
    );
  });

  test("sets EMNIST's images upright, and names its classes by its mapping", async () => {
    write('letters');
    const mapping = join(folder, 'emnist-letters-mapping.txt');
    const lines = [0, 11, 3, 1, 2, 5, 8].map((label, i) => `${label} ${65 + i} ${97 + i}`);
    writeFileSync(mapping, `${lines.join('\r\n')}\r\n`);
    const { trainSet, testSet } = await idxImages({ source: folder });
    expect(trainSet.classNames).toEqual(['Aa', 'Bb', 'Cc', 'Dd', 'Ee', 'Ff', 'Gg']);
    expect([...trainSet.labels, ...testSet.labels]).toEqual([0, 1, 2, 2, 3, 4, 5, 6]);
    expect(trainSet.shape).toEqual([5, 4, 1]);
    const [stored, upright] = [noise(120), trainSet.images];
    for (const [image, row, column] of [
      [0, 0, 3],
      [2, 4, 1],
      [5, 4, 3],
    ] as const) {
      expect(upright[20 * image + 4 * row + column]).toBe(stored[20 * image + 5 * column + row]);
    }
    const asStored = await idxImages({ source: folder, transpose: false });
    expect([asStored.trainSet.shape, asStored.trainSet.images]).toEqual([[4, 5, 1], stored]);
    writeFileSync(mapping, '0 65\n11 66\n3 67\n1 68\n');
    await expect(idxImages({ source: folder })).rejects.toThrow(
      'emnist-letters-train-labels-idx1-ubyte.gz: label 2 of image 5 is not in the mapping beside it; get both files again.',
    );
    writeFileSync(mapping, '0 65\n<!doctype html>');
    await expect(idxImages({ source: folder })).rejects.toThrow(
      `${mapping}: line 2 is '<!doctype html>' instead of a label and the codes of its characters, such as 36 97; get the file again.`,
    );
  });
});

describe('tables', () => {
  const rows = ['9,0,255,3,4', '2,5,6,7,8', '0,1,1,1,1'];
  const header = 'label,pixel1,pixel2,pixel3,pixel4\n';
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

  test('are read with and without a row of names, by functions of ten classes and of others', async () => {
    write('fashion-mnist_train.csv', `${header}${rows.join('\n')}\n`);
    // As a program writes it that marks UTF-8.
    write('fashion-mnist_test.csv', `\ufeff${rows.slice(1).join('\r\n')}`);
    const { trainSet, testSet } = await fashionMnist({ source: folder });
    expect(trainSet.shape).toEqual([2, 2, 1]);
    expect([...trainSet.labels, ...testSet.labels]).toEqual([9, 2, 0, 2, 0]);
    expect([...trainSet.images]).toEqual([0, 255, 3, 4, 5, 6, 7, 8, 1, 1, 1, 1]);
    expect([...testSet.images]).toEqual([5, 6, 7, 8, 1, 1, 1, 1]);
    expect(trainSet.classNames[9]).toBe('Ankle boot');
    expect((await idxImages({ source: folder })).trainSet.classNames).toHaveLength(10);
  });

  test('of EMNIST are upright', async () => {
    write('emnist-letters-train.csv', rows[0]!);
    write('emnist-letters-test.csv', rows[0]!);
    write('emnist-letters-mapping.txt', '9 73 105\n');
    const { trainSet } = await idxImages({ source: folder });
    expect([[...trainSet.images], trainSet.classNames]).toEqual([[0, 3, 255, 4], ['Ii']]);
  });

  test.each<[string, string, string]>([
    [
      'no labels',
      'pixel0,pixel1\n1,2\n',
      "its first column is 'pixel0' instead of label; use a table with a row for each image: its label, then the pixels of a square.",
    ],
    [
      'images that are not square',
      '1,2,3\n',
      'its rows have 3 columns; use a table with a row for each image: its label, then the pixels of a square, such as 785 columns for 28x28.',
    ],
    [
      'a web page',
      '<!doctype html>',
      "its first column is '<!doctype html>' instead of label; use a table with a row for each image: its label, then the pixels of a square.",
    ],
    ['a short row', '1,2,3,4,5\n1,2\n', 'image 1 has 2 columns instead of 5; get the file again.'],
    ['a long row', '1,2,3,4,5\n1,2,3,4,5,6\n', 'image 1 has 6 columns instead of 5; get the file again.'],
    [
      'a fraction',
      '1,0.5,3,4,5',
      "image 0 has '0.5' in column 1, where a whole number from 0 to 255 belongs; correct it, or get the file again.",
    ],
    ['a negative number', '-1,2,3,4,5\r\n', "image 0 has '-1' in column 0, where"],
    ['a number with spaces', '1,2,3, 4 ,5\n', "image 0 has '4' in column 3, where"],
    ['a large number', '1,2,3,4,999999999999\n', "image 0 has '999999999999' in column 4, where"],
    ['a long cell', `1,2,3,4,${'x'.repeat(99)}`, `image 0 has '${'x'.repeat(20)}...' in column 4, where`],
    ['an empty cell', '1,2,,4,5', 'image 0 has nothing in column 2, where'],
    [
      'no images',
      header,
      'it has no images; use a table with a row for each image: its label, then the pixels',
    ],
    ['no line after its names', 'label,1x1', 'it has no images; use a table'],
    ['no byte', '', 'it has no images; use a table'],
    ['empty lines', '\n\r\n', 'it has no images; use a table'],
  ])('with %s are refused', async (_, text, sentence) => {
    write('train.csv', text);
    write('test.csv', rows[0]!);
    const loading = idxImages({ source: folder });
    await expect(loading).rejects.toThrow(`${join(folder, 'train.csv')}: ${sentence}`);
    await expect(loading).rejects.toMatchObject({ name: 'DataError', fault: 'damaged' });
  });

  test('of training alone, or of several sets, are refused', async () => {
    write('mnist_train.csv', rows[0]!);
    await expect(idxImages({ source: folder })).rejects.toThrow(
      `${folder}: it has mnist_train.csv, but not mnist_test.csv; use a folder with both.`,
    );
    write('letters-train.csv', rows[0]!);
    await expect(idxImages({ source: folder })).rejects.toThrow(
      `${folder}: it has the files of 2 sets, letters, mnist; use a folder with those of one.`,
    );
  });
});
