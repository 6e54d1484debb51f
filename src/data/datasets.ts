import { isUrl } from '../base/realm.js';
import { download } from '../io/download.js';
import { DataError } from '../io/errors.js';
import { gunzip, isGzip } from '../io/gunzip.js';
import { isPath, nodePath, type ReadOptions, readBytes, type Source, sourceName } from '../io/read.js';
import { nodeModules } from '../io/runtime.js';
import { GARMENT_NAMES } from './garments/garments.js';
import { IDX_HEADER_BYTES, idxFileBytes, MAX_IDX_BYTES, parseIdx } from './idx.js';
import { ImageSet } from './imageSet.js';

/** The four files of a data set. */
export type IdxPart = 'trainImages' | 'trainLabels' | 'testImages' | 'testLabels';

/** A file of a published data set. */
export interface PublishedFile {
  name: string;
  bytes: number;
  /** SHA-256 of the gzipped file, from TensorFlow Datasets' checksum lists. */
  sha256: string;
}

/**
 * A published data set: its location and its files. Nothing is fetched until it is passed as a source. A mirror is checked the
 * same way: `{ ...FASHION_MNIST, home: 'https://mirror.example/fashion/' }`.
 */
export interface PublishedDataset {
  /** URL of the folder with the files. */
  home: string;
  files: Record<IdxPart, PublishedFile>;
  classNames: readonly string[];
  license: string;
}

const PARTS: readonly IdxPart[] = ['trainImages', 'trainLabels', 'testImages', 'testLabels'];

const NAMES: Record<IdxPart, string> = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
};

