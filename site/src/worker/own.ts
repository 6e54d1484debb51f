import { type Tensor, type Tensor4D, tensor1d, tensor2d, tidy } from '@tensorflow/tfjs-core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { cacheFeatures, featureExtractor, splitModel, transferHead } from 'vgg-blocks/features';
import {
  type ImageInput,
  type Preprocessing,
  preprocess,
  preprocessingAt,
  type RawImage,
} from 'vgg-blocks/images';
import { type Batch, type Examples, predictClasses, train } from 'vgg-blocks/train';
import { metadataOf, setMetadata } from 'vgg-blocks/weights';
import { size } from '../../../src/base/shapes.js';
import { drawValidation } from '../../../src/data/split.js';
import { FeatureSet, inMemory } from '../../../src/features/transfer/featureSet.js';
import type { PreprocessingName } from '../state/choice.js';
import { NotFiniteError } from './errors.js';
import { inputShape, preprocessingOf, shown } from './image.js';
import { classify, classMap } from './inside.js';

/** An image of the visitor, of a class. */
export interface OwnExample {
  id: string;
  /** What decides whether it is held out. */
  name: string;
  label: number;
  image: Blob;
}

/** A network for the visitor's classes. */
export interface OwnRequest {
  /** How images are prepared for the base. */
  preprocessing: PreprocessingName;
  classNames: readonly string[];
}

export interface TeachRequest extends OwnRequest {
  images: readonly OwnExample[];
}

/** How far teaching is. */
export interface TeachProgress {
  stage: 'features' | 'training';
  done: number;
  total: number;
}

/** The new last layer, as the page keeps it. */
export interface OwnHead {
  kernel: Float32Array;
  bias: Float32Array;
}

export interface Taught extends OwnHead {
  /** Images trained on. */
  learned: number;
  /** Those held out, and how many of them are classified correctly. */
  held: { right: number; of: number };
}

/** Features with at most so many numbers keep their positions, of which a small network's have much to say; others are averaged. */
const MAX_FLAT = 4096;
/** Every fifth image is held out. */
const HELD = 0.2;
const SEED = 0;
const BATCH = 16;
const STEPS = 300;
const EPOCHS = 20;

/** The features that were computed of a network, by preprocessing and image. */
const known = new WeakMap<LayersModel, Map<string, Map<string, Float32Array>>>();

function knownOf(base: LayersModel, preprocessing: PreprocessingName): Map<string, Float32Array> {
  const all = known.get(base) ?? new Map<string, Map<string, Float32Array>>();
  known.set(base, all);
  const own = all.get(preprocessing) ?? new Map<string, Float32Array>();
  all.set(preprocessing, own);
  return own;
}

/** How images are prepared for a network, as squares of its smaller side. */
function preparationOf(base: LayersModel, name: PreprocessingName): Preprocessing {
  const [height, width, channels] = inputShape(base);
  if (channels !== 1 && channels !== 3) {
    throw new RangeError(`The network takes images of ${channels} channels; open one for 1 or 3.`);
  }
  const found = preprocessingAt(preprocessingOf(base, name), Math.min(height, width));
  return channels === 1 ? { ...found, channels: 'gray' } : found;
}

/** The last feature map before the classifier. */
function lastMap(base: LayersModel): string {
  const isMap = ({ output }: LayersModel['layers'][number]) => (output as SymbolicTensor).shape.length === 4;
  const maps = base.layers.filter((layer) => layer.getClassName() !== 'InputLayer' && isMap(layer));
  const found = maps.findLast(({ name }) => /^block\d+_pool$/.test(name)) ?? maps.at(-1);
  if (!found) throw new RangeError('The network has no feature maps; open one with convolutions.');
  return found.name;
}

/** A network for the visitor's classes, and its part behind the features. Disposing it leaves the base as it is. */
function assembled(
  base: LayersModel,
  { preprocessing: name, classNames }: OwnRequest,
): { network: LayersModel; preprocessing: Preprocessing; pooled: string } {
  const preprocessing = preparationOf(base, name);
  const { crop } = preprocessing;
  const features = featureExtractor(base, lastMap(base), {
    inputShape: [crop, crop, preprocessing.channels === 'gray' ? 1 : 3],
    name: `${base.name}_features`,
  });
  const isSmall = size(features.outputs[0]!.shape.slice(1) as number[]) <= MAX_FLAT;
  const network = transferHead(features, {
    classes: classNames.length,
    pooling: isSmall ? 'flatten' : 'avg',
    seed: SEED,
    name: 'own_images',
  });
  setMetadata(network, { preprocessing, classNames });
  return { network, preprocessing, pooled: isSmall ? 'flatten' : 'global_average_pooling2d' };
}

/**
 * Trains a new last layer on the features of a network, which stays as it is. The features of an image are computed once.
 *
 * @returns the whole network, which the caller disposes before the base.
 */
