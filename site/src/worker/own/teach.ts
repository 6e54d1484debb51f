import type { LayersModel } from '@tensorflow/tfjs-layers';
import { splitModel } from 'vgg-blocks/features';
import { predictClasses, train } from 'vgg-blocks/train';
import { drawValidation } from '../../../../src/data/split.js';
import { NotFiniteError } from '../errors.js';
import { type Features, featureSet, featuresOf, type OwnExample } from './features.js';
import { assembled, headOf, type OwnHead, type OwnRequest, SEED, setHead } from './network.js';
import { scaled, scaleOf, unscaled } from './scale.js';

export interface TeachRequest extends OwnRequest {
  images: readonly OwnExample[];
}

/** How far teaching is. */
export interface TeachProgress {
  stage: 'features' | 'training';
  done: number;
  total: number;
}

export interface Taught extends OwnHead {
  /** Images trained on. */
  learned: number;
  /** Those held out, and how many of them are classified correctly. */
  held: { right: number; of: number };
}

/** Every fifth image is held out. */
const HELD = 0.2;
const BATCH = 16;
const STEPS = 300;
const EPOCHS = 20;

interface Watching {
  signal: AbortSignal;
  onProgress: (progress: TeachProgress) => void;
}

/**
 * Trains a new last layer on the features of a network, which stays as it is.
 *
 * @returns the whole network, which the caller disposes before the base.
 */
export async function teach(
  base: LayersModel,
  { images, ...request }: TeachRequest,
  { signal, onProgress }: Watching,
): Promise<{ network: LayersModel; taught: Taught }> {
  const { network, preprocessing, pooled } = assembled(base, request);
  const { classNames, preprocessing: name } = request;
  try {
    const { lower, upper } = splitModel(network, pooled);
    const features = await featuresOf(images, {
      ...{ base, name, lower, preprocessing, signal },
      onProgress: (done, total) => onProgress({ stage: 'features', done, total }),
    });
    const { learned, held } = split(images, classNames.length);
    const head = await trained(network, upper, learned, features, classNames, { signal, onProgress });
    setHead(network, head);
    const seen = held.length > 0 ? await featureSet(held, rowsOf(held, features), classNames) : undefined;
    const predicted = seen ? await predictClasses(upper, seen) : [];
    const right = held.filter(({ label }, i) => predicted[i] === label).length;
    return { network, taught: { ...head, learned: learned.length, held: { right, of: held.length } } };
  } catch (error) {
    network.dispose();
    throw error;
  }
}

const rowsOf = (images: readonly OwnExample[], features: Features) =>
  images.map(({ id }) => features.get(id)!);

/** Trains the part behind the features, and returns its layer for features as they are. */
async function trained(
  network: LayersModel,
  upper: LayersModel,
  images: readonly OwnExample[],
  features: Features,
  classNames: readonly string[],
  { signal, onProgress }: Watching,
): Promise<OwnHead> {
  const rows = rowsOf(images, features);
  const scale = scaleOf(rows);
  const trainSet = await featureSet(
    images,
    rows.map((row) => scaled(row, scale)),
    classNames,
  );
  const { ended } = await train(
    upper,
    { trainSet },
    {
      epochs: Math.max(EPOCHS, Math.ceil(STEPS / Math.ceil(images.length / BATCH))),
      batchSize: BATCH,
      optimizer: 'adam',
      learningRate: 0.01,
      schedule: 'cosine',
      classWeights: balanced(images, classNames.length),
      seed: SEED,
      signal,
      onProgress: ({ done, total }) => onProgress({ stage: 'training', done, total }),
    },
  );
  signal.throwIfAborted();
  if (ended === 'diverged') throw new NotFiniteError();
  return unscaled(await headOf(network), scale);
}

/** A fifth of each class is held out. */
function split(
  images: readonly OwnExample[],
  classes: number,
): { learned: OwnExample[]; held: OwnExample[] } {
  const held = new Set<OwnExample>();
  for (let label = 0; label < classes; label++) {
    const own = images.filter((one) => one.label === label);
    const names = own.map(({ name }) => name);
    for (const i of drawValidation(names, HELD, SEED)) held.add(own[i]!);
  }
  return { learned: images.filter((one) => !held.has(one)), held: [...held] };
}

/** Weights by which each class counts as much as the others, however many images it has. */
function balanced(images: readonly OwnExample[], classes: number): number[] {
  return Array.from({ length: classes }, (_, label) => {
    const own = images.filter((one) => one.label === label).length;
    return images.length / (classes * own);
  });
}
