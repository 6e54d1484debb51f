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
  | { kind: 'files'; files: Record<IdxPart, File>; names: FileNames }
  | { kind: 'fashion-mnist' };

/** A data set as the page knows it; it shows the test images. */
export interface DataInfo {
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
    case 'files': {
      const load = request.names === 'garments' ? fashionMnist : idxImages;
      return load({ source: request.files });
    }
    case 'fashion-mnist':
      return download(watch);
  }
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

export function infoOf({ trainSet: train, testSet: test }: Dataset): DataInfo {
  return {
    train: train.length,
    test: test.length,
    shape: train.storedShape,
    classNames: train.classNames,
    testImages: test.images,
    testLabels: test.labels,
  };
}
