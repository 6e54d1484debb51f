import {
  BOOLEAN,
  CACHE,
  COUNT,
  kind,
  optionsOf,
  recordOf,
  SOURCE,
  TEXT,
  TEXTS,
  withFields,
} from '../base/arguments.js';
import { fail, shown } from '../base/check.js';
import { isUrl } from '../base/realm.js';
import { download } from '../io/download.js';
import { DataError } from '../io/errors.js';
import { gunzip, isGzip } from '../io/gunzip.js';
import { pathError, readBytes } from '../io/read.js';
import type { ReadOptions } from '../io/request.js';
import { nodeModules } from '../io/runtime.js';
import { isPath, nodePath, type Source, sourceName } from '../io/source.js';
import { isEmnist, type LabelMapping, mapped, mappingName, parseMapping, transposed } from './emnist.js';
import { IDX_HEADER_BYTES, idxFileBytes, MAX_IDX_BYTES, parseIdx } from './idx.js';
import type { ImageSet } from './imageSet.js';
import { numberedClasses } from './numberedClasses.js';
import { imageSet, type Part } from './part.js';
import { parsePixelTable } from './pixelTable.js';
import {
  FASHION_MNIST,
  IDX_NAMES,
  type IdxPart,
  MNIST,
  PARTS,
  type PublishedDataset,
} from './publishedSets.js';
import { idxNames, namesIn, type TableNames, tableNames } from './setFolder.js';

const FOLDER = 'use the folder with the four files, or with two tables, NAME_train.csv and NAME_test.csv';

/** Source of a data set's files. */
export interface DatasetOptions extends Omit<ReadOptions, 'maxBytes'> {
  /**
   * A folder (a path in Node, or a URL) with the four IDX files under their published names, gzipped or not; or each file as a
   * path, URL, Blob or bytes; or a published set, such as `FASHION_MNIST`, which is downloaded, checked by length and SHA-256, and
   * cached. In Node a folder may have two tables instead, `NAME_train.csv` and `NAME_test.csv`, with a row for each image: its
   * label and its pixels. Other sources are neither cached nor checked against published sums.
   */
  source: string | URL | Record<IdxPart, Source> | PublishedDataset;
  /** For a published set: another cache folder (Node) or cache name (browser), or `false` for no cache. */
  cache?: string | false;
  /** Whether images are stored column by column. Default: true for files whose names begin with `emnist-`, as EMNIST's do. */
  transpose?: boolean;
}

/** The names of the options. */
const OPTIONS = {
  source: 1,
  cache: CACHE,
  transpose: BOOLEAN,
  fetch: 1,
  signal: 1,
  onProgress: 1,
} as const;

/** Training and test images of a published data set. */
export interface Dataset {
  trainSet: ImageSet;
  testSet: ImageSet;
}

/**
 * Fashion-MNIST, or any data set in its format with its ten classes.
 *
 * @throws DataError, which names the file, when one is missing, damaged or does not match the others.
 * @example
 * await fashionMnist({ source: 'data/fashion' });     // a folder
 * await fashionMnist({ source: FASHION_MNIST });      // downloads 31 MB once, then reads the cache
 */
export function fashionMnist(options: DatasetOptions): Promise<Dataset> {
  optionsOf('fashionMnist', options, OPTIONS);
  return load('fashionMnist', FASHION_MNIST, options);
}

/** MNIST, or any data set in its format with ten classes. See {@link fashionMnist}. */
export function mnist(options: DatasetOptions): Promise<Dataset> {
  optionsOf('mnist', options, OPTIONS);
  return load('mnist', MNIST, options);
}

/**
 * Any data set in MNIST's format, with as many classes as its labels tell, up to 256, such as EMNIST. In a folder, the names may
 * begin with the set's (`emnist-letters-train-images-idx3-ubyte.gz`).
 *
 * @param options `classNames` default to the characters that EMNIST's mapping in the folder (`emnist-letters-mapping.txt`) gives
 *   to the labels, or else to the numbers from 0 to the largest label.
 * @throws DataError as {@link fashionMnist} does, and when most of the numbers up to the largest label have no image, as after damage
 *   to one label; with `classNames`, labels may be as sparse as they are.
 */
export function idxImages(options: DatasetOptions & { classNames?: readonly string[] }): Promise<Dataset> {
  optionsOf('idxImages', options, { ...OPTIONS, classNames: TEXTS });
  return load('idxImages', { home: MNIST.home, classNames: options?.classNames }, options);
}

async function load(
  where: string,
  { home, classNames: given }: { home: string; classNames?: readonly string[] },
  options: DatasetOptions,
): Promise<Dataset> {
  checkSource(where, home, options?.source);
  const { source } = options;
  const inFolder = typeof source === 'string' || isUrl(source);
  const all = inFolder ? await namesIn(source) : undefined;
  const tables = inFolder ? tableNames(source, all) : undefined;
  const parts = tables ? await readTables(tables, options) : await readParts(options, all);
  const { trainImages, trainLabels, testImages, testLabels } = parts;
  const isTransposed = options.transpose ?? isEmnist(trainImages.name);
  const mapping = given ? undefined : await readMapping(options, trainImages.name, all);
  const classNames = given ?? mapping?.classNames ?? numberedClasses([trainLabels, testLabels]);
  const setOf = (images: Part, labels: Part) =>
    imageSet(
      isTransposed ? transposed(images) : images,
      mapping ? mapped(labels, mapping) : labels,
      classNames,
    );
  const trainSet = setOf(trainImages, trainLabels);
  const testSet = setOf(testImages, testLabels);
  if (`${trainSet.shape}` !== `${testSet.shape}`) {
    const [test, train] = [testSet.shape, trainSet.shape].map((shape) => shape.join('x'));
    throw new DataError(
      testImages.name,
      'damaged',
      `its images are ${test}, but the training images are ${train}; use files of the same data set.`,
    );
  }
  return { trainSet, testSet };
}

