import { tensor1d } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { cacheFeatures } from 'vgg-blocks/features';
import { type Preprocessing, preprocess } from 'vgg-blocks/images';
import type { Batch, Examples } from 'vgg-blocks/train';
import { FeatureSet, inMemory } from '../../../../src/features/transfer/featureSet.js';
import type { PreprocessingName } from '../../state/choice.js';

/** An image of the visitor, of a class. */
export interface OwnExample {
  id: string;
  /** What decides whether it is held out. */
  name: string;
  label: number;
  image: Blob;
}

/** Features of images, by the images' ids. */
export type Features = ReadonlyMap<string, Float32Array>;

/** Images that are computed at once: as many as make a VGG-16 no slower, and fit. */
const AT_ONCE = 4;

/** The features that were computed of a network, by preprocessing and image. */
const known = new WeakMap<LayersModel, Map<string, Map<string, Float32Array>>>();

function knownOf(base: LayersModel, preprocessing: PreprocessingName): Map<string, Float32Array> {
  const all = known.get(base) ?? new Map<string, Map<string, Float32Array>>();
  known.set(base, all);
  const own = all.get(preprocessing) ?? new Map<string, Float32Array>();
  all.set(preprocessing, own);
  return own;
}

/** The features of images, each computed once; those that were computed before it was canceled are kept. */
export async function featuresOf(
  images: readonly OwnExample[],
  {
    base,
    name,
    lower,
    preprocessing,
    signal,
    onProgress,
  }: {
    base: LayersModel;
    /** The preprocessing's. */
    name: PreprocessingName;
    /** The part of the base that computes them. */
    lower: LayersModel;
    preprocessing: Preprocessing;
    signal: AbortSignal;
    onProgress: (done: number, total: number) => void;
  },
): Promise<Features> {
  const features = knownOf(base, name);
  const fresh = images.filter(({ id }) => !features.has(id));
  if (fresh.length > 0) onProgress(0, fresh.length);
  for (let first = 0; first < fresh.length; first += AT_ONCE) {
    const some = fresh.slice(first, first + AT_ONCE);
    const set = await cacheFeatures(lower, examplesOf(some, preprocessing), { batchSize: AT_ONCE, signal });
    const rows = await rowsOf(set);
    some.forEach(({ id }, i) => {
      features.set(id, rows[i]!);
    });
    onProgress(first + some.length, fresh.length);
  }
  return features;
}

/** Images as the library prepares them, without keeping their pixels. */
function examplesOf(images: readonly OwnExample[], preprocessing: Preprocessing): Examples {
  const { crop, channels } = preprocessing;
  return {
    length: images.length,
    shape: [crop, crop, channels === 'gray' ? 1 : 3],
    async *batches(): AsyncGenerator<Batch> {
      const xs = await preprocess(
        images.map(({ image }) => image),
        preprocessing,
      );
      yield { xs, ys: labelsOf(images) };
    },
  };
}

function labelsOf(images: readonly OwnExample[]) {
  return tensor1d(
    images.map(({ label }) => label),
    'int32',
  );
}

async function rowsOf(set: FeatureSet): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  for await (const { xs, ys } of set.batches({ batchSize: set.length })) {
    const all = await xs.data<'float32'>();
    const length = all.length / set.length;
    for (let row = 0; row < set.length; row++) rows.push(all.slice(row * length, (row + 1) * length));
    xs.dispose();
    ys.dispose();
  }
  await set.dispose();
  return rows;
}

/** Features to train on. */
export async function featureSet(
  images: readonly OwnExample[],
  rows: readonly Float32Array[],
  classNames: readonly string[],
): Promise<FeatureSet> {
  const rowLength = rows[0]!.length;
  const store = await inMemory({ rows: rows.length, rowLength });
  for (const [row, values] of rows.entries()) await store.write(row, values);
  return new FeatureSet({
    store,
    checksum: 0,
    labels: Int32Array.from(images, ({ label }) => label),
    passes: 1,
    shape: [rowLength],
    classNames,
  });
}