export async function teach(
  base: LayersModel,
  { images, ...request }: TeachRequest,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (progress: TeachProgress) => void },
): Promise<{ network: LayersModel; taught: Taught }> {
  const { network, preprocessing, pooled } = assembled(base, request);
  try {
    const { lower, upper } = splitModel(network, pooled);
    const features = knownOf(base, request.preprocessing);
    const fresh = images.filter(({ id }) => !features.has(id));
    if (fresh.length > 0) {
      const set = await cacheFeatures(lower, examplesOf(fresh, preprocessing), {
        batchSize: 4,
        signal,
        onProgress: ({ done, total }) => onProgress({ stage: 'features', done, total }),
      });
      const rows = await rowsOf(set);
      fresh.forEach(({ id }, i) => {
        features.set(id, rows[i]!);
      });
    }
    const { learned, held } = split(images, request.classNames.length);
    const setOf = (some: readonly OwnExample[]) => featureSet(some, features, request.classNames);
    const trainSet = await setOf(learned);
    const { ended } = await train(
      upper,
      { trainSet },
      {
        epochs: Math.max(EPOCHS, Math.ceil(STEPS / Math.ceil(learned.length / BATCH))),
        batchSize: BATCH,
        optimizer: 'adam',
        learningRate: 0.01,
        schedule: 'cosine',
        classWeights: balanced(learned, request.classNames.length),
        seed: SEED,
        signal,
        onProgress: ({ done, total }) => onProgress({ stage: 'training', done, total }),
      },
    );
    signal.throwIfAborted();
    if (ended === 'diverged') throw new NotFiniteError();
    const predicted = held.length > 0 ? await predictClasses(upper, await setOf(held)) : [];
    const right = held.filter(({ label }, i) => predicted[i] === label).length;
    const taught = {
      ...(await headOf(network)),
      learned: learned.length,
      held: { right, of: held.length },
    };
    return { network, taught };
  } catch (error) {
    network.dispose();
    throw error;
  }
}

/** The network of a head that the page has kept. */
export function recall(base: LayersModel, { kernel, bias, ...request }: OwnRequest & OwnHead): LayersModel {
  const { network } = assembled(base, request);
  const layer = network.getLayer('predictions');
  const [{ shape }] = layer.getWeights() as [Tensor];
  if (size(shape) !== kernel.length) {
    network.dispose();
    throw new RangeError('The network has other features than those that the last layer was trained on.');
  }
  tidy(() => layer.setWeights([tensor2d(kernel, shape as [number, number]), tensor1d(bias)]));
  return network;
}

async function headOf(network: LayersModel): Promise<OwnHead> {
  const [kernel, bias] = await Promise.all(
    network
      .getLayer('predictions')
      .getWeights()
      .map((weight) => weight.data<'float32'>()),
  );
  return { kernel: kernel!.slice(), bias: bias!.slice() };
}

/** Images as the library prepares them, without keeping their pixels. */
function examplesOf(images: readonly OwnExample[], preprocessing: Preprocessing): Examples {
  const { crop, channels } = preprocessing;
  return {
    length: images.length,
    shape: [crop, crop, channels === 'gray' ? 1 : 3],
    async *batches({ batchSize }): AsyncGenerator<Batch> {
      for (let first = 0; first < images.length; first += batchSize) {
        const some = images.slice(first, first + batchSize);
        const xs = await preprocess(
          some.map(({ image }) => image),
          preprocessing,
        );
        yield {
          xs,
          ys: tensor1d(
            some.map(({ label }) => label),
            'int32',
          ),
        };
      }
    },
  };
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

async function featureSet(
  images: readonly OwnExample[],
  features: ReadonlyMap<string, Float32Array>,
  classNames: readonly string[],
): Promise<FeatureSet> {
  const rowLength = features.get(images[0]!.id)!.length;
  const store = await inMemory({ rows: images.length, rowLength });
  for (const [row, { id }] of images.entries()) await store.write(row, features.get(id)!);
  return new FeatureSet({
    store,
    checksum: 0,
    labels: Int32Array.from(images, ({ label }) => label),
    passes: 1,
    shape: [rowLength],
    classNames,
  });
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

/** What a network says of an image. */
export interface Guess {
  probabilities: Float32Array;
  /** The image as the network sees it, with what speaks for the most probable class laid over it. */
  heat?: RawImage;
}

/** Classifies an image. */
export async function guess(
  network: LayersModel,
  { image, heat }: { image: Blob | RawImage; heat: boolean },
): Promise<Guess> {
  const input: Tensor4D = await preprocess(image as ImageInput, metadataOf(network).preprocessing!);
  try {
    const output = tidy(() => network.predict(input) as Tensor);
    const values = await output.data<'float32'>();
    output.dispose();
    const probabilities = await classify(network, values);
    if (!probabilities.every(Number.isFinite)) throw new NotFiniteError();
    if (!heat) return { probabilities };
    const classIndex = probabilities.indexOf(Math.max(...probabilities));
    const seen = await shown(network, input, 'file');
    const map = await classMap(network, input, seen, { classIndex, method: 'gradcam' });
    return { probabilities, heat: map.image };
  } finally {
    input.dispose();
  }
}