const PUBLISHED_FILE = recordOf('', { name: TEXT, bytes: COUNT, sha256: TEXT });
const isPublished = (source: unknown): source is PublishedDataset => PUBLISHED_SET.holds(source);
const PUBLISHED_SET = kind(
  'a published set',
  (value) =>
    withFields('', 'home', 'files').holds(value) &&
    TEXT.holds((value as PublishedDataset).home) &&
    PARTS.every((part) => PUBLISHED_FILE.holds((value as PublishedDataset).files[part])),
);

function checkSource(where: string, home: string, source: DatasetOptions['source'] | undefined): void {
  if (TEXT.holds(source) || isUrl(source) || isPublished(source)) return;
  const files = source as Partial<Record<IdxPart, Source>> | undefined;
  const lacking = PARTS.filter((part) => !SOURCE.holds(files?.[part]));
  if (lacking.length === 0) return;
  const given = withFields('').holds(source)
    ? `source lacks ${lacking.join(', ')}`
    : `source is ${shown(source)}`;
  fail(
    where,
    `${source === undefined ? 'no source was passed' : given}; pass a folder, a base URL, all of ${PARTS.join(', ')}, or a published set to download from ${home}.`,
  );
}

async function readParts(
  options: DatasetOptions,
  all: readonly string[] | undefined,
): Promise<Record<IdxPart, Part>> {
  const parts: Partial<Record<IdxPart, Part>> = {};
  // One after another, so that a missing file stops the download of the rest.
  for (const part of PARTS) parts[part] = await readPart(part, options, all);
  return parts as Record<IdxPart, Part>;
}

async function readPart(
  part: IdxPart,
  { source, cache, ...options }: DatasetOptions,
  all: readonly string[] | undefined,
): Promise<Part> {
  const { name, bytes } = await fileOf(part, source, cache, options, all);
  const limit = { headBytes: IDX_HEADER_BYTES, maxBytes: (head: Uint8Array) => idxFileBytes(head, name) };
  const { dims, values } = parseIdx(isGzip(bytes) ? await gunzip(bytes, name, limit) : bytes, name);
  const rank = part.endsWith('Images') ? 3 : 1;
  if (dims.length !== rank) {
    const [is, should] = rank === 3 ? ['labels', 'images'] : ['images', 'labels'];
    throw new DataError(name, 'damaged', `it contains ${is} instead of ${should}; use the ${part} file.`);
  }
  return { name, dims, values };
}

async function fileOf(
  part: IdxPart,
  source: DatasetOptions['source'],
  cache: string | false | undefined,
  options: ReadOptions,
  all: readonly string[] | undefined,
): Promise<{ name: string; bytes: Uint8Array }> {
  const read = async (file: Source) => ({
    name: typeof file === 'string' || isUrl(file) || 'name' in file ? sourceName(file) : part,
    bytes: await readBytes(file, { ...options, maxBytes: MAX_IDX_BYTES }),
  });
  if (typeof source === 'string' || isUrl(source)) {
    for (const name of idxNames(part, source, all)) {
      try {
        return await read(folder(source) + name);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
    if (isPath(source)) {
      const found = await nodeModules()
        ?.fs.stat(nodePath(source))
        .catch(() => undefined);
      if (found?.isDirectory() === false)
        throw new DataError(String(source), 'missing', `it is a file; ${FOLDER}.`);
      if (!found) throw new DataError(String(source), 'missing', `there is no such folder; ${FOLDER}.`);
      // A folder that nobody may list may have other names than those tried.
      await nodeModules()
        ?.fs.readdir(nodePath(source))
        .catch((error: unknown) => {
          throw pathError(String(source), error);
        });
    }
    const sentence = `it has neither ${IDX_NAMES[part]}.gz nor ${IDX_NAMES[part]}; ${FOLDER}.`;
    throw new DataError(String(source), 'missing', sentence);
  }
  if (isPublished(source)) {
    const { name, bytes, sha256 } = source.files[part];
    const url = folder(source.home) + name;
    return { name: url, bytes: await download(url, { ...options, cache, bytes, sha256 }) };
  }
  return read(source[part]);
}

/** The images and labels of two tables, as those of four files. */
async function readTables(
  names: TableNames,
  { source, cache, ...options }: DatasetOptions,
): Promise<Record<IdxPart, Part>> {
  const read = async (file: string): Promise<readonly [images: Part, labels: Part]> => {
    const name = folder(source as string | URL) + file;
    const { side, images, labels } = parsePixelTable(await readBytes(name, options), name);
    const count = labels.length;
    return [
      { name, dims: [count, side, side], values: images },
      { name, dims: [count], values: labels },
    ];
  };
  const [trainImages, trainLabels] = await read(names.train);
  const [testImages, testLabels] = await read(names.test);
  return { trainImages, trainLabels, testImages, testLabels };
}

/** The mapping of labels beside a file of a set, if there is one. */
async function readMapping(
  { source, cache, ...options }: DatasetOptions,
  trainImages: string,
  all: readonly string[] | undefined,
): Promise<LabelMapping | undefined> {
  const file = mappingName(trainImages);
  if (!all?.includes(file)) return undefined;
  const name = folder(source as string | URL) + file;
  return parseMapping(new TextDecoder().decode(await readBytes(name, options)), name);
}

function folder(source: string | URL): string {
  return String(source).replace(/\/*$/, '/');
}

function isMissing(error: unknown): boolean {
  return error instanceof DataError && error.fault === 'missing';
}
