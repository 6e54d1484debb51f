import {
  type Dataset,
  FASHION_MNIST,
  fashionMnist,
  garments,
  type IdxPart,
  ImageSet,
  idxImages,
} from 'vgg-blocks/data';
import type { Downloaded } from '../state/backendFiles.js';
import type { FileNames } from '../state/choice.js';

/** Where the images come from. */
export type DataRequest =
  | { kind: 'garments'; images: number }
  | { kind: 'files'; files: Record<IdxPart, File>; names?: FileNames }
  | { kind: 'fashion-mnist' };

/** A data set as the page knows it; it shows the test images. */
export interface DataInfo {
  /** The published set that it is, if one. */
  published?: 'MNIST' | 'Fashion-MNIST';
  train: number;
  test: number;
  /** `[height, width, channels]` as stored. */
  shape: readonly number[];
  classNames: readonly string[];
  /** The test images one after another, and their classes. */
  testImages: Uint8Array;
  testLabels: Uint8Array;
}

/** Keras' mirror of the same four files, for pages with https: the original site has none. */
const MIRROR = 'https://storage.googleapis.com/tensorflow/tf-keras-datasets/';

/** How a download is watched and stopped. */
interface Watch {
  onProgress: (now: Downloaded) => void;
  signal: AbortSignal;
}

/** Loads a data set. */
export async function loadData(request: DataRequest, watch: Watch): Promise<Dataset> {
  switch (request.kind) {
    case 'garments':
      return garments({ trainImages: request.images, testImages: Math.round(request.images / 4) });
    case 'files':
      return named(await idxImages({ source: request.files }), request.names);
    case 'fashion-mnist':
      return download(watch);
  }
}

/**
 * The published sets whose names are known, by the SHA-256 of their unpacked files of training and test labels:
 * `gunzip -c train-labels-idx1-ubyte.gz | sha256sum`. Fashion-MNIST's are those of the files whose packed sums the library has.
 * MNIST's are those that `examples/training/mnist/download.py` of github.com/lunal-dev/kettle checks once it has unpacked the files
 * of PyTorch's mirror; the mirror's packed files are the same as torchvision (by MD5) and this library (by SHA-256) download.
 */
const PUBLISHED = [
  {
    names: 'numbers',
    title: 'MNIST',
    sums: [
      '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
      'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
    ],
  },
  {
    names: 'garments',
    title: 'Fashion-MNIST',
    sums: [
      'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
      '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
    ],
  },
] as const;

/** The published set that has these labels. */
async function publishedSet({ trainSet, testSet }: Dataset): Promise<(typeof PUBLISHED)[number] | undefined> {
  if (!self.crypto?.subtle) return undefined;
  const sums = await Promise.all([trainSet, testSet].map(({ labels }) => sumOfLabels(labels)));
  return PUBLISHED.find((set) => set.sums.every((sum, i) => sum === sums[i]));
}

/** The SHA-256 of an IDX file of labels. */
async function sumOfLabels(labels: Uint8Array): Promise<string> {
  const file = new Uint8Array(8 + labels.length);
  // Unsigned bytes in one dimension.
  new DataView(file.buffer).setUint32(0, 0x801);
  new DataView(file.buffer).setUint32(4, labels.length);
  file.set(labels, 8);
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', file));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Dropped images with the names that were chosen, or else those of the published set that they are. */
async function named(set: Dataset, names: FileNames | undefined): Promise<Dataset> {
  const chosen = names ?? (await publishedSet(set))?.names;
  const { classNames } = FASHION_MNIST;
  if (chosen !== 'garments' || set.trainSet.classNames.length > classNames.length) return set;
  const renamed = ({ images, labels, storedShape }: ImageSet) =>
    new ImageSet({ images, labels, shape: storedShape, classNames });
  return { trainSet: renamed(set.trainSet), testSet: renamed(set.testSet) };
}

async function download({ onProgress, signal }: Watch): Promise<Dataset> {
  const total = Object.values(FASHION_MNIST.files).reduce((sum, { bytes }) => sum + bytes, 0);
  const loaded = new Map<string, number>();
  onProgress({ done: 0, total });
  const options = {
    signal,
    onProgress: ({ source, done }: { source: string; done: number }) => {
      loaded.set(source.split('/').at(-1)!, done);
      onProgress({ done: [...loaded.values()].reduce((a, b) => a + b, 0), total });
    },
  };
  const homes =
    self.location.protocol === 'https:' ? [MIRROR, FASHION_MNIST.home] : [FASHION_MNIST.home, MIRROR];
  const failures: unknown[] = [];
  for (const home of homes) {
    try {
      return await fashionMnist({ ...options, source: { ...FASHION_MNIST, home } });
    } catch (error) {
      signal.throwIfAborted();
      failures.push(error);
    }
  }
  throw failures[0];
}

/** Images at a network's input size; gray ones get three equal channels where it expects color. */
export function fitted(set: ImageSet, [height, width, channels]: readonly number[]): ImageSet {
  const own = set.storedShape[2];
  const sized = (one: ImageSet) => one.resize([height!, width!]);
  if (own === channels || own !== 1 || channels !== 3) return sized(set);
  const images = new Uint8Array(3 * set.images.length);
  set.images.forEach((value, i) => {
    images.fill(value, 3 * i, 3 * i + 3);
  });
  const { labels, classNames, storedShape } = set;
  return sized(new ImageSet({ images, labels, classNames, shape: [storedShape[0], storedShape[1], 3] }));
}

export async function infoOf(set: Dataset): Promise<DataInfo> {
  const { trainSet: train, testSet: test } = set;
  return {
    published: (await publishedSet(set))?.title,
    train: train.length,
    test: test.length,
    shape: train.storedShape,
    classNames: train.classNames,
    testImages: test.images,
    testLabels: test.labels,
  };
}