/** Fashion-MNIST (Xiao, Rasul & Vollgraf 2017): 60000 and 10000 images of garments, 28x28 gray. 31 MB. */
export const FASHION_MNIST: PublishedDataset = {
  home: 'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
  files: published([
    [26421880, '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84'],
    [29515, 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845'],
    [4422102, '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073'],
    [5148, '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5'],
  ]),
  classNames: GARMENT_NAMES,
  license: 'MIT, Zalando SE',
};

/** MNIST (LeCun, Cortes & Burges 1998), from a mirror: 60000 and 10000 handwritten digits, 28x28 gray. 12 MB. */
export const MNIST: PublishedDataset = {
  home: 'https://storage.googleapis.com/cvdf-datasets/mnist/',
  files: published([
    [9912422, '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609'],
    [28881, '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c'],
    [1648877, '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6'],
    [4542, 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6'],
  ]),
  classNames: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  license: 'CC BY-SA 3.0',
};

/** Source of a data set's four files. */
export interface DatasetOptions extends Omit<ReadOptions, 'maxBytes'> {
  /**
   * A folder (a path in Node, or a URL) with the files under their published names, gzipped or not; or each file as a path, URL,
   * Blob or bytes; or a published set, such as `FASHION_MNIST`, which is downloaded, checked by length and SHA-256, and cached.
   * Other sources are neither cached nor checked against published sums.
   */
  source: string | URL | Record<IdxPart, Source> | PublishedDataset;
  /** For a published set: another cache folder (Node) or cache name (browser), or `false` for no cache. */
  cache?: string | false;
}

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
  return load('fashionMnist', FASHION_MNIST, options);
}

/** MNIST, or any data set in its format with ten classes. See {@link fashionMnist}. */
export function mnist(options: DatasetOptions): Promise<Dataset> {
  return load('mnist', MNIST, options);
}

/**
 * Any data set in MNIST's format, with as many classes as its labels tell, up to 256, such as EMNIST. In a folder, the names may
 * begin with the set's (`emnist-letters-train-images-idx3-ubyte.gz`).
 *
 * @param options `classNames` default to the numbers from 0 to the largest label.
 * @throws DataError as {@link fashionMnist} does.
 */
export function idxImages(options: DatasetOptions & { classNames?: readonly string[] }): Promise<Dataset> {
  return load('idxImages', { home: MNIST.home, classNames: options?.classNames }, options);
}

async function load(
  where: string,
  { home, classNames: given }: { home: string; classNames?: readonly string[] },
  options: DatasetOptions,
): Promise<Dataset> {
  checkSource(where, home, options?.source);
  const parts: Part[] = [];
  // One after another, so that a missing file stops the download of the rest.
  for (const part of PARTS) parts.push(await readPart(part, options));
  const [trainImages, trainLabels, testImages, testLabels] = parts;
  const classNames = given ?? numbersFor(trainLabels!, testLabels!);
  const trainSet = imageSet(trainImages!, trainLabels!, classNames);
  const testSet = imageSet(testImages!, testLabels!, classNames);
  if (`${trainSet.shape}` !== `${testSet.shape}`) {
    const [test, train] = [testSet.shape, trainSet.shape].map((shape) => shape.join('x'));
    throw new DataError(
      testImages!.name,
      'damaged',
      `its images are ${test}, but the training images are ${train}; use files of the same data set.`,
    );
  }
  return { trainSet, testSet };
}

/** The numbers from 0 to the largest label. */
function numbersFor(...labels: Part[]): string[] {
  const largest = Math.max(
    ...labels.map(({ values }) => values.reduce((most, label) => Math.max(most, label), 0)),
  );
  return Array.from({ length: largest + 1 }, (_, i) => String(i));
}

function checkSource(where: string, home: string, source: DatasetOptions['source'] | undefined): void {
  if (typeof source === 'string' || isUrl(source)) return;
  if (source && ('home' in source || PARTS.every((part) => source[part] !== undefined))) return;
  const given = source
    ? `source lacks ${PARTS.filter((part) => !(part in source)).join(', ')}`
    : 'no source was passed';
  throw new TypeError(
    `${where}: ${given}; pass a folder, a base URL, all of ${PARTS.join(', ')}, or a published set to download from ${home}.`,
  );
}

interface Part {
  name: string;
  dims: number[];
  values: Uint8Array;
}

function published(files: [bytes: number, sha256: string][]): Record<IdxPart, PublishedFile> {
  const named = PARTS.map((part, i) => [
    part,
    { name: `${NAMES[part]}.gz`, bytes: files[i]![0], sha256: files[i]![1] },
  ]);
  return Object.fromEntries(named) as Record<IdxPart, PublishedFile>;
}

async function readPart(part: IdxPart, { source, cache, ...options }: DatasetOptions): Promise<Part> {
  const { name, bytes } = await fileOf(part, source, cache, options);
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
): Promise<{ name: string; bytes: Uint8Array }> {
  const read = async (file: Source) => ({
    name: typeof file === 'string' || isUrl(file) ? sourceName(file) : part,
    bytes: await readBytes(file, { ...options, maxBytes: MAX_IDX_BYTES }),
  });
  if (typeof source === 'string' || isUrl(source)) {
    for (const name of await namesOf(part, source)) {
      try {
        return await read(folder(source) + name);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
    const sentence = `it has neither ${NAMES[part]}.gz nor ${NAMES[part]}; use the folder with the four files.`;
    throw new DataError(String(source), 'missing', sentence);
  }
  if ('home' in source) {
    const { name, bytes, sha256 } = source.files[part];
    const url = folder(source.home) + name;
    return { name: url, bytes: await download(url, { ...options, cache, bytes, sha256 }) };
  }
  return read(source[part]);
}

/** The names under which a part may be in a folder; those that are there, if it can be listed. */
async function namesOf(part: IdxPart, source: string | URL): Promise<readonly string[]> {
  // Browsers and unpackers write train-images.idx3-ubyte.
  const usual = [NAMES[part], NAMES[part].replace('-idx', '.idx')].flatMap((name) => [`${name}.gz`, name]);
  const node = isPath(source) ? nodeModules() : undefined;
  const all = await node?.fs.readdir(nodePath(source)).catch(() => undefined);
  if (!all || all.some((name) => usual.includes(name))) return usual;
  const [set, ...kind] = NAMES[part].split('-');
  const ending = new RegExp(
    `-${set === 't10k' ? '(?:t10k|test)' : set}-${kind[0]}[-.]${kind[1]}-ubyte(?:\\.gz)?$`,
  );
  const found = all
    .filter((name) => ending.test(name) && !name.startsWith('.'))
    .sort()
    .reverse();
  const sets = [...new Set(found.map((name) => name.replace(ending, '')))];
  if (sets.length < 2) return found;
  throw new DataError(
    String(source),
    'unreadable',
    `it has the files of ${sets.length} sets, ${sets.sort().join(', ')}; use a folder with those of one.`,
  );
}

function folder(source: string | URL): string {
  return String(source).replace(/\/*$/, '/');
}

function isMissing(error: unknown): boolean {
  return error instanceof DataError && error.fault === 'missing';
}

function imageSet(images: Part, labels: Part, classNames: readonly string[]): ImageSet {
  const [count, height, width] = images.dims as [number, number, number];
  if (height === 0 || width === 0) {
    throw new DataError(images.name, 'damaged', `its images are ${height}x${width}; get the file again.`);
  }
  if (labels.values.length !== count) {
    throw new DataError(
      labels.name,
      'damaged',
      `it has ${labels.values.length} labels for the ${count} images of ${images.name}; get both files again.`,
    );
  }
  const stray = labels.values.findIndex((label) => label >= classNames.length);
  if (stray >= 0) {
    throw new DataError(
      labels.name,
      'damaged',
      `label ${labels.values[stray]} of image ${stray} is above ${classNames.length - 1}, the last of ${classNames.length} classes; get the file again, or load a set of more classes by idxImages.`,
    );
  }
  return new ImageSet({
    images: images.values,
    labels: labels.values,
    shape: [height, width, 1],
    classNames,
  });
}
